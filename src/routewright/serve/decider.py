"""Prompt → decision: constraints, the operator's rules, predictions, then the policy. No I/O."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from routewright.analysis import analyse
from routewright.config import Rule
from routewright.errors import ConfigError
from routewright.routers.base import BaseRouter, Floats
from routewright.rules import Ruling, check_rules, judge
from routewright.serve.admission import Bar, barred, limited, nobody, room_for_all, too_dear
from routewright.serve.ids import Ids
from routewright.serve.naming import Names
from routewright.serve.needs import Needs, estimate_tokens, lacks_dialects
from routewright.serve.ordering import first_of_all, loyalty, order
from routewright.serve.sticky import NOTHING, Past, discount_usd
from routewright.types import Analysis, Candidate, Decision, Model, PolicySettings, Prompt

logger = logging.getLogger(__name__)

Predicted = tuple[list[float], list[float]]  # scores and costs
UNSET = PolicySettings()
UNKNOWN = lacks_dialects(frozenset())  # of a model of which nothing is told


@runtime_checkable
class Analysing(Protocol):
    """A router that can tell what it makes of a prompt."""

    def analyse(self, prompt: Prompt) -> Analysis:
        """Task, domain and language, difficulty and expected length of the answer."""
        ...


class Decider:
    """Chooses a model for a prompt, with a reason and with what the others would have cost.

    Args:
        pool: the models that can be called.
        router: predicts score and cost; without one, ``default_model`` answers.
        policy: of requests that say nothing else; with a router it needs a rule.
        default_model: answers without a router, and when the router fails; "" is the first
            model of the pool in the second case.
        names: what the requests may call models and profiles; the pool's own without them.
        lacks: what each model cannot do, where that is known.
        artefact: the router's name, noted in every decision.
        rules: what the operator decides whatever the scores.
        marks: the models whose prompts are marked to be kept in the provider's cache.
        analysed: whether somebody brings analyses, with a difficulty, to ``decide``.
        ids: where decisions get their ids, so that they sort by time beyond this decider's life.

    Raises:
        ConfigError: the parts do not fit together; the message says which setting to change.
    """

    def __init__(
        self,
        pool: tuple[Model, ...],
        router: BaseRouter | None,
        policy: PolicySettings,
        default_model: str,
        *,
        names: Names | None = None,
        lacks: Mapping[str, frozenset[str]] | None = None,
        artefact: str = "",
        rules: tuple[Rule, ...] = (),
        marks: frozenset[str] = frozenset(),
        analysed: bool = False,
        ids: Ids | None = None,
    ) -> None:
        self.pool = {model.name: model for model in pool}
        self.router = router
        self.settings = policy
        self.default_model = default_model
        self.names = names or Names(self.pool)
        self.lacks = lacks or {}
        self.artefact = artefact
        self.rules = rules
        self.marks = marks
        self.analysed = analysed
        self.ids = ids or Ids()
        self._strength = _strength(router)
        # Asked once: what a protocol is an instance of takes longer to tell than the choice.
        self._analyst = router if isinstance(router, Analysing) else None
        known = router.models_ if router is not None else ()
        self._strange = frozenset(known) - self.pool.keys()
        self._unpredicted = tuple(m for name, m in self.pool.items() if name not in known)
        self._room = room_for_all(self.pool, self.lacks)
        self._told = str(policy)
        self._check()

    @property
    def policy(self) -> str:
        """How the router's predictions become a choice, in a few words."""
        told = self.settings
        if isinstance(told.threshold, Mapping):
            each = ", ".join(f"{name} {value:g}" for name, value in told.threshold.items())
            rule = f"the cheapest model that is expected to reach its score: {each}"
        elif told.threshold is not None:
            rule = f"the cheapest model that is expected to score {told.threshold:g}"
        elif told.quality is not None:
            rule = f"the cheapest model with {told.quality:g} of the best expected score"
        else:
            rule = f"${told.worth_usd or 0.0:g} for one whole unit of score"
        return rule if told.max_usd is None else f"{rule}, for at most ${told.max_usd:g}"

    def decide(
        self,
        prompt: Prompt,
        *,
        policy: PolicySettings = UNSET,
        needs: Needs | None = None,
        past: Past = NOTHING,
        analysis: Analysis | None = None,
        predicted: Predicted | None = None,
    ) -> Decision:
        """Decide for one prompt.

        Args:
            prompt: what is asked.
            policy: this request's, laid over the configured one.
            needs: what the request needs; a plain text's without them.
            past: of the conversation that the request goes on with.
            analysis: of the prompt, by somebody who asked an LLM, instead of our own.
            predicted: what ``predict`` has told of the prompt, where it was asked.

        Raises:
            RequestError: no model can take the prompt; every model's reason is given.
        """
        if self.router is None:
            why = "no router is configured"
            return self.default(
                prompt, why, policy=policy, needs=needs, past=past, analysis=analysis
            )
        try:
            scores, costs = predicted or _plain_numbers(self.router.expected(prompt))
            analysis = self._analysis(prompt, analysis)
        # A plug-in router may raise anything, and its failure must not be the client's.
        except Exception as error:
            logger.exception("the router failed; the default model answers")
            why = f"the router failed ({type(error).__name__})"
            return self.default(
                prompt,
                why,
                policy=policy,
                needs=needs,
                past=past,
                analysis=analysis,
                degraded=why,
            )
        policy, needs = self._in_force(policy), needs or _plain(prompt)
        past = past if past.model in self.pool else NOTHING
        ruling = self._ruling(prompt, analysis)
        bars = self._bars(needs, policy, ruling, self._unpredicted)
        seen = tuple(map(Candidate, self.router.models_, scores, costs))
        if past.warm or needs.marked or needs.prefix_tokens:
            seen = tuple(self._discounted(each, past, needs) for each in seen)
        if bars or policy.max_usd is not None or self._strange:
            seen = tuple(self._limited(each, bars, policy.max_usd) for each in seen)
        open_ = [candidate for candidate in seen if not candidate.excluded]
        first, why = first_of_all(ruling, past, bars)
        if not open_ and not first:
            # A model that the router does not know is no candidate, unless nobody else is there.
            raise nobody({c.model: bars[c.model] for c in seen if c.model in bars} or bars)
        ordered, reason = order(open_, policy, strength=self._strength)
        if first:
            ordered = [first, *(name for name in ordered if name != first)]
            reason = why
        else:
            reason = loyalty(ordered[0], reason, past, self.pool, bars)
        return self._decision(ordered, reason, policy, candidates=seen, analysis=analysis)

    def predict(self, prompts: Sequence[Prompt]) -> list[Predicted | None]:
        """What the router tells of prompts that it looks at together.

        None where it fails, or without one: ``decide`` finds out of which prompt, and why.
        """
        nothing: list[Predicted | None] = [None] * len(prompts)
        try:
            told = self.router.expected_of(prompts) if self.router is not None else []
            return list(map(_plain_numbers, told)) if len(told) == len(prompts) else nothing
        except Exception:  # a plug-in router may raise anything
            return nothing

    def default(
        self,
        prompt: Prompt,
        why: str,
        *,
        policy: PolicySettings = UNSET,
        needs: Needs | None = None,
        past: Past = NOTHING,
        analysis: Analysis | None = None,
        degraded: str = "",
    ) -> Decision:
        """The decision without predictions: the default model, then the pool in its order.

        The operator's rules hold here too, and a ceiling by the price list.

        Raises:
            RequestError: no model can take the prompt.
        """
        if analysis is None and self.rules:
            analysis = analyse(prompt.text)
        policy, needs = self._in_force(policy), needs or _plain(prompt)
        past = past if past.model in self.pool else NOTHING
        ruling = self._ruling(prompt, analysis)
        bars = self._bars(needs, policy, ruling, self.pool.values())
        wanted, because = first_of_all(ruling, past, bars)
        first = [name for name in (wanted, self.default_model) if name]
        ordered = [n for n in dict.fromkeys([*first, *self.pool]) if n not in bars]
        if not ordered:
            raise nobody(bars)
        chosen = ordered[0]
        reason = f"{why}: {'the default model' if chosen == self.default_model else chosen} answers"
        if wanted:
            reason = because
        return self._decision(
            ordered, reason, policy, how="default", degraded=degraded, analysis=analysis
        )

    def named(
        self,
        name: str,
        prompt: Prompt | None = None,
        *,
        policy: PolicySettings = UNSET,
        needs: Needs | None = None,
    ) -> Decision:
        """The decision for a model that the request asks for by its own name; no fallbacks.

        What the model can do is for its provider to say. Rules, the models allowed and a
        ceiling, by the price list, hold all the same.

        Raises:
            RequestError: one of them keeps the prompt from that model.
        """
        policy = self._in_force(policy)
        analysis, ruling = None, Ruling()
        if prompt is not None and self.rules:
            analysis = analyse(prompt.text)
            ruling = self._ruling(prompt, analysis)
        only = {name: msgspec.structs.replace(self.pool[name], context_window=None)}
        if needs is None:
            needs = _plain(prompt) if prompt is not None else Needs(0)
        bars = too_dear(only.values(), needs, policy.max_usd)
        if bars := bars | barred(only, {}, needs, policy, ruling):
            raise nobody(bars)
        return self._decision([name], "asked for by name", policy, how="name", analysis=analysis)

    def speaks(self, name: str, dialect: str) -> bool:
        """Whether a model is asked in this dialect as it came."""
        return f"the {dialect} dialect" not in self.lacks.get(name, UNKNOWN)

    def _in_force(self, policy: PolicySettings) -> PolicySettings:
        return policy.over(self.settings)

    def _bars(
        self, needs: Needs, policy: PolicySettings, ruling: Ruling, unpredicted: Iterable[Model]
    ) -> dict[str, Bar]:
        """Why models cannot answer; those that nobody predicted, also by the price list."""
        plain = not needs.wants and not ruling.barred and policy.models is None
        if plain and needs.tokens + needs.answer_tokens <= self._room:
            bars: dict[str, Bar] = {}
        else:
            bars = barred(self.pool, self.lacks, needs, policy, ruling)
        return too_dear(unpredicted, needs, policy.max_usd) | bars

    def _limited(
        self, predicted: Candidate, bars: dict[str, Bar], max_usd: float | None
    ) -> Candidate:
        if predicted.model in self._strange:
            return msgspec.structs.replace(predicted, excluded="not in the pool")
        return limited(predicted, bars, max_usd)

    def _discounted(self, predicted: Candidate, past: Past, needs: Needs) -> Candidate:
        """The candidate with the cost that it has now that some of the prompt is cached."""
        model = self.pool.get(predicted.model)
        warm = past.warm.get(predicted.model, 0)
        kept = needs.prefix_tokens if predicted.model in self.marks else 0
        if needs.marked:
            kept = needs.tokens
        if model is None or not (warm or kept):
            return predicted
        price = model.price
        saved = discount_usd(price, warm, max(kept, warm), writes=bool(kept))
        # A prediction may lie below what the discount takes off: the cached tokens cost at least
        # their own price.
        least = warm * (price.cached_input_usd_per_mtok or 0.0) / 1e6
        cost_usd = max(predicted.cost_usd - saved, least)
        return Candidate(predicted.model, predicted.score, cost_usd, warm_tokens=warm)

    def _analysis(self, prompt: Prompt, given: Analysis | None) -> Analysis | None:
        """The analysis given, else the router's, else, where a rule needs one, the built-in."""
        knows = given is not None and given.difficulty is not None
        if self._analyst is not None and not knows:
            own = self._analyst.analyse(prompt)
            return msgspec.structs.replace(own, note=given.note) if given else own
        return analyse(prompt.text) if given is None and self.rules else given

    def _ruling(self, prompt: Prompt, analysis: Analysis | None) -> Ruling:
        if not self.rules or analysis is None:
            return Ruling()
        return judge(self.rules, prompt, tuple(self.pool), analysis)

    def _decision(
        self,
        ordered: list[str],
        reason: str,
        policy: PolicySettings,
        *,
        how: str = "",
        candidates: tuple[Candidate, ...] = (),
        degraded: str = "",
        analysis: Analysis | None = None,
    ) -> Decision:
        return Decision(
            id=self.ids.new(),
            model=ordered[0],
            reason=reason,
            worth_usd=policy.worth_usd or 0.0,
            probability=1.0,
            candidates=candidates,
            fallbacks=tuple(ordered[1:]),
            artefact=self.artefact,
            degraded=degraded,
            analysis=analysis,
            policy=how or (self._told if policy is self.settings else str(policy)),
            settings=policy,
        )

    def _check(self) -> None:
        if not self.pool:
            raise ConfigError("no models: add [models.NAME] sections to routewright.toml")
        offered = ", ".join(self.pool)
        if self.default_model and self.default_model not in self.pool:
            raise ConfigError(
                f"gateway.default_model {self.default_model!r} is not in the pool; "
                f"name one of: {offered}"
            )
        hardness = self.analysed or self._analyst is not None
        check_rules(self.rules, tuple(self.pool), difficulty=hardness)
        if self.router is None:
            if not self.default_model:
                raise ConfigError(
                    "nothing decides: set gateway.artefact to a trained router, or "
                    f"gateway.default_model to one of: {offered}"
                )
            return
        if not set(self.router.models_) & set(self.pool):
            raise ConfigError(
                f"the router knows {', '.join(self.router.models_)}, the pool has {offered}: "
                "no model is in both; add its models to routewright.toml"
            )
        self._check_threshold(offered)
        if not self.settings.rule:
            raise ConfigError(
                "no willingness to pay: the artefact recommends none; set gateway.worth_usd "
                "(dollars for one whole unit of score)"
            )

    def _check_threshold(self, offered: str) -> None:
        field, wrong = self.settings.trouble()
        if wrong:
            raise ConfigError(f"gateway.{field} {wrong}")
        given = self.settings.threshold
        for name in given if isinstance(given, dict) else ():
            if name not in self.pool:
                raise ConfigError(
                    f"gateway.threshold: no model {name!r} in the pool; it has {offered}"
                )


def _plain(prompt: Prompt) -> Needs:
    return Needs(estimate_tokens(prompt.messages))


def _strength(router: BaseRouter | None) -> Mapping[str, float]:
    """The mean score of each model in training, where the router kept it."""
    means = getattr(router, "train_means_", None)
    if router is None or means is None:
        return {}
    return dict(zip(router.models_, map(float, means["scores"]), strict=True))


def _plain_numbers(told: tuple[Floats, Floats]) -> Predicted:
    scores, costs = told[0].tolist(), told[1].tolist()
    # Plain numbers: for ten of them numpy takes several times as long.
    if not all(map(math.isfinite, scores + costs)):
        raise ArithmeticError("a prediction is not finite")
    return scores, costs

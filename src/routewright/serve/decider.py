"""Prompt → decision: constraints, the operator's rules, predictions, then the policy. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from routewright.analysis import analyse
from routewright.config import Rule
from routewright.errors import ConfigError, RequestError
from routewright.policy import rank, satisfice_rank
from routewright.routers.base import BaseRouter
from routewright.rules import Ruling, check_rules, judge
from routewright.serve.ids import Ids
from routewright.types import Analysis, Candidate, Decision, Model, Prompt

logger = logging.getLogger(__name__)

BYTES_PER_TOKEN = 4  # of UTF-8; a rule of thumb for the window, never for a bill
TOKENS_PER_TURN = 4


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
        worth_usd: dollars for one whole unit of score; needed with a router.
        default_model: answers without a router, and when the router fails; "" is the first
            model of the pool in the second case.
        artefact: the router's name, noted in every decision.
        rules: what the operator decides whatever the scores.
        threshold: take the cheapest model whose expected score reaches this, one for all or one
            a model, instead of the best utility. A request that names its own willingness to
            pay is decided by utility all the same.
        analysed: whether somebody brings analyses, with a difficulty, to ``decide``.

    Raises:
        ConfigError: the parts do not fit together; the message says which setting to change.
    """

    def __init__(
        self,
        pool: tuple[Model, ...],
        router: BaseRouter | None,
        worth_usd: float | None,
        default_model: str,
        *,
        artefact: str = "",
        rules: tuple[Rule, ...] = (),
        threshold: float | Mapping[str, float] | None = None,
        analysed: bool = False,
    ) -> None:
        self.pool = {model.name: model for model in pool}
        self.router = router
        self.worth_usd = worth_usd
        self.default_model = default_model
        self.artefact = artefact
        self.rules = rules
        self.threshold = threshold
        self.analysed = analysed
        self._ids = Ids()
        self._check()

    @property
    def policy(self) -> str:
        """How the router's predictions become a choice, in a few words."""
        if isinstance(self.threshold, Mapping):
            each = ", ".join(f"{name} {value:g}" for name, value in self.threshold.items())
            return f"the cheapest model that is expected to reach its score: {each}"
        if self.threshold is not None:
            return f"the cheapest model that is expected to score {self.threshold:g}"
        return f"${self._worth(None):g} for one whole unit of score"

    def decide(
        self,
        prompt: Prompt,
        *,
        worth_usd: float | None = None,
        models: Collection[str] | None = None,
        analysis: Analysis | None = None,
    ) -> Decision:
        """Decide for one prompt.

        Args:
            prompt: what is asked.
            worth_usd: this request's willingness to pay, instead of the configured one.
            models: the only models that may answer, where the request restricts them.
            analysis: of the prompt, by somebody who asked an LLM, instead of our own.

        Raises:
            RequestError: no model can take the prompt; every model's reason is given.
        """
        if self.router is None:
            why = "no router is configured"
            return self.default(prompt, why, models=models, analysis=analysis)
        try:
            names, scores, costs = _predict(self.router, prompt)
            analysis = self._analysis(prompt, analysis)
        # A plug-in router may raise anything, and its failure must not be the client's.
        except Exception as error:
            logger.exception("the router failed; the default model answers")
            why = f"the router failed ({type(error).__name__})"
            return self.default(prompt, why, models=models, analysis=analysis, degraded=why)
        ruling = self._ruling(prompt, analysis)
        barred = self._barred(prompt, models, ruling)
        seen = tuple(
            Candidate(
                model=name,
                score=float(scores[at]),
                cost_usd=float(costs[at]),
                excluded=barred.get(name, "") if name in self.pool else "not in the pool",
            )
            for at, name in enumerate(names)
        )
        allowed = np.flatnonzero([not candidate.excluded for candidate in seen])
        if not allowed.size and (not ruling.use or ruling.use in barred):
            raise _nobody({c.model: c.excluded for c in seen if c.model in self.pool} or barred)
        order, reason = self._order([seen[int(at)] for at in allowed], worth_usd)
        if ruling.use and ruling.use not in barred:
            order = [ruling.use, *(name for name in order if name != ruling.use)]
            reason = f"{ruling.why} sends it to {ruling.use}"
        return self._decision(
            order[0], reason, self._worth(worth_usd), seen, tuple(order[1:]), analysis=analysis
        )

    def default(
        self,
        prompt: Prompt,
        why: str,
        *,
        models: Collection[str] | None = None,
        analysis: Analysis | None = None,
        degraded: str = "",
    ) -> Decision:
        """The decision without predictions: the default model, then the pool in its order.

        The operator's rules hold here too.

        Raises:
            RequestError: no model can take the prompt.
        """
        if analysis is None and self.rules:
            analysis = analyse(prompt.text)
        ruling = self._ruling(prompt, analysis)
        barred = self._barred(prompt, models, ruling)
        first = [name for name in (ruling.use, self.default_model) if name]
        admissible = [n for n in dict.fromkeys([*first, *self.pool]) if n not in barred]
        if not admissible:
            raise _nobody(barred)
        chosen, *others = admissible
        reason = f"{why}: {'the default model' if chosen == self.default_model else chosen} answers"
        if ruling.use and chosen == ruling.use:
            reason = f"{ruling.why} sends it to {chosen}"
        return self._decision(
            chosen,
            reason,
            self._worth(None),
            (),
            tuple(others),
            degraded=degraded,
            analysis=analysis,
        )

    def named(self, name: str, prompt: Prompt | None = None) -> Decision:
        """The decision for a model that the request asks for by its own name; no fallbacks.

        Raises:
            RequestError: a rule keeps the prompt from that model.
        """
        analysis = None
        if prompt is not None and self.rules:
            analysis = analyse(prompt.text)
            barred = self._ruling(prompt, analysis).barred
            if name in barred:
                raise _nobody({name: barred[name]})
        return self._decision(
            name, "asked for by name", self._worth(None), (), (), analysis=analysis
        )

    def _order(self, open_: list[Candidate], worth_usd: float | None) -> tuple[list[str], str]:
        """Admissible candidates from best to worst, and why the first is it."""
        if not open_:
            return [], ""
        scores = np.array([[c.score for c in open_]])
        costs = np.array([[c.cost_usd for c in open_]])
        enough = self._enough([c.model for c in open_]) if worth_usd is None else None
        if enough is not None:
            best = [open_[int(at)] for at in satisfice_rank(scores, costs, enough)[0]]
            reached = bool((scores >= enough).any())
            return [c.model for c in best], _reason_enough(best, reached)
        with np.errstate(over="ignore"):  # a knob next to 0 makes every cost infinite: a tie
            best = [open_[int(at)] for at in rank(scores, costs, self._worth(worth_usd))[0]]
        return [c.model for c in best], _reason(best)

    def _enough(self, names: list[str]) -> NDArray[np.float64] | None:
        """The score that is enough for each model, None where utility decides."""
        given = self.threshold
        if given is None:
            return None
        if isinstance(given, Mapping):
            # Without a threshold of its own a model is never enough, but may be the best.
            return np.array([given.get(name, np.inf) for name in names], dtype=np.float64)
        return np.full(len(names), given, dtype=np.float64)

    def _analysis(self, prompt: Prompt, given: Analysis | None) -> Analysis | None:
        """The analysis given, else the router's, else, where a rule needs one, the built-in."""
        knows = given is not None and given.difficulty is not None
        if isinstance(self.router, Analysing) and not knows:
            own = self.router.analyse(prompt)
            return msgspec.structs.replace(own, note=given.note) if given else own
        return analyse(prompt.text) if given is None and self.rules else given

    def _ruling(self, prompt: Prompt, analysis: Analysis | None) -> Ruling:
        if not self.rules or analysis is None:
            return Ruling()
        return judge(self.rules, prompt, tuple(self.pool), analysis)

    def _decision(
        self,
        model: str,
        reason: str,
        worth_usd: float,
        candidates: tuple[Candidate, ...],
        fallbacks: tuple[str, ...],
        *,
        degraded: str = "",
        analysis: Analysis | None = None,
    ) -> Decision:
        return Decision(
            id=self._ids.new(),
            model=model,
            reason=reason,
            worth_usd=worth_usd,
            probability=1.0,
            candidates=candidates,
            fallbacks=fallbacks,
            artefact=self.artefact,
            degraded=degraded,
            analysis=analysis,
        )

    def _worth(self, given: float | None) -> float:
        if given is not None:
            return given
        return self.worth_usd if self.worth_usd is not None else 0.0

    def _barred(
        self, prompt: Prompt, models: Collection[str] | None, ruling: Ruling
    ) -> dict[str, str]:
        """Why each model of the pool cannot take the prompt; admissible ones are absent."""
        tokens = estimate_tokens(prompt)
        barred: dict[str, str] = {}
        for name, model in self.pool.items():
            if models is not None and name not in models:
                barred[name] = "not among the models this request allows"
            elif model.context_window is not None and tokens > model.context_window:
                barred[name] = (
                    f"the prompt has about {tokens} tokens, its window {model.context_window}"
                )
            elif name in ruling.barred:
                barred[name] = ruling.barred[name]
        return barred

    def _check(self) -> None:
        if not self.pool:
            raise ConfigError("no models: add [models.NAME] sections to routewright.toml")
        offered = ", ".join(self.pool)
        if self.default_model and self.default_model not in self.pool:
            raise ConfigError(
                f"gateway.default_model {self.default_model!r} is not in the pool; "
                f"name one of: {offered}"
            )
        hardness = self.analysed or isinstance(self.router, Analysing)
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
        if self.worth_usd is None and self.threshold is None:
            raise ConfigError(
                "no willingness to pay: the artefact recommends none; set gateway.worth_usd "
                "(dollars for one whole unit of score)"
            )

    def _check_threshold(self, offered: str) -> None:
        given = self.threshold
        each = given if isinstance(given, Mapping) else {"": 0.0 if given is None else given}
        for name, value in each.items():
            if name and name not in self.pool:
                raise ConfigError(
                    f"gateway.threshold: no model {name!r} in the pool; it has {offered}"
                )
            if not 0 <= value <= 1:
                raise ConfigError(f"gateway.threshold must be from 0 to 1, not {value:g}")


def estimate_tokens(prompt: Prompt) -> int:
    """About how many input tokens a conversation has: its UTF-8 bytes by four, and a few a turn."""
    size = sum(len(message.text.encode()) for message in prompt.messages)
    return -(-size // BYTES_PER_TOKEN) + TOKENS_PER_TURN * len(prompt.messages)


def _predict(
    router: BaseRouter, prompt: Prompt
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    predicted = router.predict([prompt])
    scores, costs = predicted.scores[0], predicted.costs[0]
    if not (np.isfinite(scores).all() and np.isfinite(costs).all()):
        raise ArithmeticError("a prediction is not finite")
    return predicted.models, scores, costs


def _reason(best: list[Candidate]) -> str:
    chosen = f"best utility: expects {best[0].score:.2f} for ${best[0].cost_usd:.6f}"
    if len(best) == 1:
        return f"{chosen}; no other model is admissible"
    return (
        f"{chosen}; next best {best[1].model} expects {best[1].score:.2f} "
        f"for ${best[1].cost_usd:.6f}"
    )


def _reason_enough(best: list[Candidate], reached: bool) -> str:
    what = "cheapest that is good enough" if reached else "none is good enough; best score"
    return f"{what}: expects {best[0].score:.2f} for ${best[0].cost_usd:.6f}"


def _nobody(reasons: Mapping[str, str]) -> RequestError:
    said = "; ".join(f"{name}: {why}" for name, why in reasons.items())
    return RequestError(f"no model can take this request ({said})", param="messages")

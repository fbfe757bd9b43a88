"""Prompt → decision. Constraints first, then the router's predictions, then the policy. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from routewright.errors import ConfigError, RequestError
from routewright.policy import rank
from routewright.routers.base import BaseRouter
from routewright.serve.ids import Ids
from routewright.types import Candidate, Decision, Model, Prompt

logger = logging.getLogger(__name__)

BYTES_PER_TOKEN = 4  # of UTF-8; a rule of thumb for the window, never for a bill
TOKENS_PER_TURN = 4


class Decider:
    """Chooses a model for a prompt, with a reason and with what the others would have cost.

    Args:
        pool: the models that can be called.
        router: predicts score and cost; without one, ``default_model`` answers.
        worth_usd: dollars for one whole unit of score; needed with a router.
        default_model: answers without a router, and when the router fails; "" is the first
            model of the pool in the second case.
        artefact: the router's name, noted in every decision.

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
    ) -> None:
        self.pool = {model.name: model for model in pool}
        self.router = router
        self.worth_usd = worth_usd
        self.default_model = default_model
        self.artefact = artefact
        self._ids = Ids()
        self._check()

    def decide(
        self,
        prompt: Prompt,
        *,
        worth_usd: float | None = None,
        models: Collection[str] | None = None,
    ) -> Decision:
        """Decide for one prompt.

        Args:
            prompt: what is asked.
            worth_usd: this request's willingness to pay, instead of the configured one.
            models: the only models that may answer, where the request restricts them.

        Raises:
            RequestError: no model can take the prompt; every model's reason is given.
        """
        if self.router is None:
            return self.default(prompt, "no router is configured", models=models)
        try:
            names, scores, costs = _predict(self.router, prompt)
        # A plug-in router may raise anything, and its failure must not be the client's.
        except Exception as error:
            logger.exception("the router failed; the default model answers")
            why = f"the router failed ({type(error).__name__})"
            return self.default(prompt, why, models=models, degraded=why)
        worth = self._worth(worth_usd)
        barred = self._barred(prompt, models)
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
        if not allowed.size:
            raise _nobody({c.model: c.excluded for c in seen if c.model in self.pool})
        with np.errstate(over="ignore"):  # a knob next to 0 makes every cost infinite: a tie
            order = allowed[rank(scores[None, allowed], costs[None, allowed], worth)[0]]
        best: list[Candidate] = [seen[int(at)] for at in order]
        return self._decision(
            best[0].model, _reason(best), worth, seen, tuple(c.model for c in best[1:])
        )

    def default(
        self,
        prompt: Prompt,
        why: str,
        *,
        models: Collection[str] | None = None,
        degraded: str = "",
    ) -> Decision:
        """The decision without predictions: the default model, then the pool in its order.

        Raises:
            RequestError: no model can take the prompt.
        """
        barred = self._barred(prompt, models)
        first = [self.default_model] if self.default_model else []
        admissible = [n for n in dict.fromkeys([*first, *self.pool]) if n not in barred]
        if not admissible:
            raise _nobody(barred)
        chosen, *others = admissible
        reason = f"{why}: {'the default model' if chosen in first else chosen} answers"
        return self._decision(
            chosen, reason, self._worth(None), (), tuple(others), degraded=degraded
        )

    def named(self, name: str) -> Decision:
        """The decision for a model that the request asks for by its own name; no fallbacks."""
        return self._decision(name, "asked for by name", self._worth(None), (), ())

    def _decision(
        self,
        model: str,
        reason: str,
        worth_usd: float,
        candidates: tuple[Candidate, ...],
        fallbacks: tuple[str, ...],
        *,
        degraded: str = "",
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
        )

    def _worth(self, given: float | None) -> float:
        if given is not None:
            return given
        return self.worth_usd if self.worth_usd is not None else 0.0

    def _barred(self, prompt: Prompt, models: Collection[str] | None) -> dict[str, str]:
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
        if self.worth_usd is None:
            raise ConfigError(
                "no willingness to pay: the artefact recommends none; set gateway.worth_usd "
                "(dollars for one whole unit of score)"
            )


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


def _nobody(reasons: Mapping[str, str]) -> RequestError:
    said = "; ".join(f"{name}: {why}" for name, why in reasons.items())
    return RequestError(f"no model can take this request ({said})", param="messages")

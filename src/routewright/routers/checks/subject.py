"""The router under test, the data it is tested on, and what every check asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import MATRICES, RoutingData
from routewright.routers.base import BaseRouter, Predictions
from routewright.types import Message, Prompt

Maker = Callable[..., BaseRouter]

STRANGE_TEXTS = (
    "",
    " \n\t ",
    "x" * 1_000_000,
    "🙂🚀" * 50,
    "nul \x00 byte",
    "שלום עולם, مرحبا بالعالم",
    "什么是路由器？请用一句话回答。",
    "lone surrogate \ud800",
    "1234567890" * 30,
)

_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}

CONVERSATIONS: tuple[tuple[Message, ...], ...] = (
    (),
    (Message("system", "You answer in one word."), Message("user", "What is 2 plus 2?")),
    (
        Message("user", "Which city is the largest?"),
        Message("assistant", "Tokyo."),
        Message("user", "And the second largest?"),
    ),
    (Message("user", [{"type": "text", "text": "What is on this picture?"}, _IMAGE]),),
    (Message("user", [_IMAGE]),),
    (Message("user", [{"type": "text", "text": None}, {"type": "text"}]),),
    (
        Message("user", "What is the weather in Oslo?"),
        Message("assistant", None),
        Message("tool", '{"celsius": 4}'),
    ),
    (Message("developer", "Be brief."), Message("assistant", "Yes?")),
)

_SUBJECTS = {
    "sum": "What is {} plus {}? Answer with the number only.",
    "word": "Translate the word number {} of list {} into French.",
    "code": "Write a Python function f{} that returns x * {}.",
    "fact": "Which city is the {}th largest in region {}?",
}


def sample_data(models: int = 3, n: int = 48, seed: int = 0) -> RoutingData:
    """A small table of four kinds of prompts at which models differ; nothing is missing."""
    rng = np.random.default_rng(seed)
    kinds = list(_SUBJECTS)
    prompts = tuple(
        Prompt.from_text(
            f"p{i}", _SUBJECTS[kinds[i % 4]].format(i, int(rng.integers(2, 99))), task=kinds[i % 4]
        )
        for i in range(n)
    )
    skill = rng.random((4, models))[np.arange(n) % 4]
    output = np.ceil(np.exp(rng.normal(3 + np.arange(n) % 4, 0.3, (models, n)).T))
    into = np.array([[len(p.text) / 4] * models for p in prompts])
    return RoutingData(
        prompts=prompts,
        models=tuple(f"m{i}" for i in range(models)),
        scores=(rng.random((n, models)) < skill).astype(float),
        costs=(0.1 * into + output) * 1e-6 * np.geomspace(1, 20, models),
        input_tokens=into,
        output_tokens=output,
        name="sample",
    )


def strange_prompts() -> tuple[Prompt, ...]:
    """Every text and every form of conversation that has ever broken something."""
    texts = [Prompt.from_text(f"odd{i}", text) for i, text in enumerate(STRANGE_TEXTS)]
    talks = [Prompt(id=f"talk{i}", messages=talk) for i, talk in enumerate(CONVERSATIONS)]
    return (*texts, *talks)


class Subject:
    """A router under test: what several checks look at is fitted once.

    Args:
        make: makes a fresh router; takes its parameters by name.
    """

    def __init__(self, make: Maker) -> None:
        self.make = make
        self.data = sample_data()

    @cached_property
    def before(self) -> dict[str, Any]:
        """The parameters of ``fitted`` before it was fitted."""
        return dict(self._raw.params())

    @cached_property
    def returned(self) -> BaseRouter:
        """What ``fit`` gave back for the sample data."""
        self.before  # noqa: B018  # looked at before the fit
        return self._raw.fit(self.data)

    @property
    def fitted(self) -> BaseRouter:
        """The router, fitted on the sample data. No check changes it."""
        self.returned  # noqa: B018  # fits it once
        return self._raw

    @cached_property
    def told(self) -> Predictions:
        """What it predicts for the sample data."""
        return self.fitted.predict(self.data.prompts)

    @cached_property
    def _raw(self) -> BaseRouter:
        return self.make()

    @property
    def is_bound(self) -> bool:
        """Whether it is an oracle, which knows only the prompts it was fitted on."""
        return self._raw.knows_only_training_prompts

    def predictions(self, data: RoutingData) -> Predictions:
        """What a fresh router predicts for the data it was fitted on."""
        return self.make().fit(data).predict(data.prompts)

    def asked(self, prompts: Sequence[Prompt]) -> Predictions:
        """What the router predicts for other prompts; an oracle is fitted on them first."""
        if not self.is_bound:
            return self.fitted.predict(prompts)
        rows = np.arange(len(prompts)) % len(self.data)
        cut = {name: getattr(self.data, name)[rows] for name in MATRICES}
        data = replace(self.data, prompts=tuple(prompts), **cut)
        return self.make().fit(data).predict(prompts)


def hold(promise: Any, why: object = "") -> None:
    """Raise AssertionError unless the promise is kept.

    Not the assert statement: ``python -O`` would keep every promise by not looking.
    """
    if not promise:
        raise AssertionError(why)


def sound(told: Predictions, n: int, m: int) -> None:
    """Matrices of the right shape and type, finite, scores in [0, 1], nothing negative."""
    for name in ("scores", "costs", "std"):
        matrix: NDArray[Any] = getattr(told, name)
        hold(matrix.shape == (n, m), f"{name} has shape {matrix.shape}, not {(n, m)}")
        hold(matrix.dtype == np.float64, f"{name} holds {matrix.dtype}")
        hold(np.isfinite(matrix).all(), f"{name} not finite")
        hold((matrix >= 0).all(), f"{name} below 0")
    hold((told.scores <= 1).all(), "scores above 1")


def same(one: Predictions, other: Predictions) -> None:
    """Equal bit for bit."""
    for matrix in ("scores", "costs", "std"):
        hold(np.array_equal(getattr(one, matrix), getattr(other, matrix)), f"{matrix} differ")


def state_of(router: BaseRouter) -> dict[str, bytes]:
    """Everything that was learned, as bytes."""
    own, _ = router._state()  # pyright: ignore[reportPrivateUsage]  # the package's own seam
    parts = (own, router.space_.state(), router.cost_model_.state())
    return {
        f"{at}.{name}": np.asarray(array).tobytes()
        for at, part in enumerate(parts)
        for name, array in part.items()
    }

"""The executable contract of a router.

    from routewright.routers import check_router
    check_router("stack")          # or a class, or a function that makes a fresh router

Each ``check_*`` takes a maker of fresh routers and raises AssertionError with its own name.
Whoever writes a router runs them all before anybody trusts it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.errors import ArtefactError
from routewright.routers import kind as kind_of
from routewright.routers.artefact import MANIFEST, load_router
from routewright.routers.base import BaseRouter, Predictions
from routewright.types import Prompt

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


def check_constructor_stores(make: Maker) -> None:
    """The constructor keeps what it is given, under the same names, and learns nothing."""
    router = make()
    for name, value in router.params().items():
        _hold(getattr(router, name) is value, name)
    _hold(not hasattr(router, "models_"))
    again = type(router)(**router.params())
    _hold(again.params() == router.params())


def check_fit_returns_self(make: Maker) -> None:
    """``fit`` returns the router, with the models of the data in their order."""
    router, data = make(), sample_data()
    _hold(router.fit(data) is router)
    _hold(router.models_ == data.models)


def check_fit_leaves_parameters(make: Maker) -> None:
    """``fit`` changes no constructor parameter."""
    router = make()
    before = dict(router.params())
    router.fit(sample_data())
    _hold(router.params() == before)


def check_two_and_seven_models(make: Maker) -> None:
    """Any number of models from two up."""
    for count in (2, 7):
        data = sample_data(models=count)
        _sound(make().fit(data).predict(data.prompts), len(data), count)


def check_deterministic(make: Maker) -> None:
    """Two fits on the same data predict the same, bit for bit."""
    data = sample_data()
    _same(make().fit(data).predict(data.prompts), make().fit(data).predict(data.prompts))


def check_missing_cells(make: Maker) -> None:
    """Cells that were not bought are tolerated, in scores, costs and tokens."""
    data = sample_data()
    holes = np.random.default_rng(1).random(data.scores.shape) < 0.4
    _sound(_with_holes(make, data, holes), len(data), 3)


def check_model_never_scored(make: Maker) -> None:
    """A model without any score or cost is tolerated."""
    data = sample_data()
    holes = np.zeros(data.scores.shape, dtype=bool)
    holes[:, 1] = True
    _sound(_with_holes(make, data, holes), len(data), 3)


def check_equal_scores(make: Maker) -> None:
    """Data in which nothing differs is tolerated."""
    data = sample_data()
    flat = replace(data, scores=np.full(data.scores.shape, 0.5), costs=np.ones(data.costs.shape))
    _sound(make().fit(flat).predict(flat.prompts), len(flat), 3)


def check_identical_prompts(make: Maker) -> None:
    """One text throughout is tolerated."""
    data = sample_data()
    same = tuple(Prompt.from_text(p.id, "the same question") for p in data.prompts)
    data = replace(data, prompts=same)
    _sound(make().fit(data).predict(data.prompts), len(data), 3)


def check_few_prompts(make: Maker) -> None:
    """A handful of prompts is tolerated."""
    for n in (1, 2, 7):
        data = sample_data(n=n)
        _sound(make().fit(data).predict(data.prompts), n, 3)


def check_strange_texts(make: Maker) -> None:
    """Empty, huge, non-Latin and broken text gives finite predictions."""
    data = sample_data()
    odd = tuple(Prompt.from_text(f"odd{i}", text) for i, text in enumerate(STRANGE_TEXTS))
    router = make()
    if router.knows_only_training_prompts:
        data = replace(data, prompts=(*odd, *data.prompts[len(odd) :]))
    _sound(router.fit(data).predict(odd), len(odd), 3)


def check_no_prompts(make: Maker) -> None:
    """Predicting for no prompt gives empty matrices of the right width."""
    _sound(make().fit(sample_data()).predict([]), 0, 3)


def check_batch_does_not_matter(make: Maker) -> None:
    """A prompt's prediction does not depend on its company, to 1e-9."""
    data = sample_data()
    router = make().fit(data)
    together = router.predict(data.prompts)
    for row, prompt in enumerate(data.prompts):
        alone = router.predict([prompt])
        for matrix in ("scores", "costs", "std"):
            gap = getattr(alone, matrix)[0] - getattr(together, matrix)[row]
            _hold(np.abs(gap).max() <= 1e-9, matrix)


def check_saved_predicts_the_same(make: Maker) -> None:
    """Save → load gives the same predictions bit for bit, and the same bytes again."""
    data = sample_data()
    router = make().fit(data)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        router.save(first)
        loaded = load_router(first, type(router))
        loaded.save(second)
        _same(router.predict(data.prompts), loaded.predict(data.prompts))
        for file in first.iterdir():
            _hold(file.read_bytes() == (second / file.name).read_bytes(), file.name)


def check_other_version_refused(make: Maker) -> None:
    """An artefact of another format version is refused, not guessed at."""
    router = make().fit(sample_data())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "router"
        router.save(path)
        manifest = json.loads((path / MANIFEST).read_text())
        manifest["format_version"] += 1
        (path / MANIFEST).write_text(json.dumps(manifest))
        try:
            load_router(path, type(router))
        except ArtefactError:
            return
        raise AssertionError("it was read")


CHECKS: tuple[Callable[[Maker], None], ...] = (
    check_constructor_stores,
    check_fit_returns_self,
    check_fit_leaves_parameters,
    check_two_and_seven_models,
    check_deterministic,
    check_missing_cells,
    check_model_never_scored,
    check_equal_scores,
    check_identical_prompts,
    check_few_prompts,
    check_strange_texts,
    check_no_prompts,
    check_batch_does_not_matter,
    check_saved_predicts_the_same,
    check_other_version_refused,
)


def check_router(router: str | Maker, checks: Sequence[Callable[[Maker], None]] = CHECKS) -> None:
    """Run the contract on a router: its registered name, its class, or a maker of it.

    Raises:
        AssertionError: the name of the check that failed, and why.
    """
    make = kind_of(router) if isinstance(router, str) else router
    for check in checks:
        try:
            check(make)
        except Exception as error:
            raise AssertionError(f"{check.__name__}: {error!r}") from error


def _hold(promise: Any, why: object = "") -> None:
    # Not the assert statement: python -O would keep every promise by not looking.
    if not promise:
        raise AssertionError(why)


def _with_holes(make: Maker, data: RoutingData, holes: NDArray[np.bool_]) -> Predictions:
    names = ("scores", "costs", "input_tokens", "output_tokens")
    cut = {name: np.where(holes, np.nan, getattr(data, name)) for name in names}
    return make().fit(replace(data, **cut)).predict(data.prompts)


def _sound(told: Predictions, n: int, m: int) -> None:
    for matrix in (told.scores, told.costs, told.std):
        _hold(matrix.shape == (n, m), matrix.shape)
        _hold(np.isfinite(matrix).all())
        _hold((matrix >= 0).all())
    _hold((told.scores <= 1).all())


def _same(one: Predictions, other: Predictions) -> None:
    for matrix in ("scores", "costs", "std"):
        _hold(np.array_equal(getattr(one, matrix), getattr(other, matrix)), matrix)

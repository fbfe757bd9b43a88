"""What ``fit`` promises: of any data, the same, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import MATRICES, RoutingData
from routewright.errors import DataError
from routewright.routers.artefact import typed_params
from routewright.routers.base import Predictions
from routewright.routers.checks.subject import Subject, hold, same, sample_data, sound
from routewright.routers.table import score_means
from routewright.types import Prompt

_ORDER_GAP = 0.25  # mean difference of scores that another order of rows may make
_COLUMN_GAP = 0.15  # the same of columns: random starts of a network follow the columns
_LUCK_GAP = 0.2  # mean distance to the training means where labels are luck


def check_constructor_stores(subject: Subject) -> None:
    """The constructor keeps what it is given, under the same names, and learns nothing."""
    router = subject.make()
    for name, value in router.params().items():
        hold(getattr(router, name) is value, name)
    hold(not hasattr(router, "models_"))
    again = type(router)(**router.params())
    hold(again.params() == router.params())


def check_parameters_are_json(subject: Subject) -> None:
    """Parameters come through JSON as they were."""
    router = subject.make()
    told = msgspec.json.decode(msgspec.json.encode(router.params()))
    again = type(router)(**typed_params(type(router), told))
    hold(again.params() == router.params(), again.params())


def check_fit_returns_self(subject: Subject) -> None:
    """``fit`` returns the router, with the models of the data in their order."""
    hold(subject.returned is subject.fitted)
    hold(subject.fitted.models_ == subject.data.models)


def check_fit_leaves_parameters(subject: Subject) -> None:
    """``fit`` changes no constructor parameter."""
    before = subject.before
    hold(subject.fitted.params() == before)


def check_fit_leaves_the_data(subject: Subject) -> None:
    """``fit`` changes nothing of the data it is given."""
    subject.fitted  # noqa: B018  # has been fitted
    fresh = sample_data()
    hold(subject.data.prompts == fresh.prompts, "prompts")
    for name in MATRICES:
        given = getattr(subject.data, name)
        hold(np.array_equal(given, getattr(fresh, name), equal_nan=True), name)
        hold(not given.flags.writeable, f"{name} was made writeable")


def check_deterministic(subject: Subject) -> None:
    """Two fits on the same data predict the same, bit for bit."""
    same(subject.predictions(subject.data), subject.told)


def check_other_seeds(subject: Subject) -> None:
    """Another seed may give another router, and a sound one."""
    if "seed" in subject.make().params():
        data = sample_data(n=24)
        sound(subject.make(seed=12345).fit(data).predict(data.prompts), len(data), 3)


def check_fit_again_forgets(subject: Subject) -> None:
    """A second ``fit`` on other data leaves nothing of the first."""
    router = subject.make().fit(sample_data(models=2, n=20, seed=5))
    same(router.fit(subject.data).predict(subject.data.prompts), subject.told)


def check_two_and_seven_models(subject: Subject) -> None:
    """Any number of models from two up."""
    for count in (2, 7):
        data = sample_data(models=count, n=32)
        sound(subject.predictions(data), len(data), count)


def check_hundred_models(subject: Subject) -> None:
    """A hundred models for a few prompts."""
    data = sample_data(models=100, n=24)
    sound(subject.predictions(data), len(data), 100)


def check_few_prompts(subject: Subject) -> None:
    """A handful of prompts is tolerated."""
    for n in (1, 2, 7):
        sound(subject.predictions(sample_data(n=n)), n, 3)


def check_impossible_data_refused(subject: Subject) -> None:
    """One model, no prompts, no scores or marks beyond 1: DataError in one line with a way out."""
    data = subject.data
    impossible = (
        data.select_models(data.models[:1]),
        data.subset([]),
        replace(data, scores=np.full(data.scores.shape, np.nan)),
        replace(data, scores=data.scores * 5),
        replace(data, costs=data.costs - 1),
    )
    for each in impossible:
        try:
            subject.make().fit(each)
        except DataError as error:
            hold("\n" not in str(error) and data.name in str(error) and ";" in str(error), error)
        else:
            raise AssertionError("it was fitted on impossible data")


def check_missing_cells(subject: Subject) -> None:
    """Cells that were not bought are tolerated, in scores, costs and tokens."""
    data = subject.data
    holes = np.random.default_rng(1).random(data.scores.shape) < 0.4
    sound(_with_holes(subject, data, holes), len(data), 3)


def check_model_never_scored(subject: Subject) -> None:
    """A model without any score or cost is expected to be no better than the worst."""
    data = subject.data
    best = int(data.scores.mean(axis=0).argmax())
    holes = np.zeros(data.scores.shape, dtype=bool)
    holes[:, best] = True
    told = _with_holes(subject, data, holes)
    sound(told, len(data), 3)
    means = told.scores.mean(axis=0)
    hold(means[best] <= np.delete(means, best).min() + 0.05, f"mean scores {means}")
    if subject.fitted.scores_are_expected and not subject.is_bound:
        others = np.delete(told.scores, best, axis=1).min(axis=1)
        hold(bool((told.scores[:, best] <= others).all()), "it is told above another model")
    paid = told.costs.mean(axis=0)
    hold(paid[best] >= 0.5 * np.delete(paid, best).max(), f"mean costs {paid}")


def check_equal_scores(subject: Subject) -> None:
    """Data in which nothing differs is tolerated."""
    data = subject.data
    for score in (0.5, 1.0):
        flat = np.full(data.scores.shape, score)
        each = replace(data, scores=flat, costs=np.ones(data.costs.shape)).subset(range(24))
        sound(subject.predictions(each), len(each), 3)


def check_identical_prompts(subject: Subject) -> None:
    """One text throughout is tolerated."""
    data = sample_data(n=32)
    alike = tuple(Prompt.from_text(p.id, "the same question") for p in data.prompts)
    sound(subject.predictions(replace(data, prompts=alike)), len(data), 3)


def check_duplicate_prompts(subject: Subject) -> None:
    """Prompts that come twice, with other outcomes, are predicted alike."""
    data = sample_data(n=40)
    first = data.prompts[:20]
    twins = tuple(msgspec.structs.replace(prompt, id=f"{prompt.id}-again") for prompt in first)
    told = subject.predictions(replace(data, prompts=(*first, *twins)))
    sound(told, len(data), 3)
    if not subject.is_bound:
        hold(np.abs(told.scores[:20] - told.scores[20:]).max() <= 1e-9, "scores")
        hold(np.abs(told.costs[:20] - told.costs[20:]).max() <= 1e-9, "costs")


def check_strange_numbers(subject: Subject) -> None:
    """NaN and infinity in latencies and tokens are ignored; free models cost 0 or more."""
    data = sample_data(n=32)
    rng = np.random.default_rng(2)
    wild = {
        name: np.where(rng.random(data.scores.shape) < 0.5, value, getattr(data, name))
        for name, value in (
            ("latencies", np.inf),
            ("input_tokens", np.inf),
            ("output_tokens", np.nan),
        )
    }
    costs = data.costs.copy()
    costs[:, 0], costs[::3, 1], costs[:, 2] = 0.0, 0.0, costs[:, 2] * 1e6
    sound(subject.predictions(replace(data, costs=costs, **wild)), len(data), 3)


def check_columns_in_any_order(subject: Subject) -> None:
    """Models in another order get the same predictions in that order, nearly."""
    order = [2, 0, 1]
    data = subject.data.select_models([subject.data.models[at] for at in order])
    told = subject.predictions(data)
    hold(told.models == data.models)
    _near(told.scores, subject.told.scores[:, order], _COLUMN_GAP)


def check_rows_in_any_order(subject: Subject) -> None:
    """Training prompts in another order teach the same, nearly.

    A family may draw by row (clusters, shuffled batches), so this is a bound and no equality.
    """
    data = subject.data
    mixed = data.subset(np.random.default_rng(3).permutation(len(data)))
    told = subject.make().fit(mixed).predict(data.prompts)
    sound(told, len(data), 3)
    _near(told.scores, subject.told.scores, _ORDER_GAP)


def check_luck_teaches_nothing(subject: Subject) -> None:
    """Where labels are luck, new prompts are expected to score near the training means."""
    if subject.is_bound or not subject.fitted.scores_are_expected:
        return
    data = sample_data(n=100, seed=7)
    rng = np.random.default_rng(7)
    luck = (rng.random(data.scores.shape) < [0.3, 0.5, 0.7]).astype(float)
    training = replace(data, scores=luck).subset(range(80))
    told = subject.make().fit(training).predict(data.prompts[80:])
    _near(told.scores, np.tile(score_means(training), (20, 1)), _LUCK_GAP)


def _near(one: NDArray[np.float64], other: NDArray[np.float64], gap: float) -> None:
    found = float(np.abs(one - other).mean())
    hold(found <= gap, f"scores differ by {found:.3f} on average, allowed are {gap}")


def _with_holes(subject: Subject, data: RoutingData, holes: NDArray[np.bool_]) -> Predictions:
    names = ("scores", "costs", "input_tokens", "output_tokens")
    cut = {name: np.where(holes, np.nan, getattr(data, name)) for name in names}
    return subject.predictions(replace(data, **cut))


CHECKS = (
    check_constructor_stores,
    check_parameters_are_json,
    check_fit_returns_self,
    check_fit_leaves_parameters,
    check_fit_leaves_the_data,
    check_deterministic,
    check_other_seeds,
    check_fit_again_forgets,
    check_two_and_seven_models,
    check_hundred_models,
    check_few_prompts,
    check_impossible_data_refused,
    check_missing_cells,
    check_model_never_scored,
    check_equal_scores,
    check_identical_prompts,
    check_duplicate_prompts,
    check_strange_numbers,
    check_columns_in_any_order,
    check_rows_in_any_order,
    check_luck_teaches_nothing,
)

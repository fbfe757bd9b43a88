"""The contract can be broken: each of these routers breaks one promise and is found out."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from routewright import routers
from routewright.routers.baselines import RandomRouter, ZeroRouter
from routewright.routers.check import CHECKS, Subject, check_router

NAMED = {check.__name__: check for check in CHECKS}


class Renames(ZeroRouter):
    def __init__(self, *, seed=0):
        super().__init__(seed=int(seed) + 1)


class Tuples(ZeroRouter):
    def __init__(self, *, sizes=(1, 2), seed=0):
        super().__init__(seed=seed)
        self.sizes = sizes


class ReturnsNothing(ZeroRouter):
    def fit(self, data):
        super().fit(data)


class ChangesSeed(ZeroRouter):
    def _fit(self, data, view):
        super()._fit(data, view)
        self.seed = 7


class WritesInTheData(ZeroRouter):
    def _fit(self, data, view):
        super()._fit(data, view)
        data.scores.setflags(write=True)


class Remembers(ZeroRouter):
    def _fit(self, data, view):
        super()._fit(data, view)
        self.constant_ = self.constant_ * getattr(self, "used_", 1.0)
        self.used_ = 0.9


class Unseeded(ZeroRouter):
    def _fit(self, data, view):
        super()._fit(data, view)
        self.constant_ = np.random.default_rng().random(len(data.models))


class TwoModels(ZeroRouter):
    def _predict_scores(self, view):
        return tuple(each[:, :3] for each in super()._predict_scores(view))


class Optimist(ZeroRouter):
    def predict(self, prompts):
        told = super().predict(prompts)
        return replace(told, scores=np.where(self.scored_, told.scores, 1.0))


class FirstColumnWins(ZeroRouter):
    def _constant(self, mu):
        return np.linspace(1, 0, len(mu))


class Overfits(RandomRouter):
    scores_are_expected = True


class LooksAtTheBatch(ZeroRouter):
    def _predict_scores(self, view):
        scores, std = super()._predict_scores(view)
        return scores * (1 - 1e-3 / max(len(scores), 1)), std


class CountsCalls(ZeroRouter):
    def _predict_scores(self, view):
        scores, std = super()._predict_scores(view)
        self.constant_ = self.constant_ * 0.99
        return scores, std


class NegativeDoubt(ZeroRouter):
    def _predict_scores(self, view):
        scores, std = super()._predict_scores(view)
        return scores, std - 1


class NotANumber(ZeroRouter):
    def _predict_scores(self, view):
        scores, std = super()._predict_scores(view)
        scores[view.chars > 100_000] = np.nan
        return scores, std


class ChokesOnTwins(ZeroRouter):
    def _predict_scores(self, view):
        scores, std = super()._predict_scores(view)
        return scores * np.array([[0.9 + 0.1 * ("again" in p.id)] for p in view.prompts]), std


class ForgetsOnDisk(ZeroRouter):
    def _restore(self, arrays):
        super()._restore(arrays)
        self.constant_ = self.constant_ * 0.5


class SavesElsewhere(ZeroRouter):
    def save(self, path, *, extra=None):
        super().save(path, extra=extra)
        (path.parent / "cache").write_text("x")


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (Renames, "check_constructor_stores"),
        (Tuples, "check_parameters_are_json"),
        (ReturnsNothing, "check_fit_returns_self"),
        (ChangesSeed, "check_fit_leaves_parameters"),
        (WritesInTheData, "check_fit_leaves_the_data"),
        (Unseeded, "check_deterministic"),
        (Remembers, "check_fit_again_forgets"),
        (TwoModels, "check_two_and_seven_models"),
        (TwoModels, "check_hundred_models"),
        (Optimist, "check_model_never_scored"),
        (ChokesOnTwins, "check_duplicate_prompts"),
        (FirstColumnWins, "check_columns_in_any_order"),
        (FirstColumnWins, "check_luck_teaches_nothing"),
        (Overfits, "check_luck_teaches_nothing"),
        (NegativeDoubt, "check_predictions"),
        (NotANumber, "check_strange_texts"),
        (NotANumber, "check_strange_training"),
        (LooksAtTheBatch, "check_batch_does_not_matter"),
        (CountsCalls, "check_prediction_changes_nothing"),
        (CountsCalls, "check_threads"),
        (ForgetsOnDisk, "check_saved_predicts_the_same"),
        (SavesElsewhere, "check_saving_replaces"),
        (SavesElsewhere, "check_saving_writes_nowhere_else"),
    ],
)
def test_a_broken_promise_is_found(kind, broken):
    with pytest.raises(AssertionError, match=broken):
        check_router(kind, [NAMED[broken]])


def test_a_name_a_class_a_maker_and_a_subject_are_all_taken():
    kind = routers.kind("zero")
    for router in ("zero", kind, partial(kind, seed=3), Subject(kind)):
        check_router(router, [NAMED["check_predictions"]])


def test_what_failed_is_told_with_its_promise():
    with pytest.raises(AssertionError, match=r"check_threads \(Four threads .*\): "):
        check_router(CountsCalls, [NAMED["check_threads"]])

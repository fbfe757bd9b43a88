"""Judges: worked agreement, corrected rates, prediction-powered means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routewright.judge.agreement import weighted_kappa
from routewright.metrics.judging import (
    cohen_kappa,
    krippendorff_alpha,
    prediction_powered_mean,
    rogan_gladen,
)


def test_fixture_g_rogan_gladen() -> None:
    assert rogan_gladen(0.70, 0.9, 0.8) == pytest.approx(0.714286, abs=5e-7)


def test_fixture_g_kappa() -> None:
    assert cohen_kappa([[40, 10], [5, 45]]) == pytest.approx(0.70)
    assert cohen_kappa([[40, 10], [5, 45]], quadratic=True) == pytest.approx(0.70)


@given(st.floats(0, 1), st.floats(0.51, 1), st.floats(0.51, 1))
def test_a_corrected_rate_undoes_what_the_judge_did(p: float, sens: float, spec: float) -> None:
    seen = p * sens + (1 - p) * (1 - spec)
    assert rogan_gladen(seen, sens, spec) == pytest.approx(p, abs=1e-9)


def test_a_judge_no_better_than_chance_says_nothing_and_rates_stay_rates() -> None:
    assert math.isnan(rogan_gladen(0.7, 0.5, 0.5))
    assert rogan_gladen(0.05, 0.9, 0.8) == 0
    assert rogan_gladen(0.99, 0.9, 0.8) == 1


@given(arrays(np.int64, 30, elements=st.integers(0, 5)), st.integers(0, 20))
def test_tables_and_lists_of_marks_agree(a: np.ndarray, seed: int) -> None:
    b = np.clip(a + np.random.default_rng(seed).integers(-1, 2, 30), 0, 5)
    table = np.zeros((6, 6))
    np.add.at(table, (a, b), 1)
    lists = weighted_kappa(a.tolist(), b.tolist())
    assert cohen_kappa(table, quadratic=True) == pytest.approx(lists, nan_ok=True)
    assert cohen_kappa(np.diag(table.sum(axis=1) + 1)) == pytest.approx(1)


def test_kappa_where_it_is_undefined_or_no_table() -> None:
    assert math.isnan(cohen_kappa([[0, 0], [0, 0]]))
    assert math.isnan(cohen_kappa([[7, 0], [0, 0]]))
    with pytest.raises(ValueError, match=r"\(K, K\)"):
        cohen_kappa([[1, 2, 3], [1, 2, 3]])


def test_krippendorff_on_a_worked_example_with_missing_marks() -> None:
    nan = np.nan
    marks = [[1, 2, 3, nan], [1, 2, 4, 5], [nan, 2, 3, nan]]
    # Items have 2, 3, 3 and 1 marks; the last says nothing. Ordered pairs differ only in item 3:
    # (3, 4), (4, 3) twice each: D_o = 4 · 1 / (3 - 1) / 8. All 8 pooled marks: 1 1 2 2 2 3 4 3.
    pooled = np.array([1, 1, 2, 2, 2, 3, 4, 3.0])
    every = ((pooled[:, None] - pooled) ** 2).sum() / (8 * 7)
    assert krippendorff_alpha(marks) == pytest.approx(1 - (4 / 2 / 8) / every)
    assert krippendorff_alpha([[1, 2, 3], [1, 2, 3]]) == 1
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert math.isnan(krippendorff_alpha([[1, nan], [nan, 2]]))


def test_judges_that_mark_at_random_have_an_alpha_near_nothing() -> None:
    marks = np.random.default_rng(0).integers(0, 6, (3, 2000)).astype(float)
    assert krippendorff_alpha(marks) == pytest.approx(0, abs=0.04)


def test_a_prediction_powered_mean_worked_out_by_hand() -> None:
    found = prediction_powered_mean([0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0])
    assert found.mean == pytest.approx(0.5 - 1 / 3)
    assert found.variance == pytest.approx(0.5 / 2 + (1 / 3) / 3)
    low, high = found.interval()
    assert (low + high) / 2 == pytest.approx(found.mean)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(found.variance), rel=1e-4)
    with pytest.raises(ValueError, match="2 judged"):
        prediction_powered_mean([0.5, 0.5], [0.5], [0.5])


def test_its_interval_holds_the_truth_though_the_judge_is_biased() -> None:
    rng = np.random.default_rng(4)
    held, widths = 0, []
    for _ in range(400):
        human = rng.normal(0.6, 0.2, 1100)
        judge = human + 0.15 + rng.normal(0, 0.05, 1100)
        found = prediction_powered_mean(judge[100:], judge[:100], human[:100])
        low, high = found.interval()
        held += low <= 0.6 <= high
        widths.append(found.variance)
    assert held / 400 == pytest.approx(0.95, abs=0.035)
    assert np.mean(widths) < 0.2**2 / 100 / 4  # far better than the hundred human grades alone

"""Risk control: worked p-values, and promises kept in simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.metrics.risk import (
    conformal_allowed_risk,
    conformal_threshold,
    hoeffding_bentkus_p,
    learn_then_test,
    risk_controlled_threshold,
)


@pytest.mark.parametrize(
    ("risk", "n", "expected"),
    [(0.02, 500, 0.0012504), (0.03, 500, 0.0539807), (0.02, 200, 0.0718899)],
)
def test_fixture_f_hoeffding_bentkus(risk: float, n: int, expected: float) -> None:
    assert hoeffding_bentkus_p(risk, n, 0.05) == pytest.approx(expected, abs=5e-8)


def test_fixture_f_hoeffding_alone_is_weaker() -> None:
    kl = 0.02 * math.log(0.02 / 0.05) + 0.98 * math.log(0.98 / 0.95)
    assert math.exp(-500 * kl) == pytest.approx(0.0023078, abs=5e-8)
    assert hoeffding_bentkus_p(0.02, 500, 0.05) < math.exp(-500 * kl)


def test_fixture_f_conformal_risk_control() -> None:
    assert conformal_allowed_risk(999, 0.05) == pytest.approx(0.049049, abs=5e-7)


def test_the_binomial_part_is_scipy_s() -> None:
    stats = pytest.importorskip("scipy.stats")
    for risk, n, alpha in [(0.001, 20, 0.1), (0.08, 3000, 0.1), (0.0495, 50_000, 0.05)]:
        bentkus = math.e * stats.binom.cdf(math.ceil(n * risk), n, alpha)
        assert hoeffding_bentkus_p(risk, n, alpha) <= bentkus * (1 + 1e-9)
        kl = risk * math.log(risk / alpha) + (1 - risk) * math.log((1 - risk) / (1 - alpha))
        either = min(1, bentkus, math.exp(-n * kl))
        assert hoeffding_bentkus_p(risk, n, alpha) == pytest.approx(either, rel=1e-8)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 300), st.floats(0.01, 0.99))
def test_a_p_value_is_one_and_rises_with_the_risk(a: float, b: float, n: int, alpha: float) -> None:
    low, high = (hoeffding_bentkus_p(r, n, alpha) for r in sorted([a, b]))
    assert 0 <= low <= high * (1 + 1e-9) <= 1 + 1e-9
    assert hoeffding_bentkus_p(max(a, alpha), n, alpha) == 1


def conformal_by_definition(strong, weak, score, alpha):
    """The largest of many thresholds that meets the definition."""
    n, best = len(score), -math.inf
    for t in [*sorted(set(score)), math.inf]:
        risk = np.where(score < t, np.maximum(0, strong - weak), 0).mean()
        if n / (n + 1) * risk + 1 / (n + 1) <= alpha + 1e-12:
            best = max(best, t)
    return best


@given(st.integers(0, 500), st.sampled_from([0.05, 0.1, 0.2, 0.4, 0.9]))
def test_the_conformal_threshold_is_the_supremum_in_its_definition(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    strong, weak = rng.integers(0, 3, (2, n)) / 2
    score = rng.integers(0, 8, n).astype(float)
    found = conformal_threshold(strong, weak, score, alpha)
    assert found == conformal_by_definition(strong, weak, score, alpha)


def test_too_few_prompts_mean_always_strong_and_no_loss_always_weak() -> None:
    assert conformal_threshold([1, 1], [0, 0], [0.1, 0.9], 0.05) == -math.inf
    assert conformal_threshold([1] * 99, [1] * 99, np.arange(99), 0.05) == math.inf


def sample(rng: np.random.Generator, n: int):
    """Prompts on which the weak model loses more, the higher the score."""
    score = rng.random(n)
    strong, weak = np.ones(n), (rng.random(n) > 0.4 * score).astype(float)
    return strong, weak, score


def expected_loss(t: float) -> float:
    return 0.2 * float(np.clip(t, 0, 1)) ** 2


def test_conformal_risk_control_keeps_its_promise_on_average() -> None:
    rng = np.random.default_rng(0)
    found = [expected_loss(conformal_threshold(*sample(rng, 200), 0.1)) for _ in range(600)]
    assert np.mean(found) <= 0.1
    assert np.mean(found) > 0.085  # and wastes little


@pytest.mark.parametrize("signed", [False, True])
def test_learn_then_test_breaks_its_promise_no_more_often_than_it_says(signed: bool) -> None:
    rng = np.random.default_rng(1)
    grid = np.linspace(0, 1, 41)
    found = [
        risk_controlled_threshold(
            *sample(rng, 300), rng.permutation(grid), alpha=0.1, delta=0.2, signed=signed
        )
        for _ in range(200)
    ]
    broken = np.mean([expected_loss(t) > 0.1 for t in found])
    assert broken <= 0.2
    # The signed loss has twice the range, so the same prompts allow far less.
    assert np.mean([expected_loss(t) for t in found]) > (0.005 if signed else 0.03)


def test_a_fixed_sequence_stops_at_the_first_failure() -> None:
    assert learn_then_test([0.01, 0.02, 0.2, 0.001], 0.05) == 2
    assert learn_then_test([0.5, 0.001], 0.05) == 0
    assert learn_then_test([0.01, 0.02], 0.05) == 2
    with pytest.raises(ValueError, match="delta"):
        learn_then_test([0.5], 0)


def test_no_valid_threshold_is_always_strong() -> None:
    strong, weak = np.ones(50), np.zeros(50)
    found = risk_controlled_threshold(strong, weak, np.zeros(50), [0.5], alpha=0.1)
    assert found == -math.inf


@pytest.mark.parametrize(
    ("risk", "n", "alpha"), [(0.1, 0, 0.1), (0.1, 5, 0), (0.1, 5, 1), (2, 5, 0.1)]
)
def test_numbers_out_of_range_are_errors(risk: float, n: int, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"must (be|lie)"):
        hoeffding_bentkus_p(risk, n, alpha)

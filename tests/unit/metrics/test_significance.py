"""p-values, families, equivalence and power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.metrics import Estimate
from routewright.metrics.significance import (
    bootstrap_p,
    discordance,
    holm,
    mcnemar_exact,
    paired_permutation,
    prompts_needed,
    smallest_effect,
    tost,
)

p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=12)

POWER_TABLE = [
    (0.1, 0.005, 31_388),
    (0.1, 0.01, 7_841),
    (0.1, 0.02, 1_954),
    (0.1, 0.05, 306),
    (0.2, 0.005, 62_784),
    (0.2, 0.01, 15_690),
    (0.2, 0.02, 3_917),
    (0.2, 0.05, 620),
    (0.3, 0.005, 94_180),
    (0.3, 0.01, 23_539),
    (0.3, 0.02, 5_879),
    (0.3, 0.05, 934),
]


@pytest.mark.parametrize(("d", "difference", "n"), POWER_TABLE)
def test_the_power_table(d: float, difference: float, n: int) -> None:
    assert prompts_needed(d, difference) == n
    assert smallest_effect(n, d) == pytest.approx(difference, rel=2e-3)


def test_the_power_that_the_formula_promises_is_the_power_there_is() -> None:
    # A paired difference in {-1, 0, 1} with d = .3 and mean .1.
    n = prompts_needed(0.3, 0.1)
    draws = np.random.default_rng(0).choice([1, -1, 0], p=[0.2, 0.1, 0.7], size=(4000, n))
    z = draws.mean(axis=1) / (draws.std(axis=1) / math.sqrt(n))
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.03)


def test_impossible_differences_are_errors() -> None:
    with pytest.raises(ValueError, match="isn't possible"):
        prompts_needed(0.1, 0.5)
    with pytest.raises(ValueError, match="isn't possible"):
        prompts_needed(0.1, 0.0)
    with pytest.raises(ValueError, match="alpha < power"):
        prompts_needed(0.1, 0.1, power=1.0)
    with pytest.raises(ValueError, match="need prompts"):
        smallest_effect(0, 0.1)


def test_discordance_of_binary_scores_is_how_often_they_differ() -> None:
    assert discordance([1, 0, 1, 0], [1, 1, 0, 0]) == 0.5
    assert discordance([0.5, 1], [0.0, 1]) == 0.125


def test_holm_on_four_worked_claims() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([1.5])


@given(p_lists)
def test_holm_is_never_below_the_raw_ones_and_keeps_their_order(p_values: list[float]) -> None:
    p, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-12).sum() >= 1
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1, p.min() * len(p)))


@given(p_lists, st.floats(0, 1))
def test_one_more_claim_never_makes_another_more_certain(p: list[float], more: float) -> None:
    assert (holm([*p, more])[: len(p)] >= holm(p) - 1e-12).all()


def test_a_bootstrap_p_value_counts_the_smaller_tail_twice() -> None:
    draws = np.array([5.0, *np.arange(-3, 97)])  # 4 of 100 at or below 0
    assert bootstrap_p(draws) == pytest.approx(2 * 5 / 101)
    assert bootstrap_p(-draws) == bootstrap_p(draws)
    assert bootstrap_p([1.0, *[0.5] * 99]) == pytest.approx(2 / 100)  # never 0
    assert bootstrap_p([0.0, 0.0, 0.0]) == 1
    assert bootstrap_p([1.0, np.nan, *[0.5] * 98]) == pytest.approx(2 / 99)
    with pytest.raises(ValueError, match="replicates"):
        bootstrap_p([1.0])


@given(st.integers(0, 99), st.integers(100, 400))
def test_a_bootstrap_p_value_agrees_with_the_interval(seed: int, size: int) -> None:
    draws = np.random.default_rng(seed).normal(2, 1, 1 + size)
    if bootstrap_p(draws) <= 0.05:
        assert Estimate.of(draws).above_zero


def test_mcnemar_is_twice_the_binomial_tail() -> None:
    assert mcnemar_exact(1, 9) == pytest.approx(2 * 11 / 1024)
    assert mcnemar_exact(9, 1) == mcnemar_exact(1, 9)
    assert mcnemar_exact(5, 5) == mcnemar_exact(0, 0) == 1
    stats = pytest.importorskip("scipy.stats")
    for b, c in [(3, 17), (400, 460), (4_800, 5_200)]:
        assert mcnemar_exact(b, c) == pytest.approx(stats.binomtest(b, b + c).pvalue)
    with pytest.raises(ValueError, match="counts"):
        mcnemar_exact(-1, 2)


def test_a_permutation_test_tries_every_swap_of_few_groups() -> None:
    a, b = [1, 1, 1, 0], [0, 0, 0, 0]
    # The sums of three groups of 1: only all-positive and all-negative are as far out; the fourth,
    # of 0, may go either way.
    assert paired_permutation(a, b, ["a", "b", "c", "d"], seed=0) == 2 / 8
    # Prompts of one group go together.
    assert paired_permutation(a, b, ["a", "a", "a", "b"], seed=0) == 1


def test_many_groups_are_swapped_at_random_and_agree_with_mcnemar() -> None:
    a = np.array([1] * 20 + [0] * 8 + [1] * 30)
    b = np.array([0] * 20 + [1] * 8 + [1] * 30)
    found = paired_permutation(a, b, np.arange(58), seed=0)
    assert found == pytest.approx(mcnemar_exact(20, 8), abs=0.006)
    assert found == paired_permutation(a, b, np.arange(58), seed=0)
    assert paired_permutation(a, a, np.arange(58), seed=0) == 1
    with pytest.raises(ValueError, match="groups"):
        paired_permutation(a, b, np.arange(3), seed=0)


def test_equivalence_needs_the_whole_interval_within_the_margin() -> None:
    draws = np.concatenate([[0.0], np.linspace(-0.01, 0.01, 1001)])
    narrow = tost(draws, 0.02)
    assert narrow.holds
    assert narrow.p_value == pytest.approx(1 / 1002)
    assert (narrow.low, narrow.high) == pytest.approx((-0.009, 0.009), abs=5e-5)
    wide = tost(draws, 0.005)
    assert not wide.holds
    assert wide.p_value == pytest.approx(0.25, abs=0.01)
    assert not tost(draws + 0.02, 0.02).holds
    with pytest.raises(ValueError, match="margin"):
        tost(draws, 0)
    with pytest.raises(ValueError, match="NaN"):
        tost([0.1, np.nan], 0.1)


@given(st.integers(0, 50), st.floats(0.2, 3))
def test_equivalence_and_its_p_value_agree(seed: int, margin: float) -> None:
    found = tost(np.random.default_rng(seed).normal(0.2, 0.6, 1001), margin)
    if abs(found.p_value - 0.05) > 0.002:
        assert found.holds == (found.p_value <= 0.05)

"""PGR, APGR and CPT: worked figures, ties, edge cases, replicates."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routewright.metrics.pairs import (
    apgr_ceiling,
    binary_ceiling,
    cost_saving_ratio,
    dollar_saving,
    pair_statistics,
)
from routewright.metrics.two_models import (
    apgr,
    apgr_replicates,
    cpt,
    cpt_replicates,
    pgr_curve,
    threshold_for_share,
    undefined_share,
)
from tests.unit.metrics.real import pair_of

STRONG, WEAK, SCORE = [1, 1, 0, 1], [1, 0, 0, 0], [0.9, 0.2, 0.6, 0.7]

GRADES = st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.7, 1.0])
LEVELS = st.sampled_from([-np.inf, -1.0, 0.0, 0.25, 0.5, 2.0, np.inf])


@st.composite
def pairs(draw, grades=GRADES, rises=True):
    n = draw(st.integers(1, 9))
    strong, weak = (draw(arrays(np.float64, n, elements=grades)) for _ in range(2))
    assume(not rises or strong.sum() - weak.sum() > 1e-6)
    return strong, weak, draw(arrays(np.float64, n, elements=LEVELS))


def test_fixture_c_pgr_apgr_and_cpt() -> None:
    curve = pgr_curve(STRONG, WEAK, SCORE)
    assert curve[:, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert curve[:, 1].tolist() == [0, 0, 0.5, 0.5, 1]
    assert apgr(STRONG, WEAK, SCORE) == 0.375
    assert cpt(STRONG, WEAK, SCORE, 0.5) == 0.5
    assert cpt(STRONG, WEAK, SCORE, 0.8, step=True) == 1.0
    assert cpt(STRONG, WEAK, SCORE, 0.8) == pytest.approx(0.90)


@pytest.mark.parametrize(
    ("strong_only", "weak_only", "expected"),
    [(0.1778, 0.0529, 1.286), (0.2923, 0.0719, 1.121)],
    ids=["mmlu", "gsm8k"],
)
def test_the_ceiling_in_closed_form_gives_the_two_worked_figures(
    strong_only: float, weak_only: float, expected: float
) -> None:
    top = binary_ceiling(strong_only, weak_only)
    assert top.apgr == pytest.approx(expected, abs=5e-4)
    assert top.peak_pgr == pytest.approx(strong_only / (strong_only - weak_only))
    assert top.peak_share == strong_only


@given(pairs(grades=st.sampled_from([0.0, 1.0])))
def test_the_ceiling_of_binary_scores_is_the_closed_form(pair) -> None:
    strong, weak, _ = pair
    facts = pair_statistics(strong, weak)
    exact, closed = apgr_ceiling(strong, weak), binary_ceiling(facts.strong_only, facts.weak_only)
    assert exact.apgr == pytest.approx(closed.apgr)
    assert exact.peak_pgr == pytest.approx(closed.peak_pgr)
    assert exact.peak_share == pytest.approx(closed.peak_share)


@given(pairs())
def test_no_router_passes_the_ceiling(pair) -> None:
    strong, weak, score = pair
    top = apgr_ceiling(strong, weak)
    assert apgr(strong, weak, score) <= top.apgr + 1e-9
    assert pgr_curve(strong, weak, score)[:, 1].max() <= top.peak_pgr + 1e-9


@given(pairs())
def test_a_curve_runs_from_nothing_to_all_and_apgr_is_its_area(pair) -> None:
    strong, weak, score = pair
    curve = pgr_curve(strong, weak, score)
    assert curve[0].tolist() == [0, 0]
    assert curve[-1].tolist() == [1, 1]
    assert (np.diff(curve[:, 0]) > 0).all()
    assert len(curve) == 1 + len(np.unique(score))
    x, y = curve.T
    area = float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())
    assert apgr(strong, weak, score) == pytest.approx(area, abs=1e-12)


@given(pairs(), st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_cpt_is_where_the_curve_first_gets_there(pair, p: float) -> None:
    strong, weak, score = pair
    curve = pgr_curve(strong, weak, score)
    at, step = cpt(strong, weak, score, p), cpt(strong, weak, score, p, step=True)
    assert np.interp(at, curve[:, 0], curve[:, 1]) == pytest.approx(p)
    assert (curve[curve[:, 0] < at - 1e-9, 1] < p + 1e-9).all()
    later = curve[curve[:, 0] >= at - 1e-9, 0]
    assert step == pytest.approx(later[0])


@given(pairs())
def test_a_constant_score_has_an_apgr_of_exactly_one_half(pair) -> None:
    strong, weak, _ = pair
    assert apgr(strong, weak, np.full(len(strong), 0.3)) == 0.5
    assert cpt(strong, weak, np.full(len(strong), 0.3), 0.2) == pytest.approx(0.2)


def test_the_mean_over_all_orders_of_the_prompts_is_one_half() -> None:
    strong, weak = np.array([1, 0.4, 0, 1, 0.8]), np.array([0.6, 1, 0, 0, 0.2])
    every = [apgr(strong, weak, np.array(order)) for order in permutations(range(5))]
    assert np.mean(every) == pytest.approx(0.5)
    assert min(every) < 0.2


def test_a_tied_block_is_the_mean_of_its_orders() -> None:
    strong, weak = np.array([1.0, 1, 0, 1]), np.array([0.0, 1, 1, 0])
    tied = apgr(strong, weak, [3, 2, 2, 2])
    orders = [apgr(strong, weak, [3, *order]) for order in permutations([0, 1, 2])]
    assert tied == pytest.approx(np.mean(orders))
    assert len(pgr_curve(strong, weak, [3, 2, 2, 2])) == 3


def test_pgr_below_zero_and_above_one_is_kept_and_the_first_crossing_counts() -> None:
    strong, weak = np.array([0, 1, 1, 0, 1.0]), np.array([1, 0, 0, 1, 0.0])
    rises = pgr_curve(strong, weak, [1, 5, 4, 2, 3])
    assert rises[:, 1].tolist() == [0, 1, 2, 3, 2, 1]
    assert cpt(strong, weak, [1, 5, 4, 2, 3], 1.0) == pytest.approx(0.2)
    assert pgr_curve(strong, weak, [5, 1, 2, 4, 3])[:, 1].min() == -2


@pytest.mark.parametrize("weak", [[1, 1, 0, 1], [1, 1, 1, 1]], ids=["equal", "better"])
def test_without_a_gap_all_is_nan_and_the_statistics_say_why(weak: list[float]) -> None:
    strong = [1, 1, 0, 1]
    assert np.isnan(apgr(strong, weak, SCORE))
    assert np.isnan(cpt(strong, weak, SCORE, 0.5))
    assert np.isnan(pgr_curve(strong, weak, SCORE)[:, 1]).all()
    assert np.isnan(apgr_ceiling(strong, weak).apgr)
    assert pair_statistics(strong, weak).gap <= 0


def test_equal_means_that_differ_in_their_last_bits_are_no_gap() -> None:
    strong, weak = [0.1, 0.2, 0.3], [0.3, 0.1, 0.2]
    assert np.isnan(apgr(strong, weak, [1, 2, 3]))


@given(pairs(rises=False), st.data())
def test_replicates_are_exactly_the_figures_of_resampled_prompts(pair, data) -> None:
    strong, weak, score = pair
    drawn = arrays(np.int64, (3, len(strong)), elements=st.integers(0, 3))
    weights = data.draw(drawn)
    areas = apgr_replicates(strong, weak, score, weights)
    crossings = cpt_replicates(strong, weak, score, weights, 0.6)
    steps = cpt_replicates(strong, weak, score, weights, 0.6, step=True)
    for b, each in enumerate(weights):
        rows = np.repeat(np.arange(len(strong)), each)
        if not len(rows):
            assert np.isnan([areas[b], crossings[b], steps[b]]).all()
            continue
        again = strong[rows], weak[rows], score[rows]
        near = {"nan_ok": True, "rel": 1e-9, "abs": 1e-12}
        assert areas[b] == pytest.approx(apgr(*again), **near)
        assert crossings[b] == pytest.approx(cpt(*again, 0.6), **near)
        assert steps[b] == pytest.approx(cpt(*again, 0.6, step=True), **near)


def test_many_replicates_go_through_in_chunks() -> None:
    rng = np.random.default_rng(0)
    strong, weak, score = rng.random(50) < 0.8, rng.random(50) < 0.5, rng.random(50)
    weights = rng.poisson(1, (300, 50))
    whole = apgr_replicates(strong, weak, score, weights)
    assert whole.shape == (300,)
    assert (
        whole[171:174].tolist() == apgr_replicates(strong, weak, score, weights[171:174]).tolist()
    )
    assert 0.3 < np.nanmean(whole) < 0.7


def test_the_share_of_undefined_replicates_is_counted() -> None:
    draws = apgr_replicates([1, 0], [0, 0], [2, 1], [[1, 1], [0, 2], [1, 0], [0, 0]])
    assert undefined_share(draws) == 0.5


def test_bad_weights_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(b, 4\)"):
        apgr_replicates(STRONG, WEAK, SCORE, np.ones((2, 3)))
    with pytest.raises(ValueError, match="0 or more"):
        apgr_replicates(STRONG, WEAK, SCORE, [[1, 1, 1, -1]])


@pytest.mark.parametrize("p", [0, -0.1, 50])
def test_a_level_that_is_no_share_is_an_error(p: float) -> None:
    with pytest.raises(ValueError, match=r"50 % is 0\.5"):
        cpt(STRONG, WEAK, SCORE, p)


def test_nan_and_lengths_that_differ_are_errors_that_name_the_array() -> None:
    with pytest.raises(ValueError, match="weak holds NaN"):
        apgr([1, 1], [0, np.nan], [1, 2])
    with pytest.raises(ValueError, match="router_score has shape"):
        apgr([1, 1], [0, 0], [1, 2, 3])
    with pytest.raises(ValueError, match="strong must have shape"):
        apgr([], [], [])


def test_pair_statistics_add_up() -> None:
    facts = pair_statistics([1, 1, 0, 0, 1], [1, 0, 1, 0, 0])
    assert (facts.both, facts.strong_only, facts.weak_only, facts.neither) == (0.2, 0.4, 0.2, 0.2)
    assert (facts.strong, facts.weak, facts.oracle) == (0.6, 0.4, 0.8)
    assert facts.gap == pytest.approx(0.2)


def test_the_threshold_for_a_share_sends_that_share() -> None:
    scores = np.random.default_rng(3).random(200)
    for share in (0.1, 0.25, 0.5, 0.9, 1.0):
        assert (scores >= threshold_for_share(scores, share)).mean() == pytest.approx(share)
    assert (scores >= threshold_for_share(scores, 0)).mean() == 0
    assert threshold_for_share([1, 2, 2, 2], 0.5) == 2  # ties go together
    with pytest.raises(ValueError, match="share from 0 to 1"):
        threshold_for_share(scores, 50)


def test_the_published_saving_ratios_and_the_announced_dollars() -> None:
    assert cost_saving_ratio(49.03, 13.40) == pytest.approx(3.66, abs=5e-3)
    assert cost_saving_ratio(78.08, 31.31) == pytest.approx(2.49, abs=5e-3)
    assert dollar_saving(0.134, 24.7, 0.24) == pytest.approx(0.858, abs=5e-4)
    with pytest.raises(ValueError, match="above 0"):
        cost_saving_ratio(0.5, 0.0)
    with pytest.raises(ValueError, match="above 0"):
        dollar_saving(0.5, 0.0, 0.0)


@pytest.mark.parametrize(
    ("benchmark", "strong_only", "weak_only", "ceiling"),
    [("routellm_mmlu", 0.1778, 0.0529, 1.286), ("routellm_gsm8k", 0.2923, 0.0719, 1.121)],
)
def test_on_the_published_answers_the_ceilings_are_near_the_worked_ones(
    benchmark: str, strong_only: float, weak_only: float, ceiling: float
) -> None:
    strong, weak = pair_of(benchmark)
    facts = pair_statistics(strong, weak)
    assert facts.strong_only == pytest.approx(strong_only, abs=0.02)
    assert facts.weak_only == pytest.approx(weak_only, abs=0.015)
    assert apgr_ceiling(strong, weak).apgr == pytest.approx(ceiling, abs=0.04)

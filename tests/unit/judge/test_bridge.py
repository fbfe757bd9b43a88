"""Bridges between judges: learned where both graded, refused where that says nothing."""

import numpy as np
import pytest

from routewright.errors import DataError
from routewright.judge.bridge import FEWEST, build_bridge, refuse_mixed
from routewright.judge.run import Verdict

OLD, NEW = "llm:old:00000000", "llm:new:11111111"


def verdicts(marks, judge):
    return [
        Verdict(f"p{i}", "m", None if mark is None else float(mark), "", judge)
        for i, mark in enumerate(marks)
    ]


def strict(rng, old):
    """A judge that gives about 2/3 of what the old one gives."""
    return np.clip(np.round(old * 0.66 + rng.normal(0, 0.5, len(old))), 0, 5)


def test_the_map_is_recovered_with_an_interval_that_covers_it():
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 6, 200_000)
    seen = strict(rng, wide)
    true = [float(seen[wide == mark].mean()) for mark in range(6)]
    hits = []
    for _ in range(12):
        old = rng.integers(0, 6, 300)
        bridge = build_bridge(verdicts(old, OLD), verdicts(strict(rng, old), NEW))
        gaps = np.abs(np.array(bridge.mapped) - true)
        hits += (gaps <= 1.96 * np.array(bridge.errors) + 1e-9).tolist()
        assert list(bridge.mapped) == sorted(bridge.mapped)
    assert np.mean(hits) >= 0.88
    assert bridge.cells == 300
    assert bridge.correlation.low > 0.8


def test_a_mapped_verdict_says_where_it_comes_from():
    old = np.arange(240) % 6
    bridge = build_bridge(verdicts(old, OLD), verdicts(np.clip(old - 1, 0, 5), NEW))
    assert bridge.apply(Verdict("x", "m", 5.0, "fine", OLD)).mark == pytest.approx(4)
    assert bridge.apply(Verdict("x", "m", 2.5, "fine", OLD)).mark == pytest.approx(1.5)
    mapped = bridge.apply(Verdict("x", "m", None, "no mark", OLD))
    assert mapped.mark is None
    assert mapped.judge == f"{NEW} (bridge from {OLD})"
    with pytest.raises(DataError, match="starts at llm:old"):
        bridge.apply(Verdict("x", "m", 5.0, "", NEW))
    refuse_mixed(
        [mapped, Verdict("y", "m", 1.0, "", NEW), Verdict("z", "m", 1.0, "", "verify:code")]
    )


def test_too_few_cells_are_refused():
    with pytest.raises(DataError, match=f"only 199 cells .* needs {FEWEST}"):
        build_bridge(verdicts(range_marks(199), OLD), verdicts(range_marks(300), NEW))


def range_marks(n):
    return [i % 6 for i in range(n)]


@pytest.mark.parametrize("kind", ["noise", "opposite", "constant"])
def test_judges_that_do_not_agree_are_not_joined(kind):
    rng = np.random.default_rng(5)
    old = rng.integers(0, 6, 300)
    new = {"noise": rng.integers(0, 6, 300), "opposite": 5 - old, "constant": np.full(300, 4)}[kind]
    with pytest.raises(DataError, match="do not agree beyond chance"):
        build_bridge(verdicts(old, OLD), verdicts(new, NEW))


def test_two_judges_never_stand_in_one_table():
    with pytest.raises(DataError, match=r"llm:new:11111111 and llm:old:00000000 .*--bridge"):
        refuse_mixed([*verdicts([1], OLD), *verdicts([2], NEW)])
    refuse_mixed([*verdicts([1], OLD), *verdicts([None], NEW)])

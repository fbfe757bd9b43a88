"""Panels: the middle of several judges, each kept, none missing in silence."""

import pytest

from routewright.errors import UsageError
from routewright.judge.panel import panel
from routewright.judge.run import Verdict


def verdicts(judge, *marks):
    return [
        Verdict(f"p{i}", "m", mark, f"{judge} says", f"llm:{judge}:0000000{i % 1}")
        for i, mark in enumerate(marks)
    ]


THREE = [verdicts("a", 5.0, 1.0), verdicts("b", 4.0, 2.0), verdicts("c", 0.0, 3.0)]


def test_the_mark_is_the_middle_and_the_reason_quotes_everyone():
    found = panel(THREE)
    assert [verdict.mark for verdict in found] == [4.0, 2.0]
    assert found[0].reason == "a: 5 (a says); b: 4 (b says); c: 0 (c says)"
    assert found[0].judge == "panel:median(llm:a:00000000,llm:b:00000000,llm:c:00000000)"
    assert [verdict.mark for verdict in panel(THREE, "mean")] == [3.0, 2.0]


def test_a_panel_of_one_is_that_judge():
    assert panel(THREE[:1]) == THREE[0]


def test_an_answer_that_a_member_left_out_has_no_mark():
    silent = [verdicts("a", 5.0, None), verdicts("b", 4.0, 2.0)[:1] + verdicts("b", 4.0, 2.0)[1:]]
    found = panel(silent)
    assert [verdict.mark for verdict in found] == [4.5, None]
    assert found[1].reason == "a: no mark (a says); b: 2 (b says)"
    assert panel([verdicts("a", 5.0, 1.0), verdicts("b", 4.0)])[1].mark is None


def test_another_way_is_refused():
    with pytest.raises(UsageError, match="median, mean"):
        panel(THREE, "mode")

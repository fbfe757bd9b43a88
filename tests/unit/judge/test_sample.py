"""The audit's sample: every beginning of its order is fair, spread out and repeatable."""

from collections import Counter

import pytest

from routewright.judge.sample import Graded, audit_order

GRADED = [
    Graded((f"p{i}", model, 0), f"task-{i % 5}", float(i * 7 % 6))
    for i in range(200)
    for model in ("a", "b", "c")
]


def test_it_holds_every_answer_once_whatever_their_order():
    order = audit_order(GRADED, 1)
    assert sorted(order) == sorted(each.key for each in GRADED)
    assert order == audit_order(list(reversed(GRADED)), 1)
    assert order != audit_order(GRADED, 2)


@pytest.mark.parametrize("size", [30, 75, 150])
def test_any_beginning_is_spread_over_models_tasks_and_marks(size):
    of = {each.key: each for each in GRADED}
    drawn = [of[key] for key in audit_order(GRADED, 0)[:size]]
    assert set(Counter(each.model for each in drawn).values()) == {size // 3}
    tasks = Counter((each.model, each.task) for each in drawn)
    counts = [tasks[model, f"task-{t}"] for model in "abc" for t in range(5)]
    assert max(counts) - min(counts) <= 5
    highs = sum(each.mark >= 2.5 for each in drawn) / size
    assert highs == pytest.approx(0.5, abs=0.12)


def test_every_answer_of_a_model_is_drawn_with_the_same_probability():
    few = [Graded((f"p{i}", "a", 0), "t", float(i % 6)) for i in range(23)]
    drawn = Counter(key for seed in range(4000) for key in audit_order(few, seed)[:7])
    expected = 4000 * 7 / 23
    spread = (expected * (1 - 7 / 23)) ** 0.5
    assert all(abs(drawn[each.key] - expected) < 4.5 * spread for each in few)


def test_models_take_turns_without_a_fixed_place():
    order = audit_order(GRADED, 0)
    rounds = [tuple(key[1] for key in order[i : i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(turn) == ["a", "b", "c"] for turn in rounds)
    assert len(set(rounds)) > 3, "or the place would give the model away"

"""What ``describe`` says of data whose figures are known by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from routewright import worlds
from routewright.data import RoutingData
from routewright.data.responses import Response, read_responses, save_responses
from routewright.errors import DataError
from routewright.evaluation.answer_rates import is_refusal
from routewright.evaluation.describe import describe
from routewright.evaluation.describe_table import print_description
from routewright.evaluation.description import Description
from routewright.evaluation.label_trouble import options
from routewright.types import Prompt

NAN = float("nan")


def by_hand() -> RoutingData:
    """Five prompts and three models; the last prompt is incomplete."""
    tasks = ["sums/easy", "sums/easy", "sums/hard", "law", "law"]
    times = ["2025-02-01", "2025-01-05T10:00:00Z", "2025-01-05T11:30:00+02:00", "", "2025-03-01"]
    texts = ["What is 2 + 2?", "Name a river.", "  NAME a river", "Name the sea.", "A poem?"]
    prompts = tuple(
        Prompt.from_text(f"p{i}", text, task=task, time=time, group=f"g{i}")
        for i, (text, task, time) in enumerate(zip(texts, tasks, times, strict=True))
    )
    scores = np.array([[1, 1, 1], [0, 1, 0.5], [0, 0, 0], [1, 0, 1], [1, NAN, 0.5]])
    costs = np.array([[1, 4, 2], [1, 4, 2], [1, 4, 2], [1, 4, 2], [2, 4, NAN]]) * 1e-3
    return RoutingData(prompts, ("small", "large", "odd"), scores, costs, name="hand")


@pytest.fixture(scope="module")
def hand() -> Description:
    return describe(by_hand(), replicates=200)


def test_models_are_described_by_their_known_cells(hand: Description) -> None:
    assert (hand.data, hand.prompts, hand.complete, hand.groups) == ("hand", 5, 4, 5)
    small, large, odd = hand.models
    assert [m.name for m in hand.models] == ["small", "large", "odd"]
    assert [m.score.value for m in hand.models] == pytest.approx([3 / 5, 2 / 4, 3 / 5])
    assert [m.missing for m in hand.models] == [0, 1, 1]
    assert [m.coverage for m in hand.models] == pytest.approx([1, 0.8, 0.8])
    assert [m.cost_usd for m in hand.models] == pytest.approx([1.2e-3, 4e-3, 2e-3])
    assert (odd.spread.zero, odd.spread.between, odd.spread.one) == pytest.approx((0.2, 0.4, 0.4))
    assert small.score.low <= 0.6 <= small.score.high
    assert large.spread.cells == 4


def test_bounds_stand_on_complete_prompts(hand: Description) -> None:
    bounds = hand.bounds
    assert bounds is not None
    # Complete: small .5 at 1, large .5 at 4, odd .625 at 2 (in thousandths of a dollar).
    assert (bounds.best_model, bounds.best_score) == ("odd", 0.625)
    assert bounds.best_cost_usd == pytest.approx(2e-3)
    assert (bounds.c_min_usd, bounds.c_max_usd) == pytest.approx((1e-3, 4e-3))
    # The oracle takes small, large, small (nobody is right), small: (1 + 1 + 0 + 1) / 4.
    assert bounds.oracle_score == pytest.approx(0.75)
    assert bounds.oracle_cost_usd == pytest.approx((1 + 4 + 1 + 1) / 4 * 1e-3)
    assert bounds.oracle_cost0_usd == pytest.approx((1 + 4 + 0 + 1) / 4 * 1e-3)
    assert [m.oracle_share for m in hand.models] == pytest.approx([0.75, 0.25, 0])
    # The hull runs (1, .5), (2, .625), flat to 4: its mean height over [1, 4].
    assert bounds.zero_aiq == pytest.approx((0.5625 * 1 + 0.625 * 2) / 3)
    assert [m.on_hull for m in hand.models] == [True, False, True]
    # All agree on the first (solved) and the third (not).
    assert (bounds.agree, bounds.agree_solved) == (0.5, 0.25)


def test_tasks_have_their_best_model_and_data_sets_their_spread(hand: Description) -> None:
    assert [(t.name, t.prompts) for t in hand.tasks] == [
        ("law", 2),
        ("sums/easy", 2),
        ("sums/hard", 1),
    ]
    law, easy, hard = hand.tasks
    assert (law.best_model, law.best_score, law.single_score) == ("small", 1.0, 0.75)
    assert (easy.best_model, easy.best_score, easy.single_score) == ("large", 1.0, 0.75)
    assert hard.best_model == "small"  # all 0: the cheapest
    spreads = {(s.model, s.dataset): s.spread for s in hand.spreads}
    assert len(spreads) == 6
    assert (spreads["odd", "sums"].zero, spreads["odd", "sums"].between) == pytest.approx(
        (1 / 3, 1 / 3)
    )
    assert spreads["large", "law"].cells == 1


def test_duplicates_and_times_are_counted(hand: Description) -> None:
    found = hand.duplicates
    assert found is not None
    assert (found.exact, found.near, found.across_groups, found.groups) == (1, 0, 2, 4)
    assert (hand.first_time, hand.last_time, hand.timed) == (
        "2025-01-05T11:30:00+02:00",  # half past nine, UTC
        "2025-03-01",
        4,
    )
    without = describe(by_hand(), duplicates=False, replicates=20)
    assert without.duplicates is None


def test_intervals_draw_joined_groups() -> None:
    rng = np.random.default_rng(0)
    texts = [f"question number {i // 10} of {i // 10 * 7919}" for i in range(600)]
    prompts = tuple(Prompt.from_text(f"p{i}", t, group=f"g{i}") for i, t in enumerate(texts))
    scores = np.repeat(rng.random((60, 2)) < 0.5, 10, axis=0).astype(float)
    data = RoutingData(prompts, ("a", "b"), scores, np.ones((600, 2)))
    joined, apart = describe(data), describe(data, duplicates=False)

    def width(description: Description) -> float:
        estimate = description.models[0].score
        return estimate.high - estimate.low

    assert joined.duplicates is not None
    assert joined.duplicates.groups == 60
    assert width(joined) == pytest.approx(np.sqrt(10) * width(apart), rel=0.15)


def test_json_has_no_nan(hand: Description) -> None:
    nothing = RoutingData(
        (Prompt.from_text("p", "a"),), ("m",), np.array([[NAN]]), np.array([[NAN]])
    )
    for description in (hand, describe(nothing, replicates=5)):
        text = json.dumps(description.to_dict(), allow_nan=False)
        assert json.loads(text)["prompts"] == description.prompts
    assert describe(nothing, replicates=5).bounds is None


def test_data_without_rows_cannot_be_described() -> None:
    with pytest.raises(DataError, match="nothing to describe"):
        describe(RoutingData((), ("m",), np.empty((0, 1)), np.empty((0, 1))))


def table(scores: Any, costs: Any = None, texts: Any = None, task: str = "t") -> RoutingData:
    scores = np.asarray(scores, float)
    n, m = scores.shape
    costs = np.tile(np.arange(1.0, m + 1), (n, 1)) if costs is None else np.asarray(costs, float)
    texts = (
        [f"question {i * 7919} about {i * 104729}" for i in range(n)] if texts is None else texts
    )
    prompts = tuple(Prompt.from_text(f"p{i}", texts[i], task=task, group=f"g{i}") for i in range(n))
    return RoutingData(prompts, tuple("abcdef"[:m]), scores, costs)


def codes(data: RoutingData, responses: Any = ()) -> dict[str, str]:
    found = describe(data, responses=responses, replicates=5).warnings
    assert all(f.message and "\n" not in f.message and ";" in f.message for f in found)
    return {f.code: f.message for f in found}


def fair(n: int = 200, m: int = 3, seed: int = 0) -> Any:
    """Scores in which dearer models are better and nothing is wrong."""
    rng = np.random.default_rng(seed)
    return (rng.random((n, m)) < np.linspace(0.4, 0.8, m)).astype(float)


def test_sound_data_give_no_warning() -> None:
    assert codes(table(fair())) == {}


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("RD001", lambda s: s.__setitem__((0, 0), 3.0)),
        ("RD002", lambda s: s.__setitem__((slice(None), 0), 0.5)),
        ("RD003", lambda s: s.__setitem__((slice(None), 1), s[:, 2])),
        ("RD005", lambda s: s.__setitem__((slice(2, None), 0), 0.0)),
        ("RD012", lambda s: s.__setitem__((slice(0, 12), 2), NAN)),
        ("RD018", lambda s: s.__setitem__((slice(None), 2), NAN)),
        ("RD019", lambda s: s.__setitem__(slice(0, 190), 1.0)),
    ],
)
def test_spoilt_scores_are_noticed(code: str, spoil: Any) -> None:
    scores = fair()
    assert code not in codes(table(scores))
    spoil(scores)
    assert code in codes(table(scores))


def test_spoilt_costs_are_noticed() -> None:
    costs = np.tile([1.0, 2.0, 3.0], (200, 1))
    costs[:5, 1] = 0
    costs[7, 2] = NAN
    found = codes(table(fair(), costs))
    assert found["RD014"].startswith("b: 5 of 200 costs are 0")
    assert found["RD015"].startswith("c: 1 scores have no cost")
    dear = codes(table(fair(), np.tile([5.0, 2.0, 3.0], (200, 1))))
    assert dear["RD016"].startswith("a cheaper model scores higher: a by c;")


def test_a_model_below_guessing_is_noticed_where_options_are_lettered() -> None:
    texts = [f"Which {i * 7919}?\nA. one\nB. two\nC. three\nD. four\nAnswer:" for i in range(200)]
    rng = np.random.default_rng(1)
    scores = (rng.random((200, 3)) < [0.06, 0.25, 0.7]).astype(float)
    message = codes(table(scores, texts=texts))["RD004"]
    assert message.startswith(f"a: mean score {scores[:, 0].mean():.3f} on t (guessing: 0.250);")
    assert "b:" not in message
    assert "RD004" not in codes(table(scores))  # without options, 6 % may be all there is


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Q?\nA. x\nB. y\nC. z", 3),
        ("Q?\n(A) x\n(B) y", 2),
        ("One?\nA) x\nB) y\nAnswer: A\n\nTwo?\nA) x\nB) y\nC) z\nD) w\nAnswer:", 4),
        ("A. lone", 0),
        ("Q?\nA. x\nC. y", 0),
        ("No options, but A. in a line, B. too", 0),
        ("", 0),
    ],
)
def test_options_are_those_of_the_last_question(text: str, count: int) -> None:
    assert options(text) == count


def test_cells_missing_because_they_are_hard_are_noticed() -> None:
    rng = np.random.default_rng(2)
    ease = rng.random((800, 1))
    scores = (rng.random((800, 3)) < ease).astype(float)
    at_random, by_ease = scores.copy(), scores.copy()
    at_random[rng.random(800) < 0.3, 2] = NAN
    by_ease[(ease[:, 0] < 0.4) & (rng.random(800) < 0.7), 2] = NAN
    assert "RD013" not in codes(table(at_random))
    assert codes(table(by_ease))["RD013"].startswith("c: the prompts it lacks are harder")


def test_blank_prompts_and_duplicates_across_groups_are_noticed() -> None:
    texts = [f"question {i * 7919}" for i in range(200)]
    texts[0], texts[1] = "", texts[2].upper() + "?"
    found = codes(table(fair(), texts=texts))
    assert found["RD017"].startswith("1 of 200 prompts have no text")
    assert found["RD020"].startswith("2 prompts have a duplicate in another group")


def response(model: str, i: int, **known: Any) -> Response:
    given = {"response": "The answer is 4.", "state": "complete", "mark": 5.0, "reason": "is 4"}
    given |= {"judge": "verify:numeric", "cpu_s": None} | known
    return Response(f"p{i}", model, **given)


def test_answers_are_rated_and_complained_of() -> None:
    answers = [response("a", i) for i in range(90)]
    answers += [response("a", i, state="truncated") for i in range(4)]
    answers += [
        response("a", i, response="I'm sorry, but I can't help with that.") for i in range(3)
    ]
    answers += [response("a", i, response="", state="empty") for i in range(2)]
    answers += [response("a", 99, mark=None, judge="llm:x")]
    answers += [response("b", i, reason="no number in the answer", mark=0.0) for i in range(10)]
    rates = {r.model: r for r in describe(table(fair()), responses=answers, replicates=5).answers}
    a = rates["a"]
    assert a.answers == 100
    assert (a.truncated, a.refused, a.empty, a.failed, a.ungraded) == (0.04, 0.03, 0.02, 0, 0.01)
    assert (a.unreadable, rates["b"].unreadable) == (0, 1)
    assert "c" not in rates
    found = codes(table(fair()), answers)
    assert set(found) == {"RD006", "RD007", "RD008", "RD009"}
    assert found["RD006"].startswith("a: 4.0% of the answers are truncated; raise max_tokens")
    assert found["RD008"].startswith("b: 100.0% of the answers hold nothing")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I cannot assist with that request.", True),
        ("I’m unable to provide medical advice.", True),
        ("As an AI language model, I don't have opinions.", True),
        ("Sorry for the delay: the answer is 4.", False),
        ("He said he cannot help it. The answer is B.", False),
        ("", False),
    ],
)
def test_refusals_are_known_by_their_opening(text: str, refused: bool) -> None:
    assert is_refusal(text) is refused


def test_responses_are_read_back(tmp_path: Any) -> None:
    import polars as pl

    saved = [response("a", 1), response("b", 2, mark=None, cpu_s=0.5, response="漢字\n")]
    save_responses(saved, tmp_path)
    assert read_responses(tmp_path) == saved
    (tmp_path / "responses.parquet").unlink()
    assert read_responses(tmp_path) == []
    bare = pl.DataFrame({"prompt_id": ["p"], "model": ["a"], "response": ["yes"]})
    bare.write_csv(tmp_path / "responses.csv")
    assert read_responses(tmp_path) == [Response("p", "a", "yes", "", None, "", "", None)]
    (rates,) = describe(table(fair()), responses=read_responses(tmp_path), replicates=5).answers
    assert np.isnan([rates.truncated, rates.unreadable, rates.ungraded]).all()
    assert rates.empty == 0
    bare.drop("model").write_csv(tmp_path / "responses.csv")
    with pytest.raises(DataError, match=r"responses\.csv: no column 'model'"):
        read_responses(tmp_path)


def test_the_table_says_what_the_description_holds(hand: Description) -> None:
    from rich.console import Console

    printed = StringIO()
    print_description(hand, Console(width=110, file=printed))
    text = printed.getvalue()
    assert "hand: 5 prompts, 3 models; 4 prompts complete" in text
    assert "20 / 40 / 40" in text
    assert "best single   odd: 0.625 at $2.00 per 1,000" in text
    assert "oracle        0.750 at $1.75 per 1,000 ($1.50 if unsolved ones are free)" in text
    assert "AIQ 0.604" in text
    assert "all agree     on 50.0 % of the prompts (25.0 %" in text
    assert "1 exact, 0 near; 5 groups, 4 with duplicates joined" in text
    assert "time          2025-01-05T11:30:00+02:00 to 2025-03-01 (4 known)" in text
    assert "info RD020: 2 prompts" in text


def test_the_null_oracle_tells_luck_and_difficulty_from_specialisation() -> None:
    alike = worlds.nested_difficulty(reach=(0.5, 0.8), costs=(1.0, 3.0)).draw(800, seed=0)
    apart = worlds.cluster_bernoulli([[0.95, 0.05], [0.05, 0.95]], (1.0, 3.0)).draw(800, seed=0)
    graded = replace(apart, scores=apart.scores * 0.8)

    def null(data: RoutingData) -> Any:
        bounds = describe(data, duplicates=False, replicates=10).bounds
        assert bounds is not None
        return bounds.null

    # In a nested world every model ranks alike: the real oracle adds nothing to the best model.
    assert null(alike).p_value > 0.5
    assert null(apart).p_value < 0.1
    assert null(apart).oracle_score < 0.85, "the real one is at .95"
    assert null(apart).difficulty_aiq >= null(apart).zero_aiq
    assert null(graded) is None
    console = StringIO()
    print_description(
        describe(apart, duplicates=False, replicates=10), Console(file=console, width=120)
    )
    assert "null oracle   0." in console.getvalue()

"""Every answer has one state, and usage that cannot be true is noted and not trusted."""

import pytest

from routewright.collect.cells import Cell, idempotency_key
from routewright.collect.rows import Unsure
from routewright.collect.states import answered, state_of
from routewright.types import AnswerState, Model, Price, Prompt, Usage
from tests.fakes.canned import Canned

MODEL = Model(
    "m", "x", prices=(Price("2026-01-01", input_usd_per_mtok=1.0, output_usd_per_mtok=2.0),)
)
CELL = Cell(Prompt.from_text("p", "What is the capital of France?", max_tokens=20), MODEL)


GOOD = {"prompt_tokens": 10, "completion_tokens": 3}


def done(told, *, text="Paris.", usage=None, **more):
    if usage is None:
        counts = told if isinstance(told, dict) else {}
        usage = Usage(*(counts.get(key, 0) for key in GOOD))
    return Canned(text, told, usage, cost_usd=0.5, **more)


@pytest.mark.parametrize(
    ("completion", "state"),
    [
        (done(GOOD), AnswerState.COMPLETE),
        (done(GOOD, finish_reason="length"), AnswerState.TRUNCATED),
        (done(GOOD, text="", finish_reason="length"), AnswerState.EMPTY),
        (done(GOOD, text=" \n"), AnswerState.EMPTY),
        (done(GOOD, refused=True), AnswerState.REFUSED),
        (done(GOOD, text="", refused=True), AnswerState.REFUSED),
        (done(GOOD, finish_reason=""), AnswerState.COMPLETE),
    ],
)
def test_how_an_answer_ended_is_one_state(completion, state):
    assert state_of(completion) is state


def test_usage_that_can_be_is_taken_as_it_is():
    answer = answered(CELL, done(GOOD), Unsure())
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 3)
    assert answer.cost_usd == 0.5
    assert answer.note == ""


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (None, "none told"),
        ({}, "none told"),
        ("much", "none told"),
        ({"prompt_tokens": -5, "completion_tokens": 3}, "no counts"),
        ({"prompt_tokens": "many", "completion_tokens": "few"}, "no counts"),
        ({"prompt_tokens": True, "completion_tokens": 1.5}, "no counts"),
        ({"prompt_tokens": 10}, "no counts"),
        ({"prompt_tokens": 10**12, "completion_tokens": 3}, "tokens read, where"),
        ({"prompt_tokens": 10, "completion_tokens": 10**12}, "are the most"),
    ],
)
def test_usage_that_cannot_be_is_noted_and_estimated(told, said):
    answer = answered(CELL, done(told), Unsure())
    assert said in answer.note
    assert answer.usage.estimated
    assert 0 < answer.cost_usd < 0.001, "the bill follows the text, not what was told"


def test_more_cached_tokens_than_were_read_are_not_believed():
    completion = done(GOOD, usage=Usage(10, 3, cached_tokens=50))
    assert "cache" in answered(CELL, completion, Unsure()).note


def test_an_answer_carries_the_calls_that_may_have_been_charged_before_it():
    answer = answered(CELL, done(GOOD), Unsure(2, 0.02))
    assert (answer.unsure_calls, answer.unsure_usd) == (2, 0.02)


def test_the_idempotency_key_is_the_cells_own_and_stays():
    keys = {
        idempotency_key(collection, Cell(prompt, model, sample))
        for collection in ("one", "two")
        for prompt in (CELL.prompt, Prompt.from_text("q", "What?"))
        for model in (MODEL, Model("n", "x"))
        for sample in (0, 1)
    }
    assert len(keys) == 16
    assert idempotency_key("one", CELL) == idempotency_key("one", CELL)


def test_a_provider_may_put_words_of_its_own_before_the_prompt():
    answer = answered(CELL, done({"prompt_tokens": 900, "completion_tokens": 3}), Unsure())
    assert answer.note == ""
    assert answer.usage.input_tokens == 900

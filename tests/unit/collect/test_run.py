"""Collection: states of answers, retries, and what one failed cell does to the others."""

from pathlib import Path

import msgspec
import pytest

from routewright.collect import collect, missing_cells, pace, read_answers
from routewright.data.journal import Journal
from routewright.errors import DataError
from routewright.providers.openai import OpenAIProvider
from routewright.types import AnswerState, Model, Price, Prompt
from tests.fakes.upstream import Raw, Refuse, Say, Upstream

PROMPTS = [Prompt.from_text(f"p{n}", f"prompt {n}", max_tokens=5) for n in range(3)]


def model(name):
    return Model(name=name, provider="fake", prices=(Price("2026-01-01", input_usd_per_mtok=1.0),))


@pytest.fixture
def upstream():
    with Upstream() as server:
        yield server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(pace, "MAX_WAIT_S", 0.01)


async def ask(upstream, folder: Path, *names):
    provider = OpenAIProvider("fake", base_url=upstream.url)
    models = [model(name) for name in names]
    with Journal(folder / "answers.journal") as journal:
        cells = missing_cells(PROMPTS, models, read_answers(folder))
        try:
            return await collect(cells, {"fake": provider}, journal, concurrency={"fake": 2})
        finally:
            await provider.aclose()


async def test_every_cell_is_asked_once_with_greedy_decoding(upstream, tmp_path):
    answers = await ask(upstream, tmp_path, "a", "b")
    assert {(x.prompt_id, x.model) for x in answers} == {(p.id, m) for p in PROMPTS for m in "ab"}
    assert all(x.state is AnswerState.COMPLETE for x in answers)
    assert all(request["temperature"] == 0 for request in upstream.requests)
    assert all(request["max_tokens"] == 5 for request in upstream.requests)
    assert read_answers(tmp_path) == answers


async def test_a_passing_failure_is_tried_again(upstream, tmp_path):
    limit = Refuse(429, headers=(("retry-after", "0"),))
    upstream.script["a"] = [limit, Refuse(500), Say("fine")]
    answers = await ask(upstream, tmp_path, "a")
    assert [x.text for x in answers] == ["fine"] * 3
    assert upstream.asked("a") == 5


async def test_a_cell_that_keeps_failing_is_recorded_and_asked_by_the_next_run(upstream, tmp_path):
    upstream.script["a"] = [Refuse(500)]
    answers = await ask(upstream, tmp_path, "a", "b")
    failed = [x for x in answers if x.state is AnswerState.FAILED]
    assert {x.model for x in failed} == {"a"}
    assert all(x.cost_usd == 0 and "HTTP 500" in x.error for x in failed)
    assert {x.model for x in read_answers(tmp_path)} == {"b"}
    upstream.script["a"] = [Say("now")]
    again = await ask(upstream, tmp_path, "a", "b")
    assert [(x.model, x.text) for x in again] == [("a", "now")] * 3


async def test_a_refusal_of_the_request_is_not_repeated(upstream, tmp_path):
    upstream.script["a"] = [Refuse(400, message="context too long")]
    answers = await ask(upstream, tmp_path, "a")
    assert upstream.asked("a") == 3
    assert all("context too long" in x.error for x in answers)


async def test_empty_and_truncated_answers_are_states_of_their_own(upstream, tmp_path):
    def answer(text, finish):
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
        return Raw(msgspec.json.encode({"choices": [choice], "usage": None}))

    upstream.script["a"] = [answer("", "stop"), answer("so", "length"), answer("all", "stop")]
    answers = await ask(upstream, tmp_path, "a")
    assert {x.state for x in answers} == {
        AnswerState.EMPTY,
        AnswerState.TRUNCATED,
        AnswerState.COMPLETE,
    }


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"choices": []}', b'{"error": "no"}', b"\xff"]
)
async def test_garbage_is_a_failure_and_never_an_answer(upstream, tmp_path, body):
    upstream.script["a"] = [Raw(body)]
    answers = await ask(upstream, tmp_path, "a")
    assert {x.state for x in answers} == {AnswerState.FAILED}
    assert read_answers(tmp_path) == []


def test_a_row_that_is_no_answer_names_its_line(tmp_path):
    with Journal(tmp_path / "answers.journal") as journal:
        journal.append({"something": "else"})
    with pytest.raises(DataError, match="line 1 is no answer"):
        read_answers(tmp_path)

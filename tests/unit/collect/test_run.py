"""Collection: states of answers, retries, and what one failed cell does to the others."""

import asyncio
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest

from routewright.collect import Ledger, Run, Terms, collect, missing_cells, pace, read_answers
from routewright.collect.retries import FREE, SHARE
from routewright.data.journal import Journal
from routewright.errors import DataError, WeightsError
from routewright.providers.openai import OpenAIProvider
from routewright.types import AnswerState, Model, Price, Prompt
from tests.fakes.upstream import Cut, Hang, Raw, Refuse, Say, Upstream

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


async def run_of(upstream, folder, **more):
    """One run over what is missing, and what it says."""
    provider = OpenAIProvider("fake", base_url=upstream.url)
    with Journal(folder / "answers.journal") as journal:
        ledger = Ledger.read(folder, PROMPTS)
        run = Run({"fake": provider}, journal, tried=ledger.open, **more)
        try:
            return await run.ask(ledger.missing([model("a")]))
        finally:
            await provider.aclose()


async def test_a_key_that_is_refused_stops_its_account_at_once(upstream, tmp_path):
    upstream.script["a"] = [Refuse(401, message="no such key")]
    tally = await run_of(upstream, tmp_path)
    assert upstream.asked("a") == 1
    assert (tally.failed, tally.unasked) == (1, 2)
    assert "no such key" in tally.stopped[0]


@pytest.mark.parametrize("given", ["0", "0.01", "a date"])
async def test_retry_after_may_be_seconds_or_a_date(upstream, tmp_path, given):
    if given == "a date":
        given = format_datetime(datetime.now(UTC), usegmt=True)
    upstream.script["a"] = [Refuse(429, headers=(("retry-after", given),))] * 5 + [Say("fine")]
    tally = await run_of(upstream, tmp_path)
    assert tally.states == {AnswerState.COMPLETE: 3}
    assert tally.sent_back == 5
    assert tally.retries == 0, "being asked to slow down is no failure"


async def test_retry_after_is_waited_for(upstream, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "MAX_WAIT_S", 60.0)
    upstream.script["a"] = [Refuse(429, headers=(("retry-after", "0.4"),)), Say("fine")]
    started = time.monotonic()
    await run_of(upstream, tmp_path)
    assert time.monotonic() - started >= 0.4


async def test_an_answer_that_never_comes_ends_at_the_deadline_and_may_be_charged(
    upstream, tmp_path
):
    upstream.script["a"] = [Hang()]
    terms = Terms(timeout_s=0.05, concurrency={"fake": 3})
    tally = await run_of(upstream, tmp_path, terms=terms)
    assert tally.failed == 3
    ledger = Ledger.read(tmp_path, PROMPTS)
    assert ledger.unsure.calls == tally.calls == 12
    bound = ledger.unsure.most_usd
    upstream.script["a"] = [Say("fine")]
    tally = await run_of(upstream, tmp_path)
    assert tally.states == {AnswerState.COMPLETE: 3}
    assert Ledger.read(tmp_path, PROMPTS).unsure.most_usd == pytest.approx(bound)


async def test_a_call_is_noted_before_it_goes_out_with_what_it_can_cost(upstream, tmp_path):
    upstream.script["a"] = [Refuse(500)]
    await run_of(upstream, tmp_path)
    (first, *_) = Journal(tmp_path / "answers.journal").rows()
    ((prompt_id, name, sample, most_usd),) = first["sent"]
    assert (prompt_id, name, sample) == ("p0", "a", 0)
    assert most_usd == pytest.approx((64 + len("prompt 0")) / 1e6)
    assert Ledger.read(tmp_path, PROMPTS).unsure.calls == 0, "an error status is not charged"


async def test_a_reason_that_is_the_callers_own_stops_the_run_and_charges_nobody(tmp_path):
    class Unready(OpenAIProvider):
        async def complete(self, model, body, **_):
            raise WeightsError("weights are missing: fetch them")

    with Journal(tmp_path / "answers.journal") as journal:
        run = Run({"fake": Unready("fake", base_url="http://127.0.0.1:9")}, journal)
        with pytest.raises(WeightsError, match="fetch them"):
            await run.ask(missing_cells(PROMPTS, [model("a")], []))
    assert Ledger.read(tmp_path, PROMPTS).unsure.calls == 0


async def test_a_stopped_run_takes_back_what_was_noted_and_not_sent(upstream, tmp_path):
    upstream.script["a"] = [Refuse(429, headers=(("retry-after", "60"),))]
    provider = OpenAIProvider("fake", base_url=upstream.url)
    with Journal(tmp_path / "answers.journal") as journal:
        run = Run({"fake": provider}, journal)
        asking = asyncio.create_task(run.ask(missing_cells(PROMPTS, [model("a")], [])))
        await asyncio.to_thread(upstream.arrived.acquire)
        run.stop("enough")
        tally = await asking
        await provider.aclose()
    assert tally.unasked == 3
    ledger = Ledger.read(tmp_path, PROMPTS)
    assert ledger.unsure.calls == 0
    assert len(ledger.missing([model("a")])) == 3


async def test_retries_are_a_share_of_the_calls(upstream, tmp_path):
    upstream.script["a"] = [Refuse(500)]
    many = [Prompt.from_text(f"q{n}", "text", max_tokens=5) for n in range(120)]
    provider = OpenAIProvider("fake", base_url=upstream.url)
    with Journal(tmp_path / "answers.journal") as journal:
        terms = Terms(concurrency={"fake": 20})
        run = Run({"fake": provider}, journal, terms=terms)
        tally = await run.ask(missing_cells(many, [model("a")], []))
        await provider.aclose()
    assert tally.failed == 120
    assert upstream.asked("a") == 120 + tally.retries
    assert tally.retries <= FREE + SHARE * 120


async def test_a_streamed_answer_says_when_its_first_words_came(upstream, tmp_path):
    upstream.script["a"] = [Say("one two three", gap_s=0.02)]
    tally = await run_of(upstream, tmp_path, terms=Terms(stream=True))
    assert tally.states == {AnswerState.COMPLETE: 3}
    for answer in read_answers(tmp_path):
        assert answer.text == "one two three"
        assert answer.first_token_s is not None
        assert 0 < answer.first_token_s < answer.latency_s
        assert answer.usage.output_tokens == 5


async def test_a_stream_that_is_cut_is_no_answer_and_may_be_charged(upstream, tmp_path):
    upstream.script["a"] = [Cut(after_events=3), Say("whole")]
    tally = await run_of(upstream, tmp_path, terms=Terms(stream=True))
    assert [x.text for x in read_answers(tmp_path)] == ["whole"] * 3
    assert tally.retries == 1
    assert Ledger.read(tmp_path, PROMPTS).unsure.calls == 1

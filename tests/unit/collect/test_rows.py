"""What a journal says when a run resumes: what is answered, spent, and may have been charged."""

import os

import pytest

from routewright.collect import Ledger, missing_cells, read_answers
from routewright.collect.commits import Commits
from routewright.collect.rows import ANSWERS_FILE, Unsure
from routewright.data import journal as module
from routewright.data.journal import Journal
from routewright.errors import DataError
from routewright.types import Answer, AnswerState, Model, Prompt, Usage

PROMPTS = [Prompt.from_text(f"p{n}", "text") for n in range(3)]
A, B = Model("a", "x"), Model("b", "x")


def answer(n, model="a", state=AnswerState.COMPLETE, cost=0.5, **more):
    return Answer(f"p{n}", model, "text", state, Usage(3, 4), cost, 1.0, **more)


def ledger_of(folder, *rows):
    with Journal(folder / ANSWERS_FILE) as journal:
        journal.append_all(list(rows))
    return Ledger.read(folder, PROMPTS)


def sent(*calls):
    return {"sent": [(f"p{n}", model, 0, most) for n, model, most in calls]}


def test_answered_cells_are_done_and_failed_ones_are_not(tmp_path):
    ledger = ledger_of(
        tmp_path, answer(0), answer(1, state=AnswerState.FAILED, cost=0.0), answer(2, "b")
    )
    assert [cell.key for cell in ledger.missing([A, B])] == [
        ("p0", "b", 0),
        ("p1", "a", 0),
        ("p1", "b", 0),
        ("p2", "a", 0),
    ]
    assert ledger.open == {("p1", "a", 0): Unsure()}, "it was tried, and nothing was charged"
    assert ledger.spent_usd == 1.0
    assert ledger.unsure == Unsure()


def test_what_was_sent_and_not_answered_may_have_been_charged(tmp_path):
    ledger = ledger_of(tmp_path, sent((0, "a", 0.25), (1, "a", 0.5)), answer(0))
    assert ledger.open == {("p1", "a", 0): Unsure(1, 0.5)}
    assert ledger.unsure == Unsure(1, 0.5)


def test_a_second_kill_adds_to_the_first_and_the_answer_closes_the_cell(tmp_path):
    ledger = ledger_of(tmp_path, sent((0, "a", 0.25)), sent((0, "a", 0.25)))
    assert ledger.unsure == Unsure(2, 0.5)
    # The run that gets the answer knows of the first call and says so in the answer itself.
    ledger = ledger_of(tmp_path, answer(0, unsure_calls=1, unsure_usd=0.25))
    assert ledger.open == {}
    assert ledger.unsure == Unsure(1, 0.25)


def test_a_failed_cell_keeps_what_it_may_have_cost_until_it_is_answered(tmp_path):
    failed = answer(0, state=AnswerState.FAILED, cost=0.0, unsure_calls=3, unsure_usd=0.75)
    ledger = ledger_of(tmp_path, sent((0, "a", 0.25)), failed)
    assert ledger.unsure == Unsure(3, 0.75)
    ledger = ledger_of(tmp_path, sent((0, "a", 0.25)), answer(0, unsure_calls=3, unsure_usd=0.75))
    assert ledger.unsure == Unsure(3, 0.75)


def test_a_journal_from_before_there_were_sent_rows_is_read(tmp_path):
    old = {
        "prompt_id": "p0",
        "model": "a",
        "text": "hello",
        "state": "complete",
        "usage": {"input_tokens": 3, "output_tokens": 4, "cpu_s": 0.5},
        "cost_usd": 0.25,
        "latency_s": 1.0,
    }
    ledger = ledger_of(tmp_path, old)
    assert ledger.spent_usd == 0.25
    assert len(ledger.missing([A])) == 2
    assert [x.text for x in read_answers(tmp_path)] == ["hello"]


def test_samples_are_cells_of_their_own_and_readers_get_them_all(tmp_path):
    ledger = ledger_of(tmp_path, answer(0), answer(0, sample=1))
    assert [cell.key for cell in ledger.missing([A], samples=2)] == [
        ("p1", "a", 0),
        ("p1", "a", 1),
        ("p2", "a", 0),
        ("p2", "a", 1),
    ]
    assert [answer.sample for answer in read_answers(tmp_path)] == [0, 1]


def test_missing_cells_of_a_list_of_answers():
    assert [cell.key for cell in missing_cells(PROMPTS, [A], [answer(1)])] == [
        ("p0", "a", 0),
        ("p2", "a", 0),
    ]


def test_answers_to_prompts_that_are_not_asked_now_count_as_spent_only(tmp_path):
    ledger = ledger_of(tmp_path, answer(7))
    assert ledger.spent_usd == 0.5
    assert len(ledger.missing([A])) == 3


@pytest.mark.parametrize("row", [{"something": 1}, {"sent": [["p", "m"]]}, {"prompt_id": 3}])
def test_a_row_of_another_kind_names_its_line(tmp_path, row):
    with pytest.raises(DataError, match="line 2"):
        ledger_of(tmp_path, answer(0), row)


async def test_rows_that_wait_share_one_flush(tmp_path, monkeypatch):
    import asyncio

    flushes = []
    monkeypatch.setattr(module, "_flush", lambda file: flushes.append(file) or os.fsync(file))
    with Journal(tmp_path / ANSWERS_FILE) as journal:
        commits = Commits(journal)
        await asyncio.gather(*(commits.answer(answer(n % 3, str(n))) for n in range(200)))
        await asyncio.gather(*(commits.sent((f"p{n}", "c", 0, 0.1)) for n in range(200)))
        await commits.aclose()
    assert len(flushes) <= 4
    rows = Journal(tmp_path / ANSWERS_FILE).rows()
    assert sum(len(row["sent"]) for row in rows if "sent" in row) == 200
    assert sum("state" in row for row in rows) == 200


async def test_a_row_is_on_disk_when_its_call_returns_and_a_failure_reaches_who_waits(
    tmp_path, monkeypatch
):
    with Journal(tmp_path / ANSWERS_FILE) as journal:
        commits = Commits(journal)
        await commits.answer(answer(0))
        assert len(read_answers(tmp_path)) == 1

        def broken(file):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(module, "_flush", broken)
        with pytest.raises(OSError, match="Input/output"):
            await commits.answer(answer(1))
        monkeypatch.undo()
        await commits.answer(answer(2))
        await commits.aclose()
    assert [x.prompt_id for x in read_answers(tmp_path)] == ["p0", "p2"]

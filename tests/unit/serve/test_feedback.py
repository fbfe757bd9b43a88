from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

import pytest

from routewright.config import Secret
from routewright.errors import RequestError, StoreAwayError
from routewright.serve.call import Call
from routewright.serve.feedback import QUEUED_S, Feedback
from routewright.serve.ids import Ids
from routewright.serve.ledger import Ledger
from routewright.serve.sinks import StateSink
from routewright.serve.wire import chat_request
from routewright.state.keeper import Keeper
from routewright.state.store import Store
from routewright.state.tables import feedback as table
from routewright.types import Decision

if TYPE_CHECKING:
    from routewright.serve.generation import Generation

REQUEST = chat_request({"model": "auto", "messages": [{"role": "user", "content": "x"}]})
IDS = Ids()


def keeper(folder) -> Keeper:
    return Keeper(Store(Secret("sqlite:///state.db"), folder), folder / "spool", IDS.new())


def call(key_id: str = "") -> Call:
    made = Decision(IDS.new(), "cheap", "why", 0.1, 1.0, ())
    return Call(REQUEST, made, cast("Generation", None), key_id=key_id)  # never asked


@pytest.fixture
async def ledger(tmp_path):
    ledger = Ledger(StateSink(keeper(tmp_path)))
    await ledger.start()
    yield ledger
    await ledger.aclose()


@pytest.fixture
def feedback(ledger) -> Feedback:
    return Feedback(ledger, ledger._sink)


def stored(folder):
    import sqlalchemy as sa

    store = Store(Secret("sqlite:///state.db"), folder)
    rows = list(store.select(sa.select(table)))
    store.close()
    return rows


async def test_a_decision_that_is_still_in_the_queue_is_found(ledger, feedback, tmp_path):
    one = call()
    ledger.decided(one)
    said = await feedback.take({"decision_id": one.decision.id, "mark": 4, "comment": "a\0b"})
    assert said["decision_id"] == one.decision.id
    await ledger.aclose()
    (row,) = stored(tmp_path)
    assert (row["mark"], row["score"], row["comment"]) == (4, 0.8, "a\\u0000b")


async def test_a_decision_whose_writing_takes_long_is_found(ledger, feedback, monkeypatch):
    """A disk that is slow, or full and not yet known to be, must not make a decision unknown."""
    write = ledger._sink.write

    def slowly(entries):
        time.sleep(5 * QUEUED_S)
        return write(entries)

    monkeypatch.setattr(ledger._sink, "write", slowly)
    one = call()
    ledger.decided(one)
    said = await feedback.take({"decision_id": one.decision.id, "mark": 4})
    assert said["decision_id"] == one.decision.id


async def test_it_is_on_disk_before_it_is_acknowledged(ledger, feedback, tmp_path):
    one = call()
    ledger.decided(one)
    said = await feedback.take({"decision_id": one.decision.id, "label": "good"})
    on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert said["id"].encode() in on_disk


async def test_another_keys_decision_does_not_exist(ledger, feedback):
    """T-03"""
    one = call("tenant-b")
    ledger.decided(one)
    body = {"decision_id": one.decision.id, "score": 0.5}
    with pytest.raises(RequestError, match="no decision") as refused:
        await feedback.take(body, key_id="tenant-a")
    with pytest.raises(RequestError, match="no decision") as unknown:
        await feedback.take({**body, "decision_id": IDS.new()}, key_id="tenant-a")
    assert refused.value.status == unknown.value.status == 404
    mine = call("tenant-a")
    ledger.decided(mine)
    pair = {"winner": mine.decision.id, "loser": one.decision.id}
    with pytest.raises(RequestError, match="no decision"):
        await feedback.take(
            {"decision_id": mine.decision.id, "preference": pair}, key_id="tenant-a"
        )
    assert await feedback.take(body, key_id="tenant-b")


async def test_a_repeated_call_is_answered_as_the_first_and_kept_once(ledger, feedback, tmp_path):
    one = call()
    ledger.decided(one)
    body = {"decision_id": one.decision.id, "score": 1.0}
    first, *others = await asyncio.gather(
        *(feedback.take(body, idempotency_key="k1") for _ in range(5))
    )
    assert all(other == first for other in others)
    assert await feedback.take({**body, "idempotency_key": "k1"}) == first
    with pytest.raises(RequestError, match="another body") as other:
        await feedback.take({**body, "score": 0.0}, idempotency_key="k1")
    assert other.value.status == 409
    await ledger.aclose()
    assert [row["score"] for row in stored(tmp_path)] == [1.0]


async def test_one_key_of_idempotency_belongs_to_one_api_key(ledger, feedback):
    answers = []
    for key_id in ("a", "b"):
        one = call(key_id)
        ledger.decided(one)
        body = {"decision_id": one.decision.id, "score": 1.0}
        answers.append(await feedback.take(body, key_id=key_id, idempotency_key="same"))
    assert answers[0]["id"] != answers[1]["id"]


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({}, "score"),
        ({"score": 0.5, "mark": 3}, "mark"),
        ({"score": 1.01}, "score"),
        ({"mark": 6}, "mark"),
        ({"label": ""}, "label"),
        ({"preference": {"winner": "a", "loser": "a"}}, "preference"),
        ({"score": 1, "comment": "x" * 9000}, "comment"),
        ({"score": 1, "idempotency_key": "x" * 300}, "idempotency_key"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(feedback, said, param):
    with pytest.raises(RequestError) as refused:
        await feedback.take({"decision_id": IDS.new(), **said})
    assert (refused.value.status, refused.value.param) == (400, param)


async def test_unknown_fields_are_refused(feedback):
    with pytest.raises(RequestError, match="unknown field"):
        await feedback.take({"decision_id": "x", "score": 1, "api_base": "http://evil"})


async def test_without_a_database_it_says_what_to_set(tmp_path):
    with pytest.raises(RequestError, match=r"set gateway.state.url"):
        await Feedback(Ledger(None), None).take({"decision_id": "x", "score": 1})


async def test_while_the_database_is_away_recent_decisions_are_known_and_others_unsure(
    ledger, feedback, monkeypatch
):
    """D-02"""
    keeper = ledger._sink.keeper
    one = call()
    ledger.decided(one)
    await asyncio.sleep(0.2)

    def away(*_: object) -> None:
        raise StoreAwayError("away")

    for name in ("write", "key_of", "feedback", "prepare"):
        monkeypatch.setattr(keeper.store, name, away)
    keeper.shipper.away = "away"
    body = {"decision_id": one.decision.id, "score": 1.0}
    first = await feedback.take(body, idempotency_key="k")
    assert await feedback.take(body, idempotency_key="k") == first
    with pytest.raises(RequestError, match="another body"):
        await feedback.take({**body, "score": 0.5}, idempotency_key="k")
    keeper._recent.clear()
    assert (await feedback.take(body))["decision_id"] == one.decision.id
    with pytest.raises(StoreAwayError):
        await feedback.take({**body, "decision_id": IDS.new()})
    monkeypatch.undo()

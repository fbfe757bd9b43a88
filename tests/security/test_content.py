"""Prompts and answers: nowhere by default; where they are kept, for their time. S-08."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import msgspec
import pytest

from routewright.config import ContentSettings, Secret, StateSettings
from routewright.errors import ConfigError, StoreAwayError
from routewright.serve.gateway import Gateway
from routewright.state.history import Filter, History
from routewright.state.store import Store
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.postgres import Postgres, running
from tests.fakes.upstream import Say, Upstream
from tests.promises.test_gateway import gateway_process, write_config

CANARY = "Zanzibar-4711"
REPLY = "Mombasa-0815"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as up:
        up.says["cheap"] = lambda request: Say(f"the answer is {REPLY}")
        yield up


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    yield from running()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return "sqlite:///routewright.db"
    server: Postgres = request.getfixturevalue("postgres")
    server.empty()
    return server.url


@contextlib.contextmanager
def gateway_over(upstream, folder: Path, url: str, **content) -> Generator[Served]:
    state = StateSettings(url=Secret(url))
    settings = scripted_settings(
        upstream.url, folder, decisions="", state=state, content=ContentSettings(**content)
    )
    with served(Gateway(settings, router=ByWord())) as up:
        yield up


def ask_all(up: Served) -> int:
    """One request in each way of asking and answering; how many."""
    turns = [{"role": "user", "content": f"what of {CANARY}?"}]
    assert up.chat(f"what of {CANARY}?").status == 200
    assert up.chat(f"what of {CANARY}?", stream=True).status == 200
    body = {"model": "auto", "messages": turns, "max_tokens": 50}
    assert up.request("POST", "/v1/messages", body).status == 200
    assert up.request("POST", "/v1/messages", {**body, "stream": True}).status == 200
    body = {"model": "auto", "input": f"what of {CANARY}?"}
    assert up.request("POST", "/v1/responses", body).status == 200
    return 5


def kept(folder: Path, url: str) -> list[dict]:
    store = Store(Secret(url), folder)
    try:
        return list(History(store).export(Filter(), content=True))
    finally:
        store.close()


def on_disk(folder: Path, *words: str) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(word.encode() in path.read_bytes() for word in words)
    ]


def test_no_word_of_prompt_or_answer_is_on_disk_by_default(upstream, tmp_path, caplog):
    """S-08: occurrences 0, while it runs and afterwards."""
    caplog.set_level(logging.DEBUG)
    with gateway_over(upstream, tmp_path, "sqlite:///routewright.db") as up:
        ask_all(up)
        time.sleep(1.0)
        assert on_disk(tmp_path, CANARY, REPLY) == []
    assert on_disk(tmp_path, CANARY, REPLY) == []
    assert CANARY not in caplog.text
    assert REPLY not in caplog.text


def test_contents_are_written_with_their_decisions_and_never_logged(
    upstream, tmp_path, url, caplog
):
    caplog.set_level(logging.DEBUG)
    with gateway_over(upstream, tmp_path, url, log=True) as up:
        count = ask_all(up)
        upstream.says["cheap"] = upstream.says["strong"] = lambda _: Say(status=500)
        upstream.says["spare"] = upstream.says["last"] = lambda _: Say(status=500)
        assert up.chat(f"failing {CANARY}").status >= 500
    rows = kept(tmp_path, url)
    assert len(rows) == count + 1
    assert all(CANARY in str(row["request"]) for row in rows)
    assert [REPLY in str(row["response"]) for row in rows] == [False] + [True] * count
    streamed = next(row for row in rows if row["streamed"] and "max_tokens" not in row["request"])
    assert streamed["response"]["choices"][0]["message"]["content"] == f"the answer is {REPLY}"
    assert CANARY not in caplog.text
    assert REPLY not in caplog.text


def test_contents_are_gone_after_their_time_from_the_logs_of_the_database_too(
    upstream, tmp_path, url
):
    """S-08: TTL deletion, also in SQLite's write-ahead log and in what the spool left."""
    with gateway_over(upstream, tmp_path, url, log=True):
        pass
    with gateway_over(upstream, tmp_path, url, log=True) as up:
        count = ask_all(up)
        store = up.gateway.sink.keeper.store
        over = time.monotonic() + 10
        while sum(row["request"] is not None for row in kept(tmp_path, url)) < count:
            assert time.monotonic() < over
            time.sleep(0.1)
        assert store.sweep_content(days=30, most_bytes=10**9) == 0
        assert store.sweep_content(days=30, most_bytes=10**9, now=time.time() + 31 * 86400) == count
    assert all(row["request"] is None for row in kept(tmp_path, url))
    assert len(kept(tmp_path, url)) == count
    assert on_disk(tmp_path, CANARY, REPLY) == []


def test_the_oldest_contents_go_where_they_are_too_many_together(upstream, tmp_path):
    """S-08: the size of all."""
    url = "sqlite:///routewright.db"
    with gateway_over(upstream, tmp_path, url, log=True, row_kb=2.0) as up:
        for n in range(6):
            assert up.chat(f"{n} {'word ' * 150}").status == 200
        store = up.gateway.sink.keeper.store
        over = time.monotonic() + 10
        while sum(row["request"] is not None for row in kept(tmp_path, url)) < 6:
            assert time.monotonic() < over
            time.sleep(0.1)
        assert store.sweep_content(days=30, most_bytes=3500) > 0
    left = [row["request"] is not None for row in kept(tmp_path, url)]
    assert 0 < sum(left) < 6
    assert left == sorted(left, reverse=True)  # the latest are those that stay


def test_contents_that_find_no_room_on_the_spool_are_counted_and_decisions_are_kept(
    upstream, tmp_path, monkeypatch
):
    """S-08, D-02: an outage of the database does not fill the disk with prompts."""
    url = "sqlite:///routewright.db"
    room = gateway_over(upstream, tmp_path, url, log=True, max_mb=1e-6)
    with room as up, monkeypatch.context() as patched:  # undone before the gateway ends

        def away(*_: object) -> None:
            raise StoreAwayError("scripted")

        patched.setattr(Store, "write", away)
        assert ask_all(up) == 5
        over = time.monotonic() + 10
        while up.gateway.ledger.queued or not up.gateway.sink.keeper.spool_bytes:
            assert time.monotonic() < over
            time.sleep(0.05)
        time.sleep(0.2)
        before = up.gateway.ledger.dropped["content"]
        assert ask_all(up) == 5
        while up.gateway.ledger.dropped["content"] < before + 5:
            assert time.monotonic() < over
            time.sleep(0.05)
        assert set(up.gateway.ledger.dropped) == {"content"}
    rows = kept(tmp_path, url)
    assert len(rows) == 10
    assert all(row["request"] is None for row in rows[:5])


def test_a_journal_keeps_no_contents_and_says_so(upstream, tmp_path):
    settings = scripted_settings(upstream.url, tmp_path, content=ContentSettings(log=True))
    with pytest.raises(ConfigError, match=r"set gateway\.state\.url"):
        Gateway(settings, router=ByWord())


def test_the_operator_is_warned_at_the_start_that_contents_are_kept(upstream, tmp_path):
    """S-08: and for how long."""
    write_config(
        tmp_path, upstream.url, 'default_model = "cheap"\ncontent = {log = true, days = 7}'
    )
    with gateway_process(cwd=tmp_path) as (process, _, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert "prompts and answers are kept for 7 days" in process.stderr.read()


@pytest.mark.parametrize("field", ["days", "max_mb", "row_kb"])
def test_bounds_of_contents_are_numbers_above_zero(field):
    assert ContentSettings().trouble() == ""
    wrong = msgspec.structs.replace(ContentSettings(), **{field: 0.0})
    assert wrong.trouble() == f"{field} must be a number above 0"

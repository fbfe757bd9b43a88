"""Upstreams that break, stall and lie, and clients that leave: before a real gateway.

The upstream is a process of its own that does what a tag in the prompt says (tests/fakes/chaos.py).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from routewright.config import Timeouts
from routewright.data.journal import Journal
from routewright.serve.gateway import Gateway
from tests.fakes.chaos import GARBAGE, Chaos
from tests.fakes.gateway import Served, scripted_settings, served

NEVER = 10**9  # failures in a row before a breaker opens, where a test fails on purpose for long


@pytest.fixture(scope="module")
def chaos() -> Iterator[Chaos]:
    with Chaos() as running:
        yield running


@pytest.fixture(autouse=True)
def _breakers_stay_closed(monkeypatch) -> None:
    monkeypatch.setattr("routewright.serve.health.FAILURES", NEVER)


@contextmanager
def gateway(chaos: Chaos, folder: Path, **timeouts: float) -> Generator[Served]:
    given: dict[str, Any] = {"default_model": "cheap", "timeouts": Timeouts(**timeouts)}
    with served(Gateway(scripted_settings(chaos.url, folder, **given))) as running:
        yield running


def events(body: bytes) -> list[bytes]:
    return [e for e in body.split(b"\n\n") if e and not e.startswith(b":")]


def false_success(status: int, body: bytes) -> bool:
    """Whether an answer that was cut looks whole."""
    if status != 200:
        return False
    if b"[DONE]" in body:
        return True
    last = events(body)[-1] if events(body) else b"data: {}"
    code = json.loads(last.removeprefix(b"data: ")).get("error", {}).get("code")
    return code not in ("upstream_stream_truncated", "upstream_timeout")


# Places to cut a stream of words: role, in the words, before the reason, before usage, before the
# end; and one of a tool call: in its arguments, before the reason.
CUTS = [("", at) for at in (0, 1, 2, 4, 5, 6)] + [(" of=tools", at) for at in (2, 4, 6, 8)]
HOWS = ("fin", "rst", "half", "chunk", "proper")


@pytest.mark.parametrize("how", HOWS)
def test_a_stream_that_is_cut_is_never_a_success(chaos, tmp_path, how):
    """F-07, F-08: an error event in the stream, nothing that looks like an end, no second call."""
    before = len(chaos.calls())
    with gateway(chaos, tmp_path) as running:
        for of, at in CUTS:
            reply = running.chat(f"[[cut at={at} how={how}{of}]]", model="cheap", stream=True)
            assert not false_success(reply.status, reply.body), (of, at)
            if at >= 2 and how != "rst":  # a reset may overtake what was sent before it
                assert reply.status == 200
                reasons = re.findall(rb'"finish_reason": ?"(\w+)"', reply.body)
                whole = at >= (5 if not of else 7)
                assert len(reasons) == whole  # none but the upstream's own
    assert len(chaos.calls()) - before == len(CUTS)
    rows = Journal(tmp_path / "decisions.jsonl").rows()
    assert {row["state"] for row in rows} <= {"partial", "failed"}
    partial = [row for row in rows if row["state"] == "partial"]
    assert all(row["attempts"][-1]["outcome"] == "upstream_stream_truncated" for row in partial)


@pytest.mark.nightly
def test_ten_thousand_cut_streams_and_not_one_looks_whole(chaos, tmp_path, figures):
    """F-07."""
    draw = random.Random(7)
    kinds = list(itertools.product(CUTS, HOWS))
    asked = [draw.choice(kinds) for _ in range(10_000)]

    told_in_band = 0

    async def ask(session: aiohttp.ClientSession, url: str, kind: Any) -> bool:
        nonlocal told_in_band
        (of, at), how = kind
        text = f"[[cut at={at} how={how}{of}]]"
        body = {"model": "cheap", "stream": True, "messages": [{"role": "user", "content": text}]}
        async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
            told_in_band += reply.status == 200
            return false_success(reply.status, await reply.read())

    with gateway(chaos, tmp_path) as running:
        wrong = asyncio.run(_at_once(running.url, ask, asked, 16))
    figures("F-07", streams=len(asked), told_in_band=told_in_band, false_success=sum(wrong))
    assert sum(wrong) == 0


async def _at_once(url: str, ask: Any, asked: list[Any], lanes: int) -> list[Any]:
    results: list[Any] = []
    todo = iter(asked)

    async def lane(session: aiohttp.ClientSession) -> None:
        for kind in todo:
            results.append(await ask(session, url, kind))

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        await asyncio.gather(*(lane(session) for _ in range(lanes)))
    return results


def test_before_the_first_byte_a_cut_is_a_second_call(chaos, tmp_path):
    """F-01, F-08: nothing had reached the client."""
    with gateway(chaos, tmp_path) as running:
        reply = running.chat("[[cut at=0 how=fin]]", stream=True)
        assert reply.status == 502  # every candidate does what the prompt says
        assert reply.headers["x-routewright-attempts"].count("=") == 3


def test_an_idle_connection_that_closes_under_a_request_is_not_an_error(chaos, tmp_path):
    """F-13, shortened: the request had reached nobody, so it is sent again."""
    errors, others = asyncio.run(_on_closing_connections(chaos, tmp_path, 300))
    assert errors == 0
    assert others <= 2


@pytest.mark.nightly
def test_fifty_thousand_requests_on_connections_about_to_close(chaos, tmp_path, figures):
    """F-13: one that had reached the upstream's host unread is taken over by the next model."""
    errors, others = asyncio.run(_on_closing_connections(chaos, tmp_path, 50_000))
    figures("F-13", requests=50_000, client_errors=errors, taken_over=others)
    assert errors == 0
    assert others <= 50


async def _on_closing_connections(chaos: Chaos, folder: Path, count: int) -> tuple[int, int]:
    """Requests whose upstream closes each connection at about the time of the next: how many
    failed, and how many another model had to answer.
    """
    draw = random.Random(13)
    gaps = [draw.choice((0, 0.0005, 0.001, 0.002, 0.004)) for _ in range(count)]

    async def ask(session: aiohttp.ClientSession, url: str, gap: float) -> tuple[bool, bool]:
        turns = [{"role": "user", "content": f"[[bye gap={gap}]]"}]
        body = {"model": "auto", "messages": turns}
        async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
            await reply.read()
            return reply.status != 200, "," in reply.headers["x-routewright-attempts"]

    with gateway(chaos, folder) as running:
        told = await _at_once(running.url, ask, gaps, 4)
    return sum(failed for failed, _ in told), sum(other for _, other in told)


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_understood_or_a_bad_gateway(chaos, tmp_path, kind):
    """F-10: never a 500 of our own, and never taken for an answer."""
    content_type, _, understood = GARBAGE[kind]
    stream = content_type == b"text/event-stream"
    with gateway(chaos, tmp_path) as running:
        reply = running.chat(f"[[raw kind={kind}]]", model="cheap", stream=stream)
    if understood:
        assert reply.status == 200
        assert not stream or reply.body.rstrip().endswith(b"data: [DONE]")
    elif reply.status == 200:
        assert stream
        assert not false_success(reply.status, reply.body)
    else:
        assert (reply.status, reply.json["error"]["code"]) == (502, "bad_upstream")


@pytest.mark.parametrize("tag", ["say n=3", "tools"])
def test_what_the_upstream_streams_arrives_as_it_was_sent(chaos, tmp_path, tag):
    with gateway(chaos, tmp_path) as running:
        reply = running.chat(f"[[{tag}]]", stream=True)
        asking = running.chat(f"[[{tag}]]", stream=True, stream_options={"include_usage": True})
    plain, told = events(reply.body), events(asking.body)
    assert [e for e in told if b'"usage"' not in e] == plain
    assert len(told) == len(plain) + 1


def test_an_upstream_that_never_sends_headers_is_given_up_in_time(chaos, tmp_path):
    """F-05: then the next is asked; here each of them hangs."""
    with gateway(chaos, tmp_path, first_byte_s=0.3) as running:
        began = time.monotonic()
        reply = running.chat("[[hang at=-1 who=headers]]", stream=True)
        took_s = time.monotonic() - began
    assert reply.status == 504
    assert reply.headers["x-routewright-attempts"].count("upstream_timeout") == 3
    assert 0.85 <= took_s <= 0.9 + 1.0  # a loaded machine is late, never early
    left = [c for c in chaos.calls() if c["who"] == "headers"]
    assert [c["ended"] for c in left] == ["left"] * 3  # their sockets were closed


def test_a_stream_that_falls_silent_ends_with_an_error_in_time(chaos, tmp_path):
    """F-06."""
    with gateway(chaos, tmp_path, idle_s=0.4) as running:
        began = time.monotonic()
        reply = running.chat("[[hang at=2 who=silent]]", stream=True)
        took_s = time.monotonic() - began
        assert reply.status == 200
        assert not false_success(reply.status, reply.body)
        assert 0.35 <= took_s <= 0.4 + 1.0
        assert running.gateway.generation.running == 0
    (call,) = [c for c in chaos.calls() if c["who"] == "silent"]
    assert call["ended"] == "left"


def test_a_dripping_stream_is_bounded_by_the_whole(chaos, tmp_path):
    """F-06: each byte comes before the silence is too long, and yet it ends."""
    with gateway(chaos, tmp_path, idle_s=0.5, total_s=1.5) as running:
        began = time.monotonic()
        reply = running.chat("[[drip n=50 gap=0.002]]", stream=True)
        took_s = time.monotonic() - began
    assert reply.status == 200
    assert took_s <= 1.5 + 1.0
    assert not false_success(reply.status, reply.body)


def test_the_deadline_holds_across_fallbacks(chaos, tmp_path):
    """F-04: a whole answer may take the whole time, but no candidate gets it a second time."""
    with gateway(chaos, tmp_path, total_s=0.7) as running:
        began = time.monotonic()
        reply = running.chat("[[hang at=-1]]")
        took_s = time.monotonic() - began
    assert (reply.status, reply.json["error"]["code"]) == (504, "upstream_timeout")
    assert 0.65 <= took_s <= 0.7 + 1.0


@pytest.mark.parametrize("refuses", [True, False], ids=["refused", "black hole"])
def test_an_upstream_that_cannot_be_reached_is_passed_by(chaos, tmp_path, refuses):
    """F-04: connect refused, and a host that answers no SYN (its queue is full)."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        full: list[socket.socket] = []
        if not refuses:
            deaf.listen(0)
            for _ in range(4):
                filling = socket.socket()
                filling.setblocking(False)
                filling.connect_ex(deaf.getsockname())
                full.append(filling)
        settings = scripted_settings(
            chaos.url, tmp_path, default_model="cheap", timeouts=Timeouts(connect_s=0.5)
        )
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        settings.providers["acme"] = type(settings.providers["acme"])(kind="openai", base_url=url)
        with served(Gateway(settings)) as running:
            began = time.monotonic()
            reply = running.chat("hello")
            took_s = time.monotonic() - began
        for filling in full:
            filling.close()
    assert (reply.status, reply.headers["x-routewright-model"]) == (200, "strong")
    assert took_s <= 0.5 + 1.5


def test_an_unreachable_endpoint_is_not_asked_for_its_other_models(chaos, tmp_path):
    """F-04: three of the four models are there; the one elsewhere answers with the second call."""
    settings = scripted_settings(chaos.url, tmp_path, default_model="cheap")
    kind = type(settings.providers["acme"])
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/v1"
    settings.providers["acme"] = kind(kind="openai", base_url=url)
    order = ("cheap", "spare", "last", "strong")
    models = {name: settings.models[name] for name in order}
    settings.models.clear()
    settings.models.update(models)
    with served(Gateway(settings)) as running:
        reply = running.chat("hello")
        assert (reply.status, reply.headers["x-routewright-model"]) == (200, "strong")
        assert reply.headers["x-routewright-attempts"].startswith("cheap=")
        assert reply.headers["x-routewright-attempts"].count("=") == 2


def test_a_name_that_does_not_resolve_is_passed_by(chaos, tmp_path):
    """F-04."""
    settings = scripted_settings(chaos.url, tmp_path, default_model="cheap")
    kind = type(settings.providers["acme"])
    settings.providers["acme"] = kind(kind="openai", base_url="http://nowhere.invalid/v1")
    with served(Gateway(settings)) as running:
        assert running.chat("hello").headers["x-routewright-model"] == "strong"


MEASURELESS = ("endless", "refusing", "bomb", "headers")


@pytest.mark.parametrize("tag", MEASURELESS)
def test_an_upstream_without_measure_is_an_error_and_not_memory(chaos, tmp_path, tag):
    """F-11: an endless body, an endless refusal, a gzip bomb, ten thousand headers."""
    assert _peak_mb(chaos, tmp_path, tag, stream=False) <= 20


@pytest.mark.nightly
@pytest.mark.parametrize("tag", MEASURELESS)
def test_a_hundred_more_of_them_cost_no_more_than_a_hundred(chaos, tmp_path, tag, figures):
    """F-11: streamed; what they leave behind is used again by the next.

    Where the allocator finds room varies by tens of megabytes; what is lost grows every time.
    """
    peak_mb = 1e9
    for turn in range(3):
        if peak_mb > 20:
            (tmp_path / str(turn)).mkdir()
            peak_mb = min(
                peak_mb, _peak_mb(chaos, tmp_path / str(turn), tag, stream=True, times=100)
            )
    figures("F-11", **{f"{tag}_second_hundred_grew_mb": round(peak_mb, 1)})
    assert peak_mb <= 20


def _peak_mb(chaos: Chaos, folder: Path, tag: str, *, stream: bool, times: int = 1) -> float:
    """What the process, gateway and test in one, grows by at the most."""
    with gateway(chaos, folder, total_s=20) as running:
        for _ in range(times - 1):
            running.chat(f"[[{tag}]]", model="cheap", stream=stream)
        running.chat("hello", stream=stream)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before_kb = _resident_kb("VmHWM")
        for _ in range(times):
            reply = running.chat(f"[[{tag}]]", model="cheap", stream=stream)
            assert reply.status in ((200, 502) if tag == "headers" else (502, 504))
        assert running.chat("hello").status == 200
        return (_resident_kb("VmHWM") - before_kb) / 1024


def _resident_kb(which: str) -> int:
    told = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{which}:\s+(\d+)", told)[0])


def _leave(port: int, body: dict[str, Any], after: bytes | None) -> float:
    """Ask, read until ``after`` has come (None: wait a little), and go; returns when that was."""
    raw = json.dumps(body).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head % len(raw) + raw)
        got = b""
        while after is not None and after not in got:
            piece = connection.recv(65536)
            assert piece
            got += piece
        if after is None:
            time.sleep(0.1)
    return time.monotonic()


PHASES = {
    "whole": ("[[hang at=-1 who={}]]", False, None),
    "headers": ("[[hang at=-1 who={}]]", True, None),
    "first event": ("[[hang at=0 who={}]]", True, None),
    "mid-stream": ("[[hang at=2 who={}]]", True, b"word0"),
    "between events": ("[[say n=1000 gap=0.02 who={}]]", True, b"word1"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_client_that_leaves_ends_the_upstream_call_within_a_second(chaos, tmp_path, phase):
    """F-09: in every phase; the row says what is known, and the slot is free."""
    text, stream, after = PHASES[phase]
    who = f"leaves-{phase.replace(' ', '-')}"
    turns = [{"role": "user", "content": text.format(who)}]
    with gateway(chaos, tmp_path) as running:
        left_at = _leave(
            running.port, {"model": "auto", "stream": stream, "messages": turns}, after
        )
        over = time.monotonic() + 10
        while not (seen := [c for c in chaos.calls() if c["who"] == who]):
            assert time.monotonic() < over
            time.sleep(0.01)
        assert seen[0]["ended"] == "left"
        assert seen[0]["at"] - left_at <= 1.0
        while running.gateway.generation.running:
            assert time.monotonic() < over
            time.sleep(0.01)
    (row,) = Journal(tmp_path / "decisions.jsonl").rows()
    assert row["state"] == ("failed" if after is None else "partial")


def test_a_client_that_does_not_read_holds_its_stream_for_as_long_as_an_answer_may_take(
    chaos, tmp_path, monkeypatch
):
    monkeypatch.setattr("routewright.serve.app.READ_S", 0.0)
    turns = [{"role": "user", "content": "[[say n=4000 size=8192 who=unread]]"}]
    raw = json.dumps({"model": "auto", "stream": True, "messages": turns}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    with (
        gateway(chaos, tmp_path, total_s=1.5) as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection,
    ):
        connection.sendall(head % len(raw) + raw)
        over = time.monotonic() + 10
        while not [c for c in chaos.calls() if c["who"] == "unread"]:
            assert time.monotonic() < over, "the stream is held"
            time.sleep(0.05)
        while running.gateway.generation.running:
            assert time.monotonic() < over
            time.sleep(0.01)


@pytest.mark.nightly
def test_ten_thousand_clients_leave_and_nothing_stays_behind(chaos, tmp_path, figures):
    """F-09."""
    draw = random.Random(9)
    asked = [draw.choice(list(PHASES.values())) for _ in range(10_000)]
    tasks: Counter[str] = Counter()

    async def ask(session: aiohttp.ClientSession, url: str, phase: Any) -> None:
        text, stream, after = phase
        turns = [{"role": "user", "content": text.format("many")}]
        raw = json.dumps({"model": "auto", "stream": stream, "messages": turns}).encode()
        port = int(url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(raw) + raw)
        if after is None:
            await asyncio.sleep(draw.random() * 0.05)
        else:
            await reader.readuntil(after)
        writer.close()

    with gateway(chaos, tmp_path) as running:

        def alive() -> int:
            told = asyncio.run_coroutine_threadsafe(_count_tasks(), running.loop)
            return told.result(10)

        before = alive()
        began = len(chaos.calls())
        asyncio.run(_at_once(running.url, ask, asked, 16))
        over = time.monotonic() + 2
        while (alive() > before or chaos.open_calls) and time.monotonic() < over:
            time.sleep(0.05)
        now = alive()
        tasks["leaked"] = max(now - before, 0)
        running_on = running.gateway.generation.running
        calls, stayed = chaos.calls()[began:], chaos.open_calls
    stayed += sum(call["ended"] != "left" for call in calls)
    figures("F-09", clients=len(asked), upstream_calls=len(calls), tasks_leaked=now - before,
            slots_held=running_on, upstream_calls_not_closed=stayed)  # fmt: skip
    assert (tasks["leaked"], running_on, stayed) == (0, 0, 0)


async def _count_tasks() -> int:
    return len(asyncio.all_tasks())

"""F-04, F-05, F-06: every time that is set is kept to, within a hundred milliseconds.

What is measured is how much later than a plain timer a request ends: one of the same length, set in
the gateway's own event loop as the request begins. A machine that is busy is late with both.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routewright.config import Timeouts
from routewright.serve.gateway import Gateway
from tests.fakes.chaos import Chaos
from tests.fakes.gateway import Served, scripted_settings, served

SET_S = 0.4
SLACK_S = 0.1
# What is set, what the upstream does, and how the request is asked.
CASES: dict[str, tuple[str, str, bool]] = {
    "connect": ("connect_s", "hello", False),
    "headers": ("first_byte_s", "[[hang at=-1]]", True),
    "first event": ("first_byte_s", "[[hang at=0]]", True),
    "idle": ("idle_s", "[[hang at=2]]", True),
    "total, nothing": ("total_s", "[[hang at=-1]]", False),
    "total, a drip": ("total_s", "[[drip n=50 gap=0.01]]", True),
}


@pytest.fixture(scope="module")
def chaos() -> Iterator[Chaos]:
    with Chaos() as running:
        yield running


@pytest.fixture
def deaf() -> Iterator[str]:
    """A host that answers no SYN: its queue is full."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        full: list[socket.socket] = []
        for _ in range(4):
            full.append(socket.socket())
            full[-1].setblocking(False)
            full[-1].connect_ex(hole.getsockname())
        yield f"http://127.0.0.1:{hole.getsockname()[1]}/v1"
        for filling in full:
            filling.close()


@pytest.fixture(autouse=True)
def _breakers_stay_closed(monkeypatch) -> None:
    monkeypatch.setattr("routewright.serve.health.FAILURES", 10**9)


def late_s(running: Served, text: str, stream: bool) -> float:
    """How much later than the timer the request ended."""
    timer = asyncio.run_coroutine_threadsafe(_after(SET_S), running.loop)
    reply = running.chat(text, model="cheap", stream=stream)
    ended = time.monotonic()
    code = "upstream_timeout"
    assert reply.status == 504 or code.encode() in reply.body, (reply.status, reply.body)
    return ended - timer.result(10)


async def _after(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return time.monotonic()


def measured(chaos: Chaos, deaf: str, folder: Path, phase: str, times: int) -> list[float]:
    setting, text, stream = CASES[phase]
    given: dict[str, Any] = {"timeouts": Timeouts(**{setting: SET_S}), "default_model": "cheap"}
    url = deaf if setting == "connect_s" else chaos.url
    with served(Gateway(scripted_settings(url, folder, **given))) as running:
        return [late_s(running, text, stream) for _ in range(times)]


@pytest.mark.parametrize("phase", CASES)
def test_a_phase_ends_when_it_was_set_to(chaos, deaf, tmp_path, phase):
    """F-04, F-05, F-06: never early, and of three times one that nothing else delayed."""
    late = measured(chaos, deaf, tmp_path, phase, 3)
    assert min(late) >= -0.02, late
    assert min(late) <= SLACK_S, late


@pytest.mark.nightly
@pytest.mark.parametrize("phase", CASES)
def test_every_time_a_phase_ends_when_it_was_set_to(chaos, deaf, tmp_path, phase, figures):
    """F-04, F-05, F-06: thirty times each; on a machine with nothing else to do."""
    late = measured(chaos, deaf, tmp_path, phase, 30)
    which = {"connect": "F-04", "headers": "F-05", "first event": "F-05", "idle": "F-06"}
    name = phase.replace(", ", "_").replace(" ", "_")
    figures(which.get(phase, "F-04"), **{f"{name}_most_late_ms": round(max(late) * 1000, 1)})
    assert min(late) >= -0.02
    assert max(late) <= SLACK_S

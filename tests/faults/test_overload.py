"""L-04: three times as much as the gateway takes on: some are refused at once, the rest go well."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from routewright.serve.gateway import Gateway
from tests.fakes.chaos import Chaos
from tests.fakes.gateway import scripted_settings, served

SLOTS = 8
ANSWER_S = 0.2
TAKES_PER_S = SLOTS / ANSWER_S  # so little that no processor is what limits it
BODY = {
    "model": "cheap",
    "messages": [{"role": "user", "content": f"[[say gap={ANSWER_S}]]"}],
}


async def offer(url: str, per_s: float, seconds: float) -> list[tuple[int, float, str]]:
    """Send at a rate whatever comes back: status, seconds and ``retry-after`` of each."""
    answers: list[tuple[int, float, str]] = []

    async def one(session: aiohttp.ClientSession) -> None:
        began = time.monotonic()
        async with session.post(f"{url}/v1/chat/completions", json=BODY) as reply:
            await reply.read()
            took_s = time.monotonic() - began
            answers.append((reply.status, took_s, reply.headers.get("retry-after", "")))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        began = time.monotonic()
        for n in range(round(per_s * seconds)):
            await asyncio.sleep(max(began + n / per_s - time.monotonic(), 0))
            group.create_task(one(session))
    return answers


def overloaded(folder: Path, seconds: float) -> dict[str, Any]:
    with Chaos() as chaos:
        settings = scripted_settings(chaos.url, folder, max_in_flight=SLOTS, default_model="cheap")
        with served(Gateway(settings)) as running:
            calm = asyncio.run(offer(running.url, TAKES_PER_S / 2, min(seconds, 5)))
            flood = asyncio.run(offer(running.url, 3 * TAKES_PER_S, seconds))
            after = asyncio.run(offer(running.url, TAKES_PER_S / 2, 1))
    assert {status for status, _, _ in calm} == {200}
    took = [took_s for status, took_s, _ in flood if status == 200]
    refused = [retry for status, _, retry in flood if status != 200]
    return {
        "offered": len(flood),
        "statuses": Counter(status for status, _, _ in flood),
        "goodput_of_capacity": round(len(took) / (TAKES_PER_S * seconds), 3),
        "accepted_p99_s": round(statistics.quantiles(took, n=100)[98], 3),
        "refused_without_retry_after": refused.count(""),
        "errors_in_the_second_after": sum(status != 200 for status, _, _ in after),
    }


def check(told: dict[str, Any]) -> None:
    assert set(told["statuses"]) == {200, 503}
    assert told["goodput_of_capacity"] >= 0.85
    assert told["refused_without_retry_after"] == 0
    assert told["errors_in_the_second_after"] == 0


def test_three_times_too_much_is_shed_and_the_rest_is_answered(tmp_path):
    """L-04, shortened: refused with Retry-After, goodput kept, well again at once."""
    told = overloaded(tmp_path, 3)
    check(told)


@pytest.mark.nightly
def test_a_minute_of_three_times_too_much(tmp_path, figures):
    """L-04: and what is accepted takes at most twice as long as when it is calm."""
    told = overloaded(tmp_path, 60)
    figures("L-04", **{**told, "statuses": dict(told["statuses"])})
    check(told)
    assert told["accepted_p99_s"] <= 2 * 2 * ANSWER_S  # a turn of waiting and one of its own, twice

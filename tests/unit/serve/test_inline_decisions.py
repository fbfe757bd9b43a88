"""L-08: what decides on the event loop, and what gets a thread and a deadline."""

from __future__ import annotations

import threading
import time

from routewright.serve.gateway import Gateway
from routewright.serve.generation import PROBES, TIMED_TOKENS
from tests.fakes.gateway import ByWord, scripted_settings, served


class Noting(ByWord):
    """Notes the thread that it predicts in; one prompt is beyond it."""

    def __init__(self):
        super().__init__()
        self.threads = []

    def predict(self, prompts):
        self.threads.append(threading.get_ident())
        if "forever" in prompts[0].text:
            time.sleep(0.5)
        return super().predict(prompts)


def test_only_prompts_as_long_as_the_one_that_was_timed_are_decided_on_the_event_loop(
    upstream, tmp_path, monkeypatch
):
    """L-08: a longer one that takes too long costs nobody else anything."""
    monkeypatch.setattr("routewright.serve.deciding.DECIDE_TIMEOUT_S", 0.05)
    assert len(PROBES[-1]) == 4 * TIMED_TOKENS[0]
    router = Noting()
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=router)
    with served(gateway) as running:
        assert not running.gateway.generation.inline_tokens  # no router of the package: never
        running.gateway.generation.inline_tokens = TIMED_TOKENS[0]
        loop = running.loop._thread_id
        router.threads.clear()
        assert running.chat("x" * (4 * TIMED_TOKENS[0] - 100)).status == 200
        assert router.threads == [loop]
        reply = running.chat("x" * (4 * TIMED_TOKENS[0] + 100) + "forever")
        assert router.threads[1] != loop
        assert (reply.status, reply.json["model"]) == (200, "cheap")
        assert "the router took over" in reply.headers["x-routewright-degraded"]

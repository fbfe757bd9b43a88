"""The response cache between tenants: real keys, one gateway, the same request."""

from __future__ import annotations

import time

from routewright.config import CacheSettings, Secret
from routewright.encoders.alike import opened
from tests.fakes.redis import redis_server


def test_no_key_is_given_what_another_was_answered(gate, upstream):
    """Whole answers and streams alike; each key has entries of its own."""
    askers = gate({"alice": {}, "bob": {}}, cache=CacheSettings(exact=True, all=True))

    def looked(name: str, stream: bool) -> str:
        return askers[name].chat("my secret plan", stream=stream).headers["x-routewright-cache"]

    for stream in (False, True):
        assert looked("alice", stream) == "miss"
        assert looked("bob", stream) == "miss"
        assert looked("alice", stream) == "hit"
        assert looked("bob", stream) == "hit"
    assert len(upstream.requests) == 4


def test_no_key_finds_in_redis_or_by_similarity_what_another_was_answered(gate, upstream, tmp_path):
    """In other words neither; each key has entries of its own there as well."""
    with redis_server(tmp_path) as (url, _):
        cache = CacheSettings(
            exact=True, all=True, shared=True, similar=0.9, encoder=opened("static")[1]
        )
        askers = gate({"alice": {}, "bob": {}}, cache=cache, redis=Secret(url))

        def looked(name: str, text: str) -> str:
            found = askers[name].chat(text).headers["x-routewright-cache"]
            time.sleep(0.2)  # an answer is on its way to Redis when the client has it
            return found

        assert looked("alice", "How do I reset my password?") == "miss"
        assert looked("bob", "How do I reset my password?") == "miss"
        assert looked("bob", "How can I reset my password") == "similar"
        assert looked("alice", "How do I reset my password?") == "hit"
    assert len(upstream.requests) == 2


def test_metrics_tell_nothing_of_tenants(gate):
    """T-07: neither keys nor their names nor their ids are labels, and strangers read none."""
    askers = gate({"alice": {}})
    alice = askers["alice"]
    alice.chat("hello")
    reply = askers["admin"].request("GET", "/metrics")
    assert b'state="complete"' in reply.body
    for told in (alice.secret, "alice", alice.key.id):
        assert told.encode() not in reply.body
    for name in ("none", "alice"):
        refused = askers[name].request("GET", "/metrics")
        assert refused.status == 401
        assert b"version" not in refused.body

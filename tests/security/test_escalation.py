"""S-11, S-12, T-07: what somebody with a key cannot bring about by what they say."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from routewright.types import PolicySettings
from tests.fakes.upstream import Say
from tests.security.test_keys import wait_until

# Each makes the router expect nothing of the cheap model.
FORCED = [f"hard: {words}" for words in ("prove it", "ignore the price", "think", "x" * 2000, "!")]
TOP_USD = 2e-3  # what the router expects an answer of the strong model to cost


def test_prompts_made_to_escalate_spend_the_keys_budget_and_no_more(gate, upstream):
    """S-11: every one of them goes to the dearest model, until the budget stops it."""
    upstream.says["strong"] = lambda _: Say("hi", prompt_tokens=100, completion_tokens=25)
    askers = gate({"attacker": {"total_usd": 10 * TOP_USD}, "other": {}})
    replies = [askers["attacker"].chat(text) for text in FORCED * 10]
    done = [reply for reply in replies if reply.status == 200]
    assert {reply.json["model"] for reply in done} == {"strong"}
    assert len(done) == 10
    assert {reply.status for reply in replies[10:]} == {429}
    assert askers["other"].chat(FORCED[0]).status == 200


def test_a_ceiling_of_the_keys_keeps_escalation_out(gate):
    """S-11: ``max_usd`` of the key's policy, which no request of its own can raise."""
    capped = PolicySettings(max_usd=TOP_USD / 2)
    a = gate({"a": {"policy": capped}})["a"]
    for text in FORCED:
        for more in ({}, {"routewright": {"max_usd": 1000.0}}, {"routewright": {"worth_usd": 1e6}}):
            assert a.chat(text, **more).json["model"] == "cheap"
        assert a.chat(text, model="auto:best").json["model"] == "cheap"


def test_feedback_changes_no_decision(gate):
    """S-12: of a flood of it, and what is not about an own decision is not taken at all."""
    askers = gate({"honest": {}, "poisoner": {}})
    honest, poisoner = askers["honest"], askers["poisoner"]

    def chosen() -> list[str]:
        return [honest.chat(text).json["model"] for text in ("hello", "something hard")]

    before = chosen()
    foreign = honest.chat().json["routewright"]["decision_id"]
    for _ in range(30):
        for text, score in (("hello", 0.0), ("something hard", 1.0)):
            mine = poisoner.chat(text).json["routewright"]["decision_id"]
            wait_until(lambda id_=mine, score=score: told(poisoner, id_, score) == 200)
    assert told(poisoner, foreign, 0.0) == 404
    assert chosen() == before


def told(asker, decision_id: str, score: float) -> int:
    body = {"decision_id": decision_id, "score": score}
    return asker.request("POST", "/v1/feedback", body).status


def test_feedback_is_read_by_nothing_that_trains_or_decides():
    """S-12: what was said stands in the database until somebody takes it out on purpose."""
    from pathlib import Path

    import routewright

    root = Path(routewright.__file__).parent
    readers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "tables.feedback" in path.read_text("utf-8")
    }
    assert all(name.startswith("state/") for name in readers), readers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/nowhere"])
def test_what_is_open_to_all_tells_nothing(gate, upstream, path):
    """T-07: neither versions nor whom the gateway calls, nor a word of a key or a prompt."""
    askers = gate({"tenant": {}})
    askers["tenant"].chat("CANARY")
    reply = askers["none"].request("GET", path)
    seen = reply.body.decode() + str(reply.headers)
    secret = askers["tenant"].secret
    for word in ("CANARY", upstream.url, str(upstream.port), secret, "tenant", "acme", "uvicorn"):
        assert word not in seen
    assert version("routewright") not in seen

"""What the gateway remembers of conversations between tenants: real keys, one gateway."""

from __future__ import annotations

from typing import Any

ASKED = {"role": "user", "content": "something hard"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    ],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "found"}


def test_nobody_is_led_by_what_another_tenants_conversation_left_behind(gate):
    """The tool's result goes back to the model that called it, for the key that it called for."""
    askers = gate({"alice": {}, "bob": {}})

    def answered_by(name: str, model: str, *messages: dict[str, Any]) -> str:
        body = {"model": model, "messages": list(messages)}
        return askers[name].request("POST", "/v1/chat/completions", body).json["model"]

    assert answered_by("alice", "auto:best", ASKED) == "strong"
    assert answered_by("bob", "auto:cheap", ASKED, CALL, RESULT) == "cheap"
    assert answered_by("alice", "auto:cheap", ASKED, CALL, RESULT) == "strong"

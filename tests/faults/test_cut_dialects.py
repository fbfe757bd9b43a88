"""F-07 for every provider's dialect behind every client's: cut at any byte, never a success."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from routewright.config import GatewaySettings, ModelSettings, ProviderSettings, Settings
from routewright.serve.gateway import Gateway
from tests.fakes.dialects import Events, dialect, sse
from tests.fakes.gateway import Reply, served
from tests.unit.providers.test_faults import ANTHROPIC, GEMINI, OPENAI
from tests.unit.serve.test_native import RESPONSE

ANSWERS = sse(
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    {"type": "response.output_text.delta", "item_id": "1", "output_index": 0, "delta": "hi"},
    {"type": "response.output_text.done", "item_id": "1", "output_index": 0, "text": "hi"},
    {"type": "response.completed", "response": RESPONSE},
    named=True,
)
# What is behind the gateway: kind, preset and a whole stream.
UPSTREAMS: dict[str, tuple[str, str, list[bytes]]] = {
    "openai": ("openai", "", OPENAI),
    "anthropic": ("anthropic", "", ANTHROPIC),
    "gemini": ("gemini", "", GEMINI),
    "responses": ("openai", "vllm", ANSWERS),
}
HI = [{"role": "user", "content": "hello"}]
# What is before it: path, body, and what an end and an error look like.
CLIENTS: dict[str, tuple[str, dict[str, Any], tuple[bytes, ...], bytes]] = {
    "chat": ("/v1/chat/completions", {"messages": HI}, (b"[DONE]",), b'"error"'),
    "messages": (
        "/v1/messages",
        {"messages": HI, "max_tokens": 9},
        (b"message_stop",),
        b"event: error",
    ),
    "responses": (
        "/v1/responses",
        {"input": "hello"},
        (b"response.completed", b"response.incomplete"),
        b"event: error",
    ),
}
PAIRS = [
    (up, client)
    for up in UPSTREAMS
    for client in CLIENTS
    if up != "responses" or client == "responses"
]


def cuts(events: list[bytes]) -> int:
    """How many bytes may come without the stream being whole."""
    last = events[-1].rstrip()
    return sum(map(len, events)) - len(events[-1]) + len(last)


def ask_all(folder: Path, up: str, client: str, places: list[int], how: str) -> list[Reply]:
    kind, preset, events = UPSTREAMS[up]
    sent = b"".join(events)
    steps = [
        Events([sent[:at]] if at else [], cut=how == "cut", reset=how == "reset") for at in places
    ]
    path, body, _, _ = CLIENTS[client]
    with dialect(steps) as upstream:
        provider = ProviderSettings(kind=kind, preset=preset, base_url=upstream.url)
        settings = Settings(
            gateway=GatewaySettings(port=0, default_model="m", decisions="rows"),
            providers={"own": provider},
            models={"m": ModelSettings(provider="own")},
            folder=str(folder),
        )
        with served(Gateway(settings)) as running:
            asked = {"model": "m", "stream": True, **body}
            return [running.request("POST", path, asked) for _ in places]


def wrong(client: str, reply: Reply) -> str:
    """What is wrong with the answer to a stream that was cut; "" if nothing is."""
    _, _, ends, error = CLIENTS[client]
    if reply.status != 200:
        return "" if reply.status == 502 else f"status {reply.status}"
    if any(end in reply.body for end in ends):
        return "it looks whole"
    if error not in reply.body.rstrip().rpartition(b"\n\n")[2]:
        return "its last event is no error"
    if client == "chat":
        last = reply.body.rstrip().rpartition(b"\n\n")[2].removeprefix(b"data: ")
        return "" if json.loads(last)["error"]["code"] else "an error without a code"
    return ""


@pytest.fixture(autouse=True)
def _breakers_stay_closed(monkeypatch) -> None:
    monkeypatch.setattr("routewright.serve.health.FAILURES", 10**9)


@pytest.mark.parametrize(("up", "client"), PAIRS)
def test_a_stream_cut_at_any_byte_is_no_success_in_any_dialect(tmp_path, up, client):
    """F-07: some places of each, ended as HTTP ends a whole answer, by FIN and by RST."""
    draw = random.Random(f"{up} {client}")
    for how in ("proper", "cut", "reset"):
        places = [draw.randrange(cuts(UPSTREAMS[up][2])) for _ in range(6)]
        replies = ask_all(tmp_path / how, up, client, places, how)
        told = {at: wrong(client, r) for at, r in zip(places, replies, strict=True)}
        assert not any(told.values()), (how, told)


@pytest.mark.nightly
def test_a_stream_cut_at_every_byte_is_no_success_in_any_dialect(tmp_path, figures):
    """F-07: every place of every pair, in each of the three ways."""
    failed, streams = [], 0
    for up, client in PAIRS:
        places = list(range(cuts(UPSTREAMS[up][2])))
        for how in ("proper", "cut", "reset"):
            replies = ask_all(tmp_path / up / client / how, up, client, places, how)
            streams += len(replies)
            for at, reply in zip(places, replies, strict=True):
                if why := wrong(client, reply):
                    failed.append((up, client, how, at, why))
    figures("F-07", streams_of_every_dialect=streams, of_those_false=len(failed))
    assert failed == []

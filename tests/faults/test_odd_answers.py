"""F-10 for every provider's dialect: answers of which one value is not what it should be."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routewright.config import GatewaySettings, ModelSettings, ProviderSettings, Settings
from routewright.errors import UpstreamError
from routewright.providers.anthropic.answer import AnthropicEvents
from routewright.providers.anthropic.answer import chat_completion as anthropic_completion
from routewright.providers.completion import Pieces, whole_answer
from routewright.providers.endpoint import decode_object
from routewright.providers.gemini.answer import GeminiEvents
from routewright.providers.gemini.answer import chat_completion as gemini_completion
from routewright.providers.native import NativeEvents, native_answer, openai_error, openai_usage
from routewright.serve.gateway import Gateway
from routewright.types import Model
from tests.fakes.dialects import Events, Whole, dialect
from tests.fakes.gateway import served
from tests.faults.test_cut_dialects import CLIENTS, UPSTREAMS
from tests.unit.serve.test_native import MESSAGE, RESPONSE

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, 1e308, "", "x", "\ud83d", "\x00", [], {}, [None], [[]], [{}],
    {"a": 1}, ["x"], [1, "x", {}],
)  # fmt: skip
MODEL = Model(name="m", provider="p")
TOOL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
CHAT = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hi", "tool_calls": [TOOL]},
            "finish_reason": "stop",
            "logprobs": {"content": []},
        }
    ],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}
CALLED = [
    {"index": 0, "delta": {"role": "assistant", "tool_calls": [{"index": 0, **TOOL}]}},
    {"index": 0, "delta": {"content": "a", "reasoning_content": "b", "refusal": "c"}},
]
GENERATED = {
    "candidates": [
        {
            "content": {"parts": [{"text": "hi"}, {"functionCall": {"name": "f", "args": {}}}]},
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 1},
}
USED = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}
WHOLE = {
    "openai": CHAT,
    "anthropic": {**MESSAGE, "content": [*MESSAGE["content"], USED]},
    "gemini": GENERATED,
    "responses": {**RESPONSE, "output": [{"type": "message", "content": [{"text": "x"}]}]},
}


def payloads(events: list[bytes]) -> list[Any]:
    """The objects of a stream, and the terminal event as it is."""
    found: list[Any] = []
    for event in events:
        data = event.partition(b"data: ")[2].strip()
        found.append(data.decode() if data == b"[DONE]" else json.loads(data))
    return found


STREAMS = {name: payloads(events) for name, (_, _, events) in UPSTREAMS.items()}
STREAMS["openai"][1:1] = [{"id": "1", "choices": [choice]} for choice in CALLED]
STREAMS["anthropic"][-2:-2] = [
    {"type": "content_block_start", "index": 1, "content_block": {**USED, "input": {}}},
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": "{}"},
    },
    {"type": "content_block_stop", "index": 1},
]
STREAMS["gemini"][0:0] = [GENERATED]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, held in items:
        yield from places(held, (*path, key))


def changed(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A copy with another value at that place."""
    if not path:
        return odd
    new = copy.deepcopy(value)
    held = new
    for key in path[:-1]:
        held = held[key]
    held[path[-1]] = odd
    return new


def mutants(up: str, stream: bool) -> list[Any]:
    """Every value replaced by every odd one."""
    sound = STREAMS[up] if stream else WHOLE[up]
    return [
        changed(sound, path, odd) for path in places(sound) if path or not stream for odd in ODD
    ]


def written(payload: Any, named: bool) -> bytes:
    if payload == "[DONE]":
        return b"data: [DONE]\n\n"
    kind = payload.get("type") if isinstance(payload, dict) else None
    name = f"event: {kind}\n" if named and isinstance(kind, str) and kind.isidentifier() else ""
    return f"{name}data: {json.dumps(payload)}\n\n".encode()


def reading(up: str) -> Any:
    match up:
        case "anthropic":
            return AnthropicEvents("x")
        case "gemini":
            return GeminiEvents("x")
        case _:
            return NativeEvents("x", openai_usage, openai_error)


@pytest.mark.parametrize("up", UPSTREAMS)
def test_whatever_a_whole_answer_holds_instead_is_read_or_refused(up):
    """F-10: every place of it, with every value."""
    read = {
        "openai": lambda told: told,
        "anthropic": lambda told: anthropic_completion("x", told),
        "gemini": lambda told: gemini_completion("x", told),
    }
    for one in mutants(up, stream=False):
        with contextlib.suppress(UpstreamError):
            told = decode_object(json.dumps(one).encode(), "x")
            if up == "responses":
                native_answer(up, MODEL, {}, told, read_usage=openai_usage, latency_s=1)
            else:
                whole_answer("x", MODEL, {}, read[up](told), latency_s=1)


@pytest.mark.parametrize("up", [name for name in UPSTREAMS if name != "openai"])
def test_whatever_a_stream_holds_instead_is_read_or_refused(up):
    """F-10: every place of it, with every value."""
    for one in mutants(up, stream=True):
        events, pieces = reading(up), Pieces()
        with contextlib.suppress(UpstreamError):
            for event in one:
                for chunk in events.read(written(event, named=True)):
                    pieces.add(chunk)
            pieces.whole()


def statuses(folder: Path, up: str, client: str, stream: bool, found: list[Any]) -> Counter[int]:
    kind, preset, _ = UPSTREAMS[up]
    steps: list[Whole | Events] = [
        Events([written(each, up in ("anthropic", "responses")) for each in one])
        if stream
        else Whole(json.dumps(one).encode())
        for one in found
    ]
    path, body, _, _ = CLIENTS[client]
    seen: Counter[int] = Counter()
    with dialect(steps) as upstream:
        provider = ProviderSettings(kind=kind, preset=preset, base_url=upstream.url)
        settings = Settings(
            gateway=GatewaySettings(port=0, default_model="m", decisions="rows"),
            providers={"own": provider},
            models={"m": ModelSettings(provider="own", input_usd_per_mtok=1.0)},
            folder=str(folder),
        )
        with served(Gateway(settings)) as running:
            for one in found:
                reply = running.request("POST", path, {"model": "m", "stream": stream, **body})
                assert reply.status in (200, 429, 502, 503), (reply.status, reply.body, one)
                assert b"see its log" not in reply.body, one
                seen[reply.status] += 1
    return seen


PAIRS = [(up, client) for up in UPSTREAMS for client in CLIENTS if up != "responses"]
PAIRS.append(("responses", "responses"))


@pytest.fixture(autouse=True)
def _nobody_is_left_alone(monkeypatch) -> None:
    monkeypatch.setattr("routewright.serve.health.FAILURES", 10**9)
    monkeypatch.setattr("routewright.serve.health.COOLING_S", 0.0)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("up", "client"), PAIRS)
def test_an_answer_with_one_odd_value_is_understood_or_a_bad_gateway(tmp_path, up, client, stream):
    """F-10: some of the places and values."""
    found = random.Random(f"{up} {client}").sample(mutants(up, stream), 25)
    statuses(tmp_path, up, client, stream, found)


@pytest.mark.nightly
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("up", "client"), PAIRS)
def test_an_answer_with_any_odd_value_is_understood_or_a_bad_gateway(
    tmp_path, up, client, stream, figures
):
    """F-10: three hundred of each pair."""
    found = mutants(up, stream)
    found = random.Random(f"{up} {client}").sample(found, min(len(found), 300))
    seen = statuses(tmp_path, up, client, stream, found)
    figures("F-10", **{f"{up}_to_{client}{'_streamed' if stream else ''}": seen.total()})

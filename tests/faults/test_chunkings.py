"""C-04: however a stream's bytes arrive, its client reads the same message, in every dialect."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routewright.providers.endpoint import EventSplitter
from routewright.providers.openai import _AsTheyAre  # pyright: ignore[reportPrivateUsage]
from routewright.serve.call import Attempt, Call
from routewright.serve.dialects import CHAT, MESSAGES, RESPONSES, Dialect
from routewright.serve.stream import RelayedStream, event_object
from routewright.types import Decision
from tests.fakes.chat_events import events

NAMES = st.sampled_from(["f", "g", "weather"])
TEXT = st.text(min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(TEXT, TEXT | st.integers(-9, 9) | st.none(), max_size=3)
BODIES = {
    "chat": (CHAT, {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
    "messages": (
        MESSAGES,
        {
            "model": "m",
            "max_tokens": 5,
            "messages": [{"role": "user", "content": "x"}],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
    ),
    "responses": (RESPONSES, {"model": "m", "input": "x"}),
}


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A message, and deltas that tell it: words first, then calls whose pieces may interleave."""
    reasoning, content = draw(st.just("") | TEXT), draw(st.just("") | TEXT)
    calls = [
        (f"call_{n}", draw(NAMES), json.dumps(draw(ARGUMENTS), ensure_ascii=False))
        for n in range(draw(st.integers(0, 3)))
    ]
    deltas = [{"reasoning_content": piece} for piece in draw(pieces(reasoning))]
    deltas += [{"content": piece} for piece in draw(pieces(content))]
    queues = []
    for index, (id_, name, arguments) in enumerate(calls):
        first = {"index": index, "id": id_, "type": "function", "function": {"name": name}}
        told = [{"index": index, "function": {"arguments": p}} for p in draw(pieces(arguments))]
        queues.append([{**first, "function": {"name": name, "arguments": ""}}, *told])
    mixed = draw(st.booleans())
    while any(queues):
        open_ = [n for n, queue in enumerate(queues) if queue]
        begun = min(open_)  # a call begins after those before it have begun
        at = draw(st.sampled_from(open_)) if mixed else begun
        if any(len(queues[n]) and "id" in queues[n][0] for n in open_ if n < at):
            at = begun
        deltas.append({"tool_calls": [queues[at].pop(0)]})
    return {"reasoning": reasoning, "content": content, "calls": calls}, deltas


def pieces(text: str) -> st.SearchStrategy[list[str]]:
    cuts = st.lists(st.integers(0, len(text)), max_size=3).map(sorted)
    return cuts.map(
        lambda at: [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True) if a < b]
    )


class _Decider:
    def speaks(self, name: str, dialect: str) -> bool:
        return False


class _Source:
    """A provider's stream over bytes that arrive in these pieces."""

    def __init__(self, arriving: list[bytes]) -> None:
        self.usage = None
        self.cost_usd = 0.5
        self.started = 0.0
        self.arriving = arriving

    async def __aiter__(self):
        splitter, reader = EventSplitter("up"), _AsTheyAre("up")
        for piece in self.arriving:
            for event in splitter.feed(piece):
                for told in reader.read(event):
                    yield told

    async def aclose(self) -> None: ...


def relayed(dialect: Dialect, body: dict[str, Any], arriving: list[bytes]) -> bytes:
    """What the client gets."""

    async def run() -> bytes:
        request = dialect.read(body)
        decision = Decision("id", "m", "r", 0.0, 1.0, ())
        call = Call(request, decision, None)  # type: ignore[arg-type]
        call.attempts.append(Attempt("m", "ok", 0.0))
        source = _Source(arriving)
        made = aiter(source)
        stream = RelayedStream(call, source, made, await anext(made), record=lambda *_: None)
        writer = dialect.writer(call)
        return b"".join([writer.event(event) async for event in stream])

    return asyncio.run(run())


def read_chat(told: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"reasoning": "", "content": ""}
    calls: dict[int, list[str]] = {}
    for chunk in told:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            message["reasoning"] += delta.get("reasoning_content") or ""
            message["content"] += delta.get("content") or ""
            for call in delta.get("tool_calls") or ():
                known = calls.setdefault(call["index"], ["", "", ""])
                known[0] += call.get("id") or ""
                known[1] += call["function"].get("name") or ""
                known[2] += call["function"].get("arguments") or ""
    return {**message, "calls": [tuple(call) for _, call in sorted(calls.items())]}


def read_messages(told: list[dict[str, Any]]) -> dict[str, Any]:
    """As strictly as a client may be: one block after the other."""
    message: dict[str, Any] = {"reasoning": "", "content": "", "calls": []}
    open_: int | None = None
    block: dict[str, Any] = {}
    arguments = ""
    for event in told:
        match event["type"]:
            case "content_block_start":
                assert open_ is None
                open_, block, arguments = event["index"], event["content_block"], ""
            case "content_block_delta":
                assert event["index"] == open_
                delta = event["delta"]
                message["content"] += delta.get("text", "")
                message["reasoning"] += delta.get("thinking", "")
                arguments += delta.get("partial_json", "")
            case "content_block_stop":
                assert event["index"] == open_
                open_ = None
                if block["type"] == "tool_use":
                    message["calls"].append((block["id"], block["name"], arguments))
            case _:
                pass
    assert told[-1]["type"] == "message_stop"
    return message


def read_responses(told: list[dict[str, Any]]) -> dict[str, Any]:
    """From the deltas; the items that the events repeat must say the same."""
    message: dict[str, Any] = {"reasoning": "", "content": "", "calls": []}
    arguments = ""
    for event in told:
        match event["type"]:
            case "response.output_text.delta":
                message["content"] += event["delta"]
            case "response.reasoning_text.delta":
                message["reasoning"] += event["delta"]
            case "response.function_call_arguments.delta":
                arguments += event["delta"]
            case "response.output_item.done" if event["item"]["type"] == "function_call":
                item = event["item"]
                assert item["arguments"] == arguments
                message["calls"].append((item["call_id"], item["name"], arguments))
                arguments = ""
            case _:
                pass
    items = told[-1]["response"]["output"]
    assert [i["call_id"] for i in items if "call_id" in i] == [c[0] for c in message["calls"]]
    texts = [i["content"][0]["text"] for i in items if i["type"] == "message"]
    assert "".join(texts) == message["content"]
    return message


READ = {"chat": read_chat, "messages": read_messages, "responses": read_responses}


def check(answer: Any, sizes: list[int]) -> None:
    expected, deltas = answer
    raw = events(deltas)
    arriving, at = [], 0
    for size in sizes:
        arriving.append(raw[at : at + size])
        at += size
    arriving = [piece for piece in [*arriving, raw[at:]] if piece]
    for name, (dialect, body) in BODIES.items():
        got = relayed(dialect, body, arriving)
        blocks = (block + b"\n\n" for block in got.split(b"\n\n") if block)
        told = [found for block in blocks if (found := event_object(block)) is not None]
        assert READ[name](told) == expected, name


SIZES = st.lists(st.integers(1, 90), max_size=40)


@given(answers(), SIZES)
@settings(max_examples=60)
def test_any_chunking_of_any_stream_gives_the_same_message(answer, sizes):
    """C-04"""
    check(answer, sizes)


def test_byte_by_byte_is_a_chunking_too():
    """C-04"""
    calls = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"ü": "🌧"}'}}]
    expected = {"reasoning": "", "content": "ü🌧", "calls": [("c", "f", '{"ü": "🌧"}')]}
    deltas = [{"content": "ü🌧"}, {"tool_calls": calls}]
    check((expected, deltas), [1] * len(events(deltas)))


@pytest.mark.nightly
def test_ten_thousand_chunkings_give_the_same_message(figures):
    """C-04"""
    tried = 0

    @given(answers(), SIZES)
    @settings(max_examples=10_000, deadline=None)
    def each(answer, sizes):
        nonlocal tried
        tried += 1
        check(answer, sizes)

    each()
    figures("C-04", examples=tried, differing=0)

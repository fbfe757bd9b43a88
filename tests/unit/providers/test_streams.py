"""Streams of each dialect: calls of tools, refusals and reasoning arrive as OpenAI's chunks."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from routewright.providers.anthropic.answer import AnthropicEvents
from routewright.providers.anthropic.answer import chat_completion as from_anthropic
from routewright.providers.completion import Pieces
from routewright.providers.gemini.answer import GeminiEvents
from routewright.providers.gemini.answer import chat_completion as from_gemini
from routewright.providers.usage import usage_of
from tests.fakes.dialects import sse


def through(reader, payloads):
    """What comes out of a reader, as OpenAI's own client understands it."""
    events = [told for event in sse(*payloads) for told in reader.read(event)]
    if not reader.finished:
        events += reader.end()
    assert events[-1] == b"data: [DONE]\n\n"
    pieces = Pieces()
    for event in events[:-1]:
        ChatCompletionChunk.model_validate(json.loads(event.removeprefix(b"data: ")), strict=True)
        pieces.add(event)
    return pieces.whole()


text = st.text(max_size=12)
blocks = st.lists(
    st.one_of(
        st.builds(lambda t: {"type": "text", "text": t}, text),
        st.builds(lambda t: {"type": "thinking", "thinking": t, "signature": "s"}, text),
        st.builds(
            lambda i, name, args: {"type": "tool_use", "id": f"t{i}", "name": name, "input": args},
            st.integers(0, 99),
            st.text("abc", min_size=1, max_size=5),
            st.dictionaries(text, st.integers() | text, max_size=2),
        ),
    ),
    max_size=5,
)


def split(whole, size):
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def streamed(message, size):
    """The events of a message, its texts and arguments in pieces of ``size`` characters."""
    start = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 5}}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        kind = block["type"]
        empty = {"text": {"text": ""}, "thinking": {"thinking": ""}, "tool_use": {"input": {}}}[
            kind
        ]
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        field, delta, whole = {
            "text": ("text", "text_delta", block.get("text")),
            "thinking": ("thinking", "thinking_delta", block.get("thinking")),
            "tool_use": (
                "partial_json",
                "input_json_delta",
                msgspec.json.encode(block.get("input")).decode() if block.get("input") else "",
            ),
        }[kind]
        for piece in split(whole, size):
            told = {"type": delta, field: piece}
            yield {"type": "content_block_delta", "index": index, "delta": told}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"]},
        "usage": {"output_tokens": message["usage"]["output_tokens"]},
    }
    yield {"type": "message_stop"}


@given(content=blocks, size=st.integers(1, 9), reason=st.sampled_from(["end_turn", "tool_use"]))
def test_a_streamed_message_of_anthropic_is_the_whole_one(content, size, reason):
    message = {
        "id": "msg_1",
        "type": "message",
        "model": "m",
        "content": content,
        "stop_reason": reason,
        "usage": {"input_tokens": 5, "output_tokens": 7},
    }
    told = through(AnthropicEvents("a"), list(streamed(message, size)))
    whole = from_anthropic("a", message)
    assert said(told) == said(whole)
    assert usage_of(told["usage"]) == usage_of(whole["usage"])


parts = st.lists(
    st.one_of(
        st.builds(lambda t: {"text": t}, text),
        st.builds(lambda t: {"text": t, "thought": True}, text),
        st.builds(
            lambda i, args: {"functionCall": {"id": f"c{i}", "name": "f", "args": args}},
            st.integers(0, 99),
            st.dictionaries(text, st.integers() | text, max_size=2),
        ),
    ),
    max_size=5,
)


@given(content=parts)
def test_a_streamed_response_of_gemini_is_the_whole_one(content):
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 7, "thoughtsTokenCount": 2}
    whole = {
        "responseId": "r",
        "modelVersion": "m",
        "candidates": [{"content": {"parts": content}, "finishReason": "STOP"}],
        "usageMetadata": usage,
    }
    events = [
        {"responseId": "r", "candidates": [{"content": {"parts": [part]}}]} for part in content
    ]
    end = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage}
    told = through(GeminiEvents("g"), [*events, end])
    assert said(told) == said(from_gemini("g", whole))
    assert usage_of(told["usage"]).output_tokens == 9


def said(answer):
    """What an answer says; no text and an empty one are the same."""
    (choice,) = answer["choices"]
    message = {key: value for key, value in choice["message"].items() if value}
    return message, choice["finish_reason"]


def test_a_refusal_says_why():
    end = {
        "type": "message_delta",
        "delta": {
            "stop_reason": "refusal",
            "stop_details": {"type": "refusal", "category": "bio", "explanation": "No."},
        },
        "usage": {"output_tokens": 1},
    }
    told = through(AnthropicEvents("a"), [end, {"type": "message_stop"}])
    assert told["choices"][0]["finish_reason"] == "content_filter"
    assert told["choices"][0]["message"]["refusal"] == "No."


def test_a_prompt_that_gemini_blocks_is_a_refusal_not_a_cut_stream():
    told = through(GeminiEvents("g"), [{"promptFeedback": {"blockReason": "SAFETY"}}])
    assert told["choices"][0]["finish_reason"] == "content_filter"
    assert "SAFETY" in told["choices"][0]["message"]["refusal"]


def test_candidates_of_gemini_are_choices():
    def event(index, words, **more):
        return {"candidates": [{"index": index, "content": {"parts": [{"text": words}]}, **more}]}

    events = [event(1, "b"), event(0, "a", finishReason="STOP"), event(1, "B", finishReason="STOP")]
    told = through(GeminiEvents("g"), events)
    assert [c["message"]["content"] for c in told["choices"]] == ["a", "bB"]


deltas = st.lists(
    st.one_of(
        st.builds(lambda t: {"content": t}, text),
        st.builds(
            lambda i, t: {"tool_calls": [{"index": i, "function": {"arguments": t}}]},
            st.integers(0, 2),
            text,
        ),
    ),
    max_size=12,
)


@given(deltas=deltas)
def test_pieces_of_calls_are_joined_by_their_index(deltas):
    pieces = Pieces()
    for delta in deltas:
        chunk = {"choices": [{"index": 0, "delta": delta}]}
        pieces.add(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    if not deltas:
        assert pieces.whole()["choices"] == []
        return
    message = pieces.whole()["choices"][0]["message"]
    assert (message["content"] or "") == "".join(d.get("content", "") for d in deltas)
    expected: dict[int, str] = {}
    for delta in deltas:
        for call in delta.get("tool_calls", ()):
            expected.setdefault(call["index"], "")
            expected[call["index"]] += call["function"]["arguments"]
    told = [call["function"]["arguments"] for call in message.get("tool_calls", ())]
    assert told == [arguments for _, arguments in sorted(expected.items())]


@pytest.mark.parametrize("event", [b": comment\n\n", b"data: [DONE]\n\n", b"data: 7\n\n", b"\n\n"])
def test_what_is_no_chunk_says_nothing(event):
    pieces = Pieces()
    assert not pieces.add(event)
    assert pieces.whole()["choices"] == []

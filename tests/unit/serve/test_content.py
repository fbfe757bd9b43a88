"""What is kept of prompts and answers: masked, within its bound, streams as one answer."""

from __future__ import annotations

import json

import pytest

from routewright.serve.content import kept_text, whole_answer


def kept(value: object, most: int = 256_000):
    return json.loads(kept_text(json.dumps(value).encode(), most))


def test_keys_in_texts_are_masked_wherever_they_stand():
    """S-07: also behind an escaped quote, and where the text is cut."""
    secret = "sk-CANARY0123456789abcdef"  # a canary
    asked = {"messages": [{"role": "user", "content": f'my "password: {secret}" {secret}'}]}
    assert secret not in kept_text(json.dumps(asked).encode(), 256_000)
    assert kept(asked)["messages"][0]["role"] == "user"
    long = "x" * 990 + f" {secret}" + "y" * 5000
    assert "CANARY" not in kept_text(json.dumps([long]).encode(), 1000)


@pytest.mark.parametrize("most", [100, 1000, 10_000])
def test_a_row_is_json_and_within_its_bound_whatever_is_in_it(most):
    """S-08: capped."""
    for value in (
        {"messages": [{"role": "user", "content": "é" * 50_000}]},
        [{"n": n, "t": "word " * 50} for n in range(500)],
        ["x"] * 20_000,
        {"k" * 5000: 1},
    ):
        text = kept_text(json.dumps(value).encode(), most)
        assert len(text.encode()) <= most
        json.loads(text)
    assert "… (50000 characters)" in str(kept({"content": "é" * 50_000}, most=10_000))


def test_nesting_beyond_reason_is_left_out():
    assert kept_text(b"[" * 5000 + b"]" * 5000, 1000) == '{"omitted_bytes":10000}'


def test_an_embedded_file_is_cut_to_its_kind():
    url = "data:image/png;base64," + "A" * 100_000
    shown = kept({"url": url})["url"]
    assert shown.startswith("data:image/png;base64,")
    assert len(shown) < 200


def sse(*events: object) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


def delta(index: int = 0, **fields: object) -> dict[str, object]:
    return {"choices": [{"index": index, "delta": fields, "finish_reason": None}]}


def call(index: int, arguments: str, **more: object) -> dict[str, object]:
    return {"index": index, "function": {"arguments": arguments}, **more}


def test_a_streamed_chat_answer_is_kept_as_one_with_all_choices_and_calls():
    named = {"id": "c1", "function": {"name": "add", "arguments": '{"a"'}, "index": 0}
    events = sse(
        delta(role="assistant", content="two "),
        delta(1, content="other"),
        delta(content="words"),
        delta(tool_calls=[named]),
        delta(tool_calls=[call(0, ": 1}")]),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    )
    told = json.loads(whole_answer(events + b": a comment\n\ndata: [DONE]\n\n", "chat"))
    first, second = told["choices"]
    assert first["message"]["content"] == "two words"
    assert first["message"]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert (first["finish_reason"], second["message"]["content"]) == ("tool_calls", "other")


def test_a_streamed_message_of_anthropics_is_kept_as_one():
    events = sse(
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "!"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    )
    told = json.loads(whole_answer(events, "messages"))
    assert told["content"] == [{"type": "text", "text": "hi!"}]
    assert told["stop_reason"] == "end_turn"


def test_a_streamed_response_is_kept_as_its_last_event_says_or_as_far_as_it_came():
    more = {"type": "response.output_text.delta", "delta": "half"}
    whole = {"type": "response.completed", "response": {"object": "response", "output": []}}
    assert json.loads(whole_answer(sse(more, whole), "responses")) == whole["response"]
    cut = json.loads(whole_answer(sse(more), "responses"))
    assert cut["output"][0]["content"][0]["text"] == "half"

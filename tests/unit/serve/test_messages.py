"""Anthropic's Messages in front of a chat upstream, read by Anthropic's own client."""

from __future__ import annotations

import anthropic
import pytest

from tests.fakes.chat_events import CALLS, call_deltas, streamed, tool_calls, whole
from tests.fakes.upstream import Cut, Refuse, Say

PATH = "/v1/messages"
HI = [{"role": "user", "content": "hello"}]
TOOL = {"name": "weather", "description": "w", "input_schema": {"type": "object"}}


@pytest.fixture
def client(running):
    with anthropic.Anthropic(base_url=running.url, api_key="none", max_retries=0) as made:
        yield made


def ask(client, **more):
    return client.messages.create(**{"model": "cheap", "max_tokens": 50, "messages": HI, **more})


def test_a_message_is_answered(client, upstream):
    upstream.script["cheap"] = [Say("51")]
    answer = ask(client, system="be brief", stop_sequences=["END"], temperature=0.5)
    assert answer.content[0].text == "51"
    assert (answer.stop_reason, answer.usage.input_tokens) == ("end_turn", 10)
    assert answer.model == "cheap"
    assert answer.routewright["cost_usd"] > 0
    sent = upstream.requests[-1]
    assert sent["messages"][0] == {"role": "system", "content": "be brief"}
    assert (sent["stop"], sent["temperature"], sent["max_tokens"]) == (["END"], 0.5, 50)


def test_a_stream_is_a_message_too(client, upstream):
    upstream.script["cheap"] = [Say("one two three")]
    with client.messages.stream(model="cheap", max_tokens=50, messages=HI) as stream:
        assert "".join(stream.text_stream) == "one two three"
        answer = stream.get_final_message()
    assert (answer.stop_reason, answer.usage.output_tokens) == ("end_turn", 5)
    assert answer.usage.input_tokens == 10


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tools_are_blocks(client, upstream, stream):
    upstream.script["cheap"] = [
        streamed([{"content": "Let me look. "}, *call_deltas()], "tool_calls")
        if stream
        else whole({"content": "Let me look. ", "tool_calls": tool_calls()}, "tool_calls")
    ]
    choice = {"type": "any", "disable_parallel_tool_use": False}
    asked = {"model": "cheap", "max_tokens": 50, "messages": HI, "tools": [TOOL]}
    if stream:
        with client.messages.stream(**asked, tool_choice=choice) as events:
            answer = events.get_final_message()
    else:
        answer = client.messages.create(**asked, tool_choice=choice)
    assert answer.stop_reason == "tool_use"
    assert answer.content[0].text == "Let me look. "
    assert [(b.id, b.name, b.input) for b in answer.content[1:]] == [
        ("call_a", "weather", {"city": "Paris"}),
        ("call_b", "weather", {"city": "Łódź 🌧"}),
    ]
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (16, 4)
    sent = upstream.requests[-1]
    assert sent["tools"][0]["function"]["name"] == "weather"
    assert sent["tool_choice"] == "required"


def test_results_of_tools_are_messages_of_their_own(client, upstream):
    blocks = [
        {"type": "tool_use", "id": id_, "name": name, "input": {"city": "x"}}
        for id_, name, _ in CALLS
    ]
    results = [{"type": "tool_result", "tool_use_id": c[0], "content": "rain"} for c in CALLS]
    turns = [
        *HI,
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": [*results, {"type": "text", "text": "so?"}]},
    ]
    ask(client, messages=turns, tools=[TOOL])
    sent = upstream.requests[-1]["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "tool", "tool", "user"]
    assert sent[2] == {"role": "tool", "tool_call_id": "call_a", "content": "rain"}
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == '{"city":"x"}'


def test_images_and_documents_are_parts(client, upstream):
    blocks = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
        {"type": "text", "text": "what?"},
    ]
    ask(client, messages=[{"role": "user", "content": blocks}])
    parts = upstream.requests[-1]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "image_url", "text"]
    assert parts[0]["image_url"]["url"] == "data:image/png;base64,AA=="


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_comes_back_where_it_is_enabled_and_is_told_as_dropped(client, upstream, stream):
    upstream.script["cheap"] = [
        streamed([{"reasoning_content": "hm"}, {"content": "51"}])
        if stream
        else whole({"reasoning_content": "hm", "content": "51"})
    ]
    asked = {"model": "cheap", "max_tokens": 5000, "messages": HI}
    thinking = {"type": "enabled", "budget_tokens": 1024}
    if stream:
        with client.messages.stream(**asked, thinking=thinking) as events:
            told = events.get_final_message()
        with client.messages.stream(**asked) as events:
            silent = events.get_final_message()
    else:
        raw = client.messages.with_raw_response.create(**asked, thinking=thinking)
        assert raw.headers["x-routewright-dropped"] == "thinking"
        told, silent = raw.parse(), client.messages.create(**asked)
    assert [block.type for block in told.content] == ["thinking", "text"]
    assert told.content[0].thinking == "hm"
    assert [block.type for block in silent.content] == ["text"]


def test_structured_output_and_effort_are_passed_on(running, upstream):
    form = {"type": "json_schema", "schema": {"type": "object"}}
    config = {"format": form, "effort": "low"}
    body = {"model": "cheap", "max_tokens": 5, "messages": HI, "output_config": config}
    assert running.request("POST", PATH, body).status == 200
    sent = upstream.requests[-1]
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert sent["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("top_k", {"top_k": 5}),
        ("container", {"container": "x"}),
        ("tools[0].type", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        ("messages[1].role", {"messages": [*HI, {"role": "assistant", "content": "So"}]}),
        ("service_tier", {"service_tier": "standard_only"}),
    ],
)
@pytest.mark.parametrize("model", ["auto", "cheap"])
def test_what_has_no_other_word_is_refused_by_its_name(running, model, field, more):
    body = {"model": model, "max_tokens": 5, "messages": HI, **more}
    reply = running.request("POST", PATH, body)
    assert reply.status == 400
    assert reply.json["type"] == "error"
    assert reply.json["error"]["type"] == "invalid_request_error"
    assert field in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("max_tokens", {"max_tokens": None}),
        ("max_tokens", {"max_tokens": 0}),
        ("messages", {"messages": []}),
        ("messages[0].role", {"messages": [{"role": "robot", "content": "x"}]}),
        ("messages[0].content", {"messages": [{"role": "user"}]}),
        (
            "messages[0].content[0].text",
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        ),
        ("tools[0].name", {"tools": [{"input_schema": {}}]}),
        ("routewright.worth", {"routewright": {"worth": 1}}),
    ],
)
def test_a_malformed_field_is_named(running, field, more):
    body = {"model": "auto", "max_tokens": 5, "messages": HI, **more}
    reply = running.request("POST", PATH, body)
    assert reply.status == 400
    assert field in reply.json["error"]["message"]


def test_errors_are_the_clients_own_classes(client, upstream):
    with pytest.raises(anthropic.NotFoundError, match="did you mean strong"):
        ask(client, model="strog")
    upstream.script["cheap"] = [Refuse(429)]
    with pytest.raises(anthropic.RateLimitError):
        ask(client)
    upstream.script["strong"] = [Refuse(400, "bad thing")]
    with pytest.raises(anthropic.BadRequestError, match="bad thing"):
        ask(client, model="strong")


def test_a_broken_stream_is_an_error_and_not_a_short_answer(client, upstream):
    upstream.script["cheap"] = [Cut(2)]
    with (
        pytest.raises(anthropic.APIError, match=r"terminal event|broke off"),
        client.messages.stream(model="cheap", max_tokens=5, messages=HI) as stream,
    ):
        stream.get_final_message()


def test_tokens_are_estimated_and_the_header_says_so(running):
    body = {"model": "auto", "messages": [{"role": "user", "content": "x" * 400}]}
    reply = running.request("POST", f"{PATH}/count_tokens", body)
    assert reply.json == {"input_tokens": 104}
    assert reply.headers["x-routewright-token-count"] == "estimate"


def test_its_list_of_models_has_its_shape_and_pages(client):
    page = client.models.list(limit=2)
    assert [model.id for model in page.data] == ["auto", "cheap"]
    assert page.has_more
    assert "auto:best" in [model.id for model in client.models.list(limit=2)]
    assert client.models.retrieve("cheap").display_name == "cheap"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("nobody")

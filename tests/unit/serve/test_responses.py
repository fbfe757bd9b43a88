"""OpenAI's Responses in front of a chat upstream, read by OpenAI's own client."""

from __future__ import annotations

import openai
import pytest

from tests.fakes.chat_events import CALLS, call_deltas, streamed, tool_calls, whole
from tests.fakes.upstream import Cut, Say

PATH = "/v1/responses"
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}


@pytest.fixture
def client(running):
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_a_text_is_answered(client, upstream):
    upstream.script["cheap"] = [Say("51")]
    answer = client.responses.create(
        model="cheap", input="17 * 3?", instructions="be brief", max_output_tokens=20
    )
    assert answer.output_text == "51"
    assert (answer.status, answer.usage.input_tokens, answer.store) == ("completed", 10, False)
    assert answer.instructions == "be brief"
    assert answer.routewright["cost_usd"] > 0
    sent = upstream.requests[-1]
    assert [turn["content"] for turn in sent["messages"]] == ["be brief", "17 * 3?"]
    assert sent["max_tokens"] == 20


def test_a_stream_has_its_typed_events(client, upstream):
    upstream.script["cheap"] = [Say("one two three")]
    events = list(client.responses.create(model="cheap", input="count", stream=True))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == "one two three"
    assert events[-1].response.usage.output_tokens == 5


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tools_are_items(client, upstream, stream):
    upstream.script["cheap"] = [
        streamed([{"reasoning": "hm"}, {"content": "Look. "}, *call_deltas()], "tool_calls")
        if stream
        else whole({"reasoning": "hm", "content": "Look. ", "tool_calls": tool_calls()})
    ]
    asked = {"model": "cheap", "input": "weather?", "tools": [TOOL], "tool_choice": "required"}
    if stream:
        with client.responses.stream(**asked) as events:
            answer = events.get_final_response()
    else:
        answer = client.responses.create(**asked)
    assert [item.type for item in answer.output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert [(c.call_id, c.name, c.arguments) for c in answer.output[2:]] == CALLS
    assert answer.usage.input_tokens_details.cached_tokens == 4
    assert answer.usage.output_tokens_details.reasoning_tokens == 2
    assert upstream.requests[-1]["tools"][0]["function"]["name"] == "weather"


def test_items_become_turns(client, upstream):
    items = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "input_text", "text": "weather?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        *(
            {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}
            for id_, name, arguments in CALLS
        ),
        *({"type": "function_call_output", "call_id": c[0], "output": "rain"} for c in CALLS),
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/a.png"}]},
    ]
    raw = client.responses.with_raw_response.create(model="cheap", input=items)
    assert raw.headers["x-routewright-dropped"] == "reasoning items"
    sent = upstream.requests[-1]["messages"]
    roles = ["system", "user", "assistant", "tool", "tool", "user"]
    assert [turn["role"] for turn in sent] == roles
    assert len(sent[2]["tool_calls"]) == 2
    assert sent[-1]["content"] == [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]


def test_format_and_effort_are_passed_on(client, upstream):
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    client.responses.create(
        model="cheap", input="x", text={"format": form}, reasoning={"effort": "low"}
    )
    sent = upstream.requests[-1]
    assert sent["response_format"]["json_schema"]["name"] == "n"
    assert sent["reasoning_effort"] == "low"


def test_an_answer_that_is_cut_by_its_limit_is_incomplete(client, upstream):
    upstream.script["cheap"] = [whole({"content": "on and"}, "length")]
    answer = client.responses.create(model="cheap", input="x")
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("previous_response_id", {"previous_response_id": "resp_1"}),
        ("store", {"store": True}),
        ("conversation", {"conversation": "c"}),
        ("background", {"background": True}),
        ("prompt", {"prompt": {"id": "p"}}),
        ("tools[0].type", {"tools": [{"type": "web_search"}]}),
        ("truncation", {"truncation": "auto"}),
        ("include", {"include": ["message.output_text.logprobs"]}),
        ("max_tool_calls", {"max_tool_calls": 1}),
        ("input[0].type", {"input": [{"type": "item_reference", "id": "x"}]}),
        ("input", {"input": []}),
        ("input[0].role", {"input": [{"role": "robot", "content": "x"}]}),
        ("max_output_tokens", {"max_output_tokens": -1}),
        ("text.format.type", {"text": {"format": {"type": "grammar"}}}),
        ("routewright.worth", {"routewright": {"worth": 1}}),
    ],
)
@pytest.mark.parametrize("model", ["auto", "cheap"])
def test_what_cannot_be_is_refused_by_its_name(running, model, field, more):
    reply = running.request("POST", PATH, {"model": model, "input": "x", **more})
    assert reply.status == 400
    assert reply.json["error"]["param"] == field


def test_a_broken_stream_is_an_error_and_not_a_short_answer(client, upstream):
    upstream.script["cheap"] = [Cut(2)]
    with pytest.raises(openai.APIError, match=r"terminal event|broke off"):
        list(client.responses.create(model="cheap", input="x", stream=True))

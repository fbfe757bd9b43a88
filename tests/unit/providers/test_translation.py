"""An OpenAI request says the same in each dialect, or is refused by the field's name."""

from __future__ import annotations

import itertools
import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from routewright.errors import RequestError
from routewright.providers.anthropic.answer import chat_completion as from_anthropic
from routewright.providers.anthropic.request import messages_request
from routewright.providers.gemini.answer import chat_completion as from_gemini
from routewright.providers.gemini.request import generate_request
from routewright.providers.usage import estimated_usage, usage_of, wire_usage
from routewright.types import Usage

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def call(id_, city):
    arguments = json.dumps({"city": city})
    return {"id": id_, "type": "function", "function": {"name": "weather", "arguments": arguments}}


TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": [{"type": "text", "text": "Answer in French."}]},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        ],
    },
    {"role": "assistant", "content": None, "tool_calls": [call("a", "Paris"), call("b", "Rome")]},
    {"role": "tool", "tool_call_id": "a", "content": "18 degrees"},
    {"role": "tool", "tool_call_id": "b", "content": '{"degrees": 25}'},
    {"role": "user", "content": "And which is warmer?"},
]
BODY = {"messages": TALK, "tools": [TOOL], "max_tokens": 64, "temperature": 0.5, "stop": "END"}


@pytest.fixture(scope="module")
def anthropic_takes():
    """The official client's own types judge a request, unknown fields included."""
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapter = TypeAdapter(MessageCreateParamsNonStreaming)

    def takes(request):
        # What the types do not know they leave out: all must come back. Lists are walked through
        # only when they are dumped.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            known = adapter.dump_python(adapter.validate_python(request), mode="json")
        assert known == request
        return request

    return takes


@pytest.fixture(scope="module")
def gemini_takes():
    """The official client's own types judge a request, unknown fields included."""
    from google.genai import types

    def takes(request):
        for content in request["contents"]:
            types.Content.model_validate(content)
        if "systemInstruction" in request:
            types.Content.model_validate(request["systemInstruction"])
        types.GenerationConfig.model_validate(request.get("generationConfig", {}))
        for tool in request.get("tools", ()):
            types.Tool.model_validate(tool)
        types.ToolConfig.model_validate(request.get("toolConfig", {}))
        return request

    return takes


@pytest.mark.parametrize(
    "wrong",
    [
        {"bogus": 1},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 7}]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
        {"tool_choice": {"type": "sometimes"}},
    ],
)
def test_the_clients_types_would_notice_a_wrong_request(anthropic_takes, wrong):
    right = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    anthropic_takes(right)
    with pytest.raises((ValueError, AssertionError, Warning)):
        anthropic_takes({**right, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"contents": [{"role": "user", "parts": [{"words": "x"}]}]},
        {"contents": [{"role": "user", "parts": [{"functionCall": {"nom": "x"}}]}]},
        {"generationConfig": {"maxTokens": 3}},
        {"tools": [{"functionDeclarations": [{"name": "x", "schema": {}}]}]},
    ],
)
def test_geminis_types_would_notice_a_wrong_request(gemini_takes, wrong):
    right = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    gemini_takes(right)
    with pytest.raises(ValueError, match="validation error"):
        gemini_takes({**right, **wrong})


def test_anthropic_gets_the_whole_conversation(anthropic_takes):
    request = anthropic_takes(messages_request("claude-x", BODY))
    assert request["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Answer in French."},
    ]
    user, assistant, results = request["messages"]
    assert user["content"][1]["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": "iVBORw0KGgo=",
    }
    assert [block["input"] for block in assistant["content"]] == [
        {"city": "Paris"},
        {"city": "Rome"},
    ]
    kinds = [block["type"] for block in results["content"]]
    assert kinds == ["tool_result", "tool_result", "text"], "answers to calls stand in one message"
    assert request["tools"][0]["input_schema"] == TOOL["function"]["parameters"]
    assert (request["max_tokens"], request["temperature"]) == (64, 0.5)
    assert request["stop_sequences"] == ["END"]


def test_gemini_gets_the_whole_conversation(gemini_takes):
    request = gemini_takes(generate_request("gemini-x", {**BODY, "seed": 7}))
    assert [p["text"] for p in request["systemInstruction"]["parts"]] == [
        "Be brief.",
        "Answer in French.",
    ]
    user, model, results = request["contents"]
    assert user["parts"][1] == {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    assert [part["functionCall"]["args"]["city"] for part in model["parts"]] == ["Paris", "Rome"]
    first, second, text = results["parts"]
    assert first["functionResponse"] == {
        "id": "a",
        "name": "weather",
        "response": {"output": "18 degrees"},
    }
    assert second["functionResponse"]["response"] == {"degrees": 25}
    assert text == {"text": "And which is warmer?"}
    assert request["generationConfig"] == {
        "temperature": 0.5,
        "maxOutputTokens": 64,
        "stopSequences": ["END"],
        "seed": 7,
    }


HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
AS_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
ONE = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        ({}, "max_tokens", 4096),
        ({"max_completion_tokens": 9}, "max_tokens", 9),
        ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice", {"type": "auto"}),
        ({"tools": [TOOL], "tool_choice": "none"}, "tool_choice", {"type": "none"}),
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice", {"type": "any"}),
        ({"tools": [TOOL], "tool_choice": ONE}, "tool_choice", {"type": "tool", "name": "weather"}),
        (
            {"tools": [TOOL], "parallel_tool_calls": False},
            "tool_choice",
            {"type": "auto", "disable_parallel_tool_use": True},
        ),
        ({"user": "u-1"}, "metadata", {"user_id": "u-1"}),
        (
            {"response_format": AS_SCHEMA},
            "output_config",
            {"format": {"type": "json_schema", "schema": SCHEMA}},
        ),
        ({"reasoning_effort": "low"}, "output_config", {"effort": "low"}),
        ({"top_p": 0.9, "stop": ["a", "b"]}, "stop_sequences", ["a", "b"]),
        ({"n": 1, "logprobs": False, "presence_penalty": 0.0}, "model", "claude-x"),
    ],
)
def test_anthropic_has_its_own_words(anthropic_takes, more, field, value):
    request = anthropic_takes(messages_request("claude-x", {"messages": HELLO, **more}))
    assert request[field] == value


@pytest.mark.parametrize(
    ("more", "where", "value"),
    [
        ({"n": 2}, ("generationConfig", "candidateCount"), 2),
        ({"response_format": AS_SCHEMA}, ("generationConfig", "responseJsonSchema"), SCHEMA),
        (
            {"response_format": {"type": "json_object"}},
            ("generationConfig", "responseMimeType"),
            "application/json",
        ),
        (
            {"reasoning_effort": "low"},
            ("generationConfig", "thinkingConfig"),
            {"thinkingLevel": "low"},
        ),
        (
            {"tools": [TOOL], "tool_choice": ONE},
            ("toolConfig", "functionCallingConfig"),
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
        (
            {"tools": [TOOL], "tool_choice": "none"},
            ("toolConfig", "functionCallingConfig"),
            {"mode": "NONE"},
        ),
    ],
)
def test_gemini_has_its_own_words(gemini_takes, more, where, value):
    request = gemini_takes(generate_request("gemini-x", {"messages": HELLO, **more}))
    assert request[where[0]][where[1]] == value


def test_effort_is_tokens_of_thought_for_models_before_levels(gemini_takes):
    body = {"messages": HELLO, "reasoning_effort": "none"}
    request = gemini_takes(generate_request("gemini-2.5-flash", body))
    assert request["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-sonnet-5", "claude-mythos-preview"])
def test_a_model_without_sampling_parameters_gets_none(model):
    request = messages_request(model, {"messages": HELLO, "temperature": 0, "top_p": 1})
    assert not {"temperature", "top_p"} & set(request)
    old = messages_request("claude-sonnet-4-5", {"messages": HELLO, "temperature": 0})
    assert old["temperature"] == 0


def asks(content, **more):
    return {"messages": [{"role": "user", "content": content}], **more}


@pytest.mark.parametrize(
    ("body", "field", "who"),
    [
        (asks("x", temperature=1.5), "temperature", "a"),
        (asks("x", temperature=2.5), "temperature", "ag"),
        (asks("x", temperature="hot"), "temperature", "ag"),
        (asks("x", n=2), "n", "a"),
        (asks("x", logprobs=True), "logprobs", "ag"),
        (asks("x", logit_bias={"1": 2}), "logit_bias", "ag"),
        (asks("x", presence_penalty=1), "presence_penalty", "a"),
        (asks("x", api_base="http://evil"), "api_base", "ag"),
        (asks("x", extra_headers={"a": "b"}), "extra_headers", "ag"),
        (asks("x", max_tokens=0), "max_tokens", "ag"),
        (asks("x", max_tokens="9"), "max_tokens", "ag"),
        (asks("x", stop=7), "stop", "ag"),
        (asks("x", stop=[7]), "stop", "ag"),
        (asks("x", tools=[{"type": "web_search"}]), "tools[0].type", "ag"),
        (asks("x", tools="weather"), "tools", "ag"),
        (asks("x", tools=[TOOL], tool_choice="maybe"), "tool_choice", "ag"),
        (asks("x", response_format={"type": "json_object"}), "response_format.type", "a"),
        (asks("x", response_format={"type": "xml"}), "response_format.type", "ag"),
        (asks("x", reasoning_effort="none"), "reasoning_effort", "ag"),
        (asks(""), "messages[0].content", "ag"),
        (asks([{"type": "video"}]), "messages[0].content[0].type", "ag"),
        (asks([7]), "messages[0].content", "ag"),
        (
            asks([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]),
            "messages[0].content[0].image_url.url",
            "g",
        ),
        (
            asks([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]),
            "messages[0].content[0].image_url.url",
            "ag",
        ),
        (
            asks([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]),
            "messages[0].content[0].input_audio",
            "a",
        ),
        (
            asks([{"type": "text", "text": "x", "cache_control": {"ttl": "1h"}}]),
            "messages[0].content[0].cache_control.ttl",
            "ag",
        ),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "ag"),
        ({"messages": [*HELLO, {"role": "system", "content": "x"}]}, "messages[1].role", "ag"),
        ({"messages": [{**HELLO[0], "name": "bob"}]}, "messages[0].name", "ag"),
        ({"messages": []}, "messages", "ag"),
        ({"messages": "hello"}, "messages", "ag"),
        ({}, "messages", "ag"),
        (
            {"messages": [*HELLO, {"role": "tool", "content": "x"}]},
            "messages[1].tool_call_id",
            "ag",
        ),
        (
            {"messages": [*HELLO, {"role": "tool", "tool_call_id": "zz", "content": "x"}]},
            "messages[1].tool_call_id",
            "g",
        ),
        (
            {
                "messages": [
                    *HELLO,
                    {"role": "assistant", "tool_calls": [{"function": {"arguments": "[1]"}}]},
                ]
            },
            "messages[1].tool_calls[0].function.arguments",
            "ag",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_name(body, field, who):
    dialects = {"a": messages_request, "g": generate_request}
    for letter in who:
        with pytest.raises(RequestError) as raised:
            dialects[letter]("some-model", body)
        assert raised.value.param == field
        assert str(raised.value).startswith(f"{field}: ")
        assert "\n" not in str(raised.value)


words = st.text(min_size=1, max_size=20).filter(lambda text: text.strip())
user = st.one_of(
    words,
    st.lists(
        st.one_of(
            words.map(lambda text: {"type": "text", "text": text}),
            st.sampled_from(
                [
                    {"type": "image_url", "image_url": {"url": PNG}},
                    {"type": "file", "file": {"file_data": PDF}},
                ]
            ),
        ),
        min_size=1,
        max_size=3,
    ),
).map(lambda content: [{"role": "user", "content": content}])


@st.composite
def turns(draw):
    """A turn of user or assistant, or calls of tools with all their answers."""
    if draw(st.booleans()):
        return draw(user)
    if draw(st.booleans()):
        return [{"role": "assistant", "content": draw(words)}]
    ids = draw(st.lists(st.uuids().map(str), min_size=1, max_size=3, unique=True))
    asked = {"role": "assistant", "tool_calls": [call(i, draw(words)) for i in ids]}
    told = [{"role": "tool", "tool_call_id": i, "content": draw(words)} for i in ids]
    return [asked, *told]


talks = st.builds(
    lambda system, first, rest: [*system, *first, *[m for turn in rest for m in turn]],
    st.lists(words.map(lambda text: {"role": "system", "content": text}), max_size=2),
    user,
    st.lists(turns(), max_size=5),
)


def said(messages):
    """Every text of a conversation in order; what tools were asked, and what they answered."""
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            yield content
        for part in content if isinstance(content, list) else ():
            yield part["text"] if part["type"] == "text" else part["type"]
        for each in message.get("tool_calls", ()):
            yield json.loads(each["function"]["arguments"])["city"]


def said_to_anthropic(request):
    for block in request.get("system", ()):
        yield block["text"]
    for message in request["messages"]:
        for block in message["content"]:
            match block["type"]:
                case "text":
                    yield block["text"]
                case "tool_use":
                    yield block["input"]["city"]
                case "tool_result":
                    yield "".join(part["text"] for part in block["content"])
                case "image":
                    yield "image_url"
                case "document":
                    yield "file"


def said_to_gemini(request):
    for part in request.get("systemInstruction", {}).get("parts", ()):
        yield part["text"]
    for content in request["contents"]:
        for part in content["parts"]:
            if "text" in part:
                yield part["text"]
            elif "functionCall" in part:
                yield part["functionCall"]["args"]["city"]
            elif "functionResponse" in part:
                response = part["functionResponse"]["response"]
                yield response.get("output", json.dumps(response))
            else:
                yield "image_url" if "png" in part["inlineData"]["mimeType"] else "file"


@settings(max_examples=40)
@given(messages=talks, prefix=st.integers(0, 12))
def test_nothing_of_a_conversation_is_lost_doubled_or_moved(
    anthropic_takes, gemini_takes, messages, prefix
):
    body = {"messages": messages}
    request = anthropic_takes(messages_request("m", body, cache_prefix=prefix))
    assert list(said_to_anthropic(request)) == list(said(messages))
    roles = [message["role"] for message in request["messages"]]
    assert all(a != b for a, b in itertools.pairwise(roles)), "roles take turns"
    gemini = gemini_takes(generate_request("m", body))
    assert list(map(loose, said_to_gemini(gemini))) == list(map(loose, said(messages)))


def loose(text):
    """A tool's answer that is a JSON object may come with other spaces."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@given(messages=talks, prefix=st.integers(0, 12))
def test_the_mark_stands_at_the_end_of_the_shared_messages_and_nowhere_else(messages, prefix):
    request = messages_request("m", {"messages": messages}, cache_prefix=prefix)
    blocks = [
        *request.get("system", ()),
        *(block for message in request["messages"] for block in message["content"]),
    ]
    marked = [place for place, block in enumerate(blocks) if "cache_control" in block]
    shared = [
        *said(messages[:prefix]),
    ]
    assert marked == ([len(shared) - 1] if shared else [])


def test_a_mark_of_the_callers_own_is_kept():
    marked = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}
    request = messages_request("m", asks([marked, {"type": "text", "text": "short"}]))
    blocks = request["messages"][0]["content"]
    assert blocks[0]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in blocks[1]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("a_later_one", "a_later_one"),
    ],
)
def test_anthropic_says_why_it_ended(reason, told):
    message = {"type": "message", "content": [], "stop_reason": reason}
    assert from_anthropic("a", message)["choices"][0]["finish_reason"] == told


def test_a_message_of_anthropic_is_an_openai_answer():
    message = {
        "id": "msg_1",
        "type": "message",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "Hmm.", "signature": "s"},
            {"type": "text", "text": "Let me "},
            {"type": "text", "text": "look."},
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}},
        ],
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 200,
            "cache_creation_input_tokens": 30,
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 20},
        },
    }
    answer = from_anthropic("a", message)
    from openai.types.chat import ChatCompletion

    ChatCompletion.model_validate(answer, strict=True)
    told = answer["choices"][0]["message"]
    assert (told["content"], told["reasoning_content"]) == ("Let me look.", "Hmm.")
    assert json.loads(told["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}
    assert usage_of(answer["usage"]) == Usage(240, 50, 200, 20, cache_write_tokens=30)


def test_a_response_of_gemini_is_an_openai_answer():
    response = {
        "responseId": "r1",
        "modelVersion": "gemini-x",
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "Hmm.", "thought": True},
                        {"text": "Let me look."},
                        {
                            "functionCall": {"name": "weather", "args": {"city": "Paris"}},
                            "thoughtSignature": "sig",
                        },
                    ]
                },
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 60,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
        },
    }
    answer = from_gemini("g", response)
    from openai.types.chat import ChatCompletion

    ChatCompletion.model_validate(answer, strict=True)
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Let me look."
    assert usage_of(answer["usage"]) == Usage(100, 50, 60, 30)
    back = {"messages": [*HELLO, choice["message"]]}
    part = generate_request("gemini-x", back)["contents"][1]["parts"][1]
    assert part["thoughtSignature"] == "sig", "Google wants its signature back with the call"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "content_filter"),
        ({"candidates": [{"finishReason": "PROHIBITED_CONTENT"}]}, "content_filter"),
        ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, "length"),
        ({"candidates": [{"finishReason": "MALFORMED_RESPONSE"}]}, "malformed_response"),
    ],
)
def test_gemini_says_why_it_ended(response, reason):
    assert from_gemini("g", response)["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({"prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40}, Usage(100, 20, 60)),
        ({"prompt_tokens_details": {"cached_tokens": 70}}, Usage(100, 20, 70)),
        ({"cached_tokens": 10}, Usage(100, 20, 10)),
        ({"prompt_tokens_details": {"cached_tokens": 900}}, Usage(100, 20, 100)),
        ({"prompt_tokens_details": None, "completion_tokens_details": None}, Usage(100, 20)),
        ({"completion_tokens_details": {"reasoning_tokens": 15}}, Usage(100, 20, 0, 15)),
        (  # xAI: on top of the completion, as its total shows
            {"completion_tokens_details": {"reasoning_tokens": 300}, "total_tokens": 420},
            Usage(100, 320, 0, 300),
        ),
        ({"prompt_tokens_details": {"cached_tokens": -4}}, Usage(100, 20)),
    ],
)
def test_every_vendors_usage_is_read(wire, usage):
    assert usage_of({"prompt_tokens": 100, "completion_tokens": 20, **wire}) == usage


counts = st.integers(0, 10**9)


@given(read=counts, written=counts, parts=st.tuples(counts, counts, counts))
def test_usage_that_is_written_is_read_back(read, written, parts):
    cached = min(parts[0], read)
    usage = Usage(
        read,
        written,
        cached,
        min(parts[1], written),
        cache_write_tokens=min(parts[2], read - cached),
    )
    assert usage_of(wire_usage(usage)) == usage


@given(body=st.dictionaries(st.sampled_from(["messages", "model"]), st.none() | talks))
def test_an_estimate_is_never_nothing(body):
    usage = estimated_usage(body, "")
    assert usage.estimated
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0

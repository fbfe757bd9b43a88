"""A request goes untouched to a provider that speaks its dialect, and its answer comes back so."""

from __future__ import annotations

import contextlib
import json

import anthropic
import openai
import pytest

from routewright.config import (
    CacheSettings,
    GatewaySettings,
    ModelSettings,
    ProviderSettings,
    Settings,
)
from routewright.data.journal import Journal
from routewright.serve.gateway import Gateway
from tests.fakes.dialects import Events, Whole, dialect, sse
from tests.fakes.gateway import served
from tests.fakes.upstream import Upstream

HI = [{"role": "user", "content": "hello"}]
MESSAGE = {
    "id": "msg_up",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 3},
    "vendor": {"kept": True},
}
STREAM = sse(
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "vendor_event", "kept": True},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 4},
    },
    {"type": "message_stop"},
    named=True,
)
RESPONSE = {
    "id": "resp_up",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "error": None,
    "model": "gpt-x",
    "output": [],
    "usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13},
    "vendor": 1,
}


@contextlib.contextmanager
def in_front_of(steps, folder, provider, *, cache=None, **models):
    """A gateway with one provider at a scripted upstream, and chat ones beside it."""
    with dialect(steps) as upstream, Upstream() as chat:
        priced = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0}
        settings = Settings(
            gateway=GatewaySettings(
                port=0, default_model="plain", decisions="rows", cache=cache or CacheSettings()
            ),
            providers={
                "own": ProviderSettings(base_url=upstream.url, **provider),
                "chat": ProviderSettings(kind="openai", base_url=chat.url),
            },
            models={
                "plain": ModelSettings(provider="chat", **priced),
                **({} if models else {"mine": ModelSettings(provider="own", **priced)}),
                **{n: ModelSettings(provider="own", **priced, **m) for n, m in models.items()},
            },
            folder=str(folder),
        )
        with served(Gateway(settings)) as up:
            yield up, upstream, chat


CLAUDE = {"kind": "anthropic"}


def post(up, path, body):
    return up.request("POST", path, body)


def test_a_message_goes_through_and_comes_back_as_it_is(tmp_path):
    body = {"model": "mine", "max_tokens": 5, "messages": HI, "top_k": 3, "vendor": [1]}
    with in_front_of([Whole(MESSAGE)], tmp_path, CLAUDE) as (up, upstream, _):
        reply = post(up, "/v1/messages", {**body, "routewright": {"max_usd": 1}})
    told = reply.json
    ours = told.pop("routewright")
    assert told == {**MESSAGE, "model": "mine"}
    assert ours["cost_usd"] == pytest.approx((12 * 1.0 + 4 * 2.0) / 1e6)
    assert upstream.requests[0].path == "/messages"
    assert upstream.requests[0].body == {**body, "stream": False}
    assert "x-routewright-dropped" not in reply.headers
    assert Journal(tmp_path / "rows").rows()[0]["usage"]["cached_tokens"] == 3


def test_a_field_that_only_one_dialect_has_leads_to_a_model_that_speaks_it(tmp_path):
    body = {"model": "auto", "max_tokens": 5, "messages": HI}
    with in_front_of([Whole(MESSAGE)], tmp_path, CLAUDE) as (up, upstream, chat):
        assert post(up, "/v1/messages", body).json["routewright"]["model"] == "plain"
        assert post(up, "/v1/messages", {**body, "top_k": 3}).json["id"] == "msg_up"
    assert (len(upstream.requests), chat.asked("plain")) == (1, 1)


def test_a_stream_goes_through_and_its_usage_is_read(tmp_path):
    with (
        in_front_of([Events(STREAM)], tmp_path, CLAUDE) as (up, _, _),
        anthropic.Anthropic(base_url=up.url, api_key="none", max_retries=0) as client,
    ):
        raw = up.request(
            "POST",
            "/v1/messages",
            {"model": "mine", "max_tokens": 5, "messages": HI, "stream": True},
        )
        with client.messages.stream(model="mine", max_tokens=5, messages=HI) as stream:
            assert stream.get_final_message().content[0].text == "hi"
    lines = [line for line in raw.body.split(b"\n\n") if not line.startswith(b": ")]
    assert b"\n\n".join(lines) == b"".join(STREAM)
    row = Journal(tmp_path / "rows").rows()[0]
    assert row["state"] == "complete"
    assert (row["usage"]["input_tokens"], row["usage"]["output_tokens"]) == (12, 4)


def test_a_stream_that_is_cut_never_looks_whole(tmp_path):
    with (
        in_front_of([Events(STREAM[:4], cut=True)], tmp_path, CLAUDE) as (up, _, _),
        anthropic.Anthropic(base_url=up.url, api_key="none", max_retries=0) as client,
        pytest.raises(anthropic.APIError),
        client.messages.stream(model="mine", max_tokens=5, messages=HI) as stream,
    ):
        stream.get_final_message()
    assert Journal(tmp_path / "rows").rows()[0]["state"] == "partial"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_from_memory_is_in_its_own_dialect(tmp_path, stream):
    steps = [Events(STREAM) if stream else Whole(MESSAGE)]
    body = {"model": "mine", "max_tokens": 5, "messages": HI, "temperature": 0, "stream": stream}
    cache = CacheSettings(exact=True)
    with in_front_of(steps, tmp_path, CLAUDE, cache=cache) as (up, upstream, _):
        first, again = (post(up, "/v1/messages", body) for _ in range(2))
        assert len(upstream.requests) == 1
    assert again.headers["x-routewright-cache"] == "hit"
    if stream:
        told = [
            [e for e in reply.body.split(b"\n\n") if not e.startswith(b": ")]
            for reply in (first, again)
        ]
        assert told[1] == told[0]
        assert b"\n\n".join(told[1]) == b"".join(STREAM)
    else:
        assert {**again.json, "routewright": 0} == {**first.json, "routewright": 0}
    rows = Journal(tmp_path / "rows").rows()
    assert [row["state"] for row in rows] == ["complete", "cached"]


def test_a_beta_header_goes_along_and_a_key_does_not(tmp_path):
    with (
        in_front_of([Whole(MESSAGE)], tmp_path, CLAUDE) as (up, upstream, _),
        anthropic.Anthropic(base_url=up.url, api_key="secret", max_retries=0) as client,
    ):
        client.beta.messages.create(
            model="mine", max_tokens=5, messages=HI, betas=["context-1m-2025-08-07"]
        )
        sent = upstream.requests[0].headers
    assert sent["anthropic-beta"] == "context-1m-2025-08-07"
    assert "secret" not in json.dumps(sent)


def test_thinking_of_another_model_is_not_sent_where_its_signature_is_checked(tmp_path):
    ours = {"type": "thinking", "thinking": "hm", "signature": ""}
    theirs = {"type": "thinking", "thinking": "hm", "signature": "sig"}
    said = {"role": "assistant", "content": [ours, theirs, {"type": "text", "text": "hi"}]}
    body = {"model": "mine", "max_tokens": 5, "messages": [*HI, said, *HI]}
    with in_front_of([Whole(MESSAGE)], tmp_path, CLAUDE) as (up, upstream, _):
        assert post(up, "/v1/messages", body).status == 200
    assert upstream.requests[0].body["messages"][1]["content"][0] == theirs


def test_tokens_are_counted_by_the_provider_or_estimated_when_it_fails(tmp_path):
    steps = [Whole({"input_tokens": 77}), Whole({}, status=500)]
    body = {"model": "mine", "messages": HI, "thinking": {"type": "disabled"}}
    with in_front_of(steps, tmp_path, CLAUDE) as (up, upstream, _):
        counted = post(up, "/v1/messages/count_tokens", body)
        guessed = post(up, "/v1/messages/count_tokens", body)
    assert counted.json == {"input_tokens": 77}
    assert counted.headers["x-routewright-token-count"] == "provider"
    assert guessed.headers["x-routewright-token-count"] == "estimate"
    assert upstream.requests[0].path == "/messages/count_tokens"
    assert upstream.requests[0].body == body


def test_a_response_goes_through_where_the_preset_says_so(tmp_path):
    body = {"model": "mine", "input": "x", "tools": [{"type": "web_search"}], "truncation": "auto"}
    steps = [
        Whole(RESPONSE),
        Events(
            sse(
                {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
                {"type": "vendor.event", "kept": True},
                {"type": "response.completed", "response": RESPONSE},
                named=True,
            )
        ),
    ]
    provider = {"kind": "openai", "preset": "openai"}
    with (
        in_front_of(steps, tmp_path, provider) as (up, upstream, _),
        openai.OpenAI(base_url=f"{up.url}/v1", api_key="none", max_retries=0) as client,
    ):
        assert post(up, "/v1/responses", body).json["vendor"] == 1
        events = list(client.responses.create(model="mine", input="x", stream=True))
    assert events[-1].type == "response.completed"
    assert upstream.requests[0].path == "/responses"
    assert upstream.requests[0].body == {**body, "store": False, "stream": False}
    states = [row["state"] for row in Journal(tmp_path / "rows").rows()]
    assert states == ["complete", "complete"]


VECTORS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}],
    "model": "up",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
PLAIN = {"kind": "openai"}


def test_embeddings_go_to_the_model_that_is_named(tmp_path):
    with (
        in_front_of([Whole(VECTORS)], tmp_path, PLAIN) as (up, upstream, _),
        openai.OpenAI(base_url=f"{up.url}/v1", api_key="none", max_retries=0) as client,
    ):
        made = client.embeddings.create(
            model="mine", input=["a", "b"], encoding_format="float", extra_body={"vendor": 1}
        )
        assert made.data[0].embedding == [0.1, 0.2]
        refused = post(up, "/v1/embeddings", {"model": "auto", "input": "x"})
    assert upstream.requests[0].path == "/embeddings"
    assert upstream.requests[0].body["vendor"] == 1
    assert (refused.status, refused.json["error"]["param"]) == (400, "model")
    row = Journal(tmp_path / "rows").rows()[0]
    assert row["cost_usd"] == pytest.approx(8e-6)


def test_the_one_model_for_embeddings_needs_no_name_and_never_chats(tmp_path):
    vectors = {"capabilities": ("embeddings",)}
    with in_front_of([Whole(VECTORS)], tmp_path, PLAIN, vec=vectors) as (up, _, _):
        made = post(up, "/v1/embeddings", {"model": "auto", "input": "x"})
        assert (made.status, made.json["model"]) == (200, "vec")
        only = {"model": "auto", "messages": HI, "routewright": {"models": ["vec"]}}
        refused = post(up, "/v1/chat/completions", only)
        assert refused.status == 400
        assert "embeddings only" in refused.json["error"]["message"]


@pytest.mark.parametrize("wrong", [None, [], {}, [{}], 1.5])
def test_an_input_that_is_none_is_refused(tmp_path, wrong):
    with in_front_of([Whole(VECTORS)], tmp_path, PLAIN) as (up, _, _):
        reply = post(up, "/v1/embeddings", {"model": "mine", "input": wrong})
    assert (reply.status, reply.json["error"]["param"]) == (400, "input")

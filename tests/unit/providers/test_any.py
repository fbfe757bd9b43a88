"""The long tail through any-llm: the real library, against servers that speak for its vendors."""

from __future__ import annotations

import json

import pytest

from routewright.config import Secret
from routewright.errors import (
    ConfigError,
    RequestError,
    UpstreamAccountError,
    UpstreamError,
    UpstreamLimitError,
)
from routewright.providers.any import AnyProvider
from routewright.providers.completion import complete_streamed
from routewright.types import Model, Price
from tests.fakes.dialects import Events, Whole, dialect, sse

pytest.importorskip("any_llm", reason="the extra routewright[longtail] is not installed")

MODEL = Model(name="m", provider="p", prices=(Price("2026-01-01", 2.0, 10.0, 0.2),))
BODY = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 9, "temperature": 0.0}
KEY = "sk-canary-0451"
HEAD = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 4},
}
ANSWER = {
    **HEAD,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}


def chunk(delta, finish=None, **more):
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {**HEAD, "object": "chat.completion.chunk", "choices": choices, **more}


EVENTS = [
    *sse(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop", usage=USAGE),
    ),
    b"data: [DONE]\n\n",
]


async def asked(steps, *, streamed=False, body=BODY):
    with dialect(steps) as upstream:
        provider = AnyProvider(
            "acme", vendor="llamacpp", base_url=upstream.url, api_key=Secret(KEY), timeout_s=5
        )
        try:
            if streamed:
                done = await complete_streamed(provider, MODEL, body)
            else:
                done = await provider.complete(MODEL, body)
        finally:
            await provider.aclose()
    return done, upstream.requests


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_comes_with_its_usage_and_cost(streamed):
    step = (
        Events(EVENTS) if streamed else Whole(ANSWER, headers={"content-type": "application/json"})
    )
    done, (request,) = await asked([step], streamed=streamed)
    assert (done.text, done.finish_reason) == ("Hello", "stop")
    assert (done.usage.input_tokens, done.usage.cached_tokens) == (9, 4)
    assert done.cost_usd == pytest.approx((5 * 2 + 4 * 0.2 + 3 * 10) / 1e6)
    assert request.body["max_completion_tokens"] == 9


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestError),
        (401, UpstreamAccountError),
        (404, RequestError),
        (429, UpstreamLimitError),
        (500, UpstreamError),
    ],
)
async def test_a_status_says_who_can_help_and_is_asked_once(status, kind, streamed):
    headers = {"retry-after": "7", "content-type": "application/json"}
    refusal = Whole({"error": {"message": f"no, {KEY}"}}, status=status, headers=headers)
    with dialect([refusal]) as upstream:
        provider = AnyProvider(
            "acme", vendor="llamacpp", base_url=upstream.url, api_key=Secret(KEY), timeout_s=5
        )
        with pytest.raises(kind, match=f"acme: HTTP {status}") as raised:
            await (provider.stream if streamed else provider.complete)(MODEL, BODY)
        await provider.aclose()
    assert type(raised.value) is kind
    assert KEY not in str(raised.value)
    assert len(upstream.requests) == 1, "retries have one owner"
    if status == 429:
        assert raised.value.retry_after_s == 7


async def test_a_stream_that_was_cut_is_an_error():
    for most in range(3):
        with pytest.raises(UpstreamError):
            await asked([Events(EVENTS[:most], cut=True)], streamed=True)
        with pytest.raises(UpstreamError):
            await asked([Events(EVENTS[:most])], streamed=True)


@pytest.mark.parametrize(
    "field", ["api_base", "extra_headers", "client_args", "timeout", "api_key"]
)
async def test_a_body_cannot_set_what_is_the_librarys(field):
    with pytest.raises(RequestError) as raised:
        await asked([Whole(ANSWER)], body={**BODY, field: "http://evil.example"})
    assert raised.value.param == field


async def test_an_unknown_vendor_or_a_missing_key_is_an_error_of_the_configuration(monkeypatch):
    with pytest.raises(ConfigError, match=r"providers\.acme: nobody"):
        await AnyProvider("acme", vendor="nobody").start()
    for name in ("COHERE_API_KEY", "CO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"providers\.acme: cohere: .*COHERE_API_KEY"):
        await AnyProvider("acme", vendor="cohere").start()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_bedrock_is_reached(monkeypatch):
    pytest.importorskip("boto3", reason="the extra routewright[longtail] is not installed")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    told = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Bonjour"}]}},
        "stopReason": "max_tokens",
        "usage": {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12},
        "metrics": {"latencyMs": 5},
    }
    with dialect([Whole(told, headers={"content-type": "application/json"})]) as upstream:
        provider = AnyProvider("aws", vendor="bedrock", base_url=upstream.url, timeout_s=5)
        done = await provider.complete(MODEL, BODY)
        await provider.aclose()
    assert (done.text, done.finish_reason) == ("Bonjour", "length")
    assert (done.usage.input_tokens, done.usage.output_tokens) == (9, 3)
    (request,) = upstream.requests
    assert request.path == "/model/m/converse"
    assert json.dumps(request.body["messages"]).count("hello") == 1

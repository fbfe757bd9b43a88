"""Every dialect under every fault: whole or streamed, one clear error and no false success."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.config import Secret
from routewright.errors import (
    RequestError,
    UpstreamAccountError,
    UpstreamError,
    UpstreamLimitError,
)
from routewright.providers.anthropic import AnthropicProvider
from routewright.providers.completion import complete_streamed
from routewright.providers.endpoint import EventSplitter
from routewright.providers.gemini import GeminiProvider
from routewright.providers.openai import OpenAIProvider
from routewright.providers.presets import find_preset
from routewright.retry_after import retry_after_s
from routewright.types import Model, Price
from tests.fakes.dialects import Events, Whole, dialect, sse

MODEL = Model(name="m", provider="p", prices=(Price("2026-01-01", 2.0, 10.0, 0.2, 2.5),))
BODY = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
KEY = "sk-canary-0451"


def chunk(delta, finish=None):
    return {
        "id": "1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


OPENAI = [
    *sse(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        {"id": "1", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}},
    ),
    b"data: [DONE]\n\n",
]
ANTHROPIC = sse(
    {"type": "message_start", "message": {"id": "1", "usage": {"input_tokens": 9}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 3},
    },
    {"type": "message_stop"},
    named=True,
)
GEMINI = sse(
    {"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]},
    {
        "candidates": [{"content": {"parts": [{"text": "lo"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3},
    },
)
SPOKEN = {
    "openai": (OpenAIProvider, OPENAI),
    "anthropic": (AnthropicProvider, ANTHROPIC),
    "gemini": (GeminiProvider, GEMINI),
}
# How each tells, in the middle of a stream, that it cannot go on; and whether it may pass soon.
MID_STREAM = {
    "openai": ({"error": {"message": "server had an error", "code": 500}}, UpstreamError),
    "anthropic": (
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        UpstreamLimitError,
    ),
    "gemini": (
        {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}},
        UpstreamLimitError,
    ),
}


@pytest.fixture(params=SPOKEN)
def spoken(request):
    return request.param


async def asked(spoken, steps, *, streamed, body=BODY, **more):
    kind, _ = SPOKEN[spoken]
    with dialect(steps) as upstream:
        provider = kind("acme", base_url=upstream.url, api_key=Secret(KEY))
        try:
            if streamed:
                done = await complete_streamed(provider, MODEL, body, **more)
            else:
                done = await provider.complete(MODEL, body, **more)
        finally:
            await provider.aclose()
    return done, upstream.requests


async def test_a_whole_stream_gives_the_answer_its_cost_and_the_time_of_its_first_words(spoken):
    done, (request,) = await asked(spoken, [Events(SPOKEN[spoken][1], gap_s=0.02)], streamed=True)
    assert (done.text, done.finish_reason, done.refused) == ("Hello", "stop", False)
    assert (done.usage.input_tokens, done.usage.output_tokens) == (9, 3)
    assert not done.usage.estimated
    assert done.cost_usd == pytest.approx((9 * 2 + 3 * 10) / 1e6)
    assert 0 < done.first_token_s < done.latency_s
    assert "stream" in request.path or request.body["stream"] is True
    assert KEY in " ".join(request.headers.values())
    assert KEY not in request.path


@given(sizes=st.lists(st.integers(1, 40), min_size=1), crlf=st.booleans(), bom=st.booleans())
def test_events_come_out_whole_however_the_bytes_were_split(sizes, crlf, bom):
    for _, events in SPOKEN.values():
        raw = b"".join(events)
        raw = raw.replace(b"\n", b"\r\n") if crlf else raw
        raw = b"\xef\xbb\xbf" + raw if bom else raw

        splitter, got, at = EventSplitter("acme"), [], 0
        for size in itertools.cycle(sizes):
            got += splitter.feed(raw[at : at + size])
            at += size
            if at >= len(raw):
                break
        assert got == list(events)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_stream_that_was_cut_is_an_error_wherever_it_was_cut(spoken, reset):
    events = SPOKEN[spoken][1]
    for most in range(len(events)):
        with pytest.raises(UpstreamError, match=r"broke off|without its terminal event"):
            await asked(spoken, [Events(events[:most], cut=not reset, reset=reset)], streamed=True)


async def test_a_stream_that_ends_politely_before_its_end_is_an_error_too(spoken):
    events = SPOKEN[spoken][1]
    for most in range(len(events)):
        with pytest.raises(UpstreamError, match=r"ended without its terminal event"):
            await asked(spoken, [Events(events[:most])], streamed=True)


async def test_where_an_endpoint_sends_no_done_a_proper_end_after_a_reason_is_the_end():
    told = sse(chunk({"content": "Hel"}), {**chunk({}, "length"), "usage": {"prompt_tokens": 9}})
    for most, whole in ((1, False), (2, True)):
        with dialect([Events(told[:most])]) as upstream:
            provider = OpenAIProvider(
                "acme", base_url=upstream.url, preset=find_preset("transformers")
            )
            stream = await provider.stream(MODEL, BODY)
            if whole:
                events = [event async for event in stream]
                assert events == [*told, b"data: [DONE]\n\n"]
            else:
                with pytest.raises(UpstreamError, match="without its terminal event"):
                    [event async for event in stream]
            await provider.aclose()
        assert "stream_options" not in upstream.requests[0].body
    for cut, reset in ((True, False), (False, True)):
        with dialect([Events(told, cut=cut, reset=reset)]) as upstream:
            provider = OpenAIProvider(
                "acme", base_url=upstream.url, preset=find_preset("transformers")
            )
            with pytest.raises(UpstreamError, match=r"broke off|without its terminal event"):
                await complete_streamed(provider, MODEL, BODY)
            await provider.aclose()


async def test_an_error_event_in_the_middle_is_an_error_even_if_the_stream_then_ends(spoken):
    told, kind = MID_STREAM[spoken]
    events = SPOKEN[spoken][1]
    for at in range(1, len(events)):
        broken = [*events[:at], *sse(told), *events[at:]]
        with pytest.raises(kind, match=r"acme: .*(server had|verloaded)"):
            await asked(spoken, [Events(broken)], streamed=True)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestError),
        (401, UpstreamAccountError),
        (402, UpstreamAccountError),
        (403, UpstreamAccountError),
        (404, RequestError),
        (413, RequestError),
        (422, RequestError),
        (429, UpstreamLimitError),
        (500, UpstreamError),
        (503, UpstreamError),
        (529, UpstreamLimitError),
        (302, UpstreamError),
    ],
)
async def test_a_status_says_who_can_help(spoken, status, kind, streamed):
    headers = {"location": "http://127.0.0.1:1/elsewhere"} if status == 302 else {}
    refusal = Whole({"error": {"message": "not\nnow"}}, status=status, headers=headers)
    with pytest.raises(kind, match=rf"^acme: HTTP {status}: not now$") as raised:
        await asked(spoken, [refusal], streamed=streamed)
    assert type(raised.value) is kind
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("status", [429, 503, 529])
async def test_how_long_to_wait_is_passed_on(spoken, status):
    refusal = Whole({"error": {"message": "slow"}}, status=status, headers={"retry-after": "7.5"})
    with pytest.raises(UpstreamLimitError) as raised:
        await asked(spoken, [refusal], streamed=False)
    assert raised.value.retry_after_s == 7.5


async def test_google_says_in_the_body_how_long_to_wait():
    details = [{"@type": "x/google.rpc.Help"}, {"@type": "x/RetryInfo", "retryDelay": "34.5s"}]
    for body in ({"error": {"message": "quota", "details": details}},) * 2:
        for whole in (body, [body]):  # its streams wrap the error in a list
            with pytest.raises(UpstreamLimitError, match="quota") as raised:
                await asked("gemini", [Whole(whole, status=429)], streamed=True)
            assert raised.value.retry_after_s == 34.5


async def test_an_account_without_credit_is_not_asked_to_wait():
    told = {"error": {"message": "no credit", "code": "insufficient_quota"}}
    with pytest.raises(UpstreamAccountError, match="no credit"):
        await asked("openai", [Whole(told, status=429)], streamed=False)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>bad gateway</html>",
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"choices": [], "content": "x", "type": "message", "candidates": []}',
        b'{"error": {"message": "no"}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_garbage_with_status_200_is_an_error_of_the_upstream(spoken, garbage, streamed):
    with pytest.raises(UpstreamError, match=r"^acme: "):
        await asked(spoken, [Whole(garbage)], streamed=streamed)


async def test_an_event_without_end_is_an_error_not_memory(spoken):
    with pytest.raises(UpstreamError, match="an event over"):
        await asked(spoken, [Events([b"data: " + b"x" * 5_000_000])], streamed=True)


async def test_nobody_listening_and_a_silent_upstream_are_errors_without_the_key(spoken):
    provider = SPOKEN[spoken][0]("acme", base_url="http://127.0.0.1:9", api_key=Secret(KEY))
    with pytest.raises(UpstreamError, match="acme: cannot connect") as raised:
        await provider.complete(MODEL, BODY)
    await provider.aclose()
    assert KEY not in str(raised.value)
    assert KEY not in repr(vars(provider))


async def test_half_an_emoji_is_the_requests_fault_and_never_sent(spoken):
    body = {"messages": [{"role": "user", "content": "\ud83d"}]}
    with pytest.raises(RequestError, match="no JSON text"):
        await asked(spoken, [Whole({})], streamed=False, body=body)


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_idempotency_key_is_sent_where_one_is_given(spoken, streamed):
    events = Events(SPOKEN[spoken][1])
    for key in ("cell-17", ""):
        if streamed:
            _, (request,) = await asked(spoken, [events], streamed=True, idempotency_key=key)
        else:
            with pytest.raises(UpstreamError):
                await asked(spoken, [Whole({})], streamed=False, idempotency_key=key)
            continue
        assert request.headers.get("idempotency-key", "") == key


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": " 0.25 "}, 0.25),
        ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 -0000"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_milliseconds_or_a_date(headers, seconds):
    now = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    assert retry_after_s(headers, now=now) == seconds


def test_a_date_is_held_against_the_clock():
    soon = datetime.now(UTC) + timedelta(seconds=60)
    text = soon.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert 55 <= retry_after_s({"retry-after": text}) <= 60


async def test_an_answer_without_usable_usage_is_charged_by_its_length():
    for usage in (None, {}, {"prompt_tokens": "9", "completion_tokens": 3}, [], "x"):
        answer = {"choices": [{"message": {"content": "x" * 400}, "finish_reason": "stop"}]}
        done, _ = await asked("openai", [Whole({**answer, "usage": usage})], streamed=False)
        assert done.usage.estimated
        assert done.usage.output_tokens == 101
        assert done.cost_usd == pytest.approx((done.usage.input_tokens * 2 + 101 * 10) / 1e6)
    events = [e for e in OPENAI if b'"usage"' not in e]
    done, _ = await asked("openai", [Events(events)], streamed=True)
    assert done.usage.estimated
    assert done.cost_usd > 0

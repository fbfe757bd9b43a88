"""Traces and metrics as a real OTLP/HTTP receiver gets them."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
import pkgutil
import subprocess
import sys
import time

import msgspec
import opentelemetry.semconv._incubating.attributes as registry
import pytest

from routewright.config import OtelSettings
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.otlp import attributes, receiving
from tests.fakes.upstream import Cut, Refuse, Say

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextlib.contextmanager
def told(upstream, tmp_path, **given):
    """A gateway and its receiver; what was sent is all there when the block has ended."""
    with receiving() as got:
        otel = OtelSettings(endpoint=got.url, **given)
        settings = scripted_settings(upstream.url, tmp_path, otel=otel)
        with served(Gateway(settings, router=ByWord())) as running:
            yield running, got


def chat(running, headers=None, **more):
    body = {"model": "auto", "messages": [{"role": "user", "content": "a question"}], **more}
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def by_name(spans):
    return {span.name: span for span in spans}


def test_a_request_is_a_span_and_each_attempt_one_below_it(upstream, tmp_path):
    """C-07"""
    upstream.script["cheap"] = [Refuse(500)]
    upstream.script["strong"] = [Say("hi", prompt_tokens=1000, completion_tokens=100)]
    with told(upstream, tmp_path) as (running, got):
        headers = chat(running, temperature=0.5, max_tokens=64, n=1).headers
    spans = by_name(got.spans)
    assert set(spans) == {"chat auto", "attempt cheap", "attempt strong"}
    chatted, failed, asked = (spans[n] for n in ("chat auto", "attempt cheap", "attempt strong"))
    assert chatted.parent_span_id == b""
    assert failed.parent_span_id == asked.parent_span_id == chatted.span_id
    assert failed.trace_id == asked.trace_id == chatted.trace_id
    assert chatted.start_time_unix_nano <= failed.start_time_unix_nano
    assert failed.end_time_unix_nano <= asked.start_time_unix_nano
    assert asked.end_time_unix_nano <= chatted.end_time_unix_nano
    known = attributes(chatted)
    assert known["routewright.decision.id"] == headers["x-routewright-decision-id"]
    assert known["routewright.cost_usd"] == pytest.approx(1000 * 10e-6 + 100 * 40e-6)
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "other",
        "gen_ai.request.model": "auto",
        "gen_ai.response.model": "strong",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "routewright.state": "complete",
        "routewright.degraded": "fallback: strong answers",
    }
    assert expected.items() <= known.items()
    assert attributes(failed)["error.type"] == "bad_upstream"
    assert (failed.status.code, asked.status.code, chatted.status.code) == (2, 0, 0)
    assert got.resource["service.name"] == "routewright"
    assert abs(time.time() - chatted.end_time_unix_nano / 1e9) < 60


def test_the_callers_trace_is_continued(upstream, tmp_path):
    """C-07"""
    with told(upstream, tmp_path) as (running, got):
        chat(running, {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"})
        chat(running, {"traceparent": f"00-{TRACE}-{PARENT}-00"})
        chat(running, {"traceparent": "00-CANARY"})
    first, *_ = [s for s in got.spans if s.name == "chat auto"]
    assert (first.trace_id.hex(), first.parent_span_id.hex()) == (TRACE, PARENT)
    assert first.trace_state == "vendor=1"
    # The second caller does not record; the third told nothing that can be continued.
    assert len([s for s in got.spans if s.name == "chat auto"]) == 2
    assert {s.trace_id.hex() == TRACE for s in got.spans if s.parent_span_id == b""} == {False}


def test_a_broken_stream_is_an_error_of_the_request(upstream, tmp_path):
    upstream.script["cheap"] = [Cut(1)]
    with told(upstream, tmp_path) as (running, got):
        chat(running, stream=True)
        upstream.script["cheap"] = [Say("a b c", gap_s=0.05)]
        chat(running, stream=True)
    first, second = (s for s in got.spans if s.name == "chat auto")
    assert attributes(first)["error.type"] == "upstream_stream_truncated"
    assert first.status.code == 2
    known = attributes(second)
    assert known["gen_ai.request.stream"] is True
    took_s = (second.end_time_unix_nano - second.start_time_unix_nano) / 1e9
    assert 0 < known["gen_ai.response.time_to_first_chunk"] < took_s
    whole = [s for s in got.spans if s.parent_span_id == second.span_id]
    assert whole[0].end_time_unix_nano == second.end_time_unix_nano


def test_metrics_carry_the_conventions_names_and_units(upstream, tmp_path):
    """C-07"""
    upstream.script["cheap"] = [Say("hi", prompt_tokens=1000, completion_tokens=100)]
    with told(upstream, tmp_path) as (running, got):
        chat(running)
        chat(running, stream=True)
    units = {name: metric.unit for name, metric in got.numbers.items()}
    assert units == {
        "gen_ai.client.operation.duration": "s",
        "gen_ai.client.operation.time_to_first_chunk": "s",
        "gen_ai.client.token.usage": "{token}",
    }
    points = got.numbers["gen_ai.client.token.usage"].histogram.data_points
    sums = {attributes(point)["gen_ai.token.type"]: point.sum for point in points}
    assert sums == {"input": 2000, "output": 200}
    durations = got.numbers["gen_ai.client.operation.duration"].histogram.data_points
    assert [point.count for point in durations] == [2]


def test_names_that_clients_make_up_are_no_time_series(upstream, tmp_path):
    with told(upstream, tmp_path) as (running, got):
        for usd in ("0.51", "0.52", "0.53"):
            assert chat(running, model=f"auto:max_usd={usd}").status == 200
    assert {s.name for s in got.spans} == {"chat auto", "attempt cheap"}
    points = got.numbers["gen_ai.client.operation.duration"].histogram.data_points
    assert [attributes(point)["gen_ai.request.model"] for point in points] == ["auto"]
    asked = {attributes(s)["gen_ai.request.model"] for s in got.spans if s.name == "chat auto"}
    assert asked == {"auto:max_usd=0.51", "auto:max_usd=0.52", "auto:max_usd=0.53"}


def test_every_name_is_the_registrys_or_ours(upstream, tmp_path):
    """C-07: the registry as the package of its own generated constants has it."""
    upstream.script["cheap"] = [Refuse(500)]
    with told(upstream, tmp_path, content=True) as (running, got):
        chat(running, temperature=0.5, top_p=1, max_tokens=6, seed=1, n=1, presence_penalty=0.1)
        chat(running, stream=True, frequency_penalty=0.1)
    used = {name for span in got.spans for name in attributes(span)}
    used |= {
        name
        for metric in got.numbers.values()
        for point in metric.histogram.data_points
        for name in attributes(point)
    }
    known = {
        value
        for module in pkgutil.iter_modules(registry.__path__, f"{registry.__name__}.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, str)
    }
    from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
    from opentelemetry.semconv.attributes import error_attributes

    known.add(error_attributes.ERROR_TYPE)
    assert {name for name in used if not name.startswith("routewright.")} <= known
    names = {v for n, v in vars(gen_ai_metrics).items() if n.startswith("GEN_AI")}
    assert set(got.numbers) <= names
    assert len([name for name in used if name.startswith("gen_ai.")]) >= 15


def test_prompts_are_sent_only_where_asked_for(upstream, tmp_path):
    """C-07, S-07: neither prompt nor key of the upstream or the client leaves by this way."""
    with told(upstream, tmp_path) as (running, got):
        chat(running, {"authorization": "Bearer sk-CANARY"}, user="CANARY", stop=["CANARY"])
    sent = b"".join(got.raw)
    assert b"a question" not in sent
    assert b"CANARY" not in sent
    assert upstream.url.encode() not in sent
    with told(upstream, tmp_path / "two", content=True) as (running, got):
        chat(running)
    known = attributes(by_name(got.spans)["chat auto"])
    assert json.loads(known["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "a question"}]}
    ]


def test_a_receiver_that_is_away_costs_no_request(upstream, tmp_path, caplog):
    otel = OtelSettings(endpoint="http://127.0.0.1:9")
    settings = scripted_settings(upstream.url, tmp_path, otel=otel)
    with served(Gateway(settings, router=ByWord())) as running:
        assert [chat(running).status for _ in range(5)] == [200] * 5
        began = time.monotonic()
    assert time.monotonic() - began < 10


def test_off_it_is_not_even_imported():
    code = """
import sys
from routewright.serve.server import serve
from routewright.serve.gateway import Gateway
sys.exit(any(name.startswith("opentelemetry") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("preset", "kind", "url", "name"),
    [
        ("", "openai", "https://api.openai.com/v1", "openai"),
        ("", "openai", "http://vllm.example/v1", "acme"),
        ("mistral", "openai", "", "mistral_ai"),
        ("groq", "openai", "", "groq"),
        ("", "anthropic", "", "anthropic"),
        ("", "gemini", "", "gcp.gemini"),
    ],
)
def test_providers_go_by_the_conventions_names(upstream, tmp_path, preset, kind, url, name):
    from types import SimpleNamespace

    from routewright.config import ProviderSettings
    from routewright.serve.otel import _provider

    settings = scripted_settings(upstream.url, tmp_path)
    given = ProviderSettings(kind=kind, preset=preset, base_url=url)
    settings = msgspec.structs.replace(settings, providers={"acme": given})
    pool = {"m": SimpleNamespace(provider="acme")}
    generation = SimpleNamespace(settings=settings, decider=SimpleNamespace(pool=pool))
    assert _provider(SimpleNamespace(generation=generation), "m") == name

"""OpenTelemetry: a span for each request, one below it for each attempt, and metrics.

Names and attributes are those of the semantic conventions for generative AI, as of 1.44 of the
registry; what they have no word for is under ``routewright.``. Spans are made when a request has
ended, from the times that were taken on its way, so that nothing happens while it runs. Threads
send them over OTLP/HTTP; a receiver that is away costs spans, never requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from routewright.config import OtelSettings, Settings
from routewright.errors import require
from routewright.serve.call import Call, State
from routewright.serve.naming import AUTO
from routewright.types import Usage

PATIENCE_S = 5.0  # how long the end of a worker waits for what is not yet sent

_SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
# The buckets that the conventions advise.
_SECONDS = tuple(0.01 * 2**step for step in range(14))
_TOKENS = tuple(4.0**step for step in range(14))
_PROVIDERS = {"anthropic": "anthropic", "gemini": "gcp.gemini", "openai": "openai"}
_PRESETS = {"mistral": "mistral_ai", "xai": "x_ai", "azure": "azure.ai.openai"}
# What of a request is told: numbers and switches, none of its words.
_ASKED = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
}

Attributes = dict[str, Any]


class Telemetry:
    """Sends what ``Watch`` is told to an OTLP receiver; make it where its threads are to live.

    Args:
        settings: where the receiver is, and whether prompts may go there.

    Raises:
        MissingExtraError: the extra ``otel`` is not installed.
    """

    def __init__(self, settings: OtelSettings) -> None:
        require("opentelemetry.exporter.otlp.proto.http", "otel")
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        base, own = settings.endpoint.rstrip("/"), version("routewright")
        resource = Resource.create({"service.version": own})
        if str(resource.attributes["service.name"]).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "routewright"}))
        spans = OTLPSpanExporter(f"{base}/v1/traces", timeout=PATIENCE_S)
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(BatchSpanProcessor(spans))
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{base}/v1/metrics", timeout=PATIENCE_S),
            export_interval_millis=settings.metrics_every_s * 1000,
        )
        self._numbers = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracer = self._traces.get_tracer("routewright", own, schema_url=_SCHEMA)
        meter = self._numbers.get_meter("routewright", own, schema_url=_SCHEMA)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time to receive the first chunk.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._context = TraceContextTextMapPropagator()
        self._content = settings.content

    def ended(self, call: Call, state: State, usage: Usage | None, cost_usd: float | None) -> None:
        """Make the spans of a request that has ended, and note its figures."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        now, now_ns = time.monotonic(), time.time_ns()

        def at(moment: float) -> int:
            return now_ns - int((now - moment) * 1e9)

        common = _common(call)
        error = _error(call, state)
        told = {
            **common,
            "gen_ai.request.model": call.request.model,
            **_request(call),
            **_answer(call, state, usage, cost_usd),
            **error,
        }
        if self._content:
            told["gen_ai.input.messages"] = _messages(call)
        carried = {
            "traceparent": call.arrival.traceparent,
            "tracestate": call.arrival.tracestate,
        }
        span = self._tracer.start_span(
            f"{common['gen_ai.operation.name']} {common['gen_ai.request.model']}",
            self._context.extract({name: value for name, value in carried.items() if value}),
            SpanKind.CLIENT,  # as the conventions say: of the model, for however many attempts
            told,
            start_time=at(call.started),
        )
        if error:
            span.set_status(Status(StatusCode.ERROR))
        if span.is_recording():
            self._attempts(call, set_span_in_context(span), at, now)
        span.end(now_ns)
        self._count(call, now, usage, {**common, **error})

    def refused(self, route: str, code: str) -> None:
        """A request without decision was no operation of a model: there is nothing to tell."""

    def close(self) -> None:
        """Send what is left, for some seconds at most. Blocking."""
        ending = threading.Thread(target=self._shut, daemon=True)
        ending.start()
        ending.join(PATIENCE_S)

    def _shut(self) -> None:
        self._traces.shutdown()
        self._numbers.shutdown()

    def _attempts(self, call: Call, parent: Any, at: Callable[[float], int], now: float) -> None:
        """One span an attempt; they follow each other without a pause, and a stream's last one
        lasts as long as the stream.
        """
        from opentelemetry.trace import SpanKind, Status, StatusCode

        begun = call.started + call.decided_s
        for attempt in call.attempts:
            ended = begun + attempt.latency_s
            if attempt is call.attempts[-1] and call.first_byte_s is not None:
                ended = now
            told: Attributes = {
                "gen_ai.operation.name": _operation(call),
                "gen_ai.provider.name": _provider(call, attempt.model),
                "gen_ai.request.model": attempt.model,
                "routewright.attempt.outcome": attempt.outcome,
            }
            if attempt.outcome != "ok":
                told["error.type"] = attempt.outcome
            span = self._tracer.start_span(
                f"attempt {attempt.model}", parent, SpanKind.CLIENT, told, start_time=at(begun)
            )
            if attempt.outcome != "ok":
                span.set_status(Status(StatusCode.ERROR))
            span.end(at(ended))
            begun = ended

    def _count(self, call: Call, now: float, usage: Usage | None, labels: Attributes) -> None:
        self._duration.record(now - call.started, labels)
        if call.first_byte_s is not None:
            self._first.record(call.first_byte_s, labels)
        if usage is not None:
            each = {"input": usage.input_tokens, "output": usage.output_tokens}
            for kind, tokens in each.items():
                self._tokens.record(tokens, {**labels, "gen_ai.token.type": kind})


def _common(call: Call) -> Attributes:
    return {
        "gen_ai.operation.name": _operation(call),
        "gen_ai.provider.name": _provider(call, call.model),
        "gen_ai.request.model": _asked(call),
        "gen_ai.response.model": call.model,
    }


def _asked(call: Call) -> str:
    """The model's name in the request where the configuration has it; names with numbers in them
    are as many as clients like, and would each be a time series.
    """
    name = call.request.model
    return name if name in call.generation.decider.names.listed() else AUTO


def _operation(call: Call) -> str:
    return "embeddings" if call.arrival.route.endswith("/embeddings") else "chat"


def _provider(call: Call, model: str) -> str:
    """The conventions' name of a provider where they have one, or else ours."""
    settings: Settings = call.generation.settings
    name = call.generation.decider.pool[model].provider
    given = settings.providers[name]
    if given.preset:
        return _PRESETS.get(given.preset, given.preset)
    if given.kind == "openai" and "api.openai.com" not in given.base_url:
        return name  # whoever speaks its dialect there
    return _PROVIDERS.get(given.kind, given.vendor or name)


def _request(call: Call) -> Attributes:
    body: Mapping[str, Any] = call.request.body
    told = {
        name: value
        for field, name in _ASKED.items()
        if isinstance(value := body.get(field), int | float) and not isinstance(value, bool)
    }
    return {**told, **({"gen_ai.request.stream": True} if call.request.stream else {})}


def _answer(call: Call, state: State, usage: Usage | None, cost_usd: float | None) -> Attributes:
    told: Attributes = {
        "routewright.decision.id": call.decision.id,
        "routewright.decision.policy": call.decision.policy,
        "routewright.decision.artefact": call.decision.artefact,
        "routewright.degraded": call.degraded,
        "routewright.state": state,
        "routewright.cost_usd": cost_usd,
        "gen_ai.response.time_to_first_chunk": call.first_byte_s,
    }
    if usage is not None:
        told |= {
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        }
    return {name: value for name, value in told.items() if value not in (None, "")}


def _error(call: Call, state: State) -> Attributes:
    """What went wrong: an attempt's outcome, or a client that left."""
    if state in ("complete", "cached"):
        return {}
    last = call.attempts[-1].outcome if call.attempts else "no_candidate"
    return {"error.type": "cancelled" if last == "ok" else last}


def _messages(call: Call) -> str:
    told = [
        {"role": m.role, "parts": [{"type": "text", "content": m.text}]}
        for m in call.request.messages
    ]
    return msgspec.json.encode(told).decode()

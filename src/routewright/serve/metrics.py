"""What Prometheus reads: counted when a request has ended, never event by event.

Labels are names from the configuration, codes of errors and paths of the route table, so that
their number is bounded and nothing of a prompt, a key or an upstream's address is among them.

One process keeps its numbers in memory. Several workers share a port, so that a scrape meets any
one of them: they write to files in one folder, and whichever is asked adds them up. The library
decides which it is when it is first imported, by ``PROMETHEUS_MULTIPROC_DIR``; ``share`` sets it.
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from routewright.serve.call import Attempt, Call, State
from routewright.serve.sinks import StateSink
from routewright.types import Usage

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

    from routewright.serve.gateway import Gateway

    M = TypeVar("M", Counter, Histogram)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TOGETHER = 128  # requests that are counted at once; a scrape counts what waits
REFRESH_S = 1.0  # how old the gauges of other workers may be

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_DECISION_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 2.0)
_FIRST_BYTE_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_REQUEST_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


def share() -> tempfile.TemporaryDirectory[str]:
    """A folder for the numbers of several workers; call it before any ``Metrics`` is made.

    The folder is removed when the caller lets go of it.
    """
    folder = tempfile.TemporaryDirectory(prefix="routewright-metrics-")
    os.environ[_FOLDER] = folder.name
    return folder


def forget(pid: int) -> None:
    """A worker is gone: its gauges are no longer added up, its counters still are."""
    if os.environ.get(_FOLDER):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)  # pyright: ignore[reportUnknownMemberType]


class _Ended(msgspec.Struct, frozen=True):
    """What is counted of a request that has ended."""

    route: str
    model: str
    state: State
    took_s: float
    decided_s: float
    first_byte_s: float | None
    attempts: list[Attempt]
    skipped: Mapping[str, str]
    usage: Usage | None
    cost_usd: float | None
    cache: str
    saved_usd: float
    degraded: tuple[str, ...]


class Metrics:
    """The numbers of one gateway; ``text`` is what a scrape gets."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._folder = os.environ.get(_FOLDER, "")
        self._registry = registry = CollectorRegistry()
        self._seen: dict[str, float] = {}
        self._artefacts: set[str] = set()
        self._children: dict[tuple[Any, ...], Any] = {}
        self._ended: list[_Ended] = []  # that wait to be counted

        def counter(name: str, told: str, *labels: str) -> Counter:
            return Counter(f"routewright_{name}", told, labels, registry=registry)

        def gauge(name: str, told: str, *labels: str, worst: bool = False) -> Gauge:
            mode = "livemax" if worst else "livesum"
            return Gauge(
                f"routewright_{name}", told, labels, registry=registry, multiprocess_mode=mode
            )

        def histogram(name: str, told: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(
                f"routewright_{name}", told, labels, buckets=buckets, registry=registry
            )

        self._requests = counter(
            "requests", "Requests that were decided, by how they ended.", "route", "model", "state"
        )
        self._refused = counter(
            "refused", "Requests that no model was asked for, by error code.", "route", "code"
        )
        self._attempts = counter(
            "attempts", "Calls to upstreams: ok, or the error's code.", "model", "outcome"
        )
        self._passed_over = counter(
            "passed_over", "Models that were not asked although it was their turn.", "model", "why"
        )
        self._tokens = counter(
            "tokens",
            "Tokens; cached ones are among input, reasoning among output.",
            "model",
            "kind",
        )
        self._cost = counter("cost_usd", "What answers cost, in US dollars.", "model")
        self._degraded = counter(
            "degraded", "Answers from further down the ladder: router or fallback.", "cause"
        )
        self._cached = counter("cache", "Look-ups in the response cache.", "result")
        self._cache_failures = counter("cache_failures", "Answers that Redis did not take or give.")
        self._saved = counter("cache_saved_usd", "What cached answers would have cost.", "model")
        self._dropped = counter("ledger_dropped", "Decision rows that were lost.")
        self._reloads = counter("reloads", "Wishes to reload, by what came of them.", "result")
        self._took = histogram("request_seconds", "Arrival to the end.", _REQUEST_S, "route")
        self._first_byte = histogram(
            "first_byte_seconds", "Arrival to a stream's first event.", _FIRST_BYTE_S, "model"
        )
        self._decision = histogram(
            "decision_seconds", "Arrival to the decision, a wait for a turn included.", _DECISION_S
        )
        self._in_flight = gauge("in_flight", "Requests that run.")
        self._waiting = gauge("waiting", "Requests that wait for their turn.")
        self._calls = gauge("provider_calls", "Calls to a provider that bounds them.", "provider")
        self._turns = gauge("provider_waiting", "Calls that wait for their turn.", "provider")
        self._queued = gauge("ledger_queued", "Rows that are not yet written.")
        self._spool = gauge("spool_bytes", "Rows on this host's disk for the database.", worst=True)
        self._away = gauge("database_away", "1: the database takes no rows.", worst=True)
        self._unwritable = gauge("disk_full", "1: rows can be written nowhere.", worst=True)
        self._retries = gauge("retry_budget", "Second calls that may be made now.")
        self._breaker = gauge("breaker_open", "1: the model keeps failing.", "model", worst=True)
        self._cooling = gauge(
            "cooling_seconds", "How long the model's account is left alone.", "model", worst=True
        )
        self._cache_bytes = gauge("cache_bytes", "Memory that cached answers take.")
        self._ready = gauge("workers_ready", "Workers that can route.")
        self._artefact = gauge("artefact_info", "1: in force.", "artefact", worst=True)
        gauge("build_info", "1, with versions.", "version", "python", worst=True).labels(
            version("routewright"), platform.python_version()
        ).set(1)

    def ended(self, call: Call, state: State, usage: Usage | None, cost_usd: float | None) -> None:
        """Count a request that has ended; see ``Watch``.

        It waits for others to be counted with: one by one takes several times as long.
        """
        model, decision = call.model, call.decision
        degraded = ("router",) if decision.degraded else ()
        if call.attempts and model != decision.model:
            degraded += ("fallback",)
        self._ended.append(
            _Ended(
                call.arrival.route,
                model,
                state,
                time.monotonic() - call.started,
                call.decided_s,
                call.first_byte_s,
                call.attempts,
                call.skipped,
                usage,
                cost_usd,
                call.cache,
                call.saved_usd,
                degraded,
            )
        )
        # Workers read each other's numbers from files, and also those of one that was killed.
        if self._folder or len(self._ended) >= TOGETHER:
            self.count()

    def count(self) -> None:
        """Count what waits to be counted."""
        ended, self._ended = self._ended, []
        add = defaultdict[tuple[Any, ...], float](float)
        for told in ended:
            route, model = told.route, told.model
            add[self._requests, route, model, told.state] += 1
            self._child(self._took, route).observe(told.took_s)
            self._decision.observe(told.decided_s)
            for attempt in told.attempts:
                add[self._attempts, attempt.model, attempt.outcome] += 1
            for skipped, why in told.skipped.items():
                add[self._passed_over, skipped, why] += 1
            if told.first_byte_s is not None:
                self._child(self._first_byte, model).observe(told.first_byte_s)
            self._count_answer(told, add)
        for (counter, *labels), amount in add.items():
            self._child(counter, *labels).inc(amount)

    def _count_answer(self, told: _Ended, add: dict[tuple[Any, ...], float]) -> None:
        model = told.model
        for kind, tokens in _tokens(told.usage).items():
            add[self._tokens, model, kind] += tokens
        if told.cost_usd:
            add[self._cost, model] += told.cost_usd
        if told.cache:
            add[self._cached, told.cache] += 1
            add[self._saved, model] += told.saved_usd
        for cause in told.degraded:
            add[self._degraded, cause] += 1

    def refused(self, route: str, code: str) -> None:
        """Count a request that ended before it was decided."""
        self._child(self._refused, route, code).inc()

    def reloaded(self, result: str) -> None:
        """Count a wish to reload: ``applied`` or ``refused``."""
        self._reloads.labels(result).inc()

    def refresh(self, gateway: Gateway) -> None:
        """Count what waits, and set what is not counted but looked at."""
        self.count()
        relay, ledger = gateway.relay, gateway.ledger
        self._in_flight.set(relay.admission.running)
        self._waiting.set(relay.admission.waiting)
        self._queued.set(ledger.queued)
        self._catch_up(self._dropped, "dropped", ledger.lost)
        if relay.cache is not None:
            answers = relay.cache.answers
            self._cache_bytes.set(answers.size_bytes)
            self._catch_up(self._cache_failures, "cache_failures", answers.failures)
        self._unwritable.set(int(bool(ledger.trouble)))
        if isinstance(gateway.sink, StateSink):
            self._spool.set(gateway.sink.keeper.spool_bytes)
            self._away.set(int(gateway.sink.keeper.away))
        self._retries.set(gateway.budget.left())
        self._ready.set(int(gateway.ready))
        open_, cooling = set(gateway.health.open()), gateway.health.cooling()
        fallbacks = gateway.generation.fallbacks
        for name in gateway.decider.pool:
            target = fallbacks.target(name)
            self._breaker.labels(name).set(int(target in open_))
            self._cooling.labels(name).set(cooling.get(target.account, 0.0))
        for provider, gate in fallbacks.turns.gates.items():
            self._calls.labels(provider).set(gate.running)
            self._turns.labels(provider).set(gate.waiting)
        now = gateway.decider.artefact or "none"
        for former in self._artefacts - {now}:
            self._artefact.labels(former).set(0)
        self._artefacts.add(now)
        self._artefact.labels(now).set(1)

    async def keep_fresh(self, gateway: Gateway) -> None:
        """Refresh for ever, where another worker may be asked for this one's gauges."""
        while self._folder:
            self.refresh(gateway)
            await asyncio.sleep(REFRESH_S)

    async def text(self, gateway: Gateway) -> bytes:
        """Everything in Prometheus' text format, all workers added up."""
        self.refresh(gateway)
        return await asyncio.to_thread(self._text)

    def _text(self) -> bytes:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        if not self._folder:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._folder)
        return generate_latest(registry)

    def _child(self, metric: M, *labels: str) -> M:
        """``metric.labels``, which takes a lock and checks its words each time, only once."""
        found: M | None = self._children.get((metric, labels))
        if found is None:
            found = self._children[metric, labels] = metric.labels(*labels)
        return found

    def _catch_up(self, counter: Counter, name: str, total: float) -> None:
        """Bring a counter to a total that is kept elsewhere."""
        counter.inc(max(total - self._seen.get(name, 0.0), 0.0))
        self._seen[name] = total


def _tokens(usage: Usage | None) -> Mapping[str, int]:
    """The tokens of an answer by their kind, as far as there are any."""
    if usage is None:
        return {}
    kinds = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cached_tokens,
        "cache_write": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    return {kind: tokens for kind, tokens in kinds.items() if tokens > 0}

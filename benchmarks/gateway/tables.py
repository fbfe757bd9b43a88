"""The page of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.gateway import bars
from benchmarks.gateway.bars import Bar
from benchmarks.gateway.bench import Load
from benchmarks.gateway.scaling import PART
from benchmarks.gateway.session import NAMED, POINTS, Seen, Session

WHOLE = ("whole, c=1", "whole, c=16")
# rival, bar and goal: our CPU over its own
SHARES = {
    "LiteLLM": {WHOLE: (1 / 40, 1 / 100), ("stream, c=64",): (1 / 25, 1 / 50)},
    "Portkey": {WHOLE: (1 / 6, None), ("stream, c=64",): (1 / 4, 1 / 8)},
    "TensorZero": {WHOLE: (1.0, 1 / 3)},
    "nginx": {WHOLE: (16.0, 5.0)},
}
# point, figure of a load, what it is called, bar in ms at p50 and at p99
LATENCIES = (("whole, c=1", "last", "whole answer"), ("first event, c=1", "first", "first event"))
LATENCY_BARS = {"p50": 1.0, "p99": 3.0}


def page(session: Session) -> str:
    """All of it in Markdown."""
    parts = [
        "# The gateway beside its rivals",
        session.head,
        "\n".join(bars.table(all_bars(session))),
        _scaling(session),
        "## CPU milliseconds a request",
        "User and system time of all of a gateway's processes; median (least–most) of the rounds. "
        f"*{NAMED}* is the same process, asked for one model: it stores a row and decides nothing.",
        "\n".join(_grid(session, _cpu)),
        "## Our CPU over theirs",
        "Round by round, both under the same load a few seconds apart; median (least–most).",
        "\n".join(
            _grid(session, lambda note, point: _ratio(session, note, point), with_ours=False)
        ),
        "## Latency added at one client, ms",
        "p50 / p99, less what the upstream alone took in the same round; medians of the rounds.",
        "\n".join(_latencies(session)),
        "## Start, memory, answers",
        "\n".join(_facts(session)),
        *_troubles(session),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def all_bars(session: Session) -> list[Bar]:
    """What issue and manual promise, beside what was seen."""
    found: list[Bar] = []
    us = session.seen.get("ours")
    for rival, wanted in SHARES.items():
        for points, (bar, goal) in wanted.items():
            for point in points:
                pairs = _ratios(session, session.seen.get(rival), point)
                share = median(pairs) if pairs else None
                found.append(Bar(f"CPU, {point}, over {rival}'s", share, bar, goal))
    for point, which, what in LATENCIES:
        for quantile, bar in LATENCY_BARS.items():
            added = _added(session, us, point, f"{which}_{quantile}_us")
            found.append(Bar(f"latency added, {what}, {quantile}", added, bar, unit="ms"))
    loaded = us.loaded_mb if us and us.loaded_mb else None
    each = session.streams.each_kb if session.streams else None
    ready = median(session.starts) if session.starts else None
    seen = session.scaling
    ratio = (seen.by_parts or seen.by_clock) if seen else None
    return [
        *found,
        Bar("memory of a worker after the load", loaded, 120, unit="MB"),
        Bar("memory of each of 1,000 open streams", each, 60, unit="kB"),
        Bar("start to first answer", ready, 1.5, unit="s"),
        Bar("throughput of two workers over one", ratio, 1.8, unit="", least=True),
    ]


def _grid(
    session: Session, cell: Callable[[Seen, str], str], *, with_ours: bool = True
) -> list[str]:
    points = [point for point in POINTS if point != "first event, c=1"]
    lines = [f"| gateway | {' | '.join(points)} |", "|---" * (len(points) + 1) + "|"]
    for name, note in session.seen.items():
        if name != "direct" and note.loads and (name != "ours" or with_ours):
            cells = " | ".join(cell(note, point) for point in points)
            lines.append(f"| {f'{name} {note.gateway.version}'.strip()} | {cells} |")
    return lines


def _spread(values: list[float], form: str) -> str:
    if not values:
        return "–"
    low, middle, high = (format(v, form) for v in (min(values), median(values), max(values)))
    return f"{middle} ({low}–{high})"


def _cpu(note: Seen, point: str) -> str:
    return _spread([load.cpu_ms for load in note.loads.get(point, ())], ".3f")


def _ratio(session: Session, note: Seen, point: str) -> str:
    return _spread(_ratios(session, note, point), ".3g")


def _ratios(session: Session, note: Seen | None, point: str) -> list[float]:
    return [a.cpu_ms / b.cpu_ms for a, b in _pairs(session.seen.get("ours"), note, point)]


def _pairs(one: Seen | None, other: Seen | None, point: str) -> list[tuple[Load, Load]]:
    """Loads of the same rounds; one that broke off has fewer."""
    if one is None or other is None:
        return []
    return list(zip(one.loads.get(point, ()), other.loads.get(point, ()), strict=False))


def _added(session: Session, note: Seen | None, point: str, figure: str) -> float | None:
    pairs = _pairs(note, session.seen.get("direct"), point)
    return (
        median((getattr(a, figure) - getattr(b, figure)) / 1000 for a, b in pairs)
        if pairs
        else None
    )


def _latencies(session: Session) -> list[str]:
    lines = ["| gateway | whole answer | first event |", "|---|---|---|"]
    for name, note in session.seen.items():
        if not note.loads:
            continue
        cells: list[str] = []
        for point, which, _ in LATENCIES:
            figures = [f"{which}_{quantile}_us" for quantile in LATENCY_BARS]
            if name == "direct":
                of = note.loads.get(point, [])
                told = [median(getattr(load, figure) for load in of) / 1000 for figure in figures]
            else:
                told = [_added(session, note, point, figure) for figure in figures]
            cells.append(" / ".join("–" if value is None else f"{value:.2f}" for value in told))
        label = "the upstream itself" if name == "direct" else name
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return lines


def _facts(session: Session) -> list[str]:
    lines = [
        "| gateway | ready s | MB fresh | MB after the load | answered | errors | calls upstream |"
    ]
    lines.append("|---" * 7 + "|")
    for name, note in session.seen.items():
        loads = [load for of in note.loads.values() for load in of]
        if name in ("direct", NAMED) or not loads:
            continue
        answered, errors = sum(x.answered for x in loads), sum(x.errors for x in loads)
        memory = f"{note.fresh_mb:.0f} | {note.loaded_mb:.0f}"
        calls = sum(load.calls for load in loads)
        lines.append(
            f"| {name} | {note.ready_s:.2f} | {memory} | {answered} | {errors} | {calls} |"
        )
    if session.streams:
        seen = session.streams
        lines.append(
            f"\n{seen.streams} open streams: {seen.before_mb:.1f} MB before, {seen.open_mb:.1f} MB "
            f"at most while all were open, {seen.after_mb:.1f} MB when they had ended; "
            f"{seen.broken} broke."
        )
    if session.starts:
        told = ", ".join(f"{seconds:.2f}" for seconds in session.starts)
        lines.append(f"\nOur starts with a new state each, to the first answer: {told} s.")
    return lines


def _scaling(session: Session) -> str:
    seen = session.scaling
    if seen is None:
        return ""
    one, two = (median(x.cpu_ms for x in loads) for loads in (seen.one, seen.two))
    rig = median(1000 * x.rig_s / x.answered for x in seen.one)
    rates = [_rate(seen.one), _rate(seen.two)]
    limited = "This system does not limit processes so that load and workers have room."
    if seen.by_parts is not None:
        limited = (
            f"Where each worker may run for {PART:g} of every 10 ms, so that load and workers have "
            f"room beside each other: {_rate(seen.limited_one):.0f} and "
            f"{_rate(seen.limited_two):.0f}, {seen.by_parts:.2f} times."
        )
    return (
        f"Two workers, 64 clients: {rates[0]:.0f} requests a second with one worker, "
        f"{rates[1]:.0f} with two, {seen.by_clock:.2f} times. Load and upstream run on the same "
        f"cores and take {rig:.3f} ms a request, so that the clock could show {seen.ceiling:.2f} "
        f"times here at most. {limited} A request costs {one:.3f} ms of CPU with one worker and "
        f"{two:.3f} ms with two: with a core for each and nothing to wait for, two would carry "
        f"{seen.by_cpu:.2f} times as much. "
        f"Memory of each of two workers, shared pages divided: {seen.worker_mb:.0f} MB."
    )


def _rate(loads: Sequence[Load]) -> float:
    return median(load.answered / load.took_s for load in loads)


def _troubles(session: Session) -> list[str]:
    told = [f"- {name}: not installed; see `rivals.sh`" for name in session.missing]
    found = {name: note.trouble for name, note in session.seen.items() if note.trouble}
    for name, trouble in (found | session.troubles).items():
        first, _, rest = trouble.partition("\n")
        told.append(f"- {name}: {first}" + (f"\n\n```\n{rest}\n```" if rest else ""))
    return ["## Not measured", "\n".join(told)] if told else []

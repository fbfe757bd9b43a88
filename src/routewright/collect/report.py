"""What a user is told: the bill before, and what happened after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from routewright.collect.bill import Bill
from routewright.collect.rows import Ledger
from routewright.collect.tally import Tally
from routewright.types import AnswerState

BILL_FILE = "bill.json"


def bill_lines(bill: Bill) -> Iterator[str]:
    """The bill as a table in plain text."""
    width = max(len("total"), *(len(line.model) for line in bill.models))
    yield (
        f"{'':{width}}  {'calls':>9}  {'tokens in':>12}  {'tokens out':>12}  "
        f"{'about':>12}  {'at most':>12}  price of"
    )
    for line in bill.models:
        about = f"${line.expected_usd:.4f}" if line.price_date else "no price"
        most = f"${line.most_usd:.4f}" if line.price_date else ""
        yield (
            f"{line.model:{width}}  {line.calls:>9,}  {line.input_tokens:>12,}  "
            f"{line.output_tokens:>12,}  {about:>12}  {most:>12}  {_price_date(line.price_date)}"
        ).rstrip()
    yield (
        f"the bill: about ${bill.expected_usd:.4f} (from ${bill.low_usd:.4f}, "
        f"at most ${bill.most_usd:.4f})"
    )


def _price_date(date: str) -> str:
    return "routewright.toml" if date.startswith("9999") else date


def opening_lines(ledger: Ledger, torn_bytes: int, repaired: Sequence[int]) -> Iterator[str]:
    """What earlier runs have left behind."""
    if repaired:
        lines = ", ".join(map(str, repaired))
        yield (
            f"repaired: damaged lines ({lines}) were moved to answers.journal.damaged; "
            "a cell whose answer was among them is asked again"
        )
    if torn_bytes:
        yield f"a row that was never finished ({torn_bytes} bytes) was cut off the journal"
    unanswered = sum(unsure.calls > 0 for unsure in ledger.open.values())
    if unanswered:
        yield (
            f"{unanswered} cells were sent by earlier runs and never answered; "
            "they are asked again under the same Idempotency-Key"
        )


def closing_lines(tally: Tally, ledger: Ledger) -> Iterator[str]:
    """What a run did beyond its answers, where there is something to tell."""
    odd = {s: n for s, n in tally.states.items() if n and s is not AnswerState.COMPLETE}
    if odd:
        yield "states: " + ", ".join(f"{tally.states[s]} {s.value}" for s in AnswerState)
    if tally.cached_tokens:
        share = tally.cached_tokens / max(tally.input_tokens, 1)
        saved = round(tally.saved_usd, 5) + 0.0  # no minus before a nought
        yield (
            f"prompt caching: {tally.cached_tokens:,} of {tally.input_tokens:,} input tokens "
            f"({share:.0%}) came from providers' caches, which saved ${saved:.5f}"
        )
    if tally.odd_usage:
        yield (
            f"{tally.odd_usage} answers came with usage that cannot be; their tokens and cost are "
            "estimated from the text and marked in the journal"
        )
    if tally.sent_back or tally.retries:
        yield f"{tally.sent_back} calls were sent back with 429, {tally.retries} were retried"
    unsure = ledger.unsure
    if unsure.calls:
        yield (
            f"{unsure.calls} calls of this folder were sent and not answered (timeouts, broken "
            f"answers, kills): they may have been charged, ${unsure.most_usd:.5f} at most"
        )
    for why in tally.stopped:
        yield f"stopped: {why}"
    if tally.unasked:
        yield f"{tally.unasked} cells are not asked yet; {_way_on(tally)}"


def _way_on(tally: Tally) -> str:
    if any("budget" in why for why in tally.stopped):
        return "run the same command with a larger --budget-usd to go on"
    return "run the same command to go on"


def write_bill(folder: Path, bill: Bill, tally: Tally, ledger: Ledger) -> None:
    """Write ``bill.json``: what was estimated, and what the run and the folder have cost."""
    unsure = ledger.unsure
    facts: dict[str, Any] = {
        "estimate": {
            "expected_usd": bill.expected_usd,
            "low_usd": bill.low_usd,
            "most_usd": bill.most_usd,
            "models": msgspec.to_builtins(bill.models),
        },
        "run": tally.facts(),
        "folder": {
            "spent_usd": ledger.spent_usd,
            "unsure_calls": unsure.calls,
            "unsure_at_most_usd": unsure.most_usd,
        },
    }
    path = folder / BILL_FILE
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
    temporary.replace(path)

"""``routewright collect --active``: rounds of asking and judging, with the frontier after each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routewright.cli.on import calling
from routewright.errors import ConfigError, UpstreamError
from routewright.types import Answer, Prompt

if TYPE_CHECKING:
    from routewright.active.loop import Look, Report, Scores
    from routewright.cli.collect import Wish
    from routewright.collect import Ledger
    from routewright.data.journal import Journal
    from routewright.protocols import Provider
    from routewright.scale import Cluster

ROUNDS_FILE = "rounds.journal"
REPORT_FILE = "active.json"


async def collect_actively(
    wish: Wish, journal: Journal, collection: str, ledger: Ledger, cluster: Cluster | None
) -> None:
    """Buy in rounds until the budget is spent or the frontier no longer moves.

    Raises:
        ConfigError: no budget.
        UpstreamError: calls failed in the end, or a run stopped; what was answered is kept.
    """
    from routewright.active.loop import buy_actively
    from routewright.cli.collect import INTERRUPTED, confirm, stop_on_interrupt, terms_of
    from routewright.collect import Cell, Run, read_answers
    from routewright.data.journal import Journal

    if wish.budget_usd is None:
        raise ConfigError("--active chooses what to buy under a budget: give --budget-usd")
    confirm(wish, f"a bill of up to ${wish.budget_usd:g}")
    models = {model.name: model for model in wish.pool}
    terms = terms_of(wish, collection, cluster)
    failed = 0
    async with calling(wish.settings, cluster, stream=wish.stream) as providers:
        with Journal(wish.folder / ROUNDS_FILE) as rounds:

            async def buy(cells: Sequence[tuple[Prompt, str]]) -> Sequence[Answer]:
                nonlocal failed
                got: list[Answer] = []

                def keep(answer: Answer) -> None:
                    ledger.add(answer)
                    got.append(answer)

                # The budget is the loop's own: it looks between steps that the plan alone sets,
                # so that a run that was killed buys the same cells when it goes on.
                run = Run(
                    providers,
                    journal,
                    terms=terms,
                    tried=dict(ledger.open),
                    known=ledger.known,
                    on_answer=keep,
                )
                stop_on_interrupt(run)
                tally = await run.ask([Cell(prompt, models[name]) for prompt, name in cells])
                if INTERRUPTED in tally.stopped:
                    raise click.Abort
                if tally.stopped:
                    why = "; ".join(tally.stopped)
                    raise UpstreamError(f"{why}; run the same command to go on")
                failed += tally.failed
                return got

            async def grade(answers: Sequence[Answer]) -> Scores:
                return await _grade(wish, answers, providers)

            report = await buy_actively(
                wish.prompts,
                list(models),
                budget_usd=wish.budget_usd,
                buy=buy,
                grade=grade,
                rounds=rounds,
                answers=[answer for answer in read_answers(wish.folder) if not answer.sample],
                seed=wish.seed,
                on_look=lambda look: click.echo(line(look)),
            )
    write_report(report, wish.folder)
    click.echo(f"stopped: {report.why}")
    held = report.held
    bought = int(held.asked.sum()) - failed
    click.echo(
        f"{bought} of {held.asked.size} cells for ${held.spent_usd:.5f}; now routewright judge "
        f"{wish.folder} and routewright train {wish.folder} --router partial"
    )
    if failed:
        raise UpstreamError(f"{failed} cells failed; run the same command to ask again")


def line(look: Look) -> str:
    """One round in the terminal: dollars, the frontier, and what random buying has to show."""
    told = f"round {look.round}: ${look.spent_usd:.5f}, {look.cells} cells"
    if look.aiq is None:
        return f"{told}, too few prompts with every score to see the frontier"
    told += f", AIQ {look.aiq:.4f} on {look.anchors} random prompts"
    if look.gain is not None and look.std is not None:
        told += f" ({look.gain:+.4f} ± {look.std:.4f} by this round)"
    if look.round and look.random_aiq is not None:
        told += f"; random prompts alone, ${look.random_usd:.5f}: {look.random_aiq:.4f}"
    return told


def write_report(report: Report, folder: Path) -> None:
    """Write ``active.json``: the curve, why the buying stopped, which prompts are the anchors."""
    import msgspec

    told = {
        "why": report.why,
        "spent_usd": report.held.spent_usd,
        "anchors": report.anchors,
        "rounds": [msgspec.to_builtins(look) for look in report.looks],
    }
    content = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
    (folder / REPORT_FILE).write_bytes(content)


async def _grade(
    wish: Wish, answers: Sequence[Answer], providers: Mapping[str, Provider]
) -> Scores:
    """What a program can verify, and with a judge the rest; the judge's word is kept on disk."""
    import asyncio

    from routewright.catalog import find_model
    from routewright.cli.judge import GRADES_FILE
    from routewright.data.journal import Journal
    from routewright.judge.llm import LlmJudge
    from routewright.judge.run import judge_answers, verify_rows

    verdicts = await asyncio.to_thread(verify_rows, wish.prompts, answers)
    if wish.judge_name is not None and answers:
        known = wish.judge_name in wish.settings.models
        judge = find_model(wish.judge_name, wish.settings.pool() if known else None)
        with Journal(wish.folder / GRADES_FILE) as store:
            grader = LlmJudge(providers[judge.provider], judge)
            verdicts += await judge_answers(wish.prompts, answers, grader, store)
    return {(verdict.prompt_id, verdict.model): verdict.score for verdict in verdicts}

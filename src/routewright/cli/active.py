"""``routewright collect --active``: rounds of asking and judging, with the frontier after each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routewright.errors import ConfigError, UpstreamError
from routewright.types import Answer, AnswerState, Model, Prompt

if TYPE_CHECKING:
    from routewright.active.loop import Look, Report, Scores
    from routewright.config import Settings

ROUNDS_FILE = "rounds.journal"
REPORT_FILE = "active.json"


async def collect_actively(
    prompts: Sequence[Prompt],
    pool: Sequence[Model],
    folder: Path,
    settings: Settings,
    *,
    budget_usd: float | None,
    judge_name: str | None,
    seed: int,
) -> None:
    """Buy in rounds until the budget is spent or the frontier no longer moves.

    Raises:
        ConfigError: no budget.
        UpstreamError: calls failed in the end; what was answered is kept.
    """
    from routewright.active.loop import buy_actively
    from routewright.collect import ANSWERS_FILE, Cell, collect, read_answers
    from routewright.data.journal import Journal
    from routewright.providers import make_providers

    if budget_usd is None:
        raise ConfigError("--active chooses what to buy under a budget: give --budget-usd")
    models = {model.name: model for model in pool}
    providers = make_providers(settings)
    concurrency = {
        name: given.max_concurrency if given.kind != "local" else 1
        for name, given in settings.providers.items()
    }
    failed = 0
    try:
        with (
            Journal(folder / ANSWERS_FILE) as journal,
            Journal(folder / ROUNDS_FILE) as rounds,
        ):

            async def buy(cells: Sequence[tuple[Prompt, str]]) -> Sequence[Answer]:
                nonlocal failed
                asked = [Cell(prompt, models[name]) for prompt, name in cells]
                got = await collect(asked, providers, journal, concurrency=concurrency)
                failed += sum(answer.state is AnswerState.FAILED for answer in got)
                return got

            async def grade(answers: Sequence[Answer]) -> Scores:
                return await _grade(prompts, answers, judge_name, folder, settings)

            report = await buy_actively(
                prompts,
                list(models),
                budget_usd=budget_usd,
                buy=buy,
                grade=grade,
                rounds=rounds,
                answers=read_answers(folder),
                seed=seed,
                on_look=lambda look: click.echo(line(look)),
            )
    finally:
        for provider in providers.values():
            await provider.aclose()
    write_report(report, folder)
    click.echo(f"stopped: {report.why}")
    held = report.held
    bought = int(held.asked.sum()) - failed
    click.echo(
        f"{bought} of {held.asked.size} cells for ${held.spent_usd:.5f}; now routewright judge "
        f"{folder} and routewright train {folder} --router partial"
    )
    if failed:
        raise UpstreamError(
            f"{failed} calls failed and were not paid for; run the same command to ask again"
        )


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
    prompts: Sequence[Prompt],
    answers: Sequence[Answer],
    judge_name: str | None,
    folder: Path,
    settings: Settings,
) -> Scores:
    """What a program can verify, and with a judge the rest; the judge's word is kept on disk."""
    import asyncio

    from routewright.catalog import find_model
    from routewright.cli.judge import GRADES_FILE
    from routewright.data.journal import Journal
    from routewright.judge.llm import LlmJudge
    from routewright.judge.run import judge_answers, verify_rows
    from routewright.providers import make_providers

    verdicts = await asyncio.to_thread(verify_rows, prompts, answers)
    if judge_name is not None and answers:
        configured = settings.pool() if judge_name in settings.models else None
        judge = find_model(judge_name, configured)
        providers = make_providers(settings)
        try:
            with Journal(folder / GRADES_FILE) as store:
                grader = LlmJudge(providers[judge.provider], judge)
                verdicts += await judge_answers(prompts, answers, grader, store)
        finally:
            for provider in providers.values():
                await provider.aclose()
    return {verdict.key: verdict.score for verdict in verdicts}

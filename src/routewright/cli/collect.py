"""``routewright collect``: prompts → answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routewright.errors import UpstreamError
from routewright.types import Answer, AnswerState, Model, Prompt

if TYPE_CHECKING:
    from routewright.config import Settings


@click.command(name="collect")
@click.argument("prompts", type=click.Path(path_type=Path))
@click.option("--models", required=True, help="Names, separated by commas.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--config", type=click.Path(path_type=Path), help="routewright.toml.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N prompts.")
@click.option("--active", is_flag=True, help="Buy in rounds, only what teaches the router.")
@click.option(
    "--budget-usd",
    type=click.FloatRange(min=0, min_open=True),
    help="Dollars for all answers in the folder.",
)
@click.option("--judge", "judge_name", help="With --active: the LLM that grades between rounds.")
@click.option("--seed", default=0, help="With --active: of every draw.")
def command(
    prompts: Path,
    models: str,
    out: Path,
    config: Path | None,
    limit: int | None,
    active: bool,
    budget_usd: float | None,
    judge_name: str | None,
    seed: int,
) -> None:
    """Ask every model every prompt in PROMPTS (JSON Lines) and record the answers in a folder.

    Killed at any moment, it goes on where it stopped: what has been answered is not asked again.
    """
    from routewright.catalog import find_model
    from routewright.collect.manifest import write_manifest
    from routewright.config import load_settings
    from routewright.data.prompt_file import load_prompts

    if not active and (budget_usd is not None or judge_name):
        raise click.UsageError("--budget-usd and --judge go with --active")
    settings = load_settings(config)
    names = [name for name in (part.strip() for part in models.split(",")) if name]
    configured = settings.pool()
    pool = [
        find_model(name, configured if name in settings.models else None)
        for name in dict.fromkeys(names)
    ]
    wanted = load_prompts(prompts)[:limit]
    out.mkdir(parents=True, exist_ok=True)
    write_manifest(out, prompts, pool)
    if active:
        from routewright.cli.active import collect_actively

        asyncio.run(
            collect_actively(
                wanted,
                pool,
                out,
                settings,
                budget_usd=budget_usd,
                judge_name=judge_name,
                seed=seed,
            )
        )
        return
    asyncio.run(_run(wanted, pool, out, settings))


async def _run(
    wanted: Sequence[Prompt], pool: Sequence[Model], folder: Path, settings: Settings
) -> None:
    from routewright.cli.progress import progress_bar
    from routewright.collect import ANSWERS_FILE, collect, missing_cells, read_answers
    from routewright.data.journal import Journal
    from routewright.providers import make_providers

    with Journal(folder / ANSWERS_FILE) as journal:
        cells = missing_cells(wanted, pool, read_answers(folder))
        total = len(wanted) * len(pool)
        providers = make_providers(settings)
        concurrency = {
            name: given.max_concurrency if given.kind != "local" else 1
            for name, given in settings.providers.items()
        }
        spent = 0.0
        failed = 0
        try:
            with progress_bar("asking", total=total, done=total - len(cells)) as advance:

                def on_answer(answer: Answer) -> None:
                    nonlocal spent, failed
                    spent += answer.cost_usd
                    failed += answer.state is AnswerState.FAILED
                    advance(f"${spent:.5f}")

                await collect(
                    cells, providers, journal, concurrency=concurrency, on_answer=on_answer
                )
        finally:
            for provider in providers.values():
                await provider.aclose()
    click.echo(
        f"{total - failed} of {total} answers in {folder}; this run asked {len(cells)} "
        f"for ${spent:.5f}"
    )
    if failed:
        raise UpstreamError(
            f"{failed} calls failed and were not paid for; run the same command to ask again"
        )

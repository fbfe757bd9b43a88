"""``routewright collect``: prompts → answers."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routewright.cli.on import calling, cluster_on, on_options
from routewright.errors import ConfigError, DamagedError, DataError, UpstreamError, UsageError
from routewright.types import Answer, Model, Prompt

if TYPE_CHECKING:
    from routewright.collect import Bill, Cell, Ledger, Run, Tally, Terms
    from routewright.config import Settings
    from routewright.data.journal import Journal
    from routewright.scale import Cluster

RESERVE_BYTES = (1 << 20, 64 << 20)  # the least and the most that is held back
MOST_CALLS = 8  # at once, to a provider that says nothing else
ANSWER_BYTES = 8  # a token, with room for JSON's escapes


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    prompts: Sequence[Prompt]
    pool: Sequence[Model]
    folder: Path
    settings: Settings
    samples: int
    temperature: float
    budget_usd: float | None
    timeout_s: float
    stream: bool
    yes: bool
    active: bool
    judge_name: str | None
    seed: int
    on: str | None
    workers: int | None


@click.command(name="collect")
@click.argument("prompts", type=click.Path(path_type=Path))
@click.option("--models", required=True, help="Names, separated by commas.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--config", type=click.Path(path_type=Path), help="routewright.toml.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N prompts.")
@click.option(
    "--budget-usd",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop before the folder, over all its runs, has cost more.",
)
@click.option("--yes", is_flag=True, help="Accept the bill without being asked.")
@click.option(
    "--samples", default=1, type=click.IntRange(min=1), help="Answers of each model to each prompt."
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, max=2),
    help="Of decoding; without it 0 for one sample and 1 for several.",
)
@click.option(
    "--timeout-s",
    type=click.FloatRange(min=0, min_open=True),
    help="For one whole answer; without it the configured gateway.timeouts.total_s.",
)
@click.option(
    "--stream", is_flag=True, help="Ask for streams: answers record when their first words came."
)
@click.option(
    "--repair", is_flag=True, help="Move damaged lines of the journal aside and ask them again."
)
@click.option("--active", is_flag=True, help="Buy in rounds, only what teaches the router.")
@click.option("--judge", "judge_name", help="With --active: the LLM that grades between rounds.")
@click.option("--seed", default=0, help="With --active: of every draw.")
@on_options
def command(
    prompts: Path,
    models: str,
    out: Path,
    config: Path | None,
    limit: int | None,
    budget_usd: float | None,
    yes: bool,
    samples: int,
    temperature: float | None,
    timeout_s: float | None,
    stream: bool,
    repair: bool,
    active: bool,
    judge_name: str | None,
    seed: int,
    on: str | None,
    workers: int | None,
) -> None:
    """Ask every model every prompt in PROMPTS (JSON Lines) and record the answers in a folder.

    The bill is estimated first. Killed at any moment, the same command goes on where it stopped:
    what has been answered is not asked again.
    """
    from routewright.catalog import find_model
    from routewright.collect import ANSWERS_FILE
    from routewright.collect.manifest import write_manifest
    from routewright.config import load_settings
    from routewright.data.journal import Journal
    from routewright.data.prompt_file import load_prompts

    if judge_name and not active:
        raise UsageError("--judge goes with --active; without it, judge the folder afterwards")
    if active and samples > 1:
        raise UsageError("--active buys one answer a cell: leave --samples out")
    settings = load_settings(config)
    names = [name for name in (part.strip() for part in models.split(",")) if name]
    configured = settings.pool()
    pool = [
        find_model(name, configured if name in settings.models else None)
        for name in dict.fromkeys(names)
    ]
    _check_plan(pool, prompts, out, budget_usd)
    wish = Wish(
        prompts=load_prompts(prompts)[:limit],
        pool=pool,
        folder=out,
        settings=settings,
        samples=samples,
        temperature=temperature if temperature is not None else float(samples > 1),
        budget_usd=budget_usd,
        timeout_s=timeout_s or settings.gateway.timeouts.total_s,
        stream=stream,
        yes=yes,
        active=active,
        judge_name=judge_name,
        seed=seed,
        on=on,
        workers=workers,
    )
    repaired = Journal(out / ANSWERS_FILE).repair() if repair else []
    reserve = sum(_concurrency(settings, pool).values()) * ANSWER_BYTES * _longest(wish.prompts)
    reserve = min(max(reserve, RESERVE_BYTES[0]), RESERVE_BYTES[1])
    try:
        with Journal(out / ANSWERS_FILE, reserve_bytes=reserve, check=False) as journal:
            manifest = write_manifest(out, prompts, pool, wish.temperature)
            _collect(wish, journal, str(manifest["id"]), repaired)
    except DamagedError as error:
        raise DataError(
            f"{str(error).partition(';')[0]}; run the same command with --repair to move that line "
            f"to {ANSWERS_FILE}.damaged and ask for its answer again"
        ) from error


def _check_plan(pool: Sequence[Model], prompts: Path, out: Path, budget_usd: float | None) -> None:
    """Refuse what would go wrong only after the money has been spent."""
    unpriced = [model.name for model in pool if not model.price.valid_from]
    if budget_usd is not None and unpriced:
        raise UsageError(
            f"no price of {', '.join(unpriced)}, so no budget can hold: give input_usd_per_mtok "
            "and output_usd_per_mtok (0 if it is free) in routewright.toml with --config, or "
            "leave --budget-usd out"
        )
    if prompts.parent.resolve() == out.resolve() and prompts.stem == "prompts":
        raise UsageError(
            f"{prompts} lies in --out, where judging writes a table of the same name; "
            "collect into another folder"
        )


def _collect(wish: Wish, journal: Journal, collection: str, repaired: Sequence[int]) -> None:
    from routewright.collect import Ledger, estimate
    from routewright.collect.report import bill_lines, opening_lines

    ledger = Ledger.read(wish.folder, wish.prompts)
    for line in opening_lines(ledger, journal.torn_bytes, repaired):
        click.echo(line, err=True)
    if wish.active:
        from routewright.cli.active import collect_actively

        with cluster_on(wish.on, wish.workers) as cluster:
            asyncio.run(collect_actively(wish, journal, collection, ledger, cluster))
        return
    cells = ledger.missing(wish.pool, wish.samples)
    bill = estimate(wish.pool, cells, ledger.known)
    if cells:
        for line in bill_lines(bill):
            click.echo(line, err=True)
        confirm(
            wish,
            f"the bill of about ${bill.expected_usd:.4f} (at most ${bill.most_usd:.4f})",
        )
    # Nothing missing needs no cluster: one that is down must not hold the report up.
    with cluster_on(wish.on if cells else None, wish.workers if cells else None) as cluster:
        asyncio.run(_run(wish, journal, collection, cells, ledger, bill, cluster))


def confirm(wish: Wish, bill: str) -> None:
    """Have the bill accepted, unless --yes did or all models run here.

    Raises:
        UsageError: there is nobody to ask.
    """
    if wish.yes or all(_is_local(wish.settings, model) for model in wish.pool):
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"nobody is here to accept {bill}; pass --yes to accept it, and --budget-usd to set "
            "a limit"
        )
    click.confirm("Ask the models?", abort=True, err=True)


def terms_of(wish: Wish, collection: str, cluster: Cluster | None) -> Terms:
    """How the models are to be asked."""
    from routewright.collect import Terms

    return Terms(
        concurrency=_concurrency(wish.settings, wish.pool, cluster.workers if cluster else 1),
        account=lambda model: _account(wish.settings, model),
        timeout_s=wish.timeout_s,
        stream=wish.stream and cluster is None,
        temperature=wish.temperature,
        collection=collection,
    )


async def _run(
    wish: Wish,
    journal: Journal,
    collection: str,
    cells: Sequence[Cell],
    ledger: Ledger,
    bill: Bill,
    cluster: Cluster | None,
) -> None:
    from routewright.cli.progress import progress_bar
    from routewright.collect import Budget, Run

    total = len(wish.prompts) * len(wish.pool) * wish.samples
    budget = Budget(spent_usd=ledger.spent_usd, unsure_usd=ledger.unsure.most_usd)
    if wish.budget_usd is not None:
        budget.limit_usd = wish.budget_usd
    try:
        async with calling(wish.settings, cluster, stream=wish.stream) as providers:
            with progress_bar("asking", total=total, done=total - len(cells)) as advance:

                def on_answer(answer: Answer) -> None:
                    ledger.add(answer)
                    advance(f"${run.tally.spent_usd:.5f}")

                run = Run(
                    providers,
                    journal,
                    terms=terms_of(wish, collection, cluster),
                    budget=budget,
                    tried=dict(ledger.open),
                    known=ledger.known,
                    on_answer=on_answer,
                )
                stop_on_interrupt(run)
                tally = await run.ask(cells)
    except asyncio.CancelledError:
        raise click.Abort from None
    _tell(wish, total, bill, tally, ledger)


def _tell(wish: Wish, total: int, bill: Bill, tally: Tally, ledger: Ledger) -> None:
    from routewright.collect.report import closing_lines, write_bill

    write_bill(wish.folder, bill, tally, ledger)
    click.echo(
        f"{total - tally.failed - tally.unasked} of {total} answers in {wish.folder}; "
        f"this run asked {tally.ended} for ${tally.spent_usd:.5f}"
    )
    for line in closing_lines(tally, ledger):
        click.echo(line)
    if INTERRUPTED in tally.stopped:
        raise click.Abort
    if tally.failed:
        raise UpstreamError(f"{tally.failed} cells failed; run the same command to ask again")


INTERRUPTED = "interrupted"


def stop_on_interrupt(run: Run) -> None:
    """Ctrl-C or a termination lets calls in flight end; a second one drops them."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def stop() -> None:
        if INTERRUPTED in run.tally.stopped and task is not None:
            task.cancel()
            return
        click.echo(
            f"\nwaiting for the {run.in_flight} calls that are out; press again to drop them",
            err=True,
        )
        run.stop(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _is_local(settings: Settings, model: Model) -> bool:
    given = settings.providers.get(model.provider)
    return given is not None and given.kind == "local"


def _account(settings: Settings, model: Model) -> str:
    """A provider's key is one account; a model that runs here shares its process with nobody."""
    return f"{model.provider}/{model.name}" if _is_local(settings, model) else model.provider


def _concurrency(settings: Settings, pool: Sequence[Model], processes: int = 1) -> dict[str, int]:
    """The most calls in flight, by account; each process runs each local model once."""
    most: dict[str, int] = {}
    for model in pool:
        if model.provider not in settings.providers:
            raise ConfigError(
                f"{model.name}: its provider {model.provider!r} is not configured; "
                f"add [providers.{model.provider}] to routewright.toml"
            )
        local = _is_local(settings, model)
        given = settings.providers[model.provider].max_concurrency or MOST_CALLS
        most[_account(settings, model)] = processes if local else given
    return most


def _longest(prompts: Sequence[Prompt]) -> int:
    from routewright.collect.cells import max_tokens

    return max(map(max_tokens, prompts), default=1)

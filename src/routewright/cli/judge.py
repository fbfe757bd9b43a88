"""``routewright judge``: answers → scores, as routing data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routewright.cli.on import calling, cluster_on, on_options
from routewright.errors import DataError
from routewright.types import Answer, Model, Prompt

if TYPE_CHECKING:
    from routewright.config import Settings
    from routewright.judge.pairs import Look, Pair
    from routewright.judge.run import Verdict
    from routewright.protocols import Provider
    from routewright.scale import Cluster

GRADES_FILE = "grades.journal"
PAIRS_JOURNAL = "pairs.journal"
PAIRS_FILE = "pairs.json"
VOTES_FILE = "votes.parquet"
BRIDGE_FILE = "bridge.json"
AGREEMENT_FILE = "agreement.json"
LOST_WORKERS = 3  # of one call; a judge's calls are small, and paid for twice at worst


class JudgeVerb(click.Command):
    """Grades a folder; where the first word is ``audit``, that command takes over."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **rest: Any,
    ) -> click.Context:
        """The context of this command, or of ``judge audit``."""
        if args[:1] == ["audit"]:
            from routewright.cli.audit import command as audit

            return audit.make_context(f"{info_name} audit", args[1:], parent, **rest)
        return super().make_context(info_name, args, parent, **rest)


@dataclass(frozen=True)
class Job:
    """What is judged, by whom, and where it is kept."""

    prompts: Sequence[Prompt]
    answers: Sequence[Answer]
    folder: Path
    judges: Sequence[Model]
    settings: Settings
    cluster: Cluster | None


@click.command(name="judge", cls=JudgeVerb)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--judge",
    "judge_names",
    multiple=True,
    help="The LLM that grades what no program can verify; several are a panel.",
)
@click.option(
    "--panel",
    "way",
    type=click.Choice(["median", "mean"]),
    default="median",
    show_default=True,
    help="What a panel's mark is of its members'.",
)
@click.option(
    "--audit",
    type=click.IntRange(min=0),
    default=0,
    help="Also let the LLM judge grade this many verified answers, to measure how well it agrees.",
)
@click.option("--pairs", is_flag=True, help="Also compare answers in pairs, each in both orders.")
@click.option("--max-pairs", type=click.IntRange(min=1), help="At most this many, at random.")
@click.option("--bridge", "old", help="Keep this judge's grades, mapped to the new judge's scale.")
@click.option(
    "--bridge-cells",
    type=click.IntRange(min=1),
    default=250,
    show_default=True,
    help="Answers of the old judge that the new one grades too.",
)
@click.option("--retry-ungraded", is_flag=True, help="Ask again where a judge gave no mark.")
@click.option("--seed", default=0, help="Draws audited answers, pairs and the bridge.")
@click.option("--config", type=click.Path(path_type=Path), help="routewright.toml.")
@on_options
def command(
    folder: Path,
    judge_names: tuple[str, ...],
    way: str,
    audit: int,
    pairs: bool,
    max_pairs: int | None,
    old: str | None,
    bridge_cells: int,
    retry_ungraded: bool,
    seed: int,
    config: Path | None,
    on: str | None,
    workers: int | None,
) -> None:
    """Grade the answers that collect recorded in FOLDER and write routing data beside them.

    Graders that verify come first and cost nothing. An LLM judge, where one is named, grades the
    rest from 0 to 5; without one those answers stay without a score. Killed at any moment, it
    goes on where it stopped.

    routewright judge audit FOLDER lets a person grade a sample, and corrects the judge by it.
    """
    from routewright.catalog import find_model
    from routewright.collect import PROMPTS_FILE, read_answers
    from routewright.config import load_settings
    from routewright.data.corrections import CORRECTIONS_FILE
    from routewright.data.prompt_file import load_prompts
    from routewright.judge.table import write_routing_data

    if not (folder / PROMPTS_FILE).is_file():
        raise DataError(f"{folder}: no answers here; run routewright collect --out {folder} first")
    names = list(dict.fromkeys(judge_names))
    if old and len(names) != 1:
        raise click.UsageError("--bridge joins an old judge to one new one: give one --judge")
    if pairs and not names:
        raise click.UsageError("--pairs needs a judge: give --judge MODEL")
    settings = load_settings(config)
    judges = [
        find_model(name, settings.pool() if name in settings.models else None) for name in names
    ]
    prompts = load_prompts(folder / PROMPTS_FILE)
    answers = read_answers(folder)
    with cluster_on(on, workers) as cluster:
        job = Job(prompts, answers, folder, judges, settings, cluster)
        verified = _verified(job)
        verdicts = list(verified)
        if judges:
            if old:
                judged = asyncio.run(_bridged(job, old, bridge_cells, seed))
            else:
                judged = asyncio.run(_grade(job, verified, audit, seed, way, retry_ungraded))
            known = {verdict.key for verdict in verified}
            verdicts += [verdict for verdict in judged if verdict.key not in known]
        write_routing_data(prompts, answers, verdicts, folder)
        (folder / CORRECTIONS_FILE).unlink(missing_ok=True)  # these are the judge's scores again
        missing = len(answers) - sum(verdict.mark is not None for verdict in verdicts)
        click.echo(
            f"{len(answers)} answers: {len(verified)} verified, "
            f"{len(verdicts) - len(verified)} judged, {missing} without a score; "
            f"routing data in {folder}"
        )
        if missing and not judges:
            click.echo("name an LLM with --judge to grade the answers that no program can verify")
        if pairs:
            asyncio.run(_pairs(job, max_pairs, seed))


def _verified(job: Job) -> list[Verdict]:
    if job.cluster is None:
        from routewright.judge.run import verify_rows

        return verify_rows(job.prompts, job.answers)
    from routewright.scale import verify_rows_on

    return verify_rows_on(job.cluster, job.prompts, job.answers)


async def _grade(
    job: Job,
    verified: Sequence[Verdict],
    audit: int,
    seed: int,
    way: str,
    retry_ungraded: bool,
) -> list[Verdict]:
    """Every judge's verdicts, and the panel's where there are several."""
    from routewright.judge.agreement import agreement
    from routewright.judge.llm import LlmJudge
    from routewright.judge.panel import panel
    from routewright.judge.run import judge_answers
    from routewright.judge.sample import Graded, balanced_sample
    from routewright.judge.table import write_json

    tasks = {prompt.id: prompt.task for prompt in job.prompts}
    graded = [Graded(v.key, tasks[v.prompt_id], v.mark or 0.0) for v in verified]
    sample = balanced_sample(graded, audit, seed)
    total = len(job.judges) * (len(job.answers) - len(verified) + len(sample))
    members: list[list[Verdict]] = []
    async with _asking(job, GRADES_FILE, "judging", total) as (providers, store, bar):
        for judge in job.judges:
            members.append(
                await judge_answers(
                    job.prompts,
                    job.answers,
                    LlmJudge(providers[judge.provider], judge),
                    store,
                    audit=sample,
                    retry_ungraded=retry_ungraded,
                    on_verdict=lambda _: bar(""),
                )
            )
    verdicts = panel(members, way)
    told = agreement(verified, verdicts)
    if told is not None:
        told = {"judge": ", ".join(judge.name for judge in job.judges), **told}
        if len(members) > 1:
            told["members"] = [agreement(verified, own) for own in members]
        told["sampling"] = "equal numbers of each model, task, and right or wrong answers"
        write_json(job.folder / AGREEMENT_FILE, told)
    return verdicts


async def _bridged(job: Job, old: str, cells: int, seed: int) -> list[Verdict]:
    """The new judge's verdicts, and the old one's on the new one's scale where it has none."""
    import random

    from routewright.judge.bridge import build_bridge
    from routewright.judge.llm import LlmJudge
    from routewright.judge.run import judge_answers, kept_verdicts, key_of
    from routewright.judge.table import write_json

    async with _asking(job, GRADES_FILE, "judging", len(job.answers)) as (providers, store, bar):
        before = kept_verdicts(job.prompts, job.answers, old, store)
        judge = LlmJudge(providers[job.judges[0].provider], job.judges[0])
        if before and before[0].judge == judge.name:
            raise DataError(f"{judge.name} is the old judge and the new one: no bridge is needed")
        keys = sorted(verdict.key for verdict in before if verdict.mark is not None)
        random.Random(seed).shuffle(keys)
        spared = set(keys[cells:])
        asked = [answer for answer in job.answers if key_of(answer) not in spared]
        after = await judge_answers(
            job.prompts, asked, judge, store, audit=set(keys[:cells]), on_verdict=lambda _: bar("")
        )
    bridge = build_bridge(before, after, seed=seed)
    write_json(job.folder / BRIDGE_FILE, asdict(bridge))
    click.echo(
        f"bridge from {bridge.source} over {bridge.cells} cells: correlation "
        f"{bridge.correlation.value:.2f}, {len(spared)} grades mapped, each give or take "
        f"{bridge.spread:.2f} marks"
    )
    return [*after, *(bridge.apply(verdict) for verdict in before if verdict.key in spared)]


async def _pairs(job: Job, most: int | None, seed: int) -> None:
    """Compare answers that no program verifies; write votes and what the looks give away."""
    from routewright.judge.graders import is_verifiable
    from routewright.judge.pairs import PairJudge, decided, draw_pairs, judge_pairs
    from routewright.judge.table import write_json
    from routewright.judge.votes import panel_votes, save_votes, votes

    rest = [prompt for prompt in job.prompts if not is_verifiable(prompt)]
    drawn = draw_pairs(rest, job.answers, most=most, seed=seed)
    if not drawn:
        click.echo("no pairs: no two models answered a prompt that no program verifies")
        return
    looks: dict[str, list[Look]] = {}
    total = 2 * len(job.judges) * sum(decided(pair) is None for pair in drawn)
    async with _asking(job, PAIRS_JOURNAL, "comparing", total) as (providers, store, bar):
        for model in job.judges:
            judge = PairJudge(providers[model.provider], model)
            looks[judge.name] = await judge_pairs(drawn, judge, store, on_look=lambda _: bar(""))
    found = panel_votes([votes(drawn, own) for own in looks.values()])
    if found:
        save_votes(found, ", ".join(looks), job.folder / VOTES_FILE)
    told = {name: _measured(drawn, own) for name, own in looks.items()}
    write_json(job.folder / PAIRS_FILE, {"pairs": len(drawn), "votes": len(found), "judges": told})
    click.echo(f"{len(found)} votes on {len(drawn)} pairs in {job.folder / VOTES_FILE}")
    for name, each in told.items():
        if each["position"]:
            where = each["position"]
            click.echo(
                f"{name}: the orders agree on {where['consistent']['value']:.0%} of "
                f"{where['pairs']} pairs, the first wins {where['first']['value']:.0%}"
            )


def _measured(drawn: Sequence[Pair], looks: Sequence[Look]) -> dict[str, Any]:
    from routewright.judge.votes import length_preference, position, votes

    where, length = position(looks), length_preference(votes(drawn, looks))
    return {
        "looks": len(looks),
        "without_verdict": sum(look.won is None for look in looks),
        "position": asdict(where) if where else None,
        "length": asdict(length) if length else None,
    }


@asynccontextmanager
async def _asking(
    job: Job, journal: str, verb: str, total: int
) -> AsyncGenerator[tuple[dict[str, Provider], Any, Any]]:
    """Providers, an open journal and a progress bar, all closed at the end."""
    from routewright.cli.progress import progress_bar
    from routewright.data.journal import Journal

    async with calling(job.settings, job.cluster, repeats=LOST_WORKERS) as providers:
        with Journal(job.folder / journal) as store, progress_bar(verb, total=total) as bar:
            yield providers, store, bar

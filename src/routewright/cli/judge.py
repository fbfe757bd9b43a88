"""``routewright judge``: answers → scores, as routing data."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routewright.errors import DataError
from routewright.types import Answer, AnswerState, Model, Prompt

if TYPE_CHECKING:
    from routewright.config import Settings
    from routewright.judge.run import Verdict

GRADES_FILE = "grades.journal"
AGREEMENT_FILE = "agreement.json"


@click.command(name="judge")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--judge", "judge_name", help="The LLM that grades what no program can verify.")
@click.option(
    "--audit",
    type=click.IntRange(min=0),
    default=0,
    help="Also let the LLM judge grade this many verified answers, to measure how well it agrees.",
)
@click.option("--seed", default=0, help="Draws the audited answers.")
@click.option("--config", type=click.Path(path_type=Path), help="routewright.toml.")
def command(
    folder: Path, judge_name: str | None, audit: int, seed: int, config: Path | None
) -> None:
    """Grade the answers that collect recorded in FOLDER and write routing data beside them.

    Graders that verify come first and cost nothing. An LLM judge, where one is named, grades the
    rest from 0 to 5; without one those answers stay without a score. Killed at any moment, it
    goes on where it stopped.
    """
    from routewright.catalog import find_model
    from routewright.collect import PROMPTS_FILE, read_answers
    from routewright.config import load_settings
    from routewright.data.prompt_file import load_prompts
    from routewright.judge.run import verify_rows

    if not (folder / PROMPTS_FILE).is_file():
        raise DataError(f"{folder}: no answers here; run routewright collect --out {folder} first")
    settings = load_settings(config)
    judge = (
        find_model(judge_name, settings.pool() if judge_name in settings.models else None)
        if (judge_name)
        else None
    )
    prompts = load_prompts(folder / PROMPTS_FILE)
    answers = read_answers(folder)
    verdicts = verify_rows(prompts, answers)
    verified = len(verdicts)
    if judge is not None:
        sample = draw_audit(verdicts, prompts, audit, seed)
        judged = asyncio.run(_judge(prompts, answers, judge, sample, folder, settings))
        write_agreement(verdicts, judged, judge, folder)
        known = {verdict.key for verdict in verdicts}
        verdicts += [verdict for verdict in judged if verdict.key not in known]
    write_routing_data(prompts, answers, verdicts, folder)
    missing = len(answers) - sum(verdict.mark is not None for verdict in verdicts)
    click.echo(
        f"{len(answers)} answers: {verified} verified, {len(verdicts) - verified} judged, "
        f"{missing} without a score; routing data in {folder}"
    )
    if missing and judge is None:
        click.echo("name an LLM with --judge to grade the answers that no program can verify")


def draw_audit(
    verdicts: Sequence[Verdict], prompts: Sequence[Prompt], size: int, seed: int
) -> set[tuple[str, str]]:
    """About ``size`` verified answers, as many of each (model, task, right or wrong)."""
    import random

    tasks = {prompt.id: prompt.task for prompt in prompts}
    strata: dict[tuple[str, str, bool], list[tuple[str, str]]] = {}
    for verdict in verdicts:
        right = (verdict.mark or 0) >= 2.5
        strata.setdefault((verdict.model, tasks[verdict.prompt_id], right), []).append(verdict.key)
    source = random.Random(seed)
    for keys in strata.values():
        keys.sort()
        source.shuffle(keys)
    drawn: set[tuple[str, str]] = set()
    depth = 0
    while len(drawn) < min(size, len(verdicts)):
        level = [keys[depth] for _, keys in sorted(strata.items()) if depth < len(keys)]
        source.shuffle(level)
        drawn.update(level[: size - len(drawn)])
        depth += 1
    return drawn


async def _judge(
    prompts: Sequence[Prompt],
    answers: Sequence[Answer],
    judge: Model,
    audit: set[tuple[str, str]],
    folder: Path,
    settings: Settings,
) -> list[Verdict]:
    from routewright.cli.progress import progress_bar
    from routewright.data.journal import Journal
    from routewright.judge.graders import is_verifiable
    from routewright.judge.llm import LlmJudge
    from routewright.judge.run import judge_answers
    from routewright.providers import make_providers

    verifiable = {prompt.id for prompt in prompts if is_verifiable(prompt)}
    total = len(audit) + sum(answer.prompt_id not in verifiable for answer in answers)
    providers = make_providers(settings)
    try:
        with Journal(folder / GRADES_FILE) as store, progress_bar("judging", total=total) as bar:
            return await judge_answers(
                prompts,
                answers,
                LlmJudge(providers[judge.provider], judge),
                store,
                audit=audit,
                on_verdict=lambda _: bar(""),
            )
    finally:
        for provider in providers.values():
            await provider.aclose()


def write_agreement(
    verified: Sequence[Verdict], judged: Sequence[Verdict], judge: Model, folder: Path
) -> None:
    """Write how well the LLM judge agrees with the graders where both graded the same answer."""
    import msgspec

    from routewright.judge.agreement import weighted_kappa
    from routewright.judge.run import paired_marks

    keys = {verdict.key for verdict in verified}
    audited = [verdict for verdict in judged if verdict.key in keys]
    if not audited:
        return
    truth, opinion = paired_marks(verified, audited)
    kappa = weighted_kappa(truth, opinion)
    agreement = {
        "judge": judge.name,
        "version": audited[0].judge,
        "audited": len(audited),
        "ungraded": sum(verdict.mark is None for verdict in audited),
        "both": len(truth),
        "weighted_kappa": round(kappa, 4),
        "mean_mark_verified": round(sum(truth) / max(len(truth), 1), 3),
        "mean_mark_judge": round(sum(opinion) / max(len(opinion), 1), 3),
        "sampling": "equal numbers of each model, task, and right or wrong answers",
    }
    (folder / AGREEMENT_FILE).write_bytes(
        msgspec.json.format(msgspec.json.encode(agreement), indent=2) + b"\n"
    )


def write_routing_data(
    prompts: Sequence[Prompt],
    answers: Sequence[Answer],
    verdicts: Sequence[Verdict],
    folder: Path,
) -> None:
    """Write ``prompts``, ``outcomes`` and ``responses`` as Parquet."""
    import numpy as np

    from routewright.data import RoutingData
    from routewright.data.responses import Response, save_responses

    models = tuple(dict.fromkeys(answer.model for answer in answers))
    row = {prompt.id: index for index, prompt in enumerate(prompts)}
    column = {model: index for index, model in enumerate(models)}
    graded = {verdict.key: verdict for verdict in verdicts}
    cells = {name: np.full((len(prompts), len(models)), np.nan) for name in MATRIX_NAMES}
    responses: list[Response] = []
    for answer in answers:
        at = row[answer.prompt_id], column[answer.model]
        verdict = graded.get((answer.prompt_id, answer.model))
        score = verdict.score if verdict else None
        cells["scores"][at] = np.nan if score is None else score
        cells["costs"][at] = answer.cost_usd
        cells["latencies"][at] = answer.latency_s
        cells["input_tokens"][at] = answer.usage.input_tokens
        cells["output_tokens"][at] = answer.usage.output_tokens
        responses.append(
            Response(
                prompt_id=answer.prompt_id,
                model=answer.model,
                response=answer.text,
                state=AnswerState(answer.state).value,
                mark=verdict.mark if verdict else None,
                reason=verdict.reason if verdict else "",
                judge=verdict.judge if verdict else "",
                cpu_s=answer.usage.cpu_s,
            )
        )
    RoutingData(prompts=tuple(prompts), models=models, name=folder.name, **cells).save(folder)
    save_responses(responses, folder)


MATRIX_NAMES = ("scores", "costs", "latencies", "input_tokens", "output_tokens")

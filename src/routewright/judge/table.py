"""Verdicts → routing data: the tables that training and evaluation read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from routewright.data import RoutingData
from routewright.data.responses import Response, save_responses
from routewright.judge.bridge import refuse_mixed
from routewright.judge.run import Key, Verdict, key_of
from routewright.metrics.shapes import Floats
from routewright.types import Answer, AnswerState, Prompt


def write_routing_data(
    prompts: Sequence[Prompt],
    answers: Sequence[Answer],
    verdicts: Sequence[Verdict],
    folder: Path,
) -> None:
    """Write ``prompts``, ``outcomes`` and ``responses`` as Parquet.

    Of several samples of a cell the means are written; each has its row among the responses.

    Raises:
        DataError: several judges' marks would be mixed, or the folder can't be written.
        MissingExtraError: polars is not installed.
    """
    refuse_mixed(verdicts)
    models = tuple(dict.fromkeys(answer.model for answer in answers))
    graded = {verdict.key: verdict for verdict in verdicts}
    amounts: dict[str, dict[Key, float]] = {
        "costs": {key_of(a): a.cost_usd for a in answers},
        "latencies": {key_of(a): a.latency_s for a in answers},
        "input_tokens": {key_of(a): a.usage.input_tokens for a in answers},
        "output_tokens": {key_of(a): a.usage.output_tokens for a in answers},
    }
    marks = {key: verdict.mark for key, verdict in graded.items() if verdict.mark is not None}
    RoutingData(
        prompts=tuple(prompts),
        models=models,
        name=folder.name,
        scores=cell_scores(prompts, models, marks),
        **{name: cell_means(prompts, models, values) for name, values in amounts.items()},
    ).save(folder)
    save_responses([_response(answer, graded.get(key_of(answer))) for answer in answers], folder)


def cell_scores(
    prompts: Sequence[Prompt], models: Sequence[str], marks: Mapping[Key, float]
) -> Floats:
    """Scores in [0, 1] (n, m): the mean mark of a cell's samples divided by 5; NaN without any."""
    return cell_means(prompts, models, marks) / 5.0


def cell_means(
    prompts: Sequence[Prompt], models: Sequence[str], values: Mapping[Key, float]
) -> Floats:
    """The mean over each cell's samples (n, m); NaN where it has none."""
    row = {prompt.id: index for index, prompt in enumerate(prompts)}
    column = {model: index for index, model in enumerate(models)}
    sums, counts = np.zeros((len(row), len(column))), np.zeros((len(row), len(column)))
    for (prompt_id, model, _), value in values.items():
        sums[row[prompt_id], column[model]] += value
        counts[row[prompt_id], column[model]] += 1
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def write_json(path: Path, value: Any) -> None:
    """Write JSON that a person can read, replacing the file as a whole."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    temporary.replace(path)


def _response(answer: Answer, verdict: Verdict | None) -> Response:
    return Response(
        prompt_id=answer.prompt_id,
        model=answer.model,
        response=answer.text,
        state=AnswerState(answer.state).value,
        mark=verdict.mark if verdict else None,
        reason=verdict.reason if verdict else "",
        judge=verdict.judge if verdict else "",
        cpu_s=answer.usage.cpu_s,
        sample=answer.sample,
    )

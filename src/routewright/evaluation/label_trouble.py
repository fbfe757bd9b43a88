"""Signs that scores or costs are wrong, each in one line that says what to do.

None is proof. A model that scores below guessing may be that bad; more often its answers were cut
off, or the grader could not read their form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.evaluation.checks.labels import constant_models, equal_models
from routewright.evaluation.description import (
    AnswerRates,
    Bounds,
    DuplicateFacts,
    ModelFacts,
)
from routewright.evaluation.results import Finding

FEWEST = 30  # cells below which a share says little
COVERED = 0.95
CUT_OFF, REFUSED, UNREADABLE, LOST = 0.02, 0.02, 0.05, 0.01
NO_VALUE = 0.9  # of the prompts answered alike
HOPELESS, FEASIBLE = 0.02, 0.3  # a mean near 0 where the others' median is well above it
Z = 3.0  # standard errors; there are many tasks and models to be unlucky on
GAP_MISSING = 0.02
SHOWN = 3  # cases in one line

_OPTION = re.compile(r"^[ \t]*\(?([A-J])[).:][ \t]", re.MULTILINE)
Floats = NDArray[np.float64]


def label_trouble(
    data: RoutingData,
    models: Sequence[ModelFacts],
    bounds: Bounds | None,
    duplicates: DuplicateFacts | None,
    answers: Sequence[AnswerRates],
) -> tuple[Finding, ...]:
    """What looks wrong in the data, errors first."""
    found = [
        *_out_of_range(data),
        *_flat(data),
        *_below_chance(data),
        *_hopeless(data),
        *_answers(answers),
        *_gaps(data, models),
        *_costs(data, models),
        *_prompts(data, bounds, duplicates),
    ]
    order = ("error", "warning", "info")
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def options(text: str) -> int:
    """How many lettered options the last question of a prompt gives; 0 where it gives none.

    Options stand one a line, as ``A.``, ``A)``, ``(A)`` or ``A:``, from A on without a gap.
    """
    letters = "".join(_OPTION.findall(text))
    last = letters[letters.rfind("A") :] if "A" in letters else ""
    count = 0
    while count < len(last) and ord(last[count]) == ord("A") + count:
        count += 1
    return count if count > 1 else 0


def _out_of_range(data: RoutingData) -> Iterator[Finding]:
    wrong = (data.scores < 0) | (data.scores > 1)
    for column in np.flatnonzero(wrong.any(axis=0)):
        yield Finding(
            "RD001",
            "error",
            "scores outside [0, 1]",
            f"{data.models[column]}: {int(wrong[:, column].sum())} scores lie outside [0, 1]; "
            "divide marks by their highest value",
        )


def _flat(data: RoutingData) -> Iterator[Finding]:
    for model in constant_models(data.models, data.scores):
        yield Finding(
            "RD002",
            "warning",
            "constant scores",
            f"{model}: every score is the same; check its grading, or leave the model out",
        )
    for one, other in equal_models(data.models, data.scores):
        yield Finding(
            "RD003",
            "warning",
            "equal columns",
            f"{one} and {other}: equal scores on every prompt; check that the two names don't "
            "stand for one model, and keep one",
        )


def _below_chance(data: RoutingData) -> Iterator[Finding]:
    count = np.array([options(prompt.text) for prompt in data.prompts])
    chance = 1 / np.maximum(count, 1)
    for column, model in enumerate(data.models):
        scores = data.scores[:, column]
        binary = (count > 1) & np.isin(scores, (0, 1))
        told: list[str] = []
        for task, rows in _by_task(data):
            at = rows & binary
            if at.sum() < FEWEST or (rows & (count > 1) & np.isfinite(scores) & ~binary).any():
                continue
            guess, mean = float(chance[at].mean()), float(scores[at].mean())
            # The error of guessing itself: a model that is never right has no spread of its own.
            error = float(np.sqrt((chance[at] * (1 - chance[at])).sum())) / int(at.sum())
            if mean + Z * error < guess:
                told.append(f"{mean:.3f} on {task} (guessing: {guess:.3f})")
        if told:
            yield Finding(
                "RD004",
                "warning",
                "below chance",
                f"{model}: mean score {_few(told)}; read some of its answers there: they may be "
                "cut off, or in a form the grader misses",
            )


def _hopeless(data: RoutingData) -> Iterator[Finding]:
    told: dict[str, list[str]] = {}
    for task, rows in _by_task(data):
        known = np.isfinite(data.scores[rows])
        cells = known.sum(axis=0)
        means = np.where(known, data.scores[rows], 0).sum(axis=0) / np.maximum(cells, 1)
        for column in np.flatnonzero((cells >= FEWEST) & (means <= HOPELESS)):
            others = means[(cells >= FEWEST) & (np.arange(len(means)) != column)]
            if len(others) and np.median(others) >= FEASIBLE:
                told.setdefault(data.models[int(column)], []).append(
                    f"{means[column]:.3f} on {task} (the others' median: {np.median(others):.3f})"
                )
    for model, cases in told.items():
        yield Finding(
            "RD005",
            "warning",
            "hardly any success",
            f"{model}: mean score {_few(cases)}; read some of its answers there: they may be cut "
            "off, or in a form the grader misses",
        )


def _answers(answers: Sequence[AnswerRates]) -> Iterator[Finding]:
    told = (
        ("RD006", "truncated answers", "truncated", CUT_OFF, "raise max_tokens and ask again"),
        ("RD007", "refusals", "refused", REFUSED, "read them: a filter measures no ability"),
        ("RD008", "unreadable answers", "unreadable", UNREADABLE, "ask for the form it expects"),
        ("RD009", "empty answers", "empty", LOST, "ask again, or leave the cells empty"),
        ("RD010", "failed calls", "failed", LOST, "ask again, or leave the cells empty"),
        ("RD011", "ungraded answers", "ungraded", LOST, "judge again"),
    )
    words = {"unreadable": "of the answers hold nothing that the grader can read"}
    for code, title, field, limit, way_out in told:
        for rates in answers:
            share: float = getattr(rates, field)
            if share > limit:
                what = words.get(field, f"of the answers are {field}")
                yield Finding(
                    code, "warning", title, f"{rates.model}: {share:.1%} {what}; {way_out}"
                )


def _gaps(data: RoutingData, models: Sequence[ModelFacts]) -> Iterator[Finding]:
    for column, model in enumerate(models):
        if model.coverage < COVERED:
            yield Finding(
                "RD012",
                "warning",
                "low coverage",
                f"{model.name}: {model.missing} of {len(data)} prompts lack its score or cost "
                f"(coverage {model.coverage:.1%}); collect them, or leave the model out",
            )
        if (gap := _missing_gap(data.scores, column)) is not None:
            easier = "harder" if gap > 0 else "easier"
            yield Finding(
                "RD013",
                "warning",
                "not missing at random",
                f"{model.name}: the prompts it lacks are {easier} for the other models "
                f"({abs(gap):.3f} in mean score); don't compare its mean with theirs",
            )


def _missing_gap(scores: Floats, column: int) -> float | None:
    """Others' mean score where this model has one, less where it has none, if that is clear."""
    present = np.isfinite(scores[:, column])
    others = np.delete(scores, column, axis=1)
    known = np.isfinite(others)
    # Each model against its own mean: which others are known may differ from row to row.
    means = np.where(known, others, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    rows = known.any(axis=1)
    level = np.where(known, others - means, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    here, away = level[rows & present], level[rows & ~present]
    if min(len(here), len(away)) < FEWEST:
        return None
    gap = float(here.mean() - away.mean())
    error = float(np.sqrt(here.var(ddof=1) / len(here) + away.var(ddof=1) / len(away)))
    return gap if abs(gap) > max(GAP_MISSING, Z * error) else None


def _costs(data: RoutingData, models: Sequence[ModelFacts]) -> Iterator[Finding]:
    for column, model in enumerate(models):
        free = int((data.costs[:, column] == 0).sum())
        if free:
            yield Finding(
                "RD014",
                "warning",
                "costs of zero",
                f"{model.name}: {free} of {len(data)} costs are 0; fill in its price, or leave "
                "unknown costs empty",
            )
        unpaid = int((np.isfinite(data.scores) & ~np.isfinite(data.costs))[:, column].sum())
        if unpaid:
            yield Finding(
                "RD015",
                "warning",
                "scores without costs",
                f"{model.name}: {unpaid} scores have no cost and are not used; price their tokens",
            )
    told: list[str] = []
    covered = [model for model in models if model.coverage >= COVERED]
    for model in covered:
        better = [
            other
            for other in covered
            if other.score.value > model.score.value and other.cost_usd < model.cost_usd
        ]
        if better:
            best = max(better, key=lambda other: other.score.value)
            told.append(f"{model.name} by {best.name}")
    if told:
        yield Finding(
            "RD016",
            "info",
            "dominated models",
            f"a cheaper model scores higher: {_few(told)}; keep such a model only if it is best "
            "at some task",
        )


def _prompts(
    data: RoutingData, bounds: Bounds | None, duplicates: DuplicateFacts | None
) -> Iterator[Finding]:
    blank = sum(not prompt.text.strip() for prompt in data.prompts)
    if blank:
        yield Finding(
            "RD017",
            "warning",
            "prompts without text",
            f"{blank} of {len(data)} prompts have no text; a router learns nothing from them",
        )
    if bounds is None:
        yield Finding(
            "RD018",
            "error",
            "no complete prompt",
            "no prompt has a score and a cost of every model; leave out models of low coverage",
        )
    elif bounds.agree > NO_VALUE:
        yield Finding(
            "RD019",
            "warning",
            "little to route",
            f"all models score the same on {bounds.agree:.1%} of the prompts; add harder prompts, "
            "or weaker and stronger models",
        )
    if duplicates is not None and duplicates.across_groups:
        yield Finding(
            "RD020",
            "info",
            "duplicates in different groups",
            f"{duplicates.across_groups} prompts have a duplicate in another group; split with "
            "the joined groups, as the benchmark does",
        )


def _by_task(data: RoutingData) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for task in np.unique(data.tasks).tolist():
        yield task or "prompts without a task", data.tasks == task


def _few(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - SHOWN} more" if len(cases) > SHOWN else ""
    return ", ".join(cases[:SHOWN]) + more

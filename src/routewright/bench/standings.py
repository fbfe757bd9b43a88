"""Predictions on disk → the leaderboard."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routewright.bench import fits
from routewright.bench.controls import alarms, is_shuffled, shuffled
from routewright.bench.findings import findings
from routewright.bench.measure import FoldSeen, Ground, ground, measure
from routewright.bench.plan import FoldJobs, Part
from routewright.bench.results import Section, Standing
from routewright.bench.section import Folds, standing
from routewright.data.regimes import MOST_TASKS, coarse_tasks
from routewright.data.routing_data import RoutingData
from routewright.evaluation.checks import Facts, check
from routewright.evaluation.results import Finding, Kind
from routewright.metrics.bootstrap import Draws
from routewright.metrics.oracle import oracle
from routewright.metrics.significance import holm

Key = tuple[Kind, str]


def section(
    part: Part,
    folder: Path,
    failed: Mapping[str, str],
    *,
    routers: Sequence[str],
    replicates: int,
    advance: Callable[[str], None],
) -> Section:
    """One section, from the fits in ``folder``.

    A router that failed on any fold stands in ``skipped``: a mean over the other folds would not
    compare with the others'.

    Args:
        part: what was planned.
        folder: where the fits are.
        failed: reason by key of the fits that came to nothing.
        routers: names of those asked for, in this order.
        replicates: of the bootstrap.
        advance: told each fold that is measured.

    Raises:
        DataError: a fit is missing or damaged.
    """
    data = part.table.data
    if not part.folds:
        return _without(part)
    skipped = list(part.skipped)
    out: dict[str, list[str]] = {}
    for each in part.folds:
        for job in each.jobs:
            if job.key in failed:
                out.setdefault(job.name, []).append(failed[job.key])
    for name, reasons in out.items():
        often = f" on {len(reasons)} of {len(part.folds)} folds" if len(part.folds) > 1 else ""
        skipped.append(f"{name}: failed{often}: {reasons[0]}")
    draws = Draws.over(data.groups, replicates=replicates)
    tasks = coarse_tasks(data.tasks)
    grounds = [ground(data, each.fold, tasks, draws) for each in part.folds]
    pair = _pair(grounds)
    shown = _shown(tasks)
    seen: list[FoldSeen] = []
    for here, each in zip(grounds, part.folds, strict=True):
        seen.append(measure(here, _fits(each, folder, set(out)), shown_tasks=shown, pair=pair))
        advance(f"{data.name} {part.regime}")
    folds = Folds(seen, data.models, *(pair or (-1, -1)))
    standings = _standings(folds, routers)
    return Section(
        data=data.name,
        regime=part.regime,
        models=data.models,
        prompts=len(data),
        groups=len(np.unique(data.groups)),
        folds=folds.facts(),
        c_min=folds.c_min,
        c_max=folds.c_max,
        best_model=data.models[folds.best],
        oracle_shares=_oracle_shares(data),
        smallest_effect=folds.smallest_effect(),
        standings=standings,
        findings=findings(data, folds, standings, routers),
        skipped=tuple(skipped),
    )


def corrected(sections: Sequence[Section]) -> tuple[tuple[Section, ...], int]:
    """Holm's correction over all claims of a run, and over its controls; how many claims there are.

    A control that is above zero even so voids its section: RT011 stands first among its findings.
    """
    claims, told = _adjusted([part.standings for part in sections], control=False)
    _, told = _adjusted(told, control=True)
    return tuple(
        replace(part, standings=own, findings=(*_void(own), *part.findings))
        for part, own in zip(sections, told, strict=True)
    ), claims


def _adjusted(
    parts: Sequence[tuple[Standing, ...]], *, control: bool
) -> tuple[int, list[tuple[Standing, ...]]]:
    """The standings with the p-values of one family adjusted, and how many these are."""

    def belongs(each: Standing) -> bool:
        return each.p_value is not None and (each.kind == "control") == control

    family = [each.p_value or 0.0 for part in parts for each in part if belongs(each)]
    adjusted = iter(holm(family).tolist() if family else [])
    return len(family), [
        tuple(
            replace(each, p_holm=float(next(adjusted))) if belongs(each) else each for each in part
        )
        for part in parts
    ]


def _void(standings: Sequence[Standing]) -> tuple[Finding, ...]:
    controls = {each.name: each.minus_zero for each in standings if alarms(each)}
    return check(Facts(controls=controls)) if controls else ()


def _without(part: Part) -> Section:
    """A section that the data can't give: the reason, and nothing else."""
    data = part.table.data
    return Section(
        data=data.name,
        regime=part.regime,
        models=data.models,
        prompts=len(data),
        groups=len(np.unique(data.groups)),
        folds=(),
        c_min=math.nan,
        c_max=math.nan,
        best_model="",
        oracle_shares={},
        smallest_effect=math.nan,
        standings=(),
        findings=(),
        skipped=part.skipped,
    )


def _shown(tasks: NDArray[np.str_]) -> list[str]:
    """Tasks to look at by themselves: the largest, where there are many."""
    sizes: Counter[str] = Counter(tasks.tolist())
    sizes.pop("", None)
    largest = sorted(sizes, key=lambda task: (-sizes[task], task))[:MOST_TASKS]
    return sorted(largest) if len(sizes) > 1 else []


def _pair(grounds: Sequence[Ground]) -> tuple[int, int] | None:
    """The best and the cheapest single model of the training prompts; None where they are one."""
    costs, scores = np.mean([here.train_points for here in grounds], axis=0).T
    strong = int(np.lexsort((costs, -scores))[0])
    weak = int(np.lexsort((-scores, costs))[0])
    return None if strong == weak else (strong, weak)


def _fits(each: FoldJobs, folder: Path, left_out: set[str]) -> dict[Key, fits.Fit]:
    found: dict[Key, fits.Fit] = {}
    for job in each.jobs:
        if job.name not in left_out:
            kind: Kind = "control" if job.shuffled else "router"
            found[kind, job.name] = fits.read(fits.path_of(folder, job.key))
    return found


def _standings(folds: Folds, routers: Sequence[str]) -> tuple[Standing, ...]:
    """Models, baselines, controls, routers: these in the order asked for."""
    keys = [key for key in folds.seen[0].policies if not is_shuffled(key)]
    named = [key for name in routers if (key := _router(name)) in keys]
    controls = [key for key in keys if key[0] == "control"]
    models = [key for key in keys if key[0] == "model"]
    rest = [key for key in keys if key not in {*named, *controls, *models}]

    def of(keys: Sequence[Key]) -> list[Standing]:
        return [standing(folds, key, claimed=key[0] == "router") for key in keys]

    control = shuffled(folds)
    last = [] if control is None else [control]
    return (*of(models), *of(rest), *of(controls), *last, *of(named))


def _router(name: str) -> Key:
    return "router", name


def _oracle_shares(data: RoutingData) -> dict[str, float]:
    rows = data.complete
    chosen = oracle(data.scores[rows], data.costs[rows]).chosen
    shares = np.bincount(chosen, minlength=len(data.models)) / len(chosen)
    return dict(zip(data.models, shares.tolist(), strict=True))

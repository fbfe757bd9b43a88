"""The checks of a section: what would make its claims wrong, once for all and router by router."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from routewright.bench.measure import FoldSeen, Seen
from routewright.bench.results import Standing
from routewright.bench.section import Folds
from routewright.data.routing_data import RoutingData
from routewright.encoders import text_digests
from routewright.evaluation.checks import Facts, Sighting, check
from routewright.evaluation.checks.labels import constant_models, equal_models
from routewright.evaluation.results import Finding, Kind
from routewright.metrics.bootstrap import Estimate
from routewright.metrics.significance import discordance

Floats = NDArray[np.float64]

LENGTH = "length"
EXAMPLES = 3


def findings(
    data: RoutingData, folds: Folds, standings: Sequence[Standing], claimed: Sequence[str]
) -> tuple[Finding, ...]:
    """The checks that fired, errors first; those of a router name it.

    Controls are looked at once all sections are known (``standings.corrected``). Contamination is
    looked for in every fold: equal texts, groups that stand on both sides, texts
    that an encoder was fitted on. It is clean by construction, and that is what is checked.
    """
    by_key: dict[tuple[Kind, str], Standing] = {(each.kind, each.name): each for each in standings}
    found = list(check(_shared(data, folds)))
    for name in claimed:
        standing = by_key.get(("router", name))
        if standing is not None:
            found += [
                each if name in each.message else replace(each, message=f"{name}: {each.message}")
                for each in check(_of_router(folds, standing, by_key))
            ]
    weight = ("error", "warning", "info")
    return tuple(sorted(found, key=lambda finding: weight.index(finding.severity)))


def _shared(data: RoutingData, folds: Folds) -> Facts:
    exact: list[str] = []
    straddling: list[str] = []
    digests = text_digests([prompt.text for prompt in data.prompts])
    for each in folds.seen:
        fold = each.ground.fold
        at = fold.test[each.ground.rows]
        same = np.isin(digests[at], digests[fold.train])
        exact += [data.prompts[int(row)].id for row in at[same]]
        shared = np.isin(data.groups[at], data.groups[fold.train]) & ~same
        straddling += [data.prompts[int(row)].id for row in at[shared]]
    return Facts(
        prompts=folds.tested,
        dropped=int((~data.complete).sum()),
        exact=_sighting(exact),
        near=_sighting(straddling),
        encoder_saw=_encoder_saw(folds.seen),
        constant_models=constant_models(data.models, data.scores),
        equal_models=equal_models(data.models, data.scores),
    )


def _sighting(ids: Sequence[str]) -> Sighting:
    different = list(dict.fromkeys(ids))
    return Sighting(len(different), tuple(different[:EXAMPLES]))


def _encoder_saw(seen: Sequence[FoldSeen]) -> Sighting | None:
    """The most test prompts that any router's encoder was fitted on in one fold."""
    told = [
        (each.facts.encoder_saw, name)
        for fold in seen
        for (_, name), each in fold.policies.items()
        if each.facts is not None and each.facts.encoder_saw is not None
    ]
    if not told:
        return None
    count, name = max(told)
    return Sighting(count, (f"by {name}",) if count else ())


def _of_router(
    folds: Folds, standing: Standing, by_key: Mapping[tuple[Kind, str], Standing]
) -> Facts:
    key: tuple[Kind, str] = ("router", standing.name)
    seen = folds.of(key)
    # The opponent is the one of the checks' own words: the best model of the test prompts.
    best = [fold.ground.contest.single_scores[0].max() for fold in folds.seen]
    told = [each.facts.worth_usd is None for each in seen if each.facts is not None]
    slope = standing.reliability.slope if standing.reliability else None
    return Facts(
        router=standing.name,
        prompts=folds.tested,
        minus_zero=standing.minus_zero,
        zero_from_training=True,
        minus_length=_minus_length(folds, seen) if ("router", LENGTH) in by_key else None,
        neutral_cost=standing.neutral_cost.value,
        best_model=folds.models[folds.best],
        best_score=float(np.mean(best)),
        pays=standing.minus_zero.above_zero,
        score=standing.score.value,
        minus_best=Estimate.of(np.mean([each.minus_best for each in seen], axis=0)),
        discordance=_discordance(folds, seen),
        shares=standing.shares,
        setting_from_test=any(told),
        slope=slope,
    )


def _minus_length(folds: Folds, seen: Sequence[Seen]) -> Estimate | None:
    length = folds.of(("router", LENGTH))
    if length[0] is seen[0]:
        return None
    gaps = [
        ours.measured.minus_zero - theirs.measured.minus_zero
        for ours, theirs in zip(seen, length, strict=True)
    ]
    return Estimate.of(np.mean(gaps, axis=0))


def _discordance(folds: Folds, seen: Sequence[Seen]) -> float:
    gaps = [
        discordance(each.got, fold.ground.contest.scores[:, fold.ground.contest.best])
        for each, fold in zip(seen, folds.seen, strict=True)
    ]
    return float(np.mean(gaps))

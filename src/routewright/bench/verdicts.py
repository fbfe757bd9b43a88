"""Which routers are above the zero router, which below, and where that can't be told."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from routewright.bench.controls import LEVEL, alarms
from routewright.bench.results import Section, Standing
from routewright.evaluation.checks.controls import RT011
from routewright.evaluation.checks.worth import RT004, RT005
from routewright.evaluation.results import Finding

Word = Literal["above", "below", "untold"]
SAID = (RT004.code, RT005.code)  # no better than zero, or not shown to be
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Verdict:
    """What a section says of its routers, after Holm's correction over the whole run.

    Attributes:
        above: routers above the zero router, the furthest first.
        below: routers below it, the furthest below first.
        untold: routers of which neither is shown, best first.
        unclaimed: fitted baselines, for which nobody claims anything, best first.
        controls: controls that came out above zero; if there is one, no claim stands, and every
            router is among ``untold``.
        errors: findings of severity ``error``, each once, but for those that say again which
            routers and controls are above zero.
    """

    above: tuple[Standing, ...]
    below: tuple[Standing, ...]
    untold: tuple[Standing, ...]
    unclaimed: tuple[Standing, ...]
    controls: tuple[Standing, ...]
    errors: tuple[Finding, ...]

    def word(self, standing: Standing) -> Word | None:
        """Where that router stands; None where nothing is claimed of it."""
        for word in ("above", "below", "untold"):
            if any(each is standing for each in getattr(self, word)):
                return word
        return None


def verdict(section: Section) -> Verdict:
    """Sort the routers of a section."""
    fitted = by_difference(each for each in section.standings if each.kind == "router")
    routers = [each for each in fitted if each.p_value is not None]
    controls = tuple(each for each in section.standings if alarms(each))
    void = bool(controls) or any(each.code == RT011.code for each in section.findings)
    shown = [] if void else [each for each in routers if _is_shown(each)]
    above = tuple(each for each in shown if each.minus_zero.value > 0)
    below = tuple(each for each in reversed(shown) if each.minus_zero.value < 0)
    told = {id(each) for each in (*above, *below)}
    return Verdict(
        above,
        below,
        tuple(each for each in routers if id(each) not in told),
        tuple(each for each in fitted if each.p_value is None),
        controls,
        _errors(section, {*SAID, *([RT011.code] if controls else [])}),
    )


def _errors(section: Section, said: set[str]) -> tuple[Finding, ...]:
    told = [f for f in section.findings if f.severity == "error" and f.code not in said]
    return tuple({finding.code: finding for finding in told}.values())


def _is_shown(standing: Standing) -> bool:
    return standing.p_holm is not None and standing.p_holm <= LEVEL


def by_difference(standings: Iterable[Standing]) -> list[Standing]:
    """Largest difference to zero first; what has none comes last."""
    return sorted(
        standings,
        key=lambda each: (math.isnan(each.minus_zero.value), -each.minus_zero.value),
    )


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings."""
    return sorted(
        findings,
        key=lambda each: (
            SEVERITIES.index(each.severity) if each.severity in SEVERITIES else len(SEVERITIES)
        ),
    )

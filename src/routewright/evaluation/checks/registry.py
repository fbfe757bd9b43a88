"""Every check, on one page. A code that has been given stays given."""

from __future__ import annotations

from routewright.evaluation.checks.check import Check
from routewright.evaluation.checks.choices import RT006, RT017, RT018
from routewright.evaluation.checks.contamination import RT001, RT002, RT008, RT016
from routewright.evaluation.checks.controls import RT011
from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.checks.labels import RT009, RT013, RT014, RT019
from routewright.evaluation.checks.power import RT010
from routewright.evaluation.checks.prices import RT007
from routewright.evaluation.checks.worth import RT003, RT004, RT005, RT012, RT015
from routewright.evaluation.results import Finding

CHECKS: tuple[Check, ...] = (
    RT001,
    RT002,
    RT003,
    RT004,
    RT005,
    RT006,
    RT007,
    RT008,
    RT009,
    RT010,
    RT011,
    RT012,
    RT013,
    RT014,
    RT015,
    RT016,
    RT017,
    RT018,
    RT019,
)


def check(facts: Facts) -> tuple[Finding, ...]:
    """The checks that fired, errors first, then by code."""
    found = [finding for each in CHECKS if (finding := each.find(facts)) is not None]
    weight = ("error", "warning", "info")
    return tuple(sorted(found, key=lambda finding: weight.index(finding.severity)))


def unknown(facts: Facts) -> tuple[Check, ...]:
    """The checks that could not be made: a fact that they need is unknown."""
    return tuple(each for each in CHECKS if not each.possible(facts))


def line(finding: Finding) -> str:
    """A finding on one line, with the page that explains it."""
    page = next(each.page for each in CHECKS if each.code == finding.code)
    return f"{finding.severity} {finding.code} {finding.title}: {finding.message} → {page}"

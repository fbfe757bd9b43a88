"""Checks with codes: the ways in which a claim about a router has been wrong before.

    findings = check(facts_of(evaluation, exact=Sighting(0), near=Sighting(0)))

A check is a pure function of ``Facts``; what the caller doesn't know isn't checked, and
``unknown`` names the checks that were not made. Every code has a page in ``docs/checks``.
"""

from __future__ import annotations

from routewright.evaluation.checks.check import Check, Severity
from routewright.evaluation.checks.facts import Facts, Sighting
from routewright.evaluation.checks.from_evaluation import facts_of
from routewright.evaluation.checks.registry import CHECKS, check, line, unknown

__all__ = [
    "CHECKS",
    "Check",
    "Facts",
    "Severity",
    "Sighting",
    "check",
    "facts_of",
    "line",
    "unknown",
]

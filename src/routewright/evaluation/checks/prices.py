"""Whether the costs are still those of today."""

from __future__ import annotations

from datetime import date, timedelta

from routewright.evaluation.checks.check import Check
from routewright.evaluation.checks.facts import Facts

OLD = timedelta(days=90)
OWN = date.max
"""The day of an operator's own price: it is in force whatever the catalogue says."""


def _stale(facts: Facts) -> str | None:
    if facts.evaluated_on is None or facts.priced_from is None or facts.catalogue_from is None:
        return None
    for model, day in facts.priced_from.items():
        newest = facts.catalogue_from.get(model, day)
        if day < newest <= facts.evaluated_on:
            return (
                f"{model} was costed at the prices of {day}, but there are prices of {newest}; "
                "cost the answers again and train again"
            )
    own = {model for model, day in facts.priced_from.items() if day == OWN}
    known = [
        day
        for dated in (facts.priced_from, facts.catalogue_from)
        for model, day in dated.items()
        if model not in own
    ]
    if not known or facts.evaluated_on - max(known) <= OLD:
        return None
    return (
        f"the newest price is of {max(known)}, {(facts.evaluated_on - max(known)).days} days "
        "before this evaluation; look the prices up again"
    )


RT007 = Check(
    "RT007",
    "price table stale",
    "warning",
    ("evaluated_on", "priced_from", "catalogue_from"),
    _stale,
)

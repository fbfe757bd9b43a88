"""A panel: several judges grade the same answers, and their middle is the mark.

Each judge's verdicts stay in the journal under its own name; the panel's are made from them and
never stored as if someone had given them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from routewright.errors import UsageError
from routewright.judge.run import Verdict

WAYS = {"median": statistics.median, "mean": statistics.fmean}


def panel(members: Sequence[Sequence[Verdict]], way: str = "median") -> list[Verdict]:
    """The panel's verdicts on the answers that its first member judged, in that order.

    A mark is there only where every member gave one: a mean over whoever answered would set
    different judges beside each other. The reason quotes each member's mark and reason.

    Args:
        members: each judge's verdicts; one member is a panel of itself.
        way: ``median`` or ``mean``.

    Raises:
        UsageError: another way, or no members.
    """
    if way not in WAYS or not members:
        raise UsageError(f"a panel needs judges and one of {', '.join(WAYS)}, not {way!r}")
    if len(members) == 1:
        return list(members[0])
    others = [{verdict.key: verdict for verdict in own} for own in members]
    name = f"panel:{way}({','.join(own[0].judge for own in members if own)})"
    found: list[Verdict] = []
    for verdict in members[0]:
        own = [given[verdict.key] for given in others if verdict.key in given]
        marks = [each.mark for each in own if each.mark is not None]
        whole = len(marks) == len(members)
        found.append(
            Verdict(
                verdict.prompt_id,
                verdict.model,
                WAYS[way](marks) if whole else None,
                "; ".join(_told(each) for each in own),
                name,
                verdict.sample,
            )
        )
    return found


def _told(verdict: Verdict) -> str:
    judge = verdict.judge.split(":")[1] if ":" in verdict.judge else verdict.judge
    mark = "no mark" if verdict.mark is None else f"{verdict.mark:g}"
    return f"{judge}: {mark} ({verdict.reason})"

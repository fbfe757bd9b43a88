"""Looks at pairs → votes, and what the looks give away about the judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from routewright.data.table_file import write_frames
from routewright.errors import require
from routewright.judge.pairs import Look, Pair, decided
from routewright.metrics.bootstrap import Draws, Estimate


@dataclass(frozen=True)
class Vote:
    """What a pair's ``one`` wins over both orders: 1, 0, or 1/2 for a tie."""

    pair: Pair
    won: float


def votes(pairs: Iterable[Pair], looks: Iterable[Look]) -> list[Vote]:
    """One vote for each pair that was decided, or seen in both orders.

    A model wins where it wins in both orders; where they disagree, and where either says tie, the
    pair is a tie. A pair without a verdict in one of its orders has no vote.
    """
    seen = {(look.prompt_id, look.first, look.second): look.won for look in looks}
    found: list[Vote] = []
    for pair in pairs:
        given = decided(pair)
        if given is None:
            ahead, behind = _both(pair, seen)
            if ahead is None or behind is None:
                continue
            given = ahead if ahead == 1 - behind else 0.5
        found.append(Vote(pair, given))
    return found


def _both(
    pair: Pair, seen: dict[tuple[str, str, str], float | None]
) -> tuple[float | None, float | None]:
    id, one, other = pair.prompt.id, pair.one.model, pair.other.model
    return seen.get((id, one, other)), seen.get((id, other, one))


def panel_votes(members: Sequence[Sequence[Vote]]) -> list[Vote]:
    """What most of several judges say, pair by pair; even numbers for and against are a tie.

    A pair on which a member gave no vote has none.
    """
    given: dict[tuple[str, str, str], list[Vote]] = {}
    for own in members:
        for vote in own:
            pair = vote.pair
            given.setdefault((pair.prompt.id, pair.one.model, pair.other.model), []).append(vote)
    return [
        Vote(own[0].pair, 0.5 + 0.5 * float(np.sign(sum(vote.won - 0.5 for vote in own))))
        for own in given.values()
        if len(own) == len(members)
    ]


def save_votes(found: Sequence[Vote], judge: str, path: Path) -> None:
    """Write a Parquet file that ``data.votes.Votes.load`` reads.

    Raises:
        DataError: the folder cannot be written.
        MissingExtraError: polars is not installed.
    """
    pl = require("polars", "train")
    winner = {1.0: "model_a", 0.0: "model_b", 0.5: "tie"}
    rows = [
        {
            "prompt_id": vote.pair.prompt.id,
            "prompt": vote.pair.prompt.text,
            "model_a": vote.pair.one.model,
            "model_b": vote.pair.other.model,
            "winner": winner[vote.won],
            "judge": judge,
        }
        for vote in found
    ]
    write_frames(path.parent, {path.name: pl.DataFrame(rows)})


@dataclass(frozen=True)
class Position:
    """What standing first is worth to an answer.

    Attributes:
        pairs: seen in both orders with a verdict in each.
        consistent: share of them in which the orders agree.
        first: share of the looks that the first answer wins, a tie counted half; 1/2 is fair.
        first_always: share of the pairs in which the first wins in both orders.
        second_always: the same of the second.
    """

    pairs: int
    consistent: Estimate
    first: Estimate
    first_always: float
    second_always: float


def position(looks: Sequence[Look], *, replicates: int = 1000, seed: int = 0) -> Position | None:
    """The judge's position bias with 95 % bootstrap intervals over prompts; None without pairs."""
    won = {(look.prompt_id, look.first, look.second): look.won for look in looks}
    rows: list[tuple[str, float, float]] = []
    for (prompt_id, first, second), ahead in sorted(won.items(), key=lambda item: item[0]):
        behind = won.get((prompt_id, second, first))
        if first < second and ahead is not None and behind is not None:
            rows.append((prompt_id, ahead, behind))
    if not rows:
        return None
    both = np.array([row[1:] for row in rows])
    agree = (both[:, 0] == 1 - both[:, 1]).astype(np.float64)
    draws = Draws.over(np.array([row[0] for row in rows]), replicates=replicates, seed=seed)
    means = draws.means(np.column_stack([agree, both.mean(axis=1)]))
    return Position(
        pairs=len(rows),
        consistent=Estimate.of(means[:, 0]),
        first=Estimate.of(means[:, 1]),
        first_always=float((both == 1).all(axis=1).mean()),
        second_always=float((both == 0).all(axis=1).mean()),
    )


@dataclass(frozen=True)
class Length:
    """What a longer answer is worth to a judge of pairs.

    Attributes:
        slope: what the vote moves for one standard deviation more of log length.
        even: what ``one`` wins at equal lengths, where 1/2 would be even.
    """

    slope: Estimate
    even: Estimate


def length_preference(
    found: Sequence[Vote], *, replicates: int = 1000, seed: int = 0
) -> Length | None:
    """Votes regressed on the difference of log lengths; None where there is nothing to regress.

    Longer answers can be better ones: a slope is a bias only where lengths should not matter.
    """
    asked = [vote for vote in found if decided(vote.pair) is None]
    size = [(len(vote.pair.one.text), len(vote.pair.other.text)) for vote in asked]
    gap = np.array([np.log1p(a) - np.log1p(b) for a, b in size])
    if len(asked) < 10 or not np.ptp(gap) > 0:
        return None
    gap = gap / gap.std()
    won = np.array([vote.won for vote in asked])
    draws = Draws.over(
        np.array([vote.pair.prompt.id for vote in asked]), replicates=replicates, seed=seed
    )
    means = draws.means(np.column_stack([gap, won, gap * won, gap**2]))
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = (means[:, 2] - means[:, 0] * means[:, 1]) / (means[:, 3] - means[:, 0] ** 2)
    return Length(Estimate.of(slopes), Estimate.of(means[:, 1] - slopes * means[:, 0]))

"""From which similarity on the answer to one prompt may be given to another.

The prompts are asked one after the other, as they would be of a cache: an answer that is near
enough is given again, everything else is asked and kept. Half of them put the thresholds in an
order, the other half tests them one by one, in that order, until the first that does not keep the
promise. So the bound holds for whichever is chosen (fixed-sequence testing, as in Learn then Test,
Angelopoulos et al., arXiv 2110.01052).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.data import RoutingData
from routewright.encoders.alike import comparable, marks
from routewright.metrics.proportion import most_likely_share
from routewright.protocols import Encoder
from routewright.types import Prompt

THRESHOLDS = (
    *(0.7, 0.72, 0.74, 0.76, 0.78, 0.8, 0.82, 0.84, 0.86, 0.88),
    *(0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995),
)
TELLING_CHARS = 12  # shorter answers, such as B or 42, are equal by chance


@dataclass(frozen=True)
class Asked:
    """A prompt of one user turn, and what tells with which others it may share an answer.

    ``system`` is what stands before it; ``group`` names those that are the same question;
    ``answer`` is a reference or what a model said.
    """

    text: str
    system: str = ""
    group: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Reuse:
    """What a threshold would have done to some prompts: hits among them, and wrong ones."""

    prompts: int = 0
    hits: int = 0
    wrong: int = 0

    def most_wrong(self, confidence: float) -> float:
        """The upper bound on the share of hits that are wrong."""
        return most_likely_share(self.wrong, self.hits, confidence)


@dataclass(frozen=True)
class Row:
    """One threshold: what it did to the half that orders, and to the half that tests."""

    threshold: float
    ordering: Reuse
    testing: Reuse
    kept: bool  # it was tested, and keeps the promise


@dataclass(frozen=True)
class Calibration:
    """What was found; ``threshold`` is None where none keeps the promise.

    ``skipped`` prompts are no short line, so that they would not be looked at.
    """

    rows: tuple[Row, ...]
    threshold: float | None
    wanted: float
    confidence: float
    skipped: int


def asked_of(data: RoutingData) -> list[Asked]:
    """The prompts of routing data; those with several turns are left out."""
    return [
        Asked(prompt.messages[-1].text, _system(prompt), str(group), prompt.reference)
        for prompt, group in zip(data.prompts, data.groups, strict=True)
        if [m.role for m in prompt.messages if m.role not in ("system", "developer")] == ["user"]
    ]


def calibrate(
    asked: Sequence[Asked],
    encoder: Encoder,
    *,
    wanted: float = 0.01,
    confidence: float = 0.95,
    seed: int = 0,
    guarded: bool = True,
) -> Calibration:
    """Find the lowest threshold at which few enough answers are given to the wrong prompt.

    Args:
        asked: prompts, in the order in which they came where that is known.
        encoder: an opened one.
        wanted: share of reused answers that may be wrong.
        confidence: with which that is to hold.
        seed: of the split. Prompts of one group stay together.
        guarded: whether ``marks`` must be equal; False shows what the distance alone would do.
    """
    usable = [each for each in asked if comparable(each.text)]
    vectors = encoder.encode([each.text for each in usable])
    places = [(each.system, marks(each.text) if guarded else b"") for each in usable]
    halves = _halves(usable, seed)
    counts = [{t: _replay(usable, vectors, places, half, t) for t in THRESHOLDS} for half in halves]
    ordering, testing = counts
    told = [t for t in THRESHOLDS if ordering[t].hits]
    told.sort(key=lambda t: (ordering[t].most_wrong(confidence), t))
    kept: set[float] = set()
    for threshold in told:
        if testing[threshold].most_wrong(confidence) > wanted:
            break
        kept.add(threshold)
    rows = tuple(Row(t, ordering[t], testing[t], t in kept) for t in THRESHOLDS)
    skipped = len(asked) - len(usable)
    return Calibration(rows, min(kept, default=None), wanted, confidence, skipped)


def _replay(
    asked: Sequence[Asked],
    vectors: NDArray[np.float32],
    places: Sequence[tuple[str, bytes]],
    order: Sequence[int],
    threshold: float,
) -> Reuse:
    """Ask the prompts one after the other of a cache that gives answers from a similarity on."""
    kept: dict[tuple[str, bytes], list[int]] = {}
    # Rows of those kept, in one piece for each place: an index would copy them for each prompt.
    size = Counter(places[at] for at in order)
    rows: dict[tuple[str, bytes], NDArray[np.float32]] = {}
    seen: set[tuple[str, str]] = set()
    prompts = hits = wrong = 0
    for at in order:
        each = asked[at]
        if (each.system, each.text) in seen:
            continue  # the exact cache's
        prompts += 1
        place = places[at]
        near = kept.setdefault(place, [])
        if near:
            likeness = rows[place][: len(near)] @ vectors[at]
            best = int(np.argmax(likeness))
            if likeness[best] >= threshold:
                hits += 1
                wrong += not _may_share(each, asked[near[best]])
                continue
        seen.add((each.system, each.text))
        if not near:
            rows[place] = np.empty((size[place], vectors.shape[1]), dtype=np.float32)
        rows[place][len(near)] = vectors[at]
        near.append(at)
    return Reuse(prompts, hits, wrong)


def _may_share(one: Asked, other: Asked) -> bool:
    """Whether the answer to the one answers the other, as far as the data can tell."""
    if one.group and one.group == other.group:
        return True
    said, also = (" ".join(each.answer.split()).casefold() for each in (one, other))
    return said == also and len(said) >= TELLING_CHARS


def _halves(asked: Sequence[Asked], seed: int) -> tuple[list[int], list[int]]:
    """Two halves, each in the order given; whoever shares a group stays together."""
    names = [each.group or f"\0{at}" for at, each in enumerate(asked)]
    groups = sorted(set(names))
    rng = np.random.default_rng(seed)
    first = {groups[int(at)] for at in rng.permutation(len(groups))[: len(groups) // 2]}
    inside = [name in first for name in names]
    return (
        [at for at, here in enumerate(inside) if here],
        [at for at, here in enumerate(inside) if not here],
    )


def _system(prompt: Prompt) -> str:
    return "\n".join(m.text for m in prompt.messages if m.role in ("system", "developer"))

"""Which answers a person grades: a stratified sample whose every beginning is one too."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from routewright.judge.run import Key

PASS = 2.5
"""The mark from which an answer counts as right where marks are read as right or wrong."""


@dataclass(frozen=True)
class Graded:
    """An answer that a judge has graded, as the sample sees it."""

    key: Key
    task: str
    mark: float

    @property
    def model(self) -> str:
        """The model whose answer it is."""
        return self.key[1]


def audit_order(graded: Iterable[Graded], seed: int = 0) -> list[Key]:
    """The order in which to grade answers by hand: stop anywhere, what is done is a fair sample.

    Models take turns. Within a model the answers stand in a circle by task and mark, and are taken
    by a low-discrepancy sequence (bit reversal) that begins at a random place: any first n spread
    evenly over tasks and marks, as systematic sampling does, and each answer is among them with
    the same probability n / N, which is what lets plain means over the sample be unbiased.

    Args:
        graded: each answer once.
        seed: equal seeds give equal orders.
    """
    by_model: dict[str, list[Graded]] = {}
    for each in graded:
        by_model.setdefault(each.model, []).append(each)
    queues = {model: _spread(own, f"{seed}:{model}") for model, own in sorted(by_model.items())}
    order: list[Key] = []
    for turn in range(max(map(len, queues.values()), default=0)):
        present = [model for model, queue in queues.items() if turn < len(queue)]
        present.sort(key=lambda model: _random(f"{seed}:{turn}:{model}"))
        order += [queues[model][turn] for model in present]
    return order


def balanced_sample(graded: Iterable[Graded], size: int, seed: int) -> set[Key]:
    """About ``size`` answers, as many of each (model, task, right or wrong).

    It shows a judge every kind of answer, rare ones more often than they occur.
    """
    strata: dict[tuple[str, str, bool], list[Key]] = {}
    for each in graded:
        strata.setdefault((each.model, each.task, each.mark >= PASS), []).append(each.key)
    source = random.Random(seed)
    for keys in strata.values():
        keys.sort()
        source.shuffle(keys)
    wanted = min(size, sum(map(len, strata.values())))
    drawn: set[Key] = set()
    depth = 0
    while len(drawn) < wanted:
        level = [keys[depth] for _, keys in sorted(strata.items()) if depth < len(keys)]
        source.shuffle(level)
        drawn.update(level[: wanted - len(drawn)])
        depth += 1
    return drawn


def _spread(own: Sequence[Graded], salt: str) -> list[Key]:
    circle = sorted(own, key=lambda g: (g.task, g.mark, _random(f"{salt}:{g.key}"), g.key))
    size = len(circle)
    bits = max(size - 1, 1).bit_length()
    start = _random(f"{salt}:start") % size
    places = sorted(range(size), key=lambda i: int(f"{(i + start) % size:0{bits}b}"[::-1], 2))
    return [circle[place].key for place in places]


def _random(text: str) -> int:
    """A whole number that is as good as random, and the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big")

"""Verifying graders on a cluster: the same verdicts in the same order as on one machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from routewright.errors import RoutewrightError
from routewright.judge.run import Verdict, verifiable_pairs, verify_pairs
from routewright.scale.cluster import Cluster
from routewright.scale.steps import map_in_order
from routewright.scale.worker import Failure
from routewright.types import Answer, Prompt

BATCH = 64  # a batch of code answers takes a few seconds


def verify_rows_on(
    cluster: Cluster, prompts: Iterable[Prompt], answers: Iterable[Answer]
) -> list[Verdict]:
    """As ``judge.run.verify_rows``, on the workers of a cluster.

    Raises:
        DataError: an answer without its prompt, an unknown grader, an unreadable reference.
    """
    wanted = verifiable_pairs(prompts, answers)
    verdicts: list[Verdict] = []
    for found in map_in_order(cluster, _verify, wanted, batch=BATCH):
        if isinstance(found, Failure):
            raise found.error()
        verdicts.append(found)
    return verdicts


def _verify(pairs: Sequence[tuple[Prompt, Answer]]) -> Sequence[Verdict | Failure]:
    try:
        return verify_pairs(pairs)
    except RoutewrightError as error:
        return [Failure.of(error)]

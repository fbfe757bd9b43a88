"""Four ways to part prompts into training and test, each asking another question.

In-distribution: do predictions hold for more of the same? Leave one task out: for a topic nobody
trained on? Temporal: for next month's prompts? New model: for a model that few answers are known
of? In none of them do two prompts of one group stand on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routewright.data.duplicates import find_duplicates, united
from routewright.data.routing_data import MATRICES, RoutingData
from routewright.data.splits import Names, Rows, split
from routewright.data.times import moment
from routewright.data.wording import shown as shown_text
from routewright.errors import ConfigError, DataError
from routewright.types import Prompt

REGIMES = ("in-distribution", "leave-one-task-out", "temporal", "new-model")
SEEDS = (42, 999, 2024, 2025, 3407)
"""Those of LLMRouterBench, so that its splits can be matched."""

FEWEST = 30
"""Prompts that a task needs to be left out, and training to be training."""
MOST_TASKS = 12
TASK_FOLDS = 10


@dataclass(frozen=True, eq=False)
class Fold:
    """One way to part the rows of a data set.

    Attributes:
        name: the seed, the tasks left out, or the time of the cut.
        train: rows to train on, ascending.
        test: rows to test on, ascending.
        hidden_model: the model that training knows little of; empty where there is none.
        shown: training rows whose outcomes of that model stay, ascending; None without one.
    """

    name: str
    train: Rows
    test: Rows
    hidden_model: str = ""
    shown: Rows | None = None

    def training(self, data: RoutingData) -> RoutingData:
        """The training rows; the hidden model's outcomes outside ``shown`` are NaN."""
        if self.shown is None:
            return data.subset(self.train)
        column = data.models.index(self.hidden_model)
        masked = np.setdiff1d(self.train, self.shown)
        cut = {name: getattr(data, name).copy() for name in MATRICES}
        for matrix in cut.values():
            matrix[masked, column] = np.nan
        return replace(data, **cut).subset(self.train)

    def testing(self, data: RoutingData) -> RoutingData:
        """The test rows, nothing hidden."""
        return data.subset(self.test)


def seeds(count: int) -> tuple[int, ...]:
    """The first ``count`` seeds: LLMRouterBench's five, then further ones, always the same.

    Raises:
        ConfigError: fewer than one.
    """
    if count < 1:
        raise ConfigError(f"{count} seeds; give 1 or more")
    drawn = np.random.SeedSequence(SEEDS).generate_state(2 * count).tolist()
    return tuple(dict.fromkeys([*SEEDS, *drawn]))[:count]


def joined_groups(data: RoutingData, clusters: Rows | None = None) -> NDArray[np.str_]:
    """For each prompt the name of its group (n,), duplicates found in the texts joined to it.

    Groups that hold near duplicates of one another are one; it bears the first name of theirs.

    Args:
        data: its prompts.
        clusters: what ``find_duplicates`` said of them, where that is known (n,).

    Raises:
        MissingExtraError: scipy is not installed.
    """
    names, number = np.unique(data.groups, return_inverse=True)
    group = number.reshape(-1)
    if clusters is None:
        clusters = find_duplicates([prompt.text for prompt in data.prompts])
    return names[united(len(names), *_links(group, clusters))[group]]


def folds(
    data: RoutingData,
    regime: str,
    *,
    seeds: Sequence[int] = SEEDS,
    holdout: float = 0.3,
    shown: int = 300,
    groups: Names | None = None,
) -> tuple[Fold, ...]:
    """The folds of a regime; rows' order in the data plays no part in them.

    - ``in-distribution``: one per seed, stratified by task (``splits.split``).
    - ``leave-one-task-out``: one per task of at least 30 prompts. Of more than 12 tasks the part
      before ``/`` is the task; where that gives fewer than 2 or still more than 12, the tasks are
      dealt into at most 10 folds of like size, by the first seed. Smaller tasks, and prompts
      without one, are trained on. A group with a prompt in the task left out is tested whole.
    - ``temporal``: one. Training is what was asked before the change of time nearest to
      ``1 - holdout`` of the prompts. A group with a prompt after it is tested whole, since its
      older prompts would tell the answers to the newer; training shrinks by them.
    - ``new-model``: one per seed, parted as in-distribution. The seeds take turns in hiding
      models, the best by mean score first; ``shown`` training prompts, drawn by the seed, keep
      the hidden model's outcomes.

    Args:
        data: what to part.
        regime: one of ``REGIMES``.
        seeds: of the draws, at least one.
        holdout: share of the prompts to test on, where the regime leaves it open.
        shown: outcomes of a new model that are known.
        groups: for each prompt its group (n,); by default ``joined_groups(data)``.

    Raises:
        ConfigError: an unknown regime, no seed, or ``holdout`` or ``shown`` out of range.
        DataError: the data cannot give the regime; the message says why.
    """
    if regime not in _MAKERS:
        raise ConfigError(f"no regime {regime!r}; there are {', '.join(REGIMES)}")
    if not seeds:
        raise ConfigError("no seeds; give at least one")
    if not 0.0 < holdout < 1.0:
        raise ConfigError(f"holdout is {holdout}; give the share to test on, between 0 and 1")
    if shown < 1:
        raise ConfigError(f"shown is {shown}; give 1 or more")
    known = joined_groups(data) if groups is None else np.asarray(groups, dtype=np.str_)
    return _MAKERS[regime](_Ask(data, tuple(seeds), holdout, shown, known))


@dataclass(frozen=True, eq=False)
class _Ask:
    data: RoutingData
    seeds: tuple[int, ...]
    holdout: float
    shown: int
    groups: NDArray[np.str_]

    def split(self, seed: int) -> tuple[Rows, Rows]:
        return split(self.data, holdout=self.holdout, seed=seed, groups=self.groups)

    def tested_whole(self, test: NDArray[np.bool_]) -> tuple[Rows, Rows]:
        """Training and test rows where every group with a prompt in ``test`` is tested."""
        whole = np.isin(self.groups, self.groups[test])
        return np.flatnonzero(~whole), np.flatnonzero(whole)


def _in_distribution(ask: _Ask) -> tuple[Fold, ...]:
    return tuple(Fold(f"seed {seed}", *ask.split(seed)) for seed in ask.seeds)


def _leave_one_task_out(ask: _Ask) -> tuple[Fold, ...]:
    data, tasks = ask.data, coarse_tasks(ask.data.tasks)
    names, sizes = np.unique(tasks[tasks != ""], return_counts=True)
    if len(names) < 2:
        raise DataError(
            f"{data.name}: leave-one-task-out needs prompts of 2 tasks or more, not {len(names)}; "
            "fill in the column task"
        )
    large = {
        str(name): int(size) for name, size in zip(names, sizes, strict=True) if size >= FEWEST
    }
    made: list[Fold] = []
    for title, left_out in _dealt(large, len(names), ask.seeds[0]):
        train, test = ask.tested_whole(np.isin(tasks, left_out))
        if len(train) >= FEWEST:
            made.append(Fold(title, train, test))
    if not made:
        raise DataError(
            f"{data.name}: leave-one-task-out needs a task of {FEWEST} prompts or more and "
            f"{FEWEST} prompts beside it; the largest of {len(names)} tasks has {sizes.max()}"
        )
    return tuple(made)


def coarse_tasks(tasks: NDArray[np.str_]) -> NDArray[np.str_]:
    """The tasks, or the data sets they belong to where there are many tasks and a few of these."""
    if len(set(tasks.tolist()) - {""}) <= MOST_TASKS:
        return tasks
    sets = np.array([task.partition("/")[0] for task in tasks.tolist()], dtype=np.str_)
    return sets if 2 <= len(set(sets.tolist()) - {""}) <= MOST_TASKS else tasks


def _dealt(large: dict[str, int], tasks: int, seed: int) -> list[tuple[str, list[str]]]:
    """What to leave out: every task by itself, or of many tasks some at a time."""
    if tasks <= MOST_TASKS:
        return [(f"without {name}", [name]) for name in large]
    hands: list[list[str]] = [[] for _ in range(min(TASK_FOLDS, len(large)))]
    held = [0] * len(hands)
    names = sorted(large)
    for at in np.random.default_rng(seed).permutation(len(names)):
        hand = held.index(min(held))
        hands[hand].append(names[int(at)])
        held[hand] += large[names[int(at)]]
    return [
        (f"without {len(hand)} of {tasks} tasks ({number} of {len(hands)}): {_few(hand)}", hand)
        for number, hand in enumerate(hands, start=1)
    ]


def _few(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _temporal(ask: _Ask) -> tuple[Fold, ...]:
    data = ask.data
    unknown = sum(not prompt.time for prompt in data.prompts)
    if unknown:
        raise DataError(
            f"{data.name}: temporal needs the time of every prompt; {unknown} of {len(data)} have "
            "none: fill in the column time or created_at (ISO 8601)"
        )
    asked = np.array([_asked(prompt) for prompt in data.prompts])
    times, counts = np.unique(asked, return_counts=True)
    before = np.cumsum(counts)[:-1]  # prompts older than each time but the first
    if not len(before):
        raise DataError(f"{data.name}: temporal needs prompts of 2 times or more; all have one")
    cut = times[1 + int(np.abs(before - (1 - ask.holdout) * len(asked)).argmin())]
    train, test = ask.tested_whole(asked >= cut)
    if not len(train):
        raise DataError(
            f"{data.name}: temporal leaves nothing to train on: every older prompt shares a group "
            "with a newer one"
        )
    first = min(p.time for p, at in zip(data.prompts, asked, strict=True) if at == cut)
    return (Fold(f"from {first}", train, test),)


def _asked(prompt: Prompt) -> float:
    try:
        return moment(prompt.time).timestamp()
    except DataError as error:
        raise DataError(f"prompt {shown_text(prompt.id)}: {error}") from error


def _new_model(ask: _Ask) -> tuple[Fold, ...]:
    data = ask.data
    if len(data.models) < 2:
        raise DataError(f"{data.name}: new-model needs 2 models or more")
    scored = np.isfinite(data.scores)
    means = np.where(scored, data.scores, 0).sum(axis=0) / np.maximum(scored.sum(axis=0), 1)
    # Sums in another order of rows differ in their last bits; names settle what is then a tie.
    order = sorted(range(len(means)), key=lambda m: (-round(float(means[m]), 9), data.models[m]))
    ids = np.array([prompt.id for prompt in data.prompts], dtype=np.str_)
    made: list[Fold] = []
    for turn, seed in enumerate(ask.seeds):
        column = order[turn % len(order)]
        train, test = ask.split(seed)
        labelled = train[scored[train, column]]
        if len(labelled) <= ask.shown:
            raise DataError(
                f"{data.name}: new-model shows {ask.shown} outcomes of {data.models[column]}, and "
                f"training has no more than {len(labelled)}; show fewer"
            )
        by_id = labelled[np.argsort(ids[labelled])]
        drawn = np.random.default_rng(seed).permutation(len(by_id))[: ask.shown]
        name = f"seed {seed}, new: {data.models[column]}"
        made.append(Fold(name, train, test, data.models[column], np.sort(by_id[drawn])))
    return tuple(made)


_MAKERS: dict[str, Callable[[_Ask], tuple[Fold, ...]]] = {
    "in-distribution": _in_distribution,
    "leave-one-task-out": _leave_one_task_out,
    "temporal": _temporal,
    "new-model": _new_model,
}


def _links(group: NDArray[np.intp], cluster: NDArray[np.intp]) -> tuple[Rows, Rows]:
    """Pairs of groups that share a cluster: each row's group and that of its cluster's first."""
    _, first, number = np.unique(cluster, return_index=True, return_inverse=True)
    return group, group[first[number.reshape(-1)]]

"""Worlds that change: a price, a model, a kind of prompts, or everything from some day on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.data.routing_data import RoutingData
from routewright.data.times import moment
from routewright.errors import ConfigError, UnknownModelError
from routewright.types import Prompt
from routewright.worlds.language import check_share
from routewright.worlds.world import World

Floats = NDArray[np.float64]

_START = datetime(2025, 1, 1, tzinfo=UTC)
_SPAN = timedelta(days=365)


def with_price_change(world: World, model: str, factor: float) -> World:
    """The world with one model's costs multiplied; draws keep their prompts and scores.

    Raises:
        UnknownModelError: the world has no such model.
        ConfigError: a factor of 0 or less.
    """
    if model not in world.models:
        raise UnknownModelError(f"world {world.name!r} has no model {model!r}")
    costs = world.costs.copy()
    costs[:, world.models.index(model)] *= factor
    return replace(world, costs=costs)


def with_new_model(world: World, name: str, scores: ArrayLike, costs: ArrayLike) -> World:
    """The world with one more model; draws keep their prompts and the other models' outcomes.

    For a model that appears one day: ``with_drift(world, with_new_model(world, ...))``.

    Args:
        world: of K kinds and m models.
        name: of the new model.
        scores: its P(right) in each kind (K,), or one for all.
        costs: its mean cost in US dollars in each kind (K,), or one for all.

    Raises:
        ConfigError: the name is taken, the world is one of votes, or a shape doesn't match.
    """
    if type(world) is not World:
        raise ConfigError(f"world {world.name!r}: a model of a world of votes needs strengths")
    if name in world.models:
        raise ConfigError(f"world {world.name!r} has a model {name!r} already")
    kinds = len(world.shares)
    try:
        p, c = (np.broadcast_to(np.asarray(v, dtype=np.float64), kinds) for v in (scores, costs))
    except ValueError:
        raise ConfigError(f"{name!r} needs a score and a cost for each of {kinds} kinds") from None
    return replace(
        world,
        models=(*world.models, name),
        scores=np.column_stack([world.scores, p]),
        costs=np.column_stack([world.costs, c]),
    )


def with_unseen_cluster(world: World, kind: int) -> tuple[World, World]:
    """A world to train in that never draws one kind, and one to test in that draws nothing else.

    Both speak one language. To the first world's Bayes router a prompt of the unseen kind that
    resembles no other is evidence of nothing: it does what the zero router does.

    Raises:
        ConfigError: no such kind, or it is all there is.
    """
    if not 0 <= kind < len(world.shares) or world.shares[kind] == 1:
        raise ConfigError(f"world {world.name!r}: kind {kind} can't be left out")
    seen = world.shares.copy()
    seen[kind] = 0.0
    alone = np.eye(len(seen))[kind]
    return (
        replace(world, shares=seen / seen.sum()),
        replace(world, shares=alone, name=f"{world.name}-unseen"),
    )


@dataclass(frozen=True, eq=False)
class Drift:
    """A year that begins in one world and ends in another.

    Attributes:
        before: the world at first; its models are the first of those afterwards.
        after: the world from ``since`` on.
        at: the share of the year, and of the prompts, that has passed by then.
    """

    before: World
    after: World
    at: float

    @property
    def models(self) -> tuple[str, ...]:
        """All models there are in the end."""
        return self.after.models

    @property
    def since(self) -> datetime:
        """When the world changes."""
        return _START + self.at * _SPAN

    def draw(self, n: int, *, seed: int) -> RoutingData:
        """n prompts in order of time; models that did not exist yet have no outcomes (NaN)."""
        early = round(self.at * n)
        old = self.before.draw(early, seed=seed)
        other = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
        new = self.after.draw(n - early, seed=other)
        step = _SPAN / max(n, 1)
        return RoutingData(
            prompts=tuple(
                msgspec.structs.replace(
                    prompt, id=f"{self.after.name}-{seed}-{row}", time=self._time(row, early, step)
                )
                for row, prompt in enumerate((*old.prompts, *new.prompts))
            ),
            models=self.models,
            scores=np.vstack([self._widened(old.scores), new.scores]),
            costs=np.vstack([self._widened(old.costs), new.costs]),
            name=f"{self.before.name} then {self.after.name}",
        )

    def expected(self, prompts: Iterable[Prompt]) -> tuple[Floats, Floats]:
        """Expected scores (n, m) and costs (n, m) by text and time; NaN for models not there yet.

        Raises:
            DataError: a prompt without a time, or with a word that its world does not have.
        """
        each = list(prompts)
        late = np.array([moment(prompt.time) >= self.since for prompt in each], dtype=np.bool_)
        old, new = self.before.expected(each), self.after.expected(each)
        scores, costs = (
            np.where(late[:, None], then, self._widened(first))
            for first, then in zip(old, new, strict=True)
        )
        return scores, costs

    def _widened(self, values: Floats) -> Floats:
        more = len(self.models) - values.shape[1]
        return np.pad(values, ((0, 0), (0, more)), constant_values=np.nan)

    def _time(self, row: int, early: int, step: timedelta) -> str:
        at = _START + row * step if row < early else max(_START + row * step, self.since)
        return at.isoformat()


def with_drift(before: World, after: World, at: float = 0.5) -> Drift:
    """A year in whose course the world changes: abilities, prices, models or kinds of prompts.

    Args:
        before: the world at first.
        after: the world later; it may have more models, at the end, and must speak the same
            language.
        at: the share of the year that has passed when it changes.

    Raises:
        ConfigError: ``at`` out of [0, 1], other models, or another language.
    """
    check_share("at", at)
    if after.models[: len(before.models)] != before.models:
        raise ConfigError(f"models later must begin with {before.models}, not {after.models}")
    if after.language != before.language:
        raise ConfigError("both worlds must speak one language: equal blocks, length and seed")
    return Drift(before, after, at)

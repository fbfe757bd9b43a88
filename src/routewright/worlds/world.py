"""A world whose best possible router is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.errors import ConfigError
from routewright.metrics.frontier import Aiq, aiq, ndch
from routewright.types import Prompt
from routewright.worlds.clairvoyant import clairvoyant
from routewright.worlds.language import Language
from routewright.worlds.views import Views, all_counts, chances, posterior

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

MOST_VIEWS = 100_000
"""Texts that differ to a reader up to which all are looked at; beyond, a sample is."""
SAMPLE = 200_000
_BATCHES = 20


@dataclass(frozen=True, eq=False)
class Drawn:
    """Prompts that a world drew, with what only the world knows.

    Attributes:
        data: the routing data, n prompts and m models.
        kinds: the hidden kind of each prompt (n,).
        scores: expected scores given the text (n, m): the best that a router can predict.
        costs: expected costs in US dollars given the text (n, m).
    """

    data: RoutingData
    kinds: Ints
    scores: Floats
    costs: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class World:
    """Kinds of prompts, how they are worded, and how well each model answers them.

    A prompt has a hidden kind z. Its words are drawn one by one: first the block, by ``speech``,
    then a word of that block. Model m's answer is right with probability ``scores[z, m]``,
    independently of the others and of the words given z, and costs
    ``costs[z, m] * LogNormal(-spread² / 2, spread)``. A router sees the words alone.

    Attributes:
        name: for messages and prompt ids.
        models: m names.
        shares: how frequent each kind is (K,); sums to 1.
        scores: P(right | kind) (K, m).
        costs: mean cost in US dollars (K, m).
        speech: P(a word is of block b | kind) (K, B).
        language: the words, in B blocks.
        cost_spread: standard deviation of the costs' logarithm.
        tasks: a name for each kind (K,) that its prompts bear as their task; empty for none. It
            tells the kind to whoever reads it, and routers over text don't.
    """

    name: str
    models: tuple[str, ...]
    shares: Floats
    scores: Floats
    costs: Floats
    speech: Floats
    language: Language
    cost_spread: float = 0.0
    tasks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("shares", "scores", "costs", "speech"):
            array = np.array(getattr(self, field), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, field, array)
        kinds, m = len(self.shares), len(self.models)
        shapes = {
            "scores": (kinds, m),
            "costs": (kinds, m),
            "speech": (kinds, self.language.blocks),
        }
        for field, shape in shapes.items():
            if getattr(self, field).shape != shape:
                given = getattr(self, field).shape
                raise ConfigError(f"world {self.name!r}: {field} has shape {given}, needs {shape}")
        self._need(m > 0 and kinds > 0, "it needs a model and a kind of prompts")
        self._need(_sums_to_one(self.shares[None]), "shares must sum to 1, none below 0")
        self._need(_sums_to_one(self.speech), "rows of speech must sum to 1, none below 0")
        within = bool(((self.scores >= 0) & (self.scores <= 1)).all())
        self._need(within, "scores must lie in [0, 1]")
        paid = bool(np.isfinite(self.costs).all() and (self.costs > 0).all())
        self._need(paid, "costs must be finite and above 0")
        self._need(0 <= self.cost_spread < math.inf, "cost_spread must be 0 or more")
        self._need(len(self.tasks) in (0, kinds), f"tasks must name all {kinds} kinds, or none")

    def draw(self, n: int, *, seed: int) -> RoutingData:
        """n prompts with every model's outcome; equal seeds draw equal prompts.

        Ids hold the seed and the row, so that draws of different seeds can be put together.
        """
        return self.drawn(n, seed=seed).data

    def drawn(self, n: int, *, seed: int) -> Drawn:
        """The same prompts as ``draw``, with their hidden kinds and what was to be expected."""
        # One stream each, so that a change of prices or models leaves the rest as it was.
        streams = np.random.default_rng(seed).spawn(4)
        kinds = streams[0].choice(len(self.shares), n, p=self.shares).astype(np.intp)
        texts = self.language.write(self.speech[kinds], streams[1])
        data = RoutingData(
            prompts=tuple(
                Prompt.from_text(
                    f"{self.name}-{seed}-{row}", text, task=self.tasks[kind] if self.tasks else ""
                )
                for row, (text, kind) in enumerate(zip(texts, kinds.tolist(), strict=True))
            ),
            models=self.models,
            scores=self._outcomes(kinds, streams[2]),
            costs=self._bills(kinds, streams[3]),
            name=self.name,
        )
        return Drawn(data, kinds, *self.expected(data))

    def expected(self, prompts: Iterable[Prompt]) -> tuple[Floats, Floats]:
        """Expected scores (n, m) and costs in US dollars (n, m) given the prompts' words.

        Raises:
            DataError: a prompt with a word that the world does not have.
        """
        belief = posterior(self.language.read(prompts), self.speech, self.shares)
        return belief @ self.scores, belief @ self.costs

    @property
    def single_models(self) -> Floats:
        """Mean cost in US dollars and mean score of every model (m, 2)."""
        return np.column_stack([self.shares @ self.costs, self.shares @ self.scores])

    @property
    def bounds(self) -> tuple[float, float]:
        """Mean cost of the cheapest and of the dearest model: the range of an AIQ."""
        costs = self.single_models[:, 0]
        return float(costs.min()), float(costs.max())

    def zero_frontier(self) -> Floats:
        """Vertices (k, 2), cost and score, of the best that is possible blind to the prompt."""
        return ndch(self.single_models)

    def frontier(self) -> Floats:
        """Vertices (k, 2), cost and score, of the best that any router of the text can reach.

        Exact where at most 100,000 texts differ to a reader, else from a sample of 200,000.
        """
        return self._views.frontier()

    def oracle(self) -> tuple[float, float]:
        """Mean score and mean cost in US dollars of the score-first oracle, in closed form.

        It sees outcomes, so a part of its lead over ``frontier`` is luck that no router has.
        """
        quality, cost = clairvoyant(self.scores, self.costs, self.cost_spread)
        return float(self.shares @ quality), float(self.shares @ cost)

    def aiq(self, c_min: float | None = None, c_max: float | None = None) -> Aiq:
        """The mean height of ``frontier`` between two mean costs, by default ``bounds``."""
        return self._area(self.frontier(), c_min, c_max)

    def aiq_se(self, c_min: float | None = None, c_max: float | None = None) -> float:
        """Standard error of ``aiq``: 0 where the frontier is exact."""
        views = self._views
        if not views.sampled:
            return 0.0
        areas = [self._area(part.frontier(), c_min, c_max) for part in views.parts(_BATCHES)]
        return float(np.std(areas, ddof=1) / math.sqrt(_BATCHES))

    def zero_aiq(self, c_min: float | None = None, c_max: float | None = None) -> Aiq:
        """The mean height of ``zero_frontier`` between two mean costs, by default ``bounds``."""
        return self._area(self.zero_frontier(), c_min, c_max)

    @cached_property
    def _views(self) -> Views:
        length, blocks = self.language.length, self.language.blocks
        sampled = math.comb(length + blocks - 1, blocks - 1) > MOST_VIEWS
        if sampled:
            rng = np.random.default_rng(0)
            kinds = rng.choice(len(self.shares), SAMPLE, p=self.shares)
            counts = rng.multinomial(length, self.speech[kinds])
            chance = np.full(SAMPLE, 1 / SAMPLE)
        else:
            counts = all_counts(length, blocks)
            chance = chances(counts, self.speech, self.shares)
            counts, chance = counts[chance > 0], chance[chance > 0]
        belief = posterior(counts, self.speech, self.shares)
        expected = belief @ self.scores, belief @ self.costs
        return Views(chance / chance.sum(), *expected, sampled=sampled)

    def _outcomes(self, kinds: Ints, rng: np.random.Generator) -> Floats:
        """Realised scores (n, m)."""
        # Models first: those added later leave the outcomes of the others as they were.
        luck = rng.random((len(self.models), len(kinds))).T
        return (luck < self.scores[kinds]).astype(np.float64)

    def _bills(self, kinds: Ints, rng: np.random.Generator) -> Floats:
        """Realised costs (n, m) in US dollars."""
        noise = rng.standard_normal((len(self.models), len(kinds))).T
        return self.costs[kinds] * np.exp(self.cost_spread * noise - self.cost_spread**2 / 2)

    def _area(self, hull: Floats, c_min: float | None, c_max: float | None) -> Aiq:
        cheapest, dearest = self.bounds
        low, high = cheapest if c_min is None else c_min, dearest if c_max is None else c_max
        # A sample may start a hair right of the cheapest model, which anybody may use instead.
        anybody = float(self.zero_frontier()[0, 1]) if low >= cheapest else None
        return aiq(hull, low, high, cheapest_score=anybody)

    def _need(self, held: bool, what: str) -> None:
        if not held:
            raise ConfigError(f"world {self.name!r}: {what}")


def _sums_to_one(rows: Floats) -> bool:
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, rtol=0, atol=1e-9))

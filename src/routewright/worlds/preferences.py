"""Votes between two models' answers, with scores that agree with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.data.votes import Votes
from routewright.errors import ConfigError
from routewright.worlds.kinds import even_shares, matrix, model_names, per_kind
from routewright.worlds.language import Language, speech_apart
from routewright.worlds.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_SURE = 40.0  # a lead in strength at which the odds of losing vanish in double precision


@dataclass(frozen=True, eq=False, kw_only=True)
class PreferenceWorld(World):
    """Models with strengths, kind by kind; a vote may be a tie.

    On every prompt the models have places: by strength plus Gumbel noise, so that i stands before
    j with probability σ(ξ_i - ξ_j) (Luce; Bradley and Terry), or all of them tie. A score is the
    mean of the model's votes against all others, so ``scores[z, i]`` is the mean over j of
    P(i before j) and, of two models, the difference of scores is twice the win rate less one.

    Attributes:
        strengths: ξ (K, m).
        ties: P(tie | kind) (K,).
    """

    strengths: Floats
    ties: Floats = field(default_factory=lambda: np.zeros(0))

    def win_rates(self) -> Floats:
        """P(i before j | kind) with ties as 1/2, as (K, m, m); 1/2 on the diagonal."""
        return _win_rates(self.strengths, self.ties)

    def votes(self, n: int, *, seed: int) -> Votes:
        """One vote on each of the n prompts of ``draw``, between two models at random."""
        data = self.draw(n, seed=seed)
        rng = np.random.default_rng([seed, 1])
        m = len(self.models)
        first = rng.integers(0, m, n).astype(np.intp)
        second = (first + rng.integers(1, m, n).astype(np.intp)) % m
        rows = np.arange(n)
        # Of models in their places the one with more votes stands before the other.
        lead = data.scores[rows, first] - data.scores[rows, second]
        won = (1 + np.sign(lead)) / 2
        return Votes(data.prompts, data.models, first, second, won, name=data.name)

    def oracle(self) -> tuple[float, float]:
        """Mean score and cost in US dollars of the score-first oracle; costs must not spread.

        Raises:
            ConfigError: the world's costs spread, for which there is no closed form here.
        """
        if self.cost_spread:
            raise ConfigError("the oracle of votes has a closed form only at cost_spread 0")
        odds = np.exp(self.strengths - self.strengths.max(axis=1, keepdims=True))
        first = odds / odds.sum(axis=1, keepdims=True)
        paid = (1 - self.ties) * (first * self.costs).sum(axis=1)
        paid += self.ties * self.costs.min(axis=1)
        return float(self.shares @ (1 - self.ties / 2)), float(self.shares @ paid)

    def _outcomes(self, kinds: Ints, rng: np.random.Generator) -> Floats:
        m, n = len(self.models), len(kinds)
        tied = rng.random(n) < self.ties[kinds]
        strength = self.strengths[kinds] + rng.gumbel(size=(m, n)).T
        below = strength.argsort(axis=1).argsort(axis=1)
        return np.where(tied[:, None], 0.5, below / (m - 1))


def pairwise_preference(
    strengths: ArrayLike = ((0.0, 0.3, 2.0), (1.0, 1.2, 0.8)),
    ties: Sequence[float] = (0.1, 0.4),
    costs: ArrayLike = (1e-4, 4e-4, 16e-4),
    *,
    shares: Sequence[float] | None = None,
    separation: float = 1.0,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] = (),
    cost_spread: float = 0.0,
    length: int = 12,
    seed: int = 0,
    name: str = "preferences",
) -> PreferenceWorld:
    """Clusters in which models win votes: P(i before j) = (1 - τ) σ(ξ_i - ξ_j) + τ / 2.

    Args:
        strengths: ξ of each model in each cluster (K, m), m at least 2.
        ties: τ of each cluster (K,).
        costs: mean cost in US dollars of each model (m,), or in each cluster (K, m).
        shares: how frequent each cluster is (K,); equal without it.
        separation: how much the words tell of the cluster: 0 nothing, 1 everything.
        models: names (m,).
        tasks: names of the clusters (K,) for the prompts to bear; none without it.
        cost_spread: standard deviation of the costs' logarithm.
        length: words of every prompt.
        seed: of the made-up words.
        name: of the world.

    Raises:
        ConfigError: shapes that don't match, fewer than 2 models, or a number out of range.
    """
    xi, tau = matrix("strengths", strengths), np.asarray(ties, dtype=np.float64)
    kinds, m = xi.shape
    if m < 2 or not np.isfinite(xi).all():
        raise ConfigError("strengths must be finite numbers of 2 models or more")
    if tau.shape != (kinds,) or not ((tau >= 0) & (tau <= 1)).all():
        raise ConfigError(f"ties must be a share for each of {kinds} clusters")
    return PreferenceWorld(
        name=name,
        models=model_names(models, m),
        shares=even_shares(shares, kinds),
        scores=(_win_rates(xi, tau).sum(axis=2) - 0.5) / (m - 1),
        costs=per_kind(costs, xi.shape),
        speech=speech_apart(kinds, separation),
        language=Language(kinds, length=length, seed=seed),
        cost_spread=cost_spread,
        tasks=tuple(tasks),
        strengths=xi,
        ties=tau,
    )


def tie_heavy(*, separation: float = 1.0, seed: int = 0) -> PreferenceWorld:
    """A weak and a strong model where dropping ties misleads.

    In one cluster only the strong model is better in .02 of the prompts and never worse, in the
    other it is better in .6 and worse in .15; the rest are ties. Of the decided votes it wins all
    in the first and .8 in the second, yet paying for it is worth .02 there and .45 here.
    """
    return pairwise_preference(
        strengths=((0.0, _SURE), (0.0, float(np.log(4)))),
        ties=(0.98, 0.25),
        costs=(1e-4, 16e-4),
        separation=separation,
        models=("weak", "strong"),
        seed=seed,
        name="tie-heavy",
    )


def _win_rates(strengths: Floats, ties: Floats) -> Floats:
    lead = strengths[:, :, None] - strengths[:, None, :]
    return (1 - ties)[:, None, None] / (1 + np.exp(-lead)) + ties[:, None, None] / 2

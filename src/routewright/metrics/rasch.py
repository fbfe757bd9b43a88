"""The difficulty-only null: how good would oracle and router look if no model had specialities?

In the Rasch world P(model m is right on x) = sigmoid(theta_m - b_x), with difficulties
b_x ~ N(0, sigma²). Every model ranks the same on every prompt, so no router beats the best single
model's quality there; only cost can be saved, by knowing b_x. What an oracle shows beyond that
world is skill to be routed to, or an idiosyncrasy that one answer a prompt can't tell from luck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routewright.errors import require
from routewright.metrics.frontier import aiq, zero_router
from routewright.metrics.oracle import oracle, oracle_curve
from routewright.metrics.shapes import Floats, matrices
from routewright.metrics.sweep import sweep

NODES = 41  # of the Gauss-Hermite rule that integrates over difficulty
WIDEST = 15.0  # a model that is always right has ability infinity; e^-15 is near enough


@dataclass(frozen=True, eq=False)
class Rasch:
    """A fitted Rasch world.

    Attributes:
        theta: abilities (m,), in logits against a prompt of mean difficulty.
        sigma: standard deviation of the difficulties.
        log_likelihood: of the scores it was fitted on.
    """

    theta: Floats
    sigma: float
    log_likelihood: float

    def simulate(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Chances of being right (n, m) on n new prompts, and binary scores (n, m) drawn so."""
        difficulty = rng.normal(0, self.sigma, size=n)
        chances = _sigmoid(self.theta - difficulty[:, None])
        return chances, (rng.random(chances.shape) < chances).astype(np.float64)


@dataclass(frozen=True, eq=False)
class RaschNull:
    """What a world without specialisation would have shown, one draw per simulated data set.

    Attributes:
        fit: the world.
        observed_oracle: mean score of the score-first oracle on the real scores.
        oracle_accuracy: the same in each simulated data set (draws,).
        oracle_aiq: AIQ of the utility oracle there (draws,).
        bayes_aiq: AIQ of the difficulty-Bayes router there (draws,), which knows every b_x and
            nothing else: what perfect knowledge of difficulty is worth.
        zero_aiq: AIQ of the zero router there (draws,).
    """

    fit: Rasch
    observed_oracle: float
    oracle_accuracy: Floats
    oracle_aiq: Floats
    bayes_aiq: Floats
    zero_aiq: Floats

    @property
    def p_value(self) -> float:
        """How likely the null world's oracle is to be as high as the observed one.

        (1 + number of draws as high) / (1 + draws). Large: no evidence of specialisation.
        """
        above = int((self.oracle_accuracy >= self.observed_oracle).sum())
        return (1 + above) / (1 + len(self.oracle_accuracy))


def fit_rasch(scores: ArrayLike) -> Rasch:
    """Abilities and the spread of difficulty by marginal maximum likelihood (Bock and Aitkin 1981).

    Difficulty is integrated out by a Gauss-Hermite rule of 41 nodes. Prompts enter through how many
    models solved them, which is all the likelihood needs, so the fit takes no longer for a million
    of them. Abilities stay within 15 logits, where a model is always right or always wrong.

    Args:
        scores: binary scores (n, m), at least 2 models: of one, all spread could be luck.

    Raises:
        ValueError: scores that aren't 0 or 1, NaN, or a single model.
        MissingExtraError: scipy isn't installed.
    """
    (s,) = matrices(scores=scores)
    if not np.isin(s, (0.0, 1.0)).all():
        raise ValueError("a Rasch model needs scores of 0 and 1: set a passing score first")
    n, m = s.shape
    if m < 2:
        raise ValueError("a Rasch model needs at least 2 models")
    right = s.sum(axis=0)
    solved_by = np.bincount(s.sum(axis=1).astype(np.intp), minlength=m + 1).astype(np.float64)
    nodes, masses = np.polynomial.hermite_e.hermegauss(NODES)
    log_mass = np.log(masses / masses.sum())
    counts: Floats = np.arange(m + 1, dtype=np.float64)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        theta, sigma = parameters[:-1], float(np.exp(parameters[-1]))
        gaps = theta - sigma * nodes[:, None]
        none = np.logaddexp(0.0, gaps).sum(axis=1)
        terms = log_mass - sigma * np.outer(counts, nodes) - none
        top = terms.max(axis=1, keepdims=True)
        marginal = top[:, 0] + np.log(np.exp(terms - top).sum(axis=1))
        posterior = np.exp(terms - marginal[:, None]) * solved_by[:, None]
        expected = _sigmoid(gaps)
        by_theta = right - posterior.sum(axis=0) @ expected
        pull = nodes * (expected.sum(axis=1) - counts[:, None])
        by_sigma = sigma * float((posterior * pull).sum())
        value = float(right @ theta + solved_by @ marginal)
        return -value / n, -np.append(by_theta, by_sigma) / n

    rates = np.clip(s.mean(axis=0), 1e-3, 1 - 1e-3)
    start = np.append(1.2 * np.log(rates / (1 - rates)), 0.0)
    bounds = [(-WIDEST, WIDEST)] * m + [(-7.0, 2.5)]
    optimize: Any = require("scipy.optimize", "train")
    found: Any = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    at: Floats = np.asarray(found.x, dtype=np.float64)
    return Rasch(at[:-1], float(np.exp(at[-1])), -float(found.fun) * n)


def rasch_null(scores: ArrayLike, costs: ArrayLike, *, seed: int, draws: int = 100) -> RaschNull:
    """Fit the Rasch world to binary scores and see what its oracle and its best router would show.

    Every simulated data set has as many prompts as the real one; a model's answers cost its mean
    cost. AIQ is taken from the mean cost of the cheapest to that of the dearest model. The
    difficulty-Bayes router is argmax sigmoid(theta_m - b_x) - cost_m / worth over the knob, counted
    by the scores drawn, as a real router is.

    Args:
        scores: binary scores (n, m).
        costs: realised costs (n, m) in US dollars.
        seed: equal seeds give equal draws.
        draws: data sets to simulate, 1 or more.

    Raises:
        ValueError: shapes differ, scores that aren't 0 or 1, NaN, or no draw.
        MissingExtraError: scipy isn't installed.
    """
    s, c = matrices(scores=scores, costs=costs)
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, not {draws}")
    world = fit_rasch(s)
    paid = np.broadcast_to(c.mean(axis=0), s.shape)
    low, high = float(paid[0].min()), float(paid[0].max())
    rng = np.random.default_rng(seed)
    seen = np.empty((draws, 4))
    for at in range(draws):
        chances, drawn = world.simulate(len(s), rng)
        cheapest = float(drawn[:, int(paid[0].argmin())].mean())
        curves = (
            oracle_curve(drawn, paid).points,
            sweep(chances, paid, drawn, paid).points,
            zero_router(drawn, paid),
        )
        areas = [aiq(points, low, high, cheapest_score=cheapest) for points in curves]
        seen[at] = oracle(drawn, paid).mean_score, *areas
    return RaschNull(world, oracle(s, c).mean_score, *seen.T)


def _sigmoid(x: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * x))

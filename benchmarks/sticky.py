"""What it saves, and what it loses, to reckon with a conversation's warm prompt cache.

    python benchmarks/sticky.py > benchmarks/results/sticky.txt

Synthetic conversations are replayed with a clock of their own through the gateway's memory of
conversations (serve/sticky.py) and its order of candidates (serve/ordering.py). What is assumed:

- three models at 0.15/0.60, 1.25/5 and 5/25 dollars a million tokens in and out; cached input at a
  tenth, or at half, of the price; caches live 300 s after their last use, hold prompts of 1,024
  tokens and more, and one read in ten misses all the same (``MISSES``);
- a conversation has a system prompt of 300, 3,000 or 12,000 tokens, a geometric number of turns
  (mean 8), about 150 new tokens a turn and 300 in the answer (log-normal), and pauses of 45 s on
  average, one in ten of half an hour;
- how hard a turn is moves about the conversation's mean; the expected score of a model falls with
  that, the small one's fastest; the router sees it with an error of .05 in each score.

Policies: ``alone`` decides each turn as if nothing were cached, ``for ever`` keeps the first
choice, ``warm`` is the gateway's, which counts this turn's discount, ``ahead`` also counts that
a model left for would be warm from the next turn on, over the mean number of turns to come.
Utility is the mean true score less the dollars billed by worth; intervals are 95 % bootstraps over
conversations of the difference to ``alone``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from routewright.catalog import cost_usd
from routewright.serve.ordering import order
from routewright.serve.sticky import LEAST_CACHED_TOKENS, Memory, Past, Trail, discount_usd
from routewright.types import Candidate, Model, PolicySettings, Price, Usage

CONVERSATIONS = 1500
MEAN_TURNS = 8
TTL_S = 300.0
MISSES = 0.1
ROUTER_ERROR = 0.05
LEVEL, SLOPE = np.array([0.90, 0.94, 0.96]), np.array([0.70, 0.40, 0.22])
Floats = NDArray[np.float64]
PRICES = ((0.15, 0.6), (1.25, 5.0), (5.0, 25.0))
POLICIES = ("alone", "for ever", "warm", "ahead")


@dataclass(frozen=True)
class Turn:
    """One request: tokens, when it comes, true and predicted scores; ``missed`` caches."""

    read: int
    written: int
    at_s: float
    scores: Floats
    predicted: Floats
    missed: bool


@dataclass
class Replayed:
    """What a policy made of all conversations: a row each of score, dollars, turns, switches."""

    rows: list[tuple[float, float, int, int]] = field(
        default_factory=list[tuple[float, float, int, int]]
    )

    def utility(self, worth_usd: float) -> Floats:
        table = np.array(self.rows)
        return table[:, 0] - table[:, 1] / worth_usd


def models(share: float) -> dict[str, Model]:
    """The pool, cached input at that share of the price."""
    return {
        name: Model(name, "p", (Price("2026-01-01", price[0], price[1], price[0] * share),))
        for name, price in zip(("small", "middle", "large"), PRICES, strict=True)
    }


def conversation(chance: np.random.Generator) -> list[Turn]:
    """The turns of one conversation."""
    mean = chance.beta(1.5, 3)
    read, at_s = int(chance.choice([300, 3000, 12_000])), 0.0
    turns: list[Turn] = []
    for _ in range(int(chance.geometric(1 / MEAN_TURNS))):
        read += int(150 * chance.lognormal(0.0, 0.8))
        written = int(300 * chance.lognormal(0.0, 0.6))
        hard = float(np.clip(mean + chance.normal(0, 0.2), 0, 1))
        scores: Floats = LEVEL - SLOPE * hard
        predicted: Floats = np.clip(scores + chance.normal(0, ROUTER_ERROR, 3), 0, 1)
        turns.append(Turn(read, written, at_s, scores, predicted, chance.random() < MISSES))
        read += written
        at_s += 1800.0 if chance.random() < 0.1 else chance.exponential(45)
    return turns


def replay(
    policy: str, talks: Sequence[Sequence[Turn]], pool: dict[str, Model], worth_usd: float
) -> Replayed:
    """Decide and bill every turn."""
    now = [0.0]
    memory = Memory(pool, dict.fromkeys(pool, TTL_S), clock=lambda: now[0])
    settings = PolicySettings(worth_usd=worth_usd)
    done = Replayed()
    for number, turns in enumerate(talks):
        real: dict[str, tuple[int, float]] = {}  # what the providers hold: tokens, last use
        before, score, dollars, switches = "", 0.0, 0.0, 0
        for place, turn in enumerate(turns):
            now[0] = turn.at_s + number * 1e6
            digests = tuple(hash((number, at)) for at in range(place + 1))
            trail = Trail(digests)
            if policy == "for ever" and before:
                chosen = before
            else:
                past = memory.recall(trail) if policy in ("warm", "ahead") else Past()
                open_ = candidates(turn, pool, past, ahead=policy == "ahead")
                chosen = order(open_, settings)[0][0]
            held, used_s = real.get(chosen, (0, -1e9))
            warm = 0 if turn.missed or now[0] - used_s > TTL_S else held
            usage = Usage(turn.read, turn.written, cached_tokens=warm)
            real[chosen] = (turn.read if turn.read >= LEAST_CACHED_TOKENS else 0, now[0])
            memory.remember(trail, chosen, usage)
            score += float(turn.scores[list(pool).index(chosen)])
            dollars += cost_usd(pool[chosen], usage)
            switches += bool(before) and chosen != before
            before = chosen
        done.rows.append((score, dollars, len(turns), switches))
    return done


def candidates(turn: Turn, pool: dict[str, Model], past: Past, *, ahead: bool) -> list[Candidate]:
    """Every model with the cost that counts for the choice."""
    longest = max(past.warm.values(), default=0)
    found: list[Candidate] = []
    for at, (name, model) in enumerate(pool.items()):
        warm = past.warm.get(name, 0)
        counted = float(warm)
        if ahead:  # per turn over the turns to come: cold once, warm in the others
            counted = warm + (longest - warm) * (MEAN_TURNS - 1) / MEAN_TURNS
        full = cost_usd(model, Usage(turn.read, turn.written))
        saved = discount_usd(model.price, round(counted))
        found.append(Candidate(name, float(turn.predicted[at]), full - saved, warm_tokens=warm))
    return found


def main() -> None:
    chance = np.random.default_rng(0)
    talks = [conversation(chance) for _ in range(CONVERSATIONS)]
    turns = sum(map(len, talks))
    print(f"{len(talks)} conversations, {turns} turns, seed 0; one table a discount and a worth")
    for share in (0.1, 0.5):
        for worth_usd in (0.02, 0.1, 0.5):
            table(share, worth_usd, talks, turns)


def table(share: float, worth_usd: float, talks: list[list[Turn]], turns: int) -> None:
    """Print one table."""
    pool = models(share)
    done = {policy: replay(policy, talks, pool, worth_usd) for policy in POLICIES}
    print(f"\ncached input at {share:g} of the price, ${worth_usd:g} for one whole unit of score")
    print(
        "policy      score  $ per 1,000 turns  switches a talk  utility less that of alone [95 %]"
    )
    base = done["alone"].utility(worth_usd)
    draw = np.random.default_rng(1).integers(0, len(talks), (2000, len(talks)))
    lengths = np.array([len(talk) for talk in talks])
    for policy, replayed in done.items():
        rows = np.array(replayed.rows)
        gain = replayed.utility(worth_usd) - base
        low, high = np.quantile(gain[draw].sum(axis=1) / lengths[draw].sum(axis=1), [0.025, 0.975])
        print(
            f"{policy:<9}  {rows[:, 0].sum() / turns:.4f}  {rows[:, 1].sum() / turns * 1e3:17.3f}"
            f"  {rows[:, 3].mean():15.2f}  {gain.sum() / turns:+.4f} [{low:+.4f}, {high:+.4f}]"
        )


if __name__ == "__main__":
    main()

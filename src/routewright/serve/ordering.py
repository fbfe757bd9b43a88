"""Admissible candidates and a policy → their order, and a sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from routewright import policy as rules
from routewright.errors import RequestError
from routewright.rules import Ruling
from routewright.serve.admission import Bar
from routewright.serve.sticky import Past, discount_usd
from routewright.types import Candidate, Model, PolicySettings

Floats = NDArray[np.float64]

_model = attrgetter("model")


def order(
    open_: Sequence[Candidate],
    policy: PolicySettings,
    *,
    strength: Mapping[str, float] | None = None,
) -> tuple[list[str], str]:
    """Names from best to worst, and why the first is it.

    Ties that scores and costs leave are settled by name, so that no order of columns matters.

    Args:
        open_: those that may answer, with expected score and cost.
        policy: the rule in force.
        strength: mean training scores: of two models the strong one has the higher. Without
            them it is the one that is expected to cost more.

    Raises:
        RequestError: the rule is a win rate and there are more than two models.
    """
    if not open_:
        return [], ""
    named = sorted(open_, key=_model)
    match policy.rule:
        case "quality" if policy.quality is not None:
            scores, costs = _columns(named)
            ranked = rules.quality_rank(scores, costs, policy.quality)
            best = _taken(named, ranked)
            top = float(scores.max())
            why = f"cheapest with {policy.quality:g} of the best expected score {top:.2f}"
            return _names(best), f"{why}: {_expects(best[0])}"
        case "threshold" if policy.threshold is not None:
            scores, costs = _columns(named)
            enough = _enough(policy.threshold, _names(named))
            best = _taken(named, rules.satisfice_rank(scores, costs, enough))
            reached = bool((scores >= enough).any())
            why = "cheapest that is good enough" if reached else "none is good enough; best score"
            return _names(best), f"{why}: {_expects(best[0])}"
        case "win_rate" if policy.win_rate is not None:
            return _by_win_rate(named, policy.win_rate, strength or {})
        case _:
            ranked = rules.rank_one(
                [each.score for each in named],
                [each.cost_usd for each in named],
                policy.worth_usd or 0.0,
            )
            best = [named[at] for at in ranked]
            return _names(best), _by_utility(best)


def first_of_all(ruling: Ruling, past: Past, bars: Mapping[str, Bar]) -> tuple[str, str]:
    """The model that comes first whatever the scores, "" without one, and why.

    A model that called a tool gets the result: it alone knows what it wanted to know. That
    stands above a rule that sends prompts to a model, but not above what bars one.
    """
    if past.after_call and past.model not in bars:
        return past.model, f"stays with {past.model}: it made the tool call that this answers"
    if ruling.use and ruling.use not in bars:
        return ruling.use, f"{ruling.why} sends it to {ruling.use}"
    return "", ""


def loyalty(
    chosen: str, reason: str, past: Past, pool: Mapping[str, Model], bars: Mapping[str, Bar]
) -> str:
    """The reason of a choice, and what it means for the model that the conversation was with."""
    before = pool.get(past.model)
    if before is None:
        return reason
    if before.name in bars:
        return f"leaves {before.name}, {bars[before.name].why}; {reason}"
    warm = past.warm.get(before.name, 0)
    worth = discount_usd(before.price, warm)
    if not worth > 0:
        return reason
    cache = f"its cache holds about {warm} tokens worth ${worth:.6f}"
    if chosen == before.name:
        return f"stays with {chosen}: {cache}; {reason}"
    return f"leaves {before.name}, although {cache}: the gain pays for that; {reason}"


def _by_win_rate(
    named: Sequence[Candidate], least: float, strength: Mapping[str, float]
) -> tuple[list[str], str]:
    if len(named) == 1:
        return _names(named), f"no other model is admissible: {_expects(named[0])}"
    if len(named) != 2:
        raise RequestError(
            f"a win rate is between two models and {len(named)} may answer "
            f"({', '.join(_names(named))}); name two in routewright.models",
            param="model",
        )
    known = all(candidate.model in strength for candidate in named)
    by = [strength[c.model] if known else c.cost_usd for c in named]
    strong = int(np.argmax(by))
    scores: Floats = np.array([[c.score for c in named]])
    best = _taken(named, rules.win_rate_rank(scores, strong, least))
    rate = float(rules.win_rate(scores[:, strong], scores[:, 1 - strong])[0])
    comparison = ">=" if best[0] is named[strong] else "<"
    why = f"{named[strong].model} wins with {rate:.3f} {comparison} {least:g}"
    return _names(best), f"{why}: {_expects(best[0])}"


def _by_utility(best: Sequence[Candidate]) -> str:
    chosen = f"best utility: {_expects(best[0])}"
    if len(best) == 1:
        return f"{chosen}; no other model is admissible"
    return f"{chosen}; next best {best[1].model} {_expects(best[1])}"


def _enough(given: float | Mapping[str, float], names: Sequence[str]) -> Floats:
    if isinstance(given, Mapping):
        # Without a threshold of its own a model is never enough, but may be the best.
        return np.array([given.get(name, np.inf) for name in names], dtype=np.float64)
    return np.full(len(names), given, dtype=np.float64)


def _columns(candidates: Sequence[Candidate]) -> tuple[Floats, Floats]:
    """Scores and costs (1, m), as the rules take them."""
    return np.array([[c.score for c in candidates]]), np.array([[c.cost_usd for c in candidates]])


def _taken(candidates: Sequence[Candidate], ranked: rules.Ints) -> list[Candidate]:
    return [candidates[at] for at in ranked[0].tolist()]


def _expects(candidate: Candidate) -> str:
    return f"expects {candidate.score:.2f} for ${candidate.cost_usd:.6f}"


def _names(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.model for candidate in candidates]

"""Who may answer a request at all: hard constraints, before any score is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from routewright.errors import RequestError
from routewright.rules import Ruling
from routewright.serve.needs import CHAT, Needs
from routewright.types import Candidate, Model, PolicySettings

# What an answer is assumed to be long where a ceiling has to be kept without predictions.
UNKNOWN_ANSWER_TOKENS = 1000


class Bar(NamedTuple):
    """Why a model cannot answer, the field of the request that it lies in, a cost too high."""

    why: str
    field: str
    cost_usd: float | None = None


def barred(
    pool: Mapping[str, Model],
    lacks: Mapping[str, frozenset[str]],
    needs: Needs,
    policy: PolicySettings,
    ruling: Ruling,
) -> dict[str, Bar]:
    """The first reason against each model of the pool; admissible ones are absent."""
    found: dict[str, Bar] = {}
    for name, model in pool.items():
        bar = _bar(name, model, lacks.get(name, frozenset()), needs, policy, ruling)
        if bar is not None:
            found[name] = bar
    return found


def room_for_all(pool: Mapping[str, Model], lacks: Mapping[str, frozenset[str]]) -> float:
    """Tokens up to which no model is barred from a request that wants nothing else of it.

    Below 0 where a model is barred from every chat.
    """
    if any(CHAT in lacks.get(name, ()) for name in pool):
        return -1
    windows = (model.context_window for model in pool.values())
    return min((window for window in windows if window is not None), default=math.inf)


def over_ceiling(cost_usd: float, max_usd: float) -> Bar:
    """The bar of a model that is expected to cost more than the ceiling."""
    why = f"expected to cost ${cost_usd:.6f}, above max_usd ${max_usd:g}"
    return Bar(why, "routewright.max_usd", cost_usd)


def limited(candidate: Candidate, bars: dict[str, Bar], max_usd: float | None) -> Candidate:
    """The candidate with what excludes it; one above the ceiling joins those that are barred."""
    name = candidate.model
    if name not in bars and max_usd is not None and not candidate.cost_usd <= max_usd:
        bars[name] = over_ceiling(candidate.cost_usd, max_usd)
    if name in bars:
        return msgspec.structs.replace(candidate, excluded=bars[name].why)
    return candidate


def too_dear(models: Iterable[Model], needs: Needs, max_usd: float | None) -> dict[str, Bar]:
    """The models above the ceiling by the price list, for those that nobody predicted."""
    if max_usd is None:
        return {}
    costs = {model.name: rough_cost_usd(model, needs) for model in models}
    return {name: over_ceiling(cost, max_usd) for name, cost in costs.items() if cost > max_usd}


def rough_cost_usd(model: Model, needs: Needs) -> float:
    """What an answer costs by the price list where nobody predicted it.

    The whole length that the request allows is counted, or ``UNKNOWN_ANSWER_TOKENS``. A model
    charged by CPU time counts as free: how long it will take is not known here.
    """
    price = model.price
    output = needs.answer_tokens or UNKNOWN_ANSWER_TOKENS
    return (needs.tokens * price.input_usd_per_mtok + output * price.output_usd_per_mtok) / 1e6


def nobody(bars: Mapping[str, Bar]) -> RequestError:
    """The error when all are barred; ``param`` is the field that removed the last ones."""
    dear = [(bar.cost_usd, name) for name, bar in bars.items() if bar.cost_usd is not None]
    if dear:
        cost_usd, name = min(dear)
        return RequestError(
            f"no model that can take this request is expected to cost so little; the cheapest is "
            f"{name} at ${cost_usd:.6f} ({_said(bars)})",
            param="routewright.max_usd",
        )
    last = max((bar.field for bar in bars.values()), key=_stage, default=None)
    return RequestError(f"no model can take this request ({_said(bars)})", param=last)


def _bar(
    name: str,
    model: Model,
    lacks: frozenset[str],
    needs: Needs,
    policy: PolicySettings,
    ruling: Ruling,
) -> Bar | None:
    if policy.models is not None and name not in policy.models:
        return Bar("not among the models this request allows", "routewright.models")
    if CHAT in lacks:
        return Bar("makes embeddings only", "model")
    for wanted, field in needs.wants:
        if wanted in lacks:
            return Bar(f"cannot do {wanted}, which {field} asks for", field)
    window = model.context_window
    if window is not None and needs.tokens + needs.answer_tokens > window:
        said = f"the prompt has about {needs.tokens} tokens"
        if needs.tokens > window or not needs.answer_tokens:
            return Bar(f"{said}, its window {window}", "messages")
        asked = f"{needs.answer_field} asks for {needs.answer_tokens} more"
        return Bar(f"{said} and {asked}, its window {window}", needs.answer_field)
    if name in ruling.barred:
        return Bar(ruling.barred[name], "messages")
    return None


def _stage(field: str) -> int:
    """When the constraint behind a field is applied: what was allowed, can do, has room for."""
    if field == "routewright.models":
        return 0
    return 2 if field in ("messages", "max_tokens", "max_completion_tokens") else 1


def _said(bars: Mapping[str, Bar]) -> str:
    return "; ".join(f"{name}: {bar.why}" for name, bar in bars.items())

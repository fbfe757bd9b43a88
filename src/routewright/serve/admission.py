"""Who may answer a request at all: hard constraints, before any score is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from routewright.errors import RequestError
from routewright.rules import Ruling
from routewright.serve.needs import Needs
from routewright.types import Model, PolicySettings

# What an answer is assumed to be long where a ceiling has to be kept without predictions.
UNKNOWN_ANSWER_TOKENS = 1000


class Bar(NamedTuple):
    """Why a model cannot answer, and the field of the request that it lies in."""

    why: str
    field: str


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


def over_ceiling(cost_usd: float, max_usd: float) -> Bar:
    """The bar of a model that is expected to cost more than the ceiling."""
    why = f"expected to cost ${cost_usd:.6f}, above max_usd ${max_usd:g}"
    return Bar(why, "routewright.max_usd")


def rough_cost_usd(model: Model, needs: Needs) -> float:
    """What an answer costs by the price list where nobody predicted it.

    The whole length that the request allows is counted, or ``UNKNOWN_ANSWER_TOKENS``. A model
    charged by CPU time counts as free: how long it will take is not known here.
    """
    price = model.price
    output = needs.answer_tokens or UNKNOWN_ANSWER_TOKENS
    return (needs.tokens * price.input_usd_per_mtok + output * price.output_usd_per_mtok) / 1e6


def nobody(bars: Mapping[str, Bar], cheapest: tuple[str, float] | None = None) -> RequestError:
    """The error when all are barred; ``param`` is the field that removed the last ones.

    Args:
        bars: the reason against each.
        cheapest: the model that is expected to cost least and what, where the ceiling decided.
    """
    fields = list(_in_order(bar.field for bar in bars.values()))
    if cheapest is not None:
        name, cost_usd = cheapest
        return RequestError(
            f"no model that can take this request is expected to cost so little; the cheapest is "
            f"{name} at ${cost_usd:.6f} ({_said(bars)})",
            param="routewright.max_usd",
        )
    return RequestError(
        f"no model can take this request ({_said(bars)})", param=fields[-1] if fields else None
    )


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


def _in_order(fields: Iterable[str]) -> Iterable[str]:
    """Fields in the order in which constraints are applied, the last word last."""

    def stage(field: str) -> int:
        if field == "routewright.models":
            return 0
        if field == "routewright.max_usd":
            return 3
        return 2 if field in ("messages", "max_tokens", "max_completion_tokens") else 1

    return sorted(dict.fromkeys(fields), key=stage)


def _said(bars: Mapping[str, Bar]) -> str:
    return "; ".join(f"{name}: {bar.why}" for name, bar in bars.items())

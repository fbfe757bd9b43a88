"""The catalogue: models that are known by name, with dated prices and checked weight files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from routewright.errors import UnknownModelError
from routewright.types import Model, Usage

CATALOG_FILE = Path(__file__).with_name("catalog.toml")


class _Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[Model, ...]


@cache
def known_models() -> dict[str, Model]:
    """Every model of the catalogue by name."""
    catalog = msgspec.toml.decode(CATALOG_FILE.read_bytes(), type=_Catalog)
    return {model.name: model for model in catalog.models}


def find_model(name: str, models: Iterable[Model] | None = None) -> Model:
    """The model of that name, among ``models`` or in the catalogue.

    Raises:
        UnknownModelError: nobody offers it; near matches are named.
    """
    offered = {m.name: m for m in models} if models is not None else known_models()
    if name in offered:
        return offered[name]
    near = difflib.get_close_matches(name, offered, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(offered)}"
    raise UnknownModelError(f"unknown model {name!r}; {hint}")


def cost_usd(model: Model, usage: Usage) -> float:
    """What one call cost in US dollars under the price in force.

    A model run here is charged by the CPU seconds it used; any other by its tokens, with input
    tokens that were read from a cache, or written to one, at their own price where one is stated.
    """
    price = model.price
    if usage.cpu_s is not None and price.usd_per_cpu_hour:
        return usage.cpu_s / 3600.0 * price.usd_per_cpu_hour
    plain = price.input_usd_per_mtok
    cached, written = price.cached_input_usd_per_mtok, price.cache_write_usd_per_mtok
    fresh = max(usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens, 0)
    return (
        fresh * plain
        + usage.cached_tokens * (plain if cached is None else cached)
        + usage.cache_write_tokens * (plain if written is None else written)
        + usage.output_tokens * price.output_usd_per_mtok
    ) / 1e6

"""Lists of models, in the shape of the client that asks: OpenAI's or Anthropic's."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from starlette.types import Scope

from routewright.errors import RequestError
from routewright.serve.decider import Decider
from routewright.serve.dialects import is_anthropic
from routewright.serve.needs import EMBEDDINGS
from routewright.state.api_key import ApiKey

_NO_DATE = "1970-01-01T00:00:00Z"  # nobody knows when; the field must be there
_MOST = 1000


def may_see(decider: Decider, name: str, key: ApiKey | None) -> bool:
    """Whether a key may ask for a name; what routes is everybody's."""
    if key is None or key.terms.models is None:
        return True
    model = decider.names.read(name).model
    return not model or model in key.terms.models


def listing(decider: Decider, scope: Scope, key: ApiKey | None = None) -> dict[str, Any]:
    """Every name that the gateway answers to and the key may ask for.

    Raises:
        RequestError: a page is asked for that cannot be.
    """
    names = [name for name in decider.names.listed() if may_see(decider, name, key)]
    if not is_anthropic(scope):
        return {"object": "list", "data": [entry(decider, scope, name) for name in names]}
    page, more = _page(names, parse_qs(scope["query_string"].decode("latin-1")))
    return {
        "data": [entry(decider, scope, name) for name in page],
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
        "has_more": more,
    }


def entry(decider: Decider, scope: Scope, name: str) -> dict[str, Any]:
    """One of them."""
    if is_anthropic(scope):
        return {"type": "model", "id": name, "display_name": name, "created_at": _NO_DATE}
    model = decider.pool.get(name)
    owner = model.provider if model else "routewright"  # a profile or an alias is ours
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def embedding_model(decider: Decider, named: object) -> object:
    """The model for embeddings: the one that is named, or, for a name that routes, the only one.

    Raises:
        RequestError: the name routes, and there is not just one model for embeddings.
        UnknownModelError: nobody answers to the name.
    """
    if not isinstance(named, str) or decider.names.read(named).model:
        return named
    makers = [name for name, m in decider.pool.items() if EMBEDDINGS in m.capabilities]
    if len(makers) != 1:
        known = ", ".join(makers) or "none is configured"
        raise RequestError(f"model: name one that makes embeddings ({known})", param="model")
    return makers[0]


def _page(names: list[str], asked: dict[str, list[str]]) -> tuple[list[str], bool]:
    """Anthropic's pages: ``limit`` names after or before one."""
    limit = asked.get("limit", [str(_MOST)])[0]
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:5]) <= _MOST):
        raise RequestError(f"limit must be from 1 to {_MOST}", param="limit")
    for field in ("after_id", "before_id"):
        if field in asked and asked[field][0] not in names:
            raise RequestError(f"{field} is none of the models", param=field)
    if "before_id" in asked:
        end = names.index(asked["before_id"][0])
        start = max(end - int(limit), 0)
        return names[start:end], start > 0
    start = names.index(asked["after_id"][0]) + 1 if "after_id" in asked else 0
    return names[start : start + int(limit)], start + int(limit) < len(names)

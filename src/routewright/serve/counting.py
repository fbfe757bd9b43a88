"""How many tokens a Messages request has: counted by its provider, or estimated here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from routewright.errors import UpstreamError
from routewright.protocols import TokenCounter
from routewright.serve.dialects import MESSAGES
from routewright.serve.needs import read_needs
from routewright.serve.relay import Relay
from routewright.state.api_key import ApiKey

Source = Literal["provider", "estimate"]


async def count_tokens(
    relay: Relay, body: Mapping[str, Any], headers: Mapping[str, str], key: ApiKey | None = None
) -> tuple[int, Source]:
    """The tokens for the model that is named or would be chosen, and who counted.

    The estimate is the bytes of all texts by four, four a turn, and a thousand an image or file.

    Raises:
        AccessError: the key may not ask for the model.
        UnknownModelError: nobody answers to the model's name.
        RequestError: the body is malformed, or no model can take it.
    """
    request = MESSAGES.read({"max_tokens": 1, **body})  # such a body says nothing of the answer
    decision = await relay.decide(request, key)
    generation = relay.generation
    model = generation.decider.pool[decision.model]
    provider = generation.providers[model.provider]
    if isinstance(provider, TokenCounter) and request.native is not None:
        asked = {k: v for k, v in request.native.body.items() if k not in ("max_tokens", "stream")}
        try:
            return await provider.count_tokens(model, asked, headers), "provider"
        except UpstreamError:  # a number that is about right is of more use than none
            pass
    return read_needs(request.messages, request.body).tokens, "estimate"

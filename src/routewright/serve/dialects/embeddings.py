"""OpenAI's embeddings: relayed as they come to the model that is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from routewright.errors import RoutewrightError, error_object
from routewright.serve.call import Call
from routewright.serve.dialects.base import Translation, refuse, text
from routewright.serve.dialects.chat import broke
from routewright.serve.dialects.writing import Passing
from routewright.serve.wire import ChatRequest


class Embeddings:
    """The embeddings dialect; see ``base.Dialect``."""

    name = "embeddings"
    forwarded: tuple[str, ...] = ()

    def read(self, body: Mapping[str, Any]) -> ChatRequest:
        """The request, its texts as one message: what the operator's rules look at.

        Raises:
            RequestError: a field that is malformed; ``param`` names it.
        """
        told = Translation(body)
        told.only("input")
        model = text(body.get("model"), "model")
        messages = [{"role": "user", "content": "\n".join(_texts(body.get("input")))}]
        return told.request(self.name, {"model": model, "messages": messages}, told.body)

    def whole(self, call: Call, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer as it is."""
        del call
        return answer

    def writer(self, call: Call) -> Passing:
        """Nothing is ever streamed."""
        del call
        return Passing(broke)

    def error(self, error: RoutewrightError) -> dict[str, Any]:
        """OpenAI's error object."""
        return error_object(error)


def _texts(given: object) -> list[str]:
    """The texts of an input; tokens have none."""
    if isinstance(given, str):
        return [given]
    items = cast("list[object]", given) if isinstance(given, list) else []
    if not items or any(
        isinstance(item, bool) or not isinstance(item, str | int | list) for item in items
    ):
        raise refuse("input", "must be a text, a list of texts, or tokens")
    return [item for item in items if isinstance(item, str)]

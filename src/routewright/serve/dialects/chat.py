"""OpenAI's chat completions: the relay's own words, which pass as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routewright.errors import RoutewrightError, UpstreamError, error_object
from routewright.serve.call import TRUNCATED, Call
from routewright.serve.dialects.writing import Passing
from routewright.serve.wire import ChatRequest, chat_request


class Chat:
    """Reads and writes what needs no translation."""

    name = "chat"
    forwarded: tuple[str, ...] = ()

    def read(self, body: Mapping[str, Any]) -> ChatRequest:
        """Check the body; see ``wire.chat_request``."""
        return chat_request(body)

    def whole(self, call: Call, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer as it is."""
        del call
        return answer

    def writer(self, call: Call) -> Passing:
        """Passes events on."""
        del call
        return Passing(broke)

    def error(self, error: RoutewrightError) -> dict[str, Any]:
        """OpenAI's error object."""
        return error_object(error)


def broken(error: RoutewrightError) -> dict[str, Any]:
    """The error object of a stream that broke off."""
    told = error_object(error)
    if type(error) is UpstreamError:
        told["error"]["code"] = TRUNCATED
    return told


def broke(error: RoutewrightError) -> bytes:
    """An error object as the last event, and no ``[DONE]``."""
    return b"data: %b\n\n" % msgspec.json.encode(broken(error))

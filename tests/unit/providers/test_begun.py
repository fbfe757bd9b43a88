"""A call that was sent without waiting gives what it would have given, however it comes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from routewright.errors import UpstreamError
from routewright.providers.begun import BegunStream
from routewright.providers.endpoint import Endpoint
from routewright.providers.openai import OpenAIProvider
from routewright.providers.response import Response
from routewright.types import Model

EVENT = b'data: {"choices": []}\n\n'
MODEL = Model("cheap", provider="acme")


class Quiet:
    """A connection that does as it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return partial(self.said.append, name)


async def never() -> Response:
    raise AssertionError("it was sent again")


@pytest.fixture
def begun():
    """A stream on its way, and the response that its connection fills."""
    provider = OpenAIProvider("acme", base_url="http://127.0.0.1:9/v1")
    endpoint = Endpoint("acme", "http://127.0.0.1:9/v1", headers={})
    response = Response("acme", Quiet())
    response.status, response.begun = 200, True
    return BegunStream(provider._opened, endpoint, MODEL, response, never, 0.0), response


def test_its_first_event_is_given_at_once_where_it_is_here(begun):
    call, response = begun
    response.add(EVENT + b"data: [DONE]\n\n")
    opened = call.answer()
    assert opened is not None
    assert opened.first == EVENT

    async def others() -> list[bytes]:
        return [event async for event in opened.events]

    assert asyncio.run(others()) == [b"data: [DONE]\n\n"]


def test_half_of_a_first_event_is_not_lost(begun):
    call, response = begun
    response.add(EVENT[:9])
    assert call.answer() is None

    async def rest() -> Any:
        completing = asyncio.ensure_future(call.complete())
        await asyncio.sleep(0)
        response.add(EVENT[9:])
        response.wake()
        return await completing

    assert asyncio.run(rest()).first == EVENT


@pytest.mark.parametrize("came", [b"", EVENT[:9]])
def test_a_stream_that_ends_before_its_first_event_tells_so(came, begun):
    call, response = begun
    response.add(came)
    response.end()
    assert call.answer() is None
    with pytest.raises(UpstreamError, match="terminal event"):
        asyncio.run(call.complete())


def test_another_status_is_for_complete_to_tell(begun):
    call, response = begun
    response.status = 503
    response.add(b"{}")
    response.end()
    assert call.answer() is None
    with pytest.raises(UpstreamError):
        asyncio.run(call.complete())

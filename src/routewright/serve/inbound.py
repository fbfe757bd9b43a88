"""What the HTTP server does not guard: body size, body time, and a client that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive, Scope

from routewright.errors import RequestError
from routewright.serve.http import EXCHANGE, WATCHERS, Watchers

T = TypeVar("T")

# What a request's scope may tell beside ASGI's own.
BEGUN = "routewright.begun"  # a call, and what was sent of it, that ``at_once`` has begun
KEY = "routewright.key"  # the key that it came with, None without keys

DRAIN_S = 5.0  # how long a refused body is read and thrown away, so that its sender sees the answer


class BodyError(RequestError):
    """A body that was not taken; ``pending`` where more of it may be on its way."""

    def __init__(self, message: str, *, status: int, pending: bool) -> None:
        super().__init__(message, status=status)
        self.pending = pending


class ClientGoneError(Exception):
    """The client closed its connection: there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive, *, most_bytes: int, timeout_s: float) -> bytes:
    """The whole body.

    Raises:
        BodyError: larger than allowed (413), encoded (415), or too slow in coming (408).
        ClientGoneError: the client left.
    """
    headers = dict(scope["headers"])
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise BodyError(
            "an encoded body is not supported; send plain JSON", status=415, pending=True
        )
    declared = headers.get(b"content-length", b"")
    too_large = f"the body is larger than {most_bytes} bytes"
    if declared.isdigit() and int(declared) > most_bytes:
        raise BodyError(too_large, status=413, pending=True)
    whole: bytes | None = scope["extensions"][EXCHANGE].arrived()
    if whole is not None:  # as nearly always
        if len(whole) > most_bytes:
            raise BodyError(too_large, status=413, pending=False)
        return whole
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                more = bool(message.get("more_body", False))
                if size > most_bytes:
                    raise BodyError(too_large, status=413, pending=more)
                if not more:
                    return b"".join(parts)
    except TimeoutError as error:
        late = f"the body did not arrive in {timeout_s:g} s"
        raise BodyError(late, status=408, pending=False) from error


async def drain(receive: Receive, *, most_bytes: int) -> None:
    """Throw away what a refused sender still sends, within bounds of size and time."""
    size = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while size <= most_bytes:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def unless_gone(work: Coroutine[Any, Any, T], scope: Scope) -> T:
    """Run ``work``, and cancel it the moment the client leaves.

    Raises:
        ClientGoneError: the client left first; ``work`` has ended when this is raised.
    """
    task = asyncio.current_task()
    watchers: Watchers = scope["extensions"][WATCHERS]
    gone = False

    def leave() -> None:
        nonlocal gone
        gone = True
        if task is not None:
            task.cancel()

    watchers.add(leave)
    if watchers.gone:
        leave()
    try:
        return await work
    except asyncio.CancelledError:
        if gone and task is not None and not task.uncancel():
            raise ClientGoneError from None
        raise
    finally:
        watchers.discard(leave)

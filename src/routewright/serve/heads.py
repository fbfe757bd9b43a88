"""A client on a kept connection sends the same head again and again, but for its body's length.

What was parsed and read off such a head once is known the next time. Only a head that is the same
to the byte is taken for the same; all others go through the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.types import Scope

T = TypeVar("T")

_MEMO = "routewright.memo"
_LENGTH = re.compile(rb"\r\n(content-length): ?([0-9]{1,7})(?=\r\n)", re.IGNORECASE)
_DIGITS = 7


class Known:
    """One head, with the scope that it makes.

    Args:
        data: a request, its head and body in one piece.
        scope: what the parser and the connection made of the head.
        at: where in the scope's headers the body's length is.
        found: where in the data it is.
    """

    __slots__ = ("_after", "_at", "_before", "_headers", "_scope", "_start")

    def __init__(self, data: bytes, scope: Scope, at: int, found: re.Match[bytes]) -> None:
        self._start = found.start(2)
        self._before = data[: self._start]
        self._after = data[found.end(2) : data.find(b"\r\n\r\n") + 4]
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._at = at
        scope[_MEMO] = {}
        # Without what leads back to that one exchange.
        self._scope = {name: each for name, each in scope.items() if name != "extensions"}

    @classmethod
    def of(cls, data: bytes, scope: Scope, body: bytes) -> Known | None:
        """The head of a request that came in one piece and without another; else None."""
        end = data.find(b"\r\n\r\n") + 4
        found = _LENGTH.search(data, 0, end)
        places = [at for at, (name, _) in enumerate(scope["headers"]) if name == b"content-length"]
        if found is None or len(places) != 1 or data[end:] != body:
            return None
        if not data.startswith(scope["method"].encode() + b" ") or int(found[2]) != len(body):
            return None
        return cls(data, scope, places[0], found)

    def again(self, data: bytes) -> tuple[Scope, bytes] | None:
        """Scope and body of another request, all of it, with this head; None of any other data."""
        if not data.startswith(self._before):
            return None
        stop = data.find(b"\r\n", self._start, self._start + _DIGITS + 2)
        length = data[self._start : stop]
        if stop < 0 or not length.isdigit() or not data.startswith(self._after, stop):
            return None
        body = data[stop + len(self._after) :]
        if len(body) != int(length):
            return None
        headers = self._headers.copy()
        headers[self._at] = b"content-length", length
        return {**self._scope, "headers": headers}, body


def remembered(scope: Scope, name: str, read: Callable[[Scope], T]) -> T:
    """What ``read`` makes of a scope's headers, the body's length aside: once for a known head."""
    memo: dict[str, Any] | None = scope.get(_MEMO)
    if memo is None:
        return read(scope)
    if name not in memo:
        memo[name] = read(scope)
    return memo[name]

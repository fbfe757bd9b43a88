"""How a request came in, for those who watch: a context variable, so that no dialect carries it."""

from __future__ import annotations

import re
from contextvars import ContextVar

import msgspec
from starlette.types import Scope


class Arrival(msgspec.Struct, frozen=True):
    """The path of the route table that a request came by, and its W3C trace context.

    Nothing else of a request belongs here: what is here may be exported.
    """

    route: str = "in-process"
    traceparent: str = ""
    tracestate: str = ""

    @property
    def trace_id(self) -> str:
        """The trace that the request belongs to, "" if it told none that can be."""
        found = _TRACEPARENT.fullmatch(self.traceparent)
        return found[1] if found and found[1].strip("0") else ""


def arrival_of(plain: Arrival, scope: Scope) -> Arrival:
    """How a request came in, ``plain`` where it tells of no trace."""
    traceparent = tracestate = b""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            traceparent = value
        elif name == b"tracestate":
            tracestate = value
    if not traceparent and not tracestate:
        return plain
    return Arrival(plain.route, traceparent.decode("latin-1"), tracestate.decode("latin-1"))


_TRACEPARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
ARRIVAL: ContextVar[Arrival] = ContextVar("arrival", default=Arrival())  # noqa: B039 - it is frozen

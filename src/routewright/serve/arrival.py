"""How a request came in, for those who watch: a context variable, so that no dialect carries it."""

from __future__ import annotations

from contextvars import ContextVar

import msgspec


class Arrival(msgspec.Struct, frozen=True):
    """The path of the route table that a request came by, and its W3C trace context.

    Nothing else of a request belongs here: what is here may be exported.
    """

    route: str = "in-process"
    traceparent: str = ""
    tracestate: str = ""


ARRIVAL: ContextVar[Arrival] = ContextVar("arrival", default=Arrival())  # noqa: B039 - it is frozen

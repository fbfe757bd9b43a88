"""The gateway's HTTP surface: OpenAI's chat completions, models, health, and the decision alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from routewright.errors import RequestError, RoutewrightError, UpstreamError, error_object
from routewright.serve.arrival import ARRIVAL, Arrival
from routewright.serve.call import TRUNCATED, Call
from routewright.serve.feedback import Feedback
from routewright.serve.gateway import Gateway
from routewright.serve.inbound import BodyError, ClientGoneError, read_body, unless_gone
from routewright.serve.metrics import CONTENT_TYPE
from routewright.serve.replies import (
    decision_headers,
    refuse_body,
    send_bytes,
    send_error,
    send_json,
)
from routewright.serve.routes import TABLE
from routewright.serve.stream import RelayedStream
from routewright.serve.watch import Watch
from routewright.serve.wire import chat_request, decode_object, route_request

logger = logging.getLogger(__name__)

BODY_TIMEOUT_S = 30.0
READ_S = 5.0  # more than an answer may take, for the client to read its end
_SSE = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


def create_app(gateway: Gateway, *, body_timeout_s: float = BODY_TIMEOUT_S) -> Starlette:
    """The ASGI application; starting and closing the gateway is the caller's business."""
    surface = _Surface(gateway, body_timeout_s)
    app = Starlette(
        routes=[
            Route(
                spec.path,
                _Endpoint(spec.path, getattr(surface, spec.handler), gateway.watches),
                methods=[spec.method],
            )
            for spec in TABLE
        ],
        exception_handlers={HTTPException: _no_route},
    )
    app.router.redirect_slashes = False  # a redirect would be built from the Host header
    return app


class _Endpoint:
    """A plain ASGI endpoint; whatever goes wrong becomes an OpenAI error object."""

    def __init__(self, route: str, handler: Handler, watches: Sequence[Watch]) -> None:
        self._route = route
        self._handler = handler
        self._watches = watches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ARRIVAL.set(_arrival(self._route, scope))
        try:
            await self._handler(scope, receive, send)
        except ClientGoneError:
            return
        except BodyError as error:
            self._refused(error.code)
            await refuse_body(send, receive, error)
        except RoutewrightError as error:
            self._refused(error.code)
            await send_error(send, error)
        except Exception:
            self._refused(RoutewrightError.code)
            logger.exception("a request failed inside the gateway")
            await send_error(send, RoutewrightError("the gateway failed; see its log"))

    def _refused(self, code: str) -> None:
        for watch in self._watches:
            watch.refused(self._route, code)


def _arrival(route: str, scope: Scope) -> Arrival:
    traceparent = tracestate = b""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            traceparent = value
        elif name == b"tracestate":
            tracestate = value
    return Arrival(route, traceparent.decode("latin-1"), tracestate.decode("latin-1"))


class _Surface:
    def __init__(self, gateway: Gateway, body_timeout_s: float) -> None:
        self._gateway = gateway
        self._relay = gateway.relay
        self._feedback = Feedback(gateway.ledger, gateway.sink)
        self._body_timeout_s = body_timeout_s

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self._body(scope, receive)
        await unless_gone(self._answer(body, send), scope)

    async def route(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = route_request(await self._body(scope, receive))
        await send_json(send, 200, await self._relay.decide(request))

    async def feedback(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = dict(scope["headers"]).get(b"idempotency-key", b"").decode("latin-1")
        body = await self._body(scope, receive)
        await send_json(send, 200, await self._feedback.take(body, idempotency_key=key))

    async def models(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        data = [self._model_object(name) for name in self._gateway.decider.names.listed()]
        await send_json(send, 200, {"object": "list", "data": data})

    async def model(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        name = scope["path_params"]["name"]
        self._gateway.decider.names.read(name)
        await send_json(send, 200, self._model_object(name))

    async def healthz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Alive: this says nothing of upstreams, database or configuration."""
        del scope, receive
        await send_json(send, 200, {"status": "ok"})

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Able to route: not while starting or draining."""
        del scope, receive
        gateway = self._gateway
        told = {
            "status": gateway.state,
            "artefact": gateway.decider.artefact,
            "reload_refused": bool(gateway.reload_refused),
        }
        await send_json(send, 200 if gateway.ready else 503, told)

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What Prometheus reads."""
        del scope, receive
        await send_bytes(send, await self._gateway.metrics.text(self._gateway), CONTENT_TYPE)

    def _model_object(self, name: str) -> dict[str, Any]:
        model = self._gateway.decider.pool.get(name)
        owner = model.provider if model else "routewright"  # a profile or an alias is ours
        return {"id": name, "object": "model", "created": 0, "owned_by": owner}

    async def _body(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        raw = await read_body(
            scope,
            receive,
            most_bytes=self._gateway.settings.gateway.max_body_bytes,
            timeout_s=self._body_timeout_s,
        )
        return decode_object(raw)

    async def _answer(self, body: dict[str, Any], send: Send) -> None:
        request = chat_request(body)
        call = await self._relay.begin(request)
        try:
            if request.stream:
                reply = _send_stream(send, await self._relay.stream(call))
            else:
                reply = _send_answer(send, call, await self._relay.complete(call))
        except RoutewrightError as error:
            reply = send_error(send, error, decision_headers(call))
        await reply


async def _send_answer(send: Send, call: Call, answer: dict[str, Any]) -> None:
    cost_usd: float = answer["routewright"]["cost_usd"]
    await send_json(send, 200, answer, decision_headers(call, cost_usd=cost_usd))


async def _send_stream(send: Send, stream: RelayedStream) -> None:
    """Relay events as they come; one that breaks ends with an error event and no terminal one."""
    expected_usd = stream.call.expected()[1]
    # The real cost is known when headers are long gone: the comment before [DONE] tells it.
    headers = decision_headers(stream.call, cost_usd=expected_usd, expected_cost_usd=expected_usd)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _SSE + headers})
        try:
            # An upstream is late by its own times: this is for a client that does not read.
            async with asyncio.timeout(stream.call.remaining_s + READ_S):
                async for event in stream:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
        except TimeoutError:
            logger.warning("decision %s: the client does not read", stream.call.decision.id)
            return
        except RoutewrightError as error:
            logger.warning("decision %s: %s", stream.call.decision.id, error)
            event = _error_event(error)
            await send({"type": "http.response.body", "body": event, "more_body": True})
        except Exception:
            logger.exception("decision %s: the relay failed", stream.call.decision.id)
            event = _error_event(RoutewrightError("the gateway failed; see its log"))
            await send({"type": "http.response.body", "body": event, "more_body": True})
    finally:
        await stream.aclose()
    await send({"type": "http.response.body", "body": b""})


def _error_event(error: RoutewrightError) -> bytes:
    told = error_object(error)
    if type(error) is UpstreamError:
        told["error"]["code"] = TRUNCATED
    return b"data: %b\n\n" % msgspec.json.encode(told)


async def _no_route(request: Request, error: Exception) -> Response:
    """An unknown path or method, in OpenAI's shape."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = f"{request.method} {request.url.path} is not served here"
    told = error_object(RequestError(what, status=status))
    return Response(msgspec.json.encode(told), status, media_type="application/json")

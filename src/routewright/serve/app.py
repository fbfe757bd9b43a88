"""The gateway's HTTP surface: every route of ``routes``, answered in its dialect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from routewright.errors import (
    RequestError,
    RoutewrightError,
    UnknownModelError,
)
from routewright.protocols import Begun
from routewright.serve.admin import Admin
from routewright.serve.arrival import ARRIVAL, Arrival, arrival_of
from routewright.serve.at_once import AtOnce
from routewright.serve.bounds import refuse_routing
from routewright.serve.call import Call
from routewright.serve.counting import count_tokens
from routewright.serve.dialects import (
    CHAT,
    EMBEDDINGS,
    MESSAGES,
    RESPONSES,
    Dialect,
    Writer,
    forwarded,
    is_anthropic,
)
from routewright.serve.dialects.writing import Passing
from routewright.serve.exchange import Exchange
from routewright.serve.feedback import Feedback
from routewright.serve.gateway import Gateway
from routewright.serve.http import EXCHANGE
from routewright.serve.inbound import (
    BEGUN,
    KEY,
    BodyError,
    ClientGoneError,
    read_body,
    unless_gone,
)
from routewright.serve.listing import embedding_model, entry, listing, may_see
from routewright.serve.metrics import CONTENT_TYPE
from routewright.serve.openapi import document
from routewright.serve.replies import (
    decision_headers,
    refuse,
    send_bytes,
    send_error,
    send_json,
    stream_headers,
    told_headers,
)
from routewright.serve.routes import TABLE, RouteSpec
from routewright.serve.stream import RelayedStream
from routewright.serve.watch import Watch
from routewright.serve.wire import ChatRequest, decode_object, route_request
from routewright.state.api_key import ApiKey

logger = logging.getLogger(__name__)

BODY_TIMEOUT_S = 30.0
READ_S = 5.0  # more than an answer may take, for the client to read its end
_NOTHING_YET: Message = {"type": "http.response.body", "body": b"", "more_body": True}

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


def create_app(gateway: Gateway, *, body_timeout_s: float = BODY_TIMEOUT_S) -> App:
    """The ASGI application; starting and closing the gateway is the caller's business."""
    surface = _Surface(gateway, body_timeout_s)
    admin = Admin(gateway, surface.body)
    endpoints = [
        _Endpoint(
            spec, getattr(admin if spec.access == "admin" else surface, spec.handler), gateway
        )
        for spec in TABLE
    ]
    app = App(
        routes=[
            Route(spec.path, endpoint, methods=[spec.method])
            for spec, endpoint in zip(TABLE, endpoints, strict=True)
        ],
        exception_handlers={HTTPException: _no_route},
    )
    app.direct = {
        (spec.method, spec.path): endpoint
        for spec, endpoint in zip(TABLE, endpoints, strict=True)
        if "{" not in spec.path
    }
    chat = next(e for spec, e in zip(TABLE, endpoints, strict=True) if spec.handler == "chat")
    app.at_once = AtOnce(gateway, chat.spec.path, chat.admit_now)
    app.router.redirect_slashes = False  # a redirect would be built from the Host header
    return app


class App(Starlette):
    """Asks the endpoint of a plain path without the router and the middleware in between."""

    direct: Mapping[tuple[str, str], Handler]
    at_once: AtOnce

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        endpoint = self.direct.get((scope["method"], scope["path"]))
        if endpoint is None:
            await super().__call__(scope, receive, send)
        else:
            await endpoint(scope, receive, send)


class _Endpoint:
    """A plain ASGI endpoint; whatever goes wrong becomes an error object of its dialect."""

    def __init__(self, spec: RouteSpec, handler: Handler, gateway: Gateway) -> None:
        self.spec = spec
        self._handler = handler
        self._gateway = gateway
        self._guard = gateway.guard
        self._quota = gateway.quota
        self._watches: Sequence[Watch] = gateway.watches
        self._arrival = Arrival(spec.path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ARRIVAL.set(arrival_of(self._arrival, scope))
        dialect = MESSAGES if self.spec.dialect == "messages" or is_anthropic(scope) else CHAT
        unread = scope["method"] != "GET"
        try:
            if BEGUN not in scope:
                self._check_port(scope)
                await self._guard.settle(self.spec.access)
                scope[KEY] = self._guard.admit(self.spec.access, scope)
                if scope[KEY] is not None and self._quota is not None:
                    send = _telling(send, await self._quota.admit(scope[KEY]))
            unread = False
            await self._handler(scope, receive, send)
        except ClientGoneError:
            return
        except BodyError as error:
            self._refused(error.code)
            await refuse(send, receive, error, dialect.error, pending=error.pending)
        except RoutewrightError as error:
            self._refused(error.code)
            if unread:
                await refuse(send, receive, error, dialect.error, pending=True)
            else:
                await send_error(send, error, shape=dialect.error)
        except Exception:
            self._refused(RoutewrightError.code)
            logger.exception("a request failed inside the gateway")
            error = RoutewrightError("the gateway failed; see its log")
            await send_error(send, error, shape=dialect.error)

    def admit_now(self, scope: Scope) -> bool:
        """Whether a request may go on to its handler without waiting; its key is noted.

        Raises:
            RoutewrightError: it may not go on at all.
        """
        if not self._guard.settled:
            return False
        self._check_port(scope)
        key = scope[KEY] = self._guard.admit(self.spec.access, scope)
        return key is None or not key.terms.counted

    def _check_port(self, scope: Scope) -> None:
        """With a port of their own, the operator's routes are there alone, and alone there."""
        own, access = self._gateway.admin_at, self.spec.access
        if own is None or access == "open":
            return
        if (scope["server"][1] == own) != (access in ("admin", "watch")):
            what = f"{scope['method']} {scope['path']} is not served at this port"
            raise RequestError(what, status=404)

    def _refused(self, code: str) -> None:
        for watch in self._watches:
            watch.refused(self.spec.path, code)


def _telling(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    """Sends an answer with what is left of the key's rate in its head."""
    if not headers:
        return send

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return tell


class _Surface:
    def __init__(self, gateway: Gateway, body_timeout_s: float) -> None:
        self._gateway = gateway
        self._relay = gateway.relay
        self._feedback = Feedback(gateway.ledger, gateway.sink)
        self._body_timeout_s = body_timeout_s

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        if BEGUN in scope:
            call, begun = scope[BEGUN]
            await unless_gone(self._reply(CHAT, call, begun, scope, send), scope)
            return
        await self._ask(CHAT, scope, receive, send)

    async def messages(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._ask(MESSAGES, scope, receive, send)

    async def responses(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._ask(RESPONSES, scope, receive, send)

    async def embeddings(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self.body(scope, receive)
        body = {**body, "model": embedding_model(self._gateway.decider, body.get("model"))}
        await unless_gone(self._answer(EMBEDDINGS, EMBEDDINGS.read(body), scope, send), scope)

    async def count_tokens(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self.body(scope, receive)
        counted, source = await unless_gone(
            count_tokens(self._relay, body, forwarded(MESSAGES, scope), scope[KEY]), scope
        )
        headers = [(b"x-routewright-token-count", source.encode())]
        await send_json(send, 200, {"input_tokens": counted}, headers)

    async def openapi(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send_json(send, 200, document())

    async def route(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = route_request(await self.body(scope, receive))
        await send_json(send, 200, await self._relay.decide(request, scope[KEY]))

    async def feedback(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = dict(scope["headers"]).get(b"idempotency-key", b"").decode("latin-1")
        body = await self.body(scope, receive)
        asker = scope[KEY].id if scope[KEY] else ""
        taken = await self._feedback.take(body, key_id=asker, idempotency_key=key)
        await send_json(send, 200, taken)

    async def models(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        await send_json(send, 200, listing(self._gateway.decider, scope, scope[KEY]))

    async def model(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        name = scope["path_params"]["name"]
        self._gateway.decider.names.read(name)
        if not may_see(self._gateway.decider, name, scope[KEY]):
            raise UnknownModelError(f"this key has no model {name!a}")
        await send_json(send, 200, entry(self._gateway.decider, scope, name))

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

    async def body(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        """The JSON object in a request's body, without fields that are nobody's to say."""
        raw = await read_body(
            scope,
            receive,
            most_bytes=self._gateway.settings.gateway.max_body_bytes,
            timeout_s=self._body_timeout_s,
        )
        body = decode_object(raw)
        refuse_routing(body)
        return body

    async def _ask(self, dialect: Dialect, scope: Scope, receive: Receive, send: Send) -> None:
        request = dialect.read(await self.body(scope, receive))
        if request.native is not None and (headers := forwarded(dialect, scope)):
            native = msgspec.structs.replace(request.native, headers=tuple(headers.items()))
            request = msgspec.structs.replace(request, native=native)
        await unless_gone(self._answer(dialect, request, scope, send), scope)

    async def _answer(
        self, dialect: Dialect, request: ChatRequest, scope: Scope, send: Send
    ) -> None:
        key: ApiKey | None = scope[KEY]
        call = await self._relay.begin(request, key)
        await self._reply(dialect, call, None, scope, send)

    async def _reply(
        self,
        dialect: Dialect,
        call: Call,
        begun: Begun[Any] | RelayedStream | None,
        scope: Scope,
        send: Send,
    ) -> None:
        try:
            if isinstance(begun, RelayedStream):
                reply = _send_stream(scope, send, begun, dialect.writer(call), begun=True)
            elif call.request.stream:
                stream = await self._relay.stream(call, begun)
                reply = _send_stream(scope, send, stream, dialect.writer(call), begun=False)
            else:
                answer = await self._relay.complete(call, begun)
                headers = told_headers(call, answer)
                reply = send_json(send, 200, dialect.whole(call, answer), headers)
        except RoutewrightError as error:
            reply = send_error(send, error, decision_headers(call), dialect.error)
        await reply


async def _send_stream(
    scope: Scope, send: Send, stream: RelayedStream, writer: Writer, *, begun: bool
) -> None:
    """Relay events as they come; one that breaks ends with an error event and no terminal one.

    Of a stream that has ``begun`` head and first event were sent.
    """
    exchange: Exchange = scope["extensions"][EXCHANGE]

    def tell(event: bytes) -> bool:
        return exchange.write(writer.event(event))

    untouched = isinstance(writer, Passing) and not stream.call.native

    try:
        if not begun:
            headers = stream_headers(stream.call)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            # An upstream is late by its own times: this is for a client that does not read.
            async with asyncio.timeout(stream.call.remaining_s + READ_S):
                while not await stream.pour(tell, exchange if untouched else None):
                    await send(_NOTHING_YET)  # when the client has taken what was written
        except TimeoutError:
            logger.warning("decision %s: the client does not read", stream.call.decision.id)
            return
        except RoutewrightError as error:
            logger.warning("decision %s: %s", stream.call.decision.id, error.unquoted)
            event = writer.broke(error)
            await send({"type": "http.response.body", "body": event, "more_body": True})
        except Exception:
            logger.exception("decision %s: the relay failed", stream.call.decision.id)
            event = writer.broke(RoutewrightError("the gateway failed; see its log"))
            await send({"type": "http.response.body", "body": event, "more_body": True})
    finally:
        await stream.aclose()
    await send({"type": "http.response.body", "body": b""})


async def _no_route(request: Request, error: Exception) -> Response:
    """An unknown path or method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = f"{request.method} {request.scope['path']} is not served here"
    dialect = MESSAGES if is_anthropic(request.scope) else CHAT
    told = dialect.error(RequestError(what, status=status))
    return Response(msgspec.json.encode(told), status, media_type="application/json")

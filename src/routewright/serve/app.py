"""The gateway's HTTP surface: OpenAI's chat completions, models, health, and the decision alone."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from routewright.errors import RequestError, RoutewrightError, UpstreamError, error_object
from routewright.serve.call import TRUNCATED, Call
from routewright.serve.gateway import Gateway
from routewright.serve.inbound import BodyError, ClientGoneError, drain, read_body, unless_gone
from routewright.serve.stream import RelayedStream
from routewright.serve.wire import chat_request, decode_object, route_request

logger = logging.getLogger(__name__)

BODY_TIMEOUT_S = 30.0
MOST_DRAINED_BYTES = 64 * 1024 * 1024
_JSON = (b"content-type", b"application/json")
_SSE = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]

Headers = list[tuple[bytes, bytes]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


def create_app(gateway: Gateway, *, body_timeout_s: float = BODY_TIMEOUT_S) -> Starlette:
    """The ASGI application; starting and closing the gateway is the caller's business."""
    surface = _Surface(gateway, body_timeout_s)
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", _Endpoint(surface.chat), methods=["POST"]),
            Route("/v1/route", _Endpoint(surface.route), methods=["POST"]),
            Route("/v1/models", _Endpoint(surface.models), methods=["GET"]),
            Route("/v1/models/{name:path}", _Endpoint(surface.model), methods=["GET"]),
            Route("/healthz", _Endpoint(surface.healthz), methods=["GET"]),
            Route("/readyz", _Endpoint(surface.readyz), methods=["GET"]),
        ],
        exception_handlers={HTTPException: _no_route},
    )
    app.router.redirect_slashes = False  # a redirect would be built from the Host header
    return app


class _Endpoint:
    """A plain ASGI endpoint; whatever goes wrong becomes an OpenAI error object."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._handler(scope, receive, send)
        except ClientGoneError:
            return
        except BodyError as error:
            await _refuse_body(send, receive, error)
        except RoutewrightError as error:
            await _send_error(send, error)
        except Exception:
            logger.exception("a request failed inside the gateway")
            await _send_error(send, RoutewrightError("the gateway failed; see its log"))


class _Surface:
    def __init__(self, gateway: Gateway, body_timeout_s: float) -> None:
        self._gateway = gateway
        self._relay = gateway.relay
        self._body_timeout_s = body_timeout_s

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self._body(scope, receive)
        await unless_gone(self._answer(body, send), receive)

    async def route(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = route_request(await self._body(scope, receive))
        await _send_json(send, 200, await self._relay.decide(request))

    async def models(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        data = [self._model_object(name) for name in self._gateway.decider.names.listed()]
        await _send_json(send, 200, {"object": "list", "data": data})

    async def model(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        name = scope["path_params"]["name"]
        self._gateway.decider.names.read(name)
        await _send_json(send, 200, self._model_object(name))

    async def healthz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Alive: this says nothing of upstreams, database or configuration."""
        del scope, receive
        await _send_json(send, 200, {"status": "ok"})

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Able to route: not while starting or draining."""
        del scope, receive
        gateway = self._gateway
        told = {
            "status": gateway.state,
            "artefact": gateway.decider.artefact,
            "reload_refused": bool(gateway.reload_refused),
        }
        await _send_json(send, 200 if gateway.ready else 503, told)

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
            reply = _send_error(send, error, _headers(call))
        await reply


async def _send_answer(send: Send, call: Call, answer: dict[str, Any]) -> None:
    cost_usd: float = answer["routewright"]["cost_usd"]
    await _send_json(send, 200, answer, _headers(call, cost_usd=cost_usd))


async def _send_stream(send: Send, stream: RelayedStream) -> None:
    """Relay events as they come; one that breaks ends with an error event and no terminal one."""
    expected_usd = stream.call.expected()[1]
    # The real cost is known when headers are long gone: the comment before [DONE] tells it.
    headers = _headers(stream.call, cost_usd=expected_usd, expected_cost_usd=expected_usd)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _SSE + headers})
        try:
            async for event in stream:
                await send({"type": "http.response.body", "body": event, "more_body": True})
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


def _headers(call: Call, **figures: float | None) -> Headers:
    """What a decision says in headers; figures are named without the prefix."""
    attempts = ", ".join(f"{_ascii(a.model)}={a.outcome}" for a in call.attempts)
    told = {
        "model": _ascii(call.model),
        "decision-id": call.decision.id,
        "attempts": attempts,
        "policy": _ascii(call.decision.policy),
        "artefact": _ascii(call.decision.artefact),
        "degraded": _ascii(call.degraded),
        **{name.replace("_", "-"): f"{v:.9f}" for name, v in figures.items() if v is not None},
    }
    return [
        (f"x-routewright-{name}".encode(), value.encode()) for name, value in told.items() if value
    ]


def _ascii(name: str) -> str:
    return quote(name, safe="/:@+._- ()[]=,")


async def _refuse_body(send: Send, receive: Receive, error: BodyError) -> None:
    """Refuse a body and close; what is on its way is read first, or its reset hides the answer."""
    payload = msgspec.json.encode(error_object(error))
    await _start_json(send, error.status, len(payload), [(b"connection", b"close")])
    await send({"type": "http.response.body", "body": payload, "more_body": True})
    if error.pending:
        await drain(receive, most_bytes=MOST_DRAINED_BYTES)
    await send({"type": "http.response.body", "body": b""})


async def _send_error(send: Send, error: RoutewrightError, headers: Headers | None = None) -> None:
    extra = list(headers or ())
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        extra.append((b"retry-after", str(math.ceil(retry_after_s)).encode()))
    await _send_json(send, error.status, error_object(error), extra)


async def _send_json(send: Send, status: int, value: Any, headers: Headers | None = None) -> None:
    payload = msgspec.json.encode(value)
    await _start_json(send, status, len(payload), headers or [])
    await send({"type": "http.response.body", "body": payload})


async def _start_json(send: Send, status: int, size: int, headers: Headers) -> None:
    told = [_JSON, (b"content-length", str(size).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})


async def _no_route(request: Request, error: Exception) -> Response:
    """An unknown path or method, in OpenAI's shape."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = f"{request.method} {request.url.path} is not served here"
    told = error_object(RequestError(what, status=status))
    return Response(msgspec.json.encode(told), status, media_type="application/json")

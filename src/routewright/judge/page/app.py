"""The audit's web application and how it is served: loopback, one user, a link that works once.

Whoever else runs programs here, or lures the user's browser to a page of theirs, can neither read
nor grade: the link's token is spent on a cookie that no other site may send, the Host header must
be this server's, and what changes something must come from this very page.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from routewright.errors import require
from routewright.judge.audit import Audit

RUBRIC = (
    (0, "wrong or nothing"),
    (1, "mostly wrong"),
    (2, "a major error"),
    (3, "partly right"),
    (4, "minor flaws"),
    (5, "right, complete"),
)
COOKIE = "routewright_audit"
MAX_BODY_BYTES = 4096


def audit_app(audit: Audit, token: str, origin: str, stop: Callable[[], None]) -> Starlette:
    """The pages of an audit.

    Args:
        audit: open, with its journal.
        token: what the first visit must bring as ``/?token=…``; it is good for one browser.
        origin: where the pages are served, such as ``http://127.0.0.1:4711``.
        stop: called when the person has finished.

    Raises:
        MissingExtraError: jinja2 is not installed; the extra ``report`` brings it.
    """
    pages = _Pages(audit, token, origin, stop)
    return Starlette(
        routes=[
            Route("/", pages.start),
            Route("/item/{place:int}", pages.item),
            Route("/mark", pages.mark, methods=["POST"]),
            Route("/finish", pages.finish, methods=["POST"]),
        ]
    )


def serve(audit: Audit, announce: Callable[[str], None]) -> None:
    """Serve the audit on a free port of this machine until the person finishes or interrupts.

    Args:
        audit: open, with its journal.
        announce: is given the link to open, which works once.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # before the link is told, or a quick visitor would be turned away
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        token = secrets.token_urlsafe(32)
        server: uvicorn.Server

        def stop() -> None:
            server.should_exit = True

        app = audit_app(audit, token, origin, stop)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", server_header=False))
        announce(f"{origin}/?token={token}")
        server.run(sockets=[listener])


class _Pages:
    def __init__(self, audit: Audit, token: str, origin: str, stop: Callable[[], None]) -> None:
        jinja2: Any = require("jinja2", "report")
        self._audit = audit
        self._token = token
        self._session = secrets.token_urlsafe(32)
        self._origin = origin
        self._stop = stop
        environment: Any = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._template: Any = environment.from_string(_read("audit.html.jinja"))
        self._assets = {
            name: _read(f"audit.{end}") for name, end in (("style", "css"), ("script", "js"))
        }

    async def start(self, request: Request) -> Response:
        """Trade the link's token for a cookie, or go to the first answer without a mark."""
        given = request.query_params.get("token")
        if (
            given is not None
            and self._token
            and secrets.compare_digest(given.encode(), self._token.encode())
        ):
            if not self._from_here(request):
                return _refused()
            self._token = ""
            response = _to("/")
            response.set_cookie(COOKIE, self._session, httponly=True, samesite="strict")
            return response
        if not self._allowed(request):
            return _refused()
        left = self._audit.left
        return self._page(left[0] if left else None)

    async def item(self, request: Request) -> Response:
        """The answer at a place, whether it has a mark or not."""
        if not self._allowed(request):
            return _refused()
        place = int(request.path_params["place"])
        return self._page(place) if place < len(self._audit.items) else _to("/")

    async def mark(self, request: Request) -> Response:
        """Keep a mark and go on."""
        form = await self._form(request)
        place, mark = form.get("place", ""), form.get("mark", "")
        known = {str(value): float(value) for value, _ in RUBRIC} | {"skip": None}
        if not form or mark not in known or not place.isdecimal() or len(place) > 9:
            return _refused()
        if int(place) >= len(self._audit.items):
            return _refused()
        self._audit.put(int(place), known[mark])
        return _to("/")

    async def finish(self, request: Request) -> Response:
        """End the server; the report is the terminal's business."""
        if not self._allowed(request) or not self._same_origin(request):
            return _refused()
        self._stop()
        thanks = "Thank you. The report stands where the audit was started."
        return PlainTextResponse(thanks, headers=_headers("none"))

    def _page(self, place: int | None) -> Response:
        nonce = secrets.token_urlsafe(16)
        at = len(self._audit.items) if place is None else place
        html: str = self._template.render(
            item=None if place is None else self._audit.items[place],
            place=place,
            given=None if place is None else self._audit.given(place),
            back=at - 1 if at > 0 else None,
            done=len(self._audit.items) - len(self._audit.left),
            total=len(self._audit.items),
            rubric=RUBRIC,
            nonce=nonce,
            **self._assets,
        )
        return HTMLResponse(html.encode("utf-8", "replace"), headers=_headers(nonce))

    async def _form(self, request: Request) -> Mapping[str, str]:
        """The fields of a form sent from this page; empty where it may not be taken."""
        if not self._allowed(request) or not self._same_origin(request):
            return {}
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return {}
        return {name: values[-1] for name, values in parse_qs(body.decode("latin-1")).items()}

    def _from_here(self, request: Request) -> bool:
        return f"http://{request.headers.get('host', '')}" == self._origin

    def _same_origin(self, request: Request) -> bool:
        return request.headers.get("origin") == self._origin

    def _allowed(self, request: Request) -> bool:
        cookie = request.cookies.get(COOKIE, "")
        known = secrets.compare_digest(cookie.encode(), self._session.encode())
        return known and self._from_here(request)


def _headers(nonce: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }


def _refused() -> Response:
    return PlainTextResponse(
        "This audit is open in another browser, or its link was used before. "
        "Stop it in the terminal and start it again for a new link.",
        status_code=403,
    )


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)


def _read(name: str) -> str:
    return files("routewright.judge.page").joinpath(name).read_text("utf-8")

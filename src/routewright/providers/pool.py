"""Kept connections to one origin, and the one repetition that is safe.

Host, port and headers come from the configuration; redirects are answers, and are not followed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import cast
from urllib.parse import quote, urlsplit

from routewright.config import Timeouts
from routewright.errors import ConfigError, RequestError, UpstreamError, UpstreamTimeoutError
from routewright.providers.connection import Connection, StaleError
from routewright.providers.response import Response
from routewright.providers.taken import SENDS

HANDSHAKE_S = 5.0
KEEP_S = 30.0  # how long an idle connection is kept: less than common servers keep theirs
_TARGET = "/?:@!$&'()*+,;=~-._%"  # what a request's path and query may hold as it is


class Pool:
    """Posts to one origin; opens connections as they are needed and uses the last one first.

    Args:
        name: the endpoint's, for messages.
        base_url: scheme, host and the path that every request's path is put after.
        headers: sent with every request and never printed.
        timeouts: how long each phase may take.
        context: whom TLS trusts; the system's authorities where none is given.

    Raises:
        ConfigError: the URL cannot be called, or a header holds a line's end.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        context: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{name}: base_url must begin with https:// or http:// and a host")
        self.origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._name = name
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = parts.scheme == "https"
        self._context = context
        self._prefix = parts.path.rstrip("/")
        self._timeouts = timeouts
        host = self.origin.partition("://")[2].encode("idna").decode()
        sent = {"host": host, "accept-encoding": "identity", "user-agent": "routewright", **headers}
        self._headers = "".join(_header(name, key, value) for key, value in sent.items())
        self._heads: dict[str, bytes] = {}
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()

    async def post(
        self,
        path: str,
        payload: bytes,
        headers: Mapping[str, str],
        *,
        streamed: bool = True,
        fresh: bool = False,
    ) -> Response:
        """Send a body; the answer once its headers are here, whatever its status.

        A kept connection that had been closed while idle is replaced, once, if nothing of the
        request reached anybody (``taken``): one that may have been read is never sent again.

        Raises:
            UpstreamError: nobody answered; ``maybe_paid`` where the request was sent.
        """
        more = "".join(_header(self._name, key, value) for key, value in headers.items())
        head = _sized(self._head(path) + more.encode(), payload)
        kept = None if fresh else self._take()
        if kept is not None:
            try:
                return await kept.ask(head, payload, streamed=streamed)
            except StaleError:
                SENDS.set(SENDS.get() + 1)
        made = await self._connect()
        return await made.ask(head, payload, streamed=streamed)

    def begin(self, path: str, payload: bytes, *, streamed: bool) -> Response | None:
        """Send a body on a kept connection, without waiting; None where there is none."""
        kept = self._take()
        return kept and kept.send(_sized(self._head(path), payload), payload, streamed=streamed)

    async def aclose(self) -> None:
        """Close every connection; safe to call twice."""
        self._idle.clear()
        for connection in tuple(self._open):
            connection.drop()
        await asyncio.sleep(0)  # the sockets are closed in the loop's next turn

    def _head(self, path: str) -> bytes:
        found = self._heads.get(path)
        if found is None:
            target = quote(self._prefix + path, safe=_TARGET)
            found = f"POST {target} HTTP/1.1\r\n{self._headers}".encode("latin-1")
            self._heads[path] = found
        return found

    def _take(self) -> Connection | None:
        loop = asyncio.get_running_loop()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.loop is loop:
                return connection
        return None

    def _keep(self, connection: Connection) -> None:
        connection.keep(KEEP_S)
        self._idle.append(connection)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    async def _connect(self) -> Connection:
        connection = Connection(self._name, self._timeouts, self._keep, self._forget)
        seconds = self._timeouts.connect_s
        try:
            async with asyncio.timeout(seconds):
                transport, _ = await connection.loop.create_connection(
                    lambda: connection, self._host, self._port
                )
        except TimeoutError as error:
            late = f"{self._name}: no connection to {self.origin} in {seconds:g} s"
            raise UpstreamTimeoutError(late, maybe_paid=False, reached=False) from error
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            message = f"{self._name}: cannot connect to {self.origin} ({why})"
            raise UpstreamError(message, maybe_paid=False, reached=False) from error
        self._open.add(connection)
        if self._tls:
            await self._handshake(connection, transport)
        return connection

    async def _handshake(self, connection: Connection, plain: asyncio.Transport) -> None:
        seconds = HANDSHAKE_S
        try:
            async with asyncio.timeout(seconds):
                secured = await connection.loop.start_tls(
                    plain,
                    connection,
                    self._context or _trust(),
                    server_hostname=self._host,
                    ssl_handshake_timeout=2 * seconds,
                )
            connection.secure(cast("asyncio.Transport", secured))
        except BaseException as error:
            plain.abort()
            if isinstance(error, TimeoutError):
                late = f"{self._name}: no TLS with {self.origin} in {seconds:g} s"
                raise UpstreamTimeoutError(late, maybe_paid=False, reached=False) from error
            if isinstance(error, OSError):  # ssl's errors among them
                why = getattr(error, "verify_message", "") or getattr(error, "reason", "")
                message = f"{self._name}: no TLS with {self.origin} ({why or 'it broke off'})"
                raise UpstreamError(message, maybe_paid=False, reached=False) from error
            raise


@cache
def _trust() -> ssl.SSLContext:
    """The system's authorities, read once: that takes as long as many calls."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _sized(head: bytes, payload: bytes) -> bytes:
    return b"%bcontent-length: %d\r\n\r\n" % (head, len(payload))


def _header(name: str, key: str, value: str) -> str:
    """One header's line; the value is never in a message, for it may be a key."""
    if not value.isprintable() or not value.isascii():
        kind = RequestError if key == "idempotency-key" else ConfigError
        raise kind(f"{name}: the header {key} must be of printable ASCII characters")
    return f"{key}: {value}\r\n"

"""One JSON question to one HTTP endpoint: timeout, retries, errors that say what to do.

A router does no I/O, but a causal LLM behind an endpoint has to be asked. The standard library
does that here, so that importing a router never loads an HTTP stack.

    ROUTEWRIGHT_CAUSAL_ENDPOINT   the endpoint, in place of the one in the artefact
    ROUTEWRIGHT_CAUSAL_KEY        its key; sent to the endpoint that the variable above names and
                                  to no other, because an artefact must not choose who gets a key
"""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from routewright.errors import (
    ConfigError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
)
from routewright.retry_after import retry_after_s

ENDPOINT = "ROUTEWRIGHT_CAUSAL_ENDPOINT"
KEY = "ROUTEWRIGHT_CAUSAL_KEY"

_MOST_BYTES = 4 * 1024 * 1024  # of an answer: one token with its rivals is a few kilobytes
_LONGEST_PAUSE_S = 30.0  # that an endpoint's Retry-After is believed
_FIRST_PAUSE_S = 0.5


class Endpoint:
    """An endpoint by its whole URL; it is not called before ``post``.

    Args:
        url: ``http(s)://host/…/completions`` or ``…/chat/completions``.
        timeout_s: of one attempt.
        retries: further attempts after a timeout, a lost connection, 429 or 5xx.
        sleep: waits between attempts.

    Raises:
        ConfigError: the URL is none of these, or a key is set without its endpoint.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        retries: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        named = os.environ.get(ENDPOINT, "")
        self.url = named or url
        self.chat = self.url.endswith("/chat/completions")
        parts = urlsplit(self.url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or not parts.path.endswith("/completions")
            or parts.username is not None
        ):
            raise ConfigError(
                f"endpoint {_plain(self.url)!r}: give the whole address, "
                "https://host/v1/completions or https://host/v1/chat/completions, without a key"
            )
        key = os.environ.get(KEY, "")
        if key and not named:
            raise ConfigError(f"{KEY} is set; say in {ENDPOINT} which endpoint may get the key")
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._timeout_s, self._retries, self._sleep = timeout_s, retries, sleep

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """The endpoint's answer, a JSON object.

        Raises:
            UpstreamTimeoutError: no answer in time.
            UpstreamLimitError: still told to slow down after the retries.
            UpstreamError: refused, unreachable or no JSON object.
        """
        sent = msgspec.json.encode(body)
        for attempt in range(self._retries + 1):
            try:
                return self._once(sent)
            except _PassingError as error:
                if attempt == self._retries:
                    raise error.told from error.__cause__
                pause = _FIRST_PAUSE_S * 2**attempt if error.pause_s is None else error.pause_s
                self._sleep(min(pause, _LONGEST_PAUSE_S))
        raise AssertionError("unreachable")

    def _once(self, sent: bytes) -> dict[str, Any]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", self._path, body=sent, headers=self._headers)
            answer = connection.getresponse()
            raw = answer.read(_MOST_BYTES + 1)
        except TimeoutError as error:
            told = f"{self._name}: no answer in {self._timeout_s:g} s; raise calling.timeout_s"
            raise _PassingError(UpstreamTimeoutError(told)) from error
        except (OSError, http.client.HTTPException) as error:
            told = f"{self._name}: {type(error).__name__}: {error}; is the server running?"
            raise _PassingError(UpstreamError(told)) from error
        finally:
            connection.close()
        if answer.status != 200:
            raise self._refused(answer.status, dict(answer.headers), raw)
        if len(raw) > _MOST_BYTES:
            raise UpstreamError(f"{self._name}: an answer of more than {_MOST_BYTES} bytes")
        try:
            return msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UpstreamError(f"{self._name}: its answer is no JSON object") from error

    def _refused(self, status: int, headers: Mapping[str, str], raw: bytes) -> Exception:
        why = " ".join(raw[:300].decode("utf-8", "replace").split())
        told = f"{self._name}: HTTP {status} {why}".strip()
        pause = retry_after_s(headers)
        if status == 429:
            return _PassingError(UpstreamLimitError(told, retry_after_s=pause), pause)
        if status >= 500:
            return _PassingError(UpstreamError(told), pause)
        if status in (401, 403):
            return UpstreamError(f"{told}; set {ENDPOINT} and {KEY}")
        return UpstreamError(told)

    @property
    def _name(self) -> str:
        return f"causal LLM at {_plain(self.url)}"


class _PassingError(Exception):
    """A failure that may have passed at the next attempt."""

    def __init__(self, told: UpstreamError, pause_s: float | None = None) -> None:
        super().__init__(str(told))
        self.told = told
        self.pause_s = pause_s


def _plain(url: str) -> str:
    """The address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

"""Any endpoint that speaks OpenAI's ``/v1/embeddings``, through the standard library.

ROUTEWRIGHT_EMBEDDINGS_URL is its base URL (``https://api.openai.com/v1``),
ROUTEWRIGHT_EMBEDDINGS_KEY its key, sent as a bearer token and never shown. A host may answer the
same text with other last digits, from batch to batch. This is the one encoder of which that is
tolerated; the cache hands the same bytes out again.
"""

from __future__ import annotations

import email.utils
import http.client
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from routewright.encoders.frozen import FrozenEncoder, fingerprint_of
from routewright.errors import (
    ConfigError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
)

URL = "ROUTEWRIGHT_EMBEDDINGS_URL"
KEY = "ROUTEWRIGHT_EMBEDDINGS_KEY"

BATCH = 64
"""Texts in one request."""

TIMEOUT_S = 30.0
TRIES = 5
LONGEST_WAIT_S = 60.0
"""An endpoint that asks for more patience than this is reported instead."""

_MOST_BYTES = 64 * 1024 * 1024
_AGAIN = {408, 409, 429, 500, 502, 503, 504}


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Row]


class EndpointEncoder(FrozenEncoder):
    """A hosted encoder, known by the model's name and the length of its vectors.

    The host is no part of the fingerprint: the same model may move. What else the host changes
    behind the name can't be seen from here.

    Args:
        name: as ``encoders.make`` takes it.
        model: the name that the endpoint knows.
        sleep: waits between tries.
    """

    def __init__(self, name: str, model: str, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(name)
        self.model = model
        self.sleep = sleep

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take the artefact's word for the length instead of asking for a vector."""
        self.dimensions_ = int(arrays["dimensions"])
        return super().restore(arrays)

    def _open(self) -> tuple[bytes, int]:
        url = _base_url()
        width = getattr(self, "dimensions_", 0) or _width(url, self.model, self.sleep)
        return fingerprint_of("endpoint", self.model, width), width

    def _vectors(self, texts: Sequence[str]) -> list[NDArray[np.float64]]:
        url = _base_url()
        rows: list[NDArray[np.float64]] = []
        for start in range(0, len(texts), BATCH):
            some = texts[start : start + BATCH]
            rows += _ask(url, self.model, some, self.sleep)
        found = {len(row) for row in rows}
        if found != {self.dimensions_}:
            raise UpstreamError(
                f"encoder {self.name}: vectors of length {', '.join(map(str, sorted(found)))} came "
                f"where {self.dimensions_} was trained with; correct {URL} or train again"
            )
        return rows


def _base_url() -> str:
    url = os.environ.get(URL, "").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{URL} must be the base URL of an embeddings API: set it, with https://")
    if parts.username or parts.password or parts.query:
        raise ConfigError(f"{URL} must hold no user, password or query; put the key into {KEY}")
    return url


@lru_cache(maxsize=8)
def _width(url: str, model: str, sleep: Callable[[float], None]) -> int:
    return len(_ask(url, model, ["length"], sleep)[0])


def _ask(
    url: str, model: str, texts: Sequence[str], sleep: Callable[[float], None]
) -> list[NDArray[np.float64]]:
    """Vectors of up to ``BATCH`` texts, in order, tried again where that may help."""
    body = msgspec.json.encode({"model": model, "input": texts, "encoding_format": "float"})
    for attempt in range(TRIES):
        try:
            return _rows(_post(f"{url}/embeddings", body), url, len(texts))
        except _PassingError as trouble:
            wait = trouble.retry_after_s
            if wait is None:
                wait = 0.5 * 2**attempt * random.uniform(0.5, 1)  # or all come back at once
            if attempt == TRIES - 1 or wait > LONGEST_WAIT_S:
                raise trouble.error from trouble
            sleep(wait)
    raise AssertionError("the last try returns or raises")


class _PassingError(Exception):
    """A failure that may pass, and when the endpoint says to come back."""

    def __init__(self, error: UpstreamError, retry_after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after_s = retry_after_s


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002
        fp: Any,  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None


def _post(url: str, body: bytes) -> bytes:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    key = os.environ.get(KEY, "").strip()
    if key:
        headers["Authorization"] = f"Bearer {key}"
    # The scheme was checked: it is http or https.
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S) as answer:
            return answer.read(_MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise _refused(error, url, key) from None  # its request holds the key
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            late = UpstreamTimeoutError(f"{url}: no answer within {TIMEOUT_S:g} s")
            raise _PassingError(late) from None
        told = f"{type(reason).__name__}: {reason}" if str(reason) else type(reason).__name__
        raise _PassingError(UpstreamError(f"{url}: {told}; is {URL} right?")) from None


def _refused(error: urllib.error.HTTPError, url: str, key: str) -> Exception:
    """What an HTTP status means, with the first words of the body and without the key."""
    try:
        body = error.read(2_000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        body = ""
    told = " ".join(body.split())
    told = (told.replace(key, "***") if key else told)[:200]
    message = f"{url}: HTTP {error.code}" + (f": {told}" if told else "")
    if error.code in (401, 403):
        return ConfigError(f"{message}; correct {KEY}")
    if error.code not in _AGAIN:
        return UpstreamError(message)
    wait = _retry_after(error.headers.get("Retry-After", ""))
    if error.code == 429:
        return _PassingError(UpstreamLimitError(message, retry_after_s=wait), wait)
    return _PassingError(UpstreamError(message), wait)


def _retry_after(told: str) -> float | None:
    """Seconds to wait, from a number of seconds or a date (RFC 9110, section 10.2.3)."""
    if told.replace(".", "", 1).isdecimal():
        return float(told)
    try:
        when = email.utils.parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(when.timestamp() - time.time(), 0.0)


def _rows(payload: bytes, url: str, count: int) -> list[NDArray[np.float64]]:
    if len(payload) > _MOST_BYTES:
        raise UpstreamError(f"{url}: an answer of more than {_MOST_BYTES} bytes; is {URL} right?")
    try:
        data = msgspec.json.decode(payload, type=_Answer).data
    except msgspec.MsgspecError as error:
        raise UpstreamError(f"{url}: no embeddings ({error}); is {URL} right?") from error
    places = [at if row.index is None else row.index for at, row in enumerate(data)]
    if sorted(places) != list(range(count)):
        raise UpstreamError(f"{url}: {len(data)} vectors came for {count} texts, or out of place")
    rows: list[NDArray[np.float64]] = [np.empty(0)] * count
    for place, row in zip(places, data, strict=True):
        rows[place] = np.array(row.embedding, dtype=np.float64)
    if not all(len(row) and np.isfinite(row).all() for row in rows):
        raise UpstreamError(f"{url}: an empty or infinite vector came")
    return rows

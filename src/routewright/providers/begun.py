"""Calls that were sent without waiting: the answer once it is there, or what else came of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from routewright.errors import RoutewrightError
from routewright.protocols import Opened
from routewright.providers.completion import ChatCompletion, whole_answer
from routewright.providers.connection import StaleError
from routewright.providers.endpoint import MAX_BODY_BYTES, Endpoint, decode_object
from routewright.providers.response import Response
from routewright.providers.stream import HttpStream, opened
from routewright.providers.taken import SENDS
from routewright.types import JsonObject, Model

T = TypeVar("T")


class _Sent(ABC, Generic[T]):
    """A request on its way; see ``protocols.Begun``.

    Args:
        endpoint: where it was sent.
        model: who is asked.
        response: of which nothing has come yet.
        again: sends the request anew, on a fresh connection; only where nobody can have got it.
        started: ``time.monotonic()`` when it was sent.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: Model,
        response: Response,
        again: Callable[[], Awaitable[Response]],
        started: float,
    ) -> None:
        self.started = started
        self._endpoint = endpoint
        self._model = model
        self._response = response
        self._again = again

    def close(self) -> None:
        """Stop the call."""
        self._response.close()

    async def complete(self) -> T:
        """What the call gives. Raises as ``protocols.Provider`` does."""
        try:
            response = await self._endpoint.checked(self._response)
        except StaleError:
            SENDS.set(SENDS.get() + 1)
            response = await self._again()
        return await self._read(response)

    @abstractmethod
    async def _read(self, response: Response) -> T: ...


class BegunCall(_Sent[ChatCompletion]):
    """One chat completion in one piece; ``body`` is what was asked."""

    def __init__(self, body: JsonObject, *given: Any) -> None:
        super().__init__(*given)
        self._body = body
        self._failure: RoutewrightError | None = None

    def tell(self, told: Callable[[], None]) -> None:
        """Have ``told`` called once ``answer`` or ``complete`` need not wait."""
        self._response.tell(told, MAX_BODY_BYTES)

    def answer(self) -> ChatCompletion | None:
        """The answer, where all went well; else None, and ``complete`` tells what went wrong."""
        raw = self._response.whole() if self._response.status == 200 else None
        if raw is None:
            return None
        try:
            return self._understood(raw)
        except RoutewrightError as error:
            self._failure = error
            return None

    async def complete(self) -> ChatCompletion:
        """The answer. Raises as ``protocols.Provider.complete`` does."""
        if self._failure is not None:
            raise self._failure
        return await super().complete()

    async def _read(self, response: Response) -> ChatCompletion:
        return self._understood(await response.read(MAX_BODY_BYTES))

    def _understood(self, raw: bytes) -> ChatCompletion:
        name = self._endpoint.name
        answer = decode_object(raw, name)
        latency_s = time.monotonic() - self.started
        return whole_answer(name, self._model, self._body, answer, latency_s=latency_s)


class BegunStream(_Sent[Opened]):
    """One chat completion as events; ``stream`` makes the answer's of its response."""

    def __init__(self, stream: Callable[[Response, Model, float], HttpStream], *given: Any) -> None:
        super().__init__(*given)
        self._stream = stream
        self._opened: HttpStream | None = None

    def tell(self, told: Callable[[], None]) -> None:
        """Have ``told`` called once, when some of the answer is here, or none will come."""
        self._response.tell(told, 0)

    def answer(self) -> Opened | None:
        """The stream, where its first event is here."""
        if self._response.status != 200:
            return None
        self._opened = self._stream(self._response, self._model, self.started)
        first = self._opened.next_now()
        return Opened(self._opened, self._opened, first) if first is not None else None

    async def complete(self) -> Opened:
        """The stream, once its first event is here. Raises as ``protocols.Provider.stream``."""
        if self._opened is None:
            return await super().complete()
        return await opened(self._opened, self._model)

    async def _read(self, response: Response) -> Opened:
        return await opened(self._stream(response, self._model, self.started), self._model)

"""A call that was sent without waiting: its answer once that is whole, or what else came of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from routewright.errors import RoutewrightError
from routewright.providers.completion import ChatCompletion, whole_answer
from routewright.providers.connection import StaleError
from routewright.providers.endpoint import MAX_BODY_BYTES, Endpoint, decode_object
from routewright.providers.response import Response
from routewright.providers.taken import SENDS
from routewright.types import JsonObject, Model


class BegunCall:
    """One chat completion on its way; see ``protocols.Begun``.

    Args:
        endpoint: where it was sent.
        model: who is asked.
        body: what was asked.
        response: of which nothing has come yet.
        again: sends the request anew; called only where nobody can have got it.
        started: ``time.monotonic()`` when it was sent.
    """

    __slots__ = ("_again", "_body", "_endpoint", "_failure", "_model", "_response", "started")

    def __init__(
        self,
        endpoint: Endpoint,
        model: Model,
        body: JsonObject,
        response: Response,
        again: Callable[[], Awaitable[ChatCompletion]],
        started: float,
    ) -> None:
        self.started = started
        self._endpoint = endpoint
        self._model = model
        self._body = body
        self._response = response
        self._again = again
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
            return self._read(raw)
        except RoutewrightError as error:
            self._failure = error
            return None

    async def complete(self) -> ChatCompletion:
        """The answer. Raises as ``protocols.Provider.complete`` does."""
        if self._failure is not None:
            raise self._failure
        try:
            response = await self._endpoint.checked(self._response)
        except StaleError:
            SENDS.set(SENDS.get() + 1)
            return await self._again()
        return self._read(await response.read(MAX_BODY_BYTES))

    def close(self) -> None:
        """Stop the call."""
        self._response.close()

    def _read(self, raw: bytes) -> ChatCompletion:
        name = self._endpoint.name
        answer = decode_object(raw, name)
        latency_s = time.monotonic() - self.started
        return whole_answer(name, self._model, self._body, answer, latency_s=latency_s)

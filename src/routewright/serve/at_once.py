"""Plain requests, driven by callbacks: in when the request is here, out when the answer is.

Most requests wait for nothing but the upstream. For those a task, with the coroutines and messages
around it, costs more than all that is done for the request. What is done is the same functions
that ``app`` calls; whatever has to wait, is refused or fails goes ``app``'s way, from the beginning
if nothing was sent, else with what was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.types import Scope

from routewright.errors import RoutewrightError
from routewright.protocols import Begun, Opened
from routewright.serve.arrival import Arrival, arrival_of
from routewright.serve.bounds import refuse_routing
from routewright.serve.call import Call
from routewright.serve.exchange import Exchange
from routewright.serve.gateway import Gateway
from routewright.serve.heads import remembered
from routewright.serve.http import WATCHERS
from routewright.serve.inbound import BEGUN, KEY
from routewright.serve.relay import Relay, Wish
from routewright.serve.replies import JSON, stream_headers, told_headers
from routewright.serve.stream import RelayedStream
from routewright.serve.wire import chat_request, decode_object

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode


class AtOnce:
    """Takes chat completions: whole answers to their end, streams to their first event.

    Args:
        gateway: whose relay answers.
        path: of the route.
        admit: whether a request may go on at once, by its key.
    """

    def __init__(self, gateway: Gateway, path: str, admit: Callable[[Scope], bool]) -> None:
        self._relay = gateway.relay
        self._most_bytes = gateway.settings.gateway.max_body_bytes
        self._path = path
        self._admit = admit
        self._arrival = Arrival(path)
        self.running: set[Passage] = set()
        self._wishes: list[tuple[Exchange, Wish]] = []  # of requests that came in this turn
        self._told: list[Passage] = []  # whose answers did

    def wants(self, scope: Scope) -> bool:
        """Whether it is a POST to the route, of a body as it is."""
        return (
            scope["path"] == self._path
            and scope["method"] == "POST"
            and all(name != b"content-encoding" for name, _ in scope["headers"])
        )

    def _arrived(self, scope: Scope) -> Arrival:
        return arrival_of(self._arrival, scope)

    def end(self) -> None:
        """End what still runs, so that its rows are queued before the last write."""
        for passage in tuple(self.running):
            passage.end()
        for exchange, _ in self._wishes:
            exchange.fail()
        self._wishes.clear()

    def take(self, exchange: Exchange) -> bool:
        """Begin a request whose body is here; False leaves it, and no trace of it, to ``app``."""
        scope, raw = exchange.scope, exchange.body
        try:
            arrival = remembered(scope, "arrival", self._arrived)
            if len(raw) > self._most_bytes or not self._admit(scope):
                return False
            body = decode_object(raw)
            refuse_routing(body)
            request = chat_request(body)
            wish = self._relay.wish(request, scope[KEY], arrival)
        except RoutewrightError:  # for ``app`` to tell
            return False
        if wish is None:
            return False
        self._turn_soon()
        self._wishes.append((exchange, wish))
        return True

    def tell(self, passage: Passage) -> None:
        """A passage has its answer, or will have none."""
        self._turn_soon()
        self._told.append(passage)

    def _turn_soon(self) -> None:
        if not self._wishes and not self._told:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Go on with what has come in one turn of the event loop.

        In one step: between two, Python offers the interpreter's lock to the threads that write.
        """
        told, self._told = self._told, []
        wishes, self._wishes = self._wishes, []
        for passage in told:
            passage.finish()
        if wishes:
            self._begin(wishes)

    def _begin(self, wishes: list[tuple[Exchange, Wish]]) -> None:
        """Begin what has come, all of it decided together."""
        came = [each for each in wishes if not each[0].gone]
        calls = self._relay.begin_together([wish for _, wish in came])
        for (exchange, _), call in zip(came, calls, strict=True):
            if call is None or not self._ask(exchange, call):
                exchange.begin()

    def _ask(self, exchange: Exchange, call: Call) -> bool:
        """Send a call; False leaves it to ``app``."""
        begun: Begun[Any] | _Faulty | None
        try:
            begun = self._relay.ask_now(call)
            if begun is not None:
                self.running.add(Passage(self, self._relay, exchange, call, begun))
                return True
        except Exception:  # nobody knows what was sent
            logger.exception("a request failed inside the gateway")
            begun = _Faulty(call.started)
        exchange.scope[BEGUN] = call, begun
        return False


class _Faulty:
    """A call with which, or with whose answer, the gateway itself failed."""

    def __init__(self, started: float) -> None:
        self.started = started

    async def complete(self) -> Any:
        raise RoutewrightError("the gateway failed; see its log")


class Passage:
    """One request on its way, and the end of it that comes first."""

    __slots__ = ("_begun", "_call", "_exchange", "_owner", "_relay", "_watchers")

    def __init__(
        self, owner: AtOnce, relay: Relay, exchange: Exchange, call: Call, begun: Begun[Any]
    ) -> None:
        self._owner = owner
        self._relay = relay
        self._exchange = exchange
        self._call = call
        self._begun: Any = begun
        self._watchers: set[Callable[[], None]] = exchange.scope["extensions"][WATCHERS]
        self._watchers.add(self.leave)
        begun.tell(self._tell)

    def leave(self) -> None:
        """The client has left."""
        if self._let_go():
            self._relay.left(self._call, self._begun)

    def end(self) -> None:
        """The server ends."""
        self.leave()
        self._exchange.fail()

    def _tell(self) -> None:
        """The upstream's answer is here, or none will come."""
        self._owner.tell(self)

    def finish(self) -> None:
        """Send the answer, or hand over what was sent."""
        if not self._let_go():
            return
        try:
            done = self._begun.answer()
            if isinstance(done, Opened):
                self._begun = self._open(done)
            elif done is not None:
                self._send(self._relay.answered(self._call, self._begun, done))
                return
        except Exception:  # nothing is sent again for a fault of our own
            logger.exception("a request failed inside the gateway")
            self._begun.close()
            self._begun = _Faulty(self._begun.started)
        self._exchange.scope[BEGUN] = self._call, self._begun
        self._exchange.begin()

    def _send(self, answer: dict[str, Any]) -> None:
        payload = _encode(answer)
        size = b"content-length", b"%d" % len(payload)
        headers = told_headers(self._call, answer)
        self._exchange.answer(200, [JSON, size, *headers], payload)

    def _open(self, opened: Opened) -> RelayedStream:
        """Send the first event; the others are for ``app`` to relay."""
        stream = self._relay.opened(self._call, self._begun, opened)
        self._exchange.open(200, stream_headers(self._call), stream.first())
        return stream

    def _let_go(self) -> bool:
        """Whether this is the first end."""
        if self not in self._owner.running:
            return False
        self._owner.running.discard(self)
        self._watchers.discard(self.leave)
        return True

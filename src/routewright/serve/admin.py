"""The operator's routes: keys, what is in force, what was decided and what it cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from routewright.errors import RequestError
from routewright.serve.gateway import Gateway
from routewright.serve.keyring import Keyring
from routewright.serve.replies import send_json
from routewright.serve.rollout import Rollout
from routewright.serve.sinks import StateSink
from routewright.state.api_key import ApiKey, Terms
from routewright.state.history import Filter, History, moment

MOST_LISTED = 1000
_LISTED = 100
_LATEST = 253_402_300_799.0  # the year 9999, beyond which no database has a date

ReadBody = Callable[[Scope, Receive], Awaitable[dict[str, Any]]]


class Admin:
    """Answers what the route table has for the operator.

    Args:
        gateway: what is looked after.
        read_body: the JSON object in a request's body.
    """

    def __init__(self, gateway: Gateway, read_body: ReadBody) -> None:
        self._gateway = gateway
        self._read_body = read_body
        self._rollout = Rollout(gateway)

    async def keys(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Every key."""
        del scope, receive
        keys = self._keyring.keys
        told = [_told(key) for key in await asyncio.to_thread(keys.all)]
        await send_json(send, 200, {"object": "list", "data": told})

    async def create_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make one; the answer is the one place where its secret is told."""
        body = await self._read_body(scope, receive)
        name, expires = body.pop("name", None), _expires(body.pop("expires", None))
        if not isinstance(name, str):
            raise RequestError("name must be a text", param="name")
        try:
            terms = msgspec.convert(body, Terms)
        except msgspec.ValidationError as error:
            raise RequestError(f"key: {error}") from error
        keyring = self._keyring
        key, secret = await asyncio.to_thread(keyring.keys.create, name, terms, expires)
        await self._changed(keyring, key, send, secret=secret)

    async def key(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One key, by its id or name."""
        del receive
        found = await asyncio.to_thread(self._keyring.keys.find, scope["path_params"]["key"])
        await send_json(send, 200, _told(found))

    async def change_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Change its terms; null takes a limit away."""
        changes = await self._read_body(scope, receive)
        if "expires" in changes:
            changes["expires"] = _expires(changes["expires"])
        if not changes:
            raise RequestError("nothing to change; name a term of the key")
        keyring, named = self._keyring, scope["path_params"]["key"]
        key = await asyncio.to_thread(keyring.keys.set, named, changes)
        await self._changed(keyring, key, send)

    async def revoke_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        """End it for good."""
        del receive
        keyring, named = self._keyring, scope["path_params"]["key"]
        key = await asyncio.to_thread(keyring.keys.revoke, named)
        await self._changed(keyring, key, send)

    async def rotate_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give it another secret."""
        del receive
        keyring, named = self._keyring, scope["path_params"]["key"]
        key, secret = await asyncio.to_thread(keyring.keys.rotate, named)
        await self._changed(keyring, key, send, secret=secret)

    async def reload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read configuration and artefact again, in all workers or in none."""
        del scope, receive
        await send_json(send, 200, await self._rollout.reload())

    async def artefacts(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is in force, what was before it, and every change."""
        del scope, receive
        await send_json(send, 200, await asyncio.to_thread(self._rollout.artefacts))

    async def promote(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put another artefact in force."""
        body = await self._read_body(scope, receive)
        artefact = body.get("artefact")
        if not isinstance(artefact, str) or set(body) != {"artefact"} or "\0" in artefact:
            raise RequestError('send {"artefact": FOLDER}', param="artefact")
        await send_json(send, 200, await self._rollout.promote(artefact))

    async def rollback(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the former artefact in force again."""
        del scope, receive
        await send_json(send, 200, await self._rollout.rollback())

    async def stats(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Requests, states, dollars and tokens by model and by key."""
        del receive
        asked = _query(scope, ("since", "until"))
        told = await asyncio.to_thread(
            self._history.stats, _when(asked, "since"), _when(asked, "until")
        )
        names = {key.id: key.name for key in self._keyring.all}
        for id_, key in told["keys"].items():
            key["name"] = names.get(id_, "")
        await send_json(send, 200, {"object": "stats", **told})

    async def decisions(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decisions in brief, latest first, a page at a time."""
        del receive
        asked = _query(scope, (*Filter.__struct_fields__, "limit"))
        most = asked.pop("limit", str(_LISTED))
        if not most.isdecimal() or not 1 <= int(most[:9]) <= MOST_LISTED:
            raise RequestError(f"limit is from 1 to {MOST_LISTED}", param="limit")
        given: dict[str, Any] = {
            **asked,
            "since": _when(asked, "since"),
            "until": _when(asked, "until"),
        }
        listed = self._history.decisions(Filter(**given), int(most))
        rows = await asyncio.to_thread(list, listed)
        last = rows[-1]["id"] if len(rows) == int(most) else None
        await send_json(send, 200, {"object": "list", "data": rows, "before": last})

    async def decision(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One decision: candidates, attempts, outcome and feedback."""
        del receive
        content = _query(scope, ("content",)).get("content") == "true"
        id_ = scope["path_params"]["id"]
        found = await asyncio.to_thread(self._history.decision, id_, content=content)
        if found is None:
            raise RequestError(f"no decision {id_!a}", param="id", status=404)
        await send_json(send, 200, found)

    @property
    def _keyring(self) -> Keyring:
        keyring = self._gateway.keyring
        if keyring is None:
            raise _stateless()
        return keyring

    @property
    def _history(self) -> History:
        sink = self._gateway.sink
        if not isinstance(sink, StateSink):
            raise _stateless()
        return History(sink.keeper.store)

    async def _changed(
        self, keyring: Keyring, key: ApiKey, send: Send, secret: str | None = None
    ) -> None:
        """Tell of a key that was changed; here it is in force at once, elsewhere within 5 s."""
        await asyncio.to_thread(keyring.refresh)
        told = _told(key) if secret is None else {**_told(key), "key": secret}
        await send_json(send, 200, told)


def _stateless() -> RequestError:
    return RequestError("this gateway keeps no state; set gateway.state.url", status=404)


def _told(key: ApiKey) -> dict[str, Any]:
    return {"object": "key", **key.told(time.time())}


def _expires(given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= _LATEST:
        raise RequestError("expires must be a moment in Unix seconds, or null", param="expires")
    return float(given)


def _query(scope: Scope, known: tuple[str, ...]) -> dict[str, str]:
    """The query's fields; one that is unknown, twice or empty is refused."""
    try:
        text = scope["query_string"].decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise RequestError("the query cannot be read") from error
    told = dict(pairs)
    if len(told) < len(pairs):
        raise RequestError("the query has a field twice")
    for name, value in told.items():
        if name not in known:
            raise RequestError(f"{name!a}: unknown; known: {', '.join(known)}")
        if not value.isprintable():
            raise RequestError(f"{name}: not a plain text", param=name)
    return told


def _when(asked: dict[str, str], name: str) -> float | None:
    text = asked.get(name)
    try:
        return None if text is None else moment(text)
    except ValueError as error:
        raise RequestError(f"{name}: {error}", param=name) from error

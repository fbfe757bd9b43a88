"""API keys in the database: made, changed and ended here; what is kept of one is its digest."""

from __future__ import annotations

import secrets
import time
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from routewright.errors import ConfigError, UnknownKeyError
from routewright.state import tables
from routewright.state.api_key import ApiKey, Terms, digest_of
from routewright.state.store import Store
from routewright.types import Decision

PREFIX = "rw-"
_SHOWN = 11  # characters of a key that are kept: 48 of its 256 bits, to recognise it by
MOST_NAME = 100


class Keys:
    """The keys of a store. Blocking; every method may raise StoreAwayError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, name: str, terms: Terms, expires: float | None = None) -> tuple[ApiKey, str]:
        """A new key, and the secret that is shown this once.

        Raises:
            ConfigError: the name is taken or cannot be, or the terms cannot be.
        """
        if not 1 <= len(name) <= MOST_NAME or not name.isprintable():
            raise ConfigError(f"a key's name has 1 to {MOST_NAME} printable characters")
        _check(terms)
        secret = PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(
            id=f"key_{secrets.token_hex(8)}",
            name=name,
            prefix=secret[:_SHOWN],
            digest=digest_of(secret),
            created=time.time(),
            expires=expires,
            terms=terms,
        )
        columns = {**msgspec.structs.asdict(key), "terms": _text(terms), "version": 1}
        try:
            with self._store.begin() as connection:
                connection.execute(sa.insert(tables.api_keys).values(columns))
        except IntegrityError:
            raise ConfigError(f"there is a key named {name!r} already; choose another") from None
        return key, secret

    def all(self) -> list[ApiKey]:
        """Every key, oldest first."""
        c = tables.api_keys.c
        query = sa.select(tables.api_keys).order_by(c.created, c.id)
        return [_key(row) for row in self._store.select(query)]

    def stamp(self) -> tuple[int, int]:
        """Changes whenever a key does: how many there are, and how often they were changed.

        Counted rather than timed, because the clocks of several hosts differ.
        """
        c = tables.api_keys.c
        counted = sa.func.count().label("n")
        query = sa.select(*[counted, sa.func.sum(c.version).label("v")]).select_from(
            tables.api_keys
        )
        (row,) = self._store.select(query)  # read to its end, which closes the cursor
        return int(row["n"]), int(row["v"] or 0)

    def find(self, named: str) -> ApiKey:
        """The key of that id or name.

        Raises:
            UnknownKeyError: there is none.
        """
        c = tables.api_keys.c
        query = sa.select(tables.api_keys).where(sa.or_(c.id == named, c.name == named))
        found = [_key(row) for row in self._store.select(query)]
        if not found:
            raise UnknownKeyError(f"no key {named!r}; `routewright keys list` shows them")
        return next((key for key in found if key.id == named), found[0])

    def revoke(self, named: str) -> ApiKey:
        """End a key for good; one that is revoked stays as it is."""
        key = self.find(named)
        if key.revoked is None:
            self._update(key, revoked=time.time())
        return self.find(key.id)

    def rotate(self, named: str) -> tuple[ApiKey, str]:
        """Another secret for the same key; the old one ends, spending and limits go on.

        Raises:
            ConfigError: there is none, or it is revoked.
        """
        key = self.find(named)
        if key.revoked is not None:
            raise ConfigError(f"key {key.name!r} is revoked; create another")
        secret = PREFIX + secrets.token_urlsafe(32)
        self._update(key, prefix=secret[:_SHOWN], digest=digest_of(secret))
        return self.find(key.id), secret

    def set(self, named: str, changes: dict[str, Any]) -> ApiKey:
        """Change terms, or ``expires``; None takes a limit away.

        Raises:
            ConfigError: there is none, or a change that cannot be.
        """
        key = self.find(named)
        changes = dict(changes)
        told: dict[str, Any] = {}
        if "expires" in changes:
            told["expires"] = changes.pop("expires")
        try:
            terms = msgspec.convert({**msgspec.to_builtins(key.terms), **changes}, Terms)
        except msgspec.ValidationError as error:
            raise ConfigError(f"key {key.name!r}: {error}") from None
        _check(terms)
        self._update(key, terms=_text(terms), **told)
        return self.find(key.id)

    def spent_usd(self, key_id: str, since: float) -> float:
        """What the calls of a key have cost since a moment, in US dollars.

        One whose cost nobody knows, because its worker died or has not ended, counts as expected.
        """
        d, o = tables.decisions.c, tables.outcomes.c
        joined = tables.decisions.outerjoin(tables.outcomes, d.id == o.decision_id)
        mine = sa.and_(d.key_id == key_id, d.at >= since)
        total = sa.select(*[sa.func.sum(o.cost_usd).label("usd")]).select_from(joined).where(mine)
        (row,) = self._store.select(total)
        usd = float(row["usd"] or 0.0)
        unknown = (
            sa.select(*[d.decision])
            .select_from(joined)
            .where(mine, o.cost_usd.is_(None), sa.func.coalesce(o.state, "") != "failed")
        )
        for found in self._store.select(unknown):
            decision = msgspec.json.decode(found["decision"], type=Decision)
            costs = {each.model: each.cost_usd for each in decision.candidates}
            usd += costs.get(decision.model, 0.0)
        return usd

    def close(self) -> None:
        """Let go of connections; safe to call twice."""
        self._store.close()

    def _update(self, key: ApiKey, **values: Any) -> None:
        c = tables.api_keys.c
        with self._store.begin() as connection:
            connection.execute(
                sa.update(tables.api_keys)
                .where(c.id == key.id)
                .values(**values, version=c.version + 1)
            )


def _check(terms: Terms) -> None:
    if trouble := terms.trouble():
        raise ConfigError(trouble)


def _text(terms: Terms) -> str:
    return msgspec.json.encode(terms).decode()


def _key(row: dict[str, Any]) -> ApiKey:
    told: dict[str, Any] = {name: value for name, value in row.items() if name != "version"}
    told["terms"] = msgspec.json.decode(told["terms"], type=Terms)
    return ApiKey(**told)

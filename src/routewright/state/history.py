"""What was decided, how it ended and what it cost: the questions an operator asks of the store."""

from __future__ import annotations

import contextlib
import math
import operator
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
import sqlalchemy as sa

from routewright.state import tables
from routewright.state.store import Store
from routewright.types import Candidate

STATES = ("complete", "partial", "failed", "cached", "unknown", "open")
DAY_S = 86400.0
_SECONDS = {"m": 60.0, "h": 3600.0, "d": DAY_S}
_LATEST = 253_402_300_799.0  # the year 9999, beyond which no database has a date
_JSON = frozenset(("decision", "attempts", "skipped", "request", "response"))
_PAGE = 500
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MOST_COMPARED = 100_000  # decisions that are weighed against their best candidate, latest first

_Query: TypeAlias = "sa.Select[*tuple[Any, ...]]"
_D, _O = tables.decisions.c, tables.outcomes.c
_ENDED = tables.decisions.outerjoin(tables.outcomes, _D.id == _O.decision_id)
_MODEL = sa.func.coalesce(_O.model, _D.model)
_STATE = sa.func.coalesce(_O.state, "open")
_BRIEF: list[sa.ColumnElement[Any]] = [
    _D.id,
    _D.at,
    _D.key_id,
    _D.requested,
    _D.streamed,
    _MODEL.label("model"),
    _D.model.label("chosen"),
    _D.artefact,
    _D.policy,
    _D.probability,
    sa.func.coalesce(_O.degraded, _D.degraded).label("degraded"),
    _STATE.label("state"),
    _O.cost_usd,
    _O.latency_s,
    _O.first_token_s,
    _O.input_tokens,
    _O.output_tokens,
]


class Filter(msgspec.Struct, frozen=True):
    """Which decisions: all that is given must hold.

    ``since`` and ``until`` are in Unix seconds; ``model`` is the one that was asked last, ``state``
    one of ``STATES`` (``open``: it has not ended yet), ``before`` the id that a page goes on from.
    """

    since: float | None = None
    until: float | None = None
    model: str | None = None
    state: str | None = None
    key_id: str | None = None
    artefact: str | None = None
    before: str | None = None

    def over(self, query: _Query) -> _Query:
        """The query, narrowed to these decisions."""
        first = None if self.since is None else _first_id(self.since)
        narrowed = (
            (operator.ge, _D.id, first),  # of which there is an index
            (operator.ge, _D.at, self.since),
            (operator.lt, _D.at, self.until),
            (operator.eq, _MODEL, self.model),
            (operator.eq, _STATE, self.state),
            (operator.eq, _D.key_id, self.key_id),
            (operator.eq, _D.artefact, self.artefact),
            (operator.lt, _D.id, self.before),
        )
        return query.where(
            *(test(what, asked) for test, what, asked in narrowed if asked is not None)
        )


class _Compared(msgspec.Struct, frozen=True):
    """What of a decision's JSON a comparison needs."""

    candidates: tuple[Candidate, ...] = ()


class History:
    """Reads a store. Blocking; every method may raise StoreAwayError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def decisions(self, asked: Filter, most: int | None = None) -> Iterator[dict[str, Any]]:
        """Decisions with their outcomes in brief, latest first."""
        query = asked.over(sa.select(*_BRIEF).select_from(_ENDED)).order_by(_D.id.desc())
        yield from self._store.select(query if most is None else query.limit(most))

    def decision(self, id_: str, *, content: bool = False) -> dict[str, Any] | None:
        """All that is known of one decision: None where there is none such.

        Candidates have their expected scores and costs and what removed them; ``attempts`` are
        the models that were asked. ``content`` adds prompt and answer, where they are kept.
        """
        return next(self._whole(Filter(), content=content, id_=id_), None)

    def export(self, asked: Filter, *, content: bool = False) -> Iterator[dict[str, Any]]:
        """Whole decisions, as ``decision`` gives them, latest first."""
        yield from self._whole(asked, content=content)

    def stats(self, since: float | None = None, until: float | None = None) -> dict[str, Any]:
        """Requests, states, dollars and tokens by model and by key; since a day ago by default.

        ``saved_usd`` is what the candidate with the highest expected score of each request was
        expected to cost beyond what was paid; the latest ``saved_of`` requests were compared.
        """
        asked = Filter(since=time.time() - DAY_S if since is None else since, until=until)
        models: dict[str, dict[str, Any]] = {}
        keys: dict[str, dict[str, Any]] = {}
        whole = _nothing()
        for row in self._store.select(asked.over(_totals())):
            for told in (whole, _of(models, row["model"]), _of(keys, row["key_id"])):
                _add(told, row)
        compared = 0
        for row in self._store.select(asked.over(_compared())):
            best_usd = _best_usd(row["decision"])
            if best_usd is None:  # a model that was asked for by name: nothing was chosen
                continue
            compared += 1
            saved = best_usd - row["cost_usd"]
            for told in (whole, _of(models, row["model"]), _of(keys, row["key_id"])):
                told["saved_usd"] += saved
        return {
            "since": asked.since,
            "until": until,
            **whole,
            "saved_of": compared,
            "models": models,
            "keys": keys,
        }

    def _whole(
        self, asked: Filter, *, content: bool, id_: str | None = None
    ) -> Iterator[dict[str, Any]]:
        source, columns = _ENDED, [*_BRIEF, _D.decision, _O.attempts, _O.skipped]
        if content:
            kept = tables.content.c
            source = source.outerjoin(tables.content, kept.decision_id == _D.id)
            columns += [kept.request, kept.answer.label("response")]
        query = sa.select(*columns).select_from(source).order_by(_D.id.desc()).limit(_PAGE)
        if id_ is not None:
            query = query.where(_D.id == id_)
        # Page by page: no transaction stays open for as long as an export takes.
        while rows := list(self._store.select(asked.over(query))):
            said = self._said([row["id"] for row in rows])
            for row in rows:
                for name in _JSON & row.keys():
                    row[name] = msgspec.json.decode(row[name]) if row[name] else None
                yield {**row, "feedback": said.get(row["id"], [])}
            asked = msgspec.structs.replace(asked, before=rows[-1]["id"])

    def _said(self, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
        c = tables.feedback.c
        columns = (c.decision_id, c.at, c.score, c.mark, c.label, c.winner, c.loser, c.comment)
        query = sa.select(*columns).where(c.decision_id.in_(ids)).order_by(c.at)
        said: dict[str, list[dict[str, Any]]] = {}
        for row in self._store.select(query):
            said.setdefault(row.pop("decision_id"), []).append(row)
        return said


def moment(text: str) -> float:
    """``30m``, ``12h`` or ``7d`` ago, a date in ISO 8601 (UTC), or Unix seconds → Unix seconds.

    Raises:
        ValueError: it is none of them.
    """
    if match := re.fullmatch(r"(\d{1,6})([mhd])", text, re.ASCII):
        return time.time() - int(match[1]) * _SECONDS[match[2]]
    try:
        seconds = float(text)
    except ValueError:
        with contextlib.suppress(ValueError, OverflowError):
            when = datetime.fromisoformat(text)
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        seconds = math.nan
    if not 0 <= seconds <= _LATEST:
        raise ValueError(f"{text[:40]!a}: write 30m, 12h, 7d, 2027-01-31, or Unix seconds")
    return seconds


def _first_id(at: float) -> str:
    """An id before all that were given from then on: they begin with their time, see serve.ids."""
    count = int(max(at - 1, 0) * 1000) << 80
    return "".join(_ALPHABET[(count >> shift) & 31] for shift in range(125, -1, -5))


def _totals() -> _Query:
    sums = [
        sa.func.sum(column).label(column.name)
        for column in (_O.cost_usd, _O.input_tokens, _O.output_tokens)
    ]
    groups = (_MODEL, _D.key_id, _STATE)
    counted = [_MODEL.label("model"), _D.key_id, _STATE.label("state"), sa.func.count().label("n")]
    return sa.select(*[*counted, *sums]).select_from(_ENDED).group_by(*groups)


def _compared() -> _Query:
    columns = [_D.decision, _D.key_id, _MODEL.label("model"), _O.cost_usd]
    query = sa.select(*columns).select_from(_ENDED).where(_O.cost_usd.is_not(None))
    return query.order_by(_D.id.desc()).limit(MOST_COMPARED)


def _best_usd(decision: str) -> float | None:
    """What the candidate with the highest expected score was expected to cost."""
    candidates = msgspec.json.decode(decision, type=_Compared).candidates
    able = [each for each in candidates if not each.excluded]
    best = max(able, key=lambda each: (each.score, -each.cost_usd), default=None)
    return best.cost_usd if best is not None else None


def _nothing() -> dict[str, Any]:
    return {
        "requests": 0,
        "states": {},
        "cost_usd": 0.0,
        "saved_usd": 0.0,
        "input_tokens": 0,
        "output_tokens": 0,
    }


def _of(groups: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    return groups.setdefault(name, _nothing())


def _add(told: dict[str, Any], row: dict[str, Any]) -> None:
    told["requests"] += row["n"]
    told["states"][row["state"]] = told["states"].get(row["state"], 0) + row["n"]
    for name in ("cost_usd", "input_tokens", "output_tokens"):
        told[name] += row[name] or 0

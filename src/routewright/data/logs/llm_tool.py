"""The ``llm`` tool's log, logs.db: a SQLite database.

Older releases keep a row a call in ``responses``, later ones ``turns`` over a tree of ``messages``.
A database that was upgraded has both. Costs are not in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, cast

from routewright.data.logs.answers import answers
from routewright.data.logs.chat import checked, count, time_of
from routewright.data.logs.entry import Dropped, Entry, Logged, Reason, UnusableError
from routewright.data.logs.records import value
from routewright.data.logs.source import Glance, Source, glance
from routewright.errors import DataError
from routewright.types import Message, Usage, json_object

SHAPE = "the llm tool's logs.db"


def claims(seen: Glance) -> bool:
    """Whether a file looks like it."""
    return seen.kind == "sqlite"


def read(source: Source) -> Iterator[Entry]:
    """Every call in order of time, with its answer.

    Raises:
        DataError: a file is no such database, or damaged.
    """
    for file in source.files():
        if glance(file).kind != "sqlite":
            raise DataError(f"{file}: no SQLite database; `llm logs path` says where the log is")
        try:
            with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
                db.row_factory = sqlite3.Row
                yield from _database(db, source.place(file), file)
        except sqlite3.Error as error:
            raise DataError(
                f"{file}: the database can't be read ({error}); copy it while llm is not running"
            ) from error


def _database(db: sqlite3.Connection, place: str, file: Path) -> Iterator[Entry]:
    tables = {row[0] for row in db.execute("select name from sqlite_master where type = 'table'")}
    if not {"turns", "responses"} & tables:
        raise DataError(
            f"{file}: is SQLite, but no log of the llm tool: no table turns or responses"
        )
    newer = "turns" in tables
    if "responses" in tables:
        seen = "where id not in (select id from turns)" if newer else ""
        columns = {row["name"] for row in db.execute("pragma table_info(responses)")}
        for row in db.execute(f"select * from responses {seen} order by datetime_utc, id"):  # noqa: S608  # constants alone
            yield _entry(_Response(db, tables, columns), row, f"{place} response {row['id']}")
    if newer:
        for row in db.execute("select * from turns order by datetime_utc, id"):
            yield _entry(_Turn(db), row, f"{place} turn {row['id']}")


class _Call(NamedTuple):
    """What both schemas tell of a call."""

    turns: list[Message]
    answer: str | None
    group: str


class _Response:
    """A call in the older schema; the conversation's earlier calls are the turns before it."""

    def __init__(self, db: sqlite3.Connection, tables: set[str], columns: set[str]) -> None:
        self.db = db
        self.tables = tables
        self.columns = columns

    def call(self, row: sqlite3.Row) -> _Call:
        before: list[sqlite3.Row] = []
        if row["conversation_id"]:
            before = self.db.execute(
                "select * from responses where conversation_id = ? "
                "and (datetime_utc, id) < (?, ?) order by datetime_utc, id",
                (row["conversation_id"], row["datetime_utc"], row["id"]),
            ).fetchall()
        turns: list[Message] = []
        for one in [*before, row]:
            self._refuse_more_than_text(one["id"])
            system = self._text(one, "system")
            if system and not turns:
                turns.append(Message("system", system))
            turns.append(Message("user", self._text(one, "prompt")))
            turns.append(Message("assistant", one["response"] or ""))
        return _Call(turns[:-1], row["response"], row["conversation_id"] or "")

    def _text(self, row: sqlite3.Row, what: str) -> str:
        parts: list[str] = []
        table = f"{what}_fragments"
        if table in self.tables:
            found = self.db.execute(
                f"select content from {table} p join fragments f on f.id = p.fragment_id "  # noqa: S608  # constants alone
                'where p.response_id = ? order by p."order"',
                (row["id"],),
            )
            parts = [fragment["content"] or "" for fragment in found]
        return "\n".join([*parts, *([row[what]] if row[what] else [])])

    def _refuse_more_than_text(self, id: str) -> None:
        for table, reason in _MORE_THAN_TEXT.items():
            if table in self.tables:
                query = f"select 1 from {table} where response_id = ? limit 1"  # noqa: S608  # constants alone
                if self.db.execute(query, (id,)).fetchone():
                    raise UnusableError(reason)


_MORE_THAN_TEXT = {
    "prompt_attachments": Reason.MEDIA,
    "tool_responses": Reason.TOOLS,
    "tool_calls": Reason.TOOLS,
    "tool_results": Reason.TOOLS,
}


class _Turn:
    """A call in the newer schema: a path in the tree of messages, and its end the answer."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def call(self, row: sqlite3.Row) -> _Call:
        if self.db.execute("select 1 from turn_tools where turn_id = ?", (row["id"],)).fetchone():
            raise UnusableError(Reason.TOOLS, "the request offers tools")
        turns = self._path(row["parent_message_hash"], "")
        said = self._path(row["tip_message_hash"], row["parent_message_hash"])
        answer = "\n".join(turn.text for turn in said if turn.role == "assistant")
        return _Call(turns, answer or None, row["thread_id"] or "")

    def _path(self, tip: str | None, above: str | None) -> list[Message]:
        """The messages from the root, or from below ``above``, down to ``tip``."""
        turns: list[Message] = []
        at = tip
        while at and at != above:
            row = self.db.execute("select * from messages where hash = ?", (at,)).fetchone()
            if row is None:
                raise UnusableError(Reason.BROKEN, "a message of the conversation is missing")
            turns.append(Message(str(row["role"]), self._words(at)))
            at = row["parent_hash"]
        return turns[::-1]

    def _words(self, hash: str) -> str:
        parts = self.db.execute(
            "select type, text, payload from parts where message_hash = ? order by position",
            (hash,),
        )
        return "\n".join(self._part(part) for part in parts if part["type"] != "reasoning")

    def _part(self, part: sqlite3.Row) -> str:
        kind = str(part["type"])
        if kind.startswith("tool"):
            raise UnusableError(Reason.TOOLS)
        if kind != "text":
            raise UnusableError(Reason.MEDIA, "a part that is not text")
        if part["text"] is not None:
            return str(part["text"])
        pieces = (json_object(value(part["payload"])) or {}).get("text_ref")
        listed = cast("list[object]", pieces) if isinstance(pieces, list) else []
        return "".join(self._piece(json_object(piece) or {}) for piece in listed)

    def _piece(self, piece: dict[str, Any]) -> str:
        if "fragment" not in piece:
            return str(piece.get("literal") or "")
        query = "select content from fragments where id = ?"
        found = self.db.execute(query, (piece["fragment"],)).fetchone()
        if found is None:
            raise UnusableError(Reason.BROKEN, "a fragment of the prompt is missing")
        return str(found["content"] or "")


def _entry(schema: _Response | _Turn, row: sqlite3.Row, place: str) -> Entry:
    try:
        call = schema.call(row)
        turns = checked(call.turns)
    except UnusableError as error:
        return error.at(place)
    columns = row.keys()
    details = json_object(value(row["token_details"] if "token_details" in columns else None)) or {}
    cached = _nested(details, "cached") or _nested(details, "cached_tokens")
    found = answers(
        place,
        None if call.answer is None else [{"role": "assistant", "content": call.answer}],
        row["model"],
        Usage(
            input_tokens=count(row["input_tokens"] if "input_tokens" in columns else None),
            output_tokens=count(row["output_tokens"] if "output_tokens" in columns else None),
            cached_tokens=cached,
            reasoning_tokens=_nested(details, "reasoning_tokens"),
        ),
        latency_s=None if row["duration_ms"] is None else count(row["duration_ms"]) / 1000,
    )
    lost = found.lost
    if call.answer is None:
        lost = (*lost, Dropped(place, Reason.NO_ANSWER))
    return Logged(
        place,
        turns,
        found.answers,
        lost,
        group=call.group,
        time=time_of(row["datetime_utc"]),
    )


def _nested(details: dict[str, Any], name: str) -> int:
    """A number in the provider's own account of tokens, which nests as the provider likes."""
    for key, inner in details.items():
        if key == name:
            return count(inner)
        below = json_object(inner)
        if below is not None and (found := _nested(below, name)):
            return found
    return 0

"""The tables. Migrations make them; a test holds the two against each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[float]):
    """Unix seconds in Python, a timestamp in UTC in the database."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> datetime | None:
        """Seconds → a moment in UTC."""
        del dialect
        return None if value is None else datetime.fromtimestamp(value, UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> float | None:
        """A moment → seconds; SQLite gives it back without its zone, which is UTC."""
        del dialect
        if value is None:
            return None
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


metadata = sa.MetaData()


def _column(name: str, kind: Any, *, null: bool = False, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null, primary_key=key)


boots = sa.Table(
    "boots",
    metadata,
    _column("id", sa.Text(), key=True),
    _column("started", Moment()),
    _column("ended", Moment()),
    _column("last_seq", sa.BigInteger()),
    _column("clean", sa.Boolean()),
)

decisions = sa.Table(
    "decisions",
    metadata,
    _column("id", sa.Text(), key=True),
    _column("at", Moment()),
    _column("boot", sa.Text()),
    _column("seq", sa.BigInteger()),
    _column("key_id", sa.Text()),
    _column("requested", sa.Text()),
    _column("streamed", sa.Boolean()),
    _column("model", sa.Text()),
    _column("artefact", sa.Text()),
    _column("policy", sa.Text()),
    _column("probability", sa.Double()),
    _column("degraded", sa.Text()),
    _column("decision", sa.Text()),
    sa.Index("decisions_boot_seq", "boot", "seq"),
    sa.Index("decisions_key_at", "key_id", "at"),
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    _column("decision_id", sa.Text(), key=True),
    _column("at", Moment()),
    _column("state", sa.Text()),
    _column("model", sa.Text()),
    _column("attempts", sa.Text()),
    _column("skipped", sa.Text()),
    _column("degraded", sa.Text()),
    _column("input_tokens", sa.BigInteger(), null=True),
    _column("output_tokens", sa.BigInteger(), null=True),
    _column("cached_tokens", sa.BigInteger(), null=True),
    _column("cache_write_tokens", sa.BigInteger(), null=True),
    _column("reasoning_tokens", sa.BigInteger(), null=True),
    _column("cpu_s", sa.Double(), null=True),
    _column("estimated", sa.Boolean()),
    _column("cost_usd", sa.Double(), null=True),
    _column("latency_s", sa.Double(), null=True),
    _column("first_token_s", sa.Double(), null=True),
)

feedback = sa.Table(
    "feedback",
    metadata,
    _column("id", sa.Text(), key=True),
    _column("at", Moment()),
    _column("decision_id", sa.Text()),
    _column("key_id", sa.Text()),
    _column("idempotency_key", sa.Text()),
    _column("digest", sa.Text()),
    _column("score", sa.Double(), null=True),
    _column("mark", sa.Integer(), null=True),
    _column("label", sa.Text(), null=True),
    _column("winner", sa.Text(), null=True),
    _column("loser", sa.Text(), null=True),
    _column("comment", sa.Text(), null=True),
    sa.Index("feedback_decision", "decision_id"),
)

content = sa.Table(
    "content",
    metadata,
    _column("decision_id", sa.Text(), key=True),
    _column("at", Moment()),
    _column("request", sa.Text()),
    _column("answer", sa.Text()),
    _column("size_bytes", sa.BigInteger()),
    sa.Index("content_at", "at"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    _column("id", sa.Text(), key=True),
    _column("name", sa.Text()),
    _column("prefix", sa.Text()),
    _column("digest", sa.Text()),
    _column("created", Moment()),
    _column("expires", Moment(), null=True),
    _column("revoked", Moment(), null=True),
    _column("terms", sa.Text()),
    _column("version", sa.BigInteger()),
    sa.Index("api_keys_digest", "digest", unique=True),
    sa.Index("api_keys_name", "name", unique=True),
)

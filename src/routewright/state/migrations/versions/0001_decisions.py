"""Decisions, outcomes, feedback, and the lives of the workers that wrote them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)
_NUMBER: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "boots",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("started", _MOMENT, nullable=False),
        sa.Column("ended", _MOMENT, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("requested", sa.Text(), nullable=False),
        sa.Column("streamed", sa.Boolean(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("artefact", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("probability", _NUMBER, nullable=False),
        sa.Column("degraded", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
    )
    op.create_index("decisions_boot_seq", "decisions", ["boot", "seq"])
    op.create_table(
        "outcomes",
        sa.Column("decision_id", sa.Text(), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Text(), nullable=False),
        sa.Column("skipped", sa.Text(), nullable=False),
        sa.Column("degraded", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger()),
        sa.Column("output_tokens", sa.BigInteger()),
        sa.Column("cached_tokens", sa.BigInteger()),
        sa.Column("cache_write_tokens", sa.BigInteger()),
        sa.Column("reasoning_tokens", sa.BigInteger()),
        sa.Column("cpu_s", _NUMBER),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("cost_usd", _NUMBER),
        sa.Column("latency_s", _NUMBER),
        sa.Column("first_token_s", _NUMBER),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("score", _NUMBER),
        sa.Column("mark", sa.Integer()),
        sa.Column("label", sa.Text()),
        sa.Column("winner", sa.Text()),
        sa.Column("loser", sa.Text()),
        sa.Column("comment", sa.Text()),
    )
    op.create_index("feedback_decision", "feedback", ["decision_id"])

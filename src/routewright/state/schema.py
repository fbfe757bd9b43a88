"""Which schema a database has, and the way to ours: numbered migrations, all or none."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from routewright.errors import ConfigError

HEAD = "0003"
_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x526F757465  # PostgreSQL's advisory locks are numbers; this one is ours


def migrate(connection: sa.Connection) -> None:
    """Bring the schema up to date, inside the connection's transaction.

    Of several processes one migrates while the others wait: SQLite's transaction is exclusive
    among writers from its start, PostgreSQL has a lock for it.

    Raises:
        ConfigError: a newer Routewright has been here.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    found = schema_of(connection)
    if found == HEAD:
        return
    # Imported where it is needed: a third of a second that only the first start has to spend.
    from alembic import command
    from alembic.config import Config

    if found and found not in known():
        raise ConfigError(
            f"the state database has schema {found}, which is newer than this Routewright's "
            f"{HEAD}; upgrade Routewright or name another database"
        )
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def schema_of(connection: sa.Connection) -> str:
    """The number of the schema; "" where there is none yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return str(found or "")


def known() -> frozenset[str]:
    """The numbers of the schemas that this program has migrations to."""
    return frozenset(p.name[:4] for p in (_MIGRATIONS / "versions").glob("[0-9]*.py"))

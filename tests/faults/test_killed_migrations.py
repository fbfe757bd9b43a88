"""``kill -9`` during a migration: the schema is the old one or the new one, never half of it.

A process of its own forks one for each kill. Those die before and after every statement of the
migration and before its commit, or at a moment of chance.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext

from routewright.config import Secret
from routewright.state import schema, tables
from routewright.state.store import Store
from tests.fakes.postgres import Postgres, running
from tests.fakes.rows import decision

MIGRATING = """
import os, signal, sys, time
import alembic.command, alembic.config
from sqlalchemy import event
from routewright.config import Secret
from routewright.state.store import Store

def migrate(url, point):
    store, seen = Store(Secret(url)), [0]
    def count(*_):
        seen[0] += 1
        if seen[0] == point:
            os.kill(os.getpid(), signal.SIGKILL)
    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(store._engine, name, count)
    store.prepare()
    store.close()
    return seen[0]

for line in sys.stdin:
    url, point, after_s = line.split()
    heard, told = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(told, b"%d" % migrate(url, int(point)))
        os._exit(0)
    os.close(told)
    if float(after_s):
        time.sleep(float(after_s))
        os.kill(pid, signal.SIGKILL)
    print(os.waitpid(pid, 0)[1], os.read(heard, 9).decode() or 0, flush=True)
    os.close(heard)
"""
SEED = 17


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    yield from running()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    return request.getfixturevalue("postgres").url


@contextlib.contextmanager
def migrating() -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", MIGRATING], stdin=pipe, stdout=pipe, text=True, env=env
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def begin_at(engine: sa.Engine, revision: str) -> None:
    """An empty database, or one of an older schema with a row in it."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Whoever was killed is gone once this has its turn.
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        else:
            for name in sa.inspect(connection).get_table_names():
                connection.exec_driver_sql(f"DROP TABLE {name}")
        if not revision:
            return
        config = Config()
        config.set_main_option("script_location", str(schema._MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        row = {"id": "old", "at": 1.0, "boot": "b", "seq": 1, "key_id": "", "requested": "auto"}
        row |= {"streamed": False, "model": "m", "artefact": "", "policy": "", "probability": 1.0}
        connection.execute(sa.insert(tables.decisions).values(**row, degraded="", decision="{}"))


def looked_at(engine: sa.Engine) -> tuple[str, frozenset[str]]:
    """The schema's number and what tables and indexes there are."""
    with engine.connect() as connection:
        look = sa.inspect(connection)
        names = look.get_table_names()
        indexes = [one["name"] for name in names for one in look.get_indexes(name)]
        return schema.schema_of(connection), frozenset([*names, *map(str, indexes)])


def killed_migrations(url: str, points: int, by_chance: int) -> dict[str, int]:
    """Kill at up to so many points of each migration, and so often at any moment; count."""
    print(f"{points} points and {by_chance} moments, seed {SEED}")  # noqa: T201
    chance = random.Random(SEED)
    ends = {"old": 0, "new": 0}
    engine = Store(Secret(url))._engine
    with migrating() as process:
        assert process.stdin
        assert process.stdout

        def ran(point: int, after_s: float) -> tuple[int, int]:
            print(url, point, after_s, file=process.stdin, flush=True)
            status, seen = process.stdout.readline().split()
            return int(status), int(seen)

        for revision in ("", "0001", "0002"):
            begin_at(engine, revision)
            before = looked_at(engine)
            status, steps = ran(0, 0)
            assert status == 0
            after = looked_at(engine)
            assert after[0] == schema.HEAD != before[0]
            some = [*chance.sample(range(1, steps), min(points, steps - 1)), steps]
            moments = [0.002 + chance.random() * 0.15 for _ in range(by_chance)]
            for point, after_s in [*((n, 0.0) for n in some), *((0, s) for s in moments)]:
                begin_at(engine, revision)
                status, _ = ran(point, after_s)
                assert status == 9 or after_s
                found = looked_at(engine)
                assert found in (before, after)
                ends["new" if found == after else "old"] += 1
                healed = Store(Secret(url))
                healed.write([decision("d1", 2)])
                known = {row["id"] for row in healed.select(sa.select(tables.decisions.c.id))}
                healed.close()
                assert known == {"d1", *(["old"] if revision else [])}
                assert looked_at(engine) == after
    with engine.connect() as connection:
        from alembic.autogenerate import compare_metadata

        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()
    return {"kills": ends["old"] + ends["new"], **ends, "halves": 0}


def test_a_migration_that_is_killed_leaves_the_old_schema_or_the_new_one(url):
    """D-07, D-11, shortened."""
    assert killed_migrations(url, 2, 1)["kills"] == 12


@pytest.mark.nightly
def test_a_migration_killed_at_every_statement_leaves_no_half_of_a_schema(url, figures):
    """D-07, D-11"""
    kind = url.partition(":")[0].partition("+")[0]
    figures("D-11", **{kind: {"seed": SEED, **killed_migrations(url, 1000, 20)}})

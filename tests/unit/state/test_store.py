from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from routewright.config import Secret
from routewright.errors import ConfigError, StoreAwayError
from routewright.state import schema, tables
from routewright.state.rows import BootRow, ContentRow
from routewright.state.store import Store
from tests.fakes.postgres import PASSWORD
from tests.fakes.rows import decision, feedback, outcome


def rows(store: Store, table: sa.Table):
    return list(store.select(sa.select(table)))


def raw(url: str, *statements: str):
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_row_comes_back_as_it_was(store):
    one = decision("d1", 7, key_id="k", degraded="why")
    store.write([one, outcome("d1", input_tokens=2**63 - 1, cost_usd=0.25, first_token_s=0.5)])
    (back,) = rows(store, tables.decisions)
    assert back["at"] == pytest.approx(one.at, abs=1e-5)
    assert (back["seq"], back["key_id"], back["degraded"]) == (7, "k", "why")
    assert back["decision"] == '{"candidates":[]}'
    (ended,) = rows(store, tables.outcomes)
    assert (ended["input_tokens"], ended["cost_usd"]) == (2**63 - 1, 0.25)
    assert ended["latency_s"] is None


def test_what_comes_twice_is_there_once(store):
    batch = [decision("d1"), outcome("d1"), feedback("f1", "d1"), decision("d2", 2)]
    assert store.write(batch) == store.write(batch) == store.write(batch[:2]) == []
    counts = [len(rows(store, t)) for t in (tables.decisions, tables.outcomes, tables.feedback)]
    assert counts == [2, 1, 1]


def test_a_batch_of_any_size_is_there_whole_and_once(store):
    """Rows share statements, whose sizes are few."""
    batch = [decision(f"d{n}", n) for n in range(137)]
    assert store.write([*batch, batch[0], *batch[60:70]]) == []
    assert store.write(batch) == []
    seen = [(row["id"], row["seq"]) for row in rows(store, tables.decisions)]
    assert sorted(seen) == sorted((one.id, one.seq) for one in batch)


def test_nul_and_hostile_text_are_kept_as_text(store):
    """S-02: what clients send reaches the database as values, never as SQL."""
    text = "x\0'); DROP TABLE decisions; -- \U0001f600 %s :p {}"
    store.write([decision("d1", requested=text), feedback("f1", "d1", comment=text)])
    assert store.key_of(text.replace("\0", "")) is None
    assert rows(store, tables.decisions)[0]["requested"] == text.replace("\0", "\\u0000")
    assert store.feedback("f1").comment == text.replace("\0", "\\u0000")


def test_a_row_the_database_cannot_take_costs_only_itself(store):
    bad = decision("bad", 2**70)
    refused = store.write([decision("d1"), bad, decision("d3", 3)])
    assert [row for row, _ in refused] == [bad]
    assert refused[0][1]
    assert {row["id"] for row in rows(store, tables.decisions)} == {"d1", "d3"}


def test_a_dead_workers_decisions_without_outcome_become_unknown_once(store):
    store.write([decision(f"d{n}", n) for n in range(4)] + [outcome("d1")])
    store.write([decision("other", 1, boot="alive")])
    boot = BootRow("boot", 1.0, 2.0, 5, clean=False)
    assert store.end_boot(boot) == 3
    assert store.end_boot(boot) == 0
    states = {row["decision_id"]: row["state"] for row in rows(store, tables.outcomes)}
    assert states == {"d0": "unknown", "d1": "complete", "d2": "unknown", "d3": "unknown"}
    assert [row["last_seq"] for row in rows(store, tables.boots)] == [5]


def test_the_migrations_make_the_tables_as_they_are_declared(store, url):
    """D-11"""
    store.prepare()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        assert schema.schema_of(connection) == schema.HEAD
    engine.dispose()
    assert max(schema.known()) == schema.HEAD


def test_every_older_schema_is_brought_up_to_date_with_its_rows(store, url):
    """D-11"""
    store.write([decision("d1")])
    raw(
        url,
        "DROP TABLE content",
        "DROP TABLE api_keys",
        "DROP INDEX decisions_key_at",
        "UPDATE alembic_version SET version_num = '0001'",
    )
    again = Store(Secret(url))
    again.write([ContentRow("d1", 1.0, "prompt", "answer")])
    assert again.key_of("d1") == ""
    again.close()


def test_a_newer_schema_is_refused_and_left_alone(store, url):
    """D-11"""
    store.prepare()
    raw(url, "UPDATE alembic_version SET version_num = '9999'")
    newer = Store(Secret(url))
    with pytest.raises(ConfigError, match="9999, which is newer than this Routewright's 0003"):
        newer.write([decision("d1")])
    newer.close()
    assert rows(store, tables.decisions) == []


def test_many_that_start_at_once_migrate_once(url):
    """D-09"""
    stores = [Store(Secret(url)) for _ in range(6)]
    failed: list[BaseException] = []

    def start(at: int) -> None:
        try:
            stores[at].write([decision(f"d{at}", at)])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=start, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(rows(stores[0], tables.decisions)) == 6
    for store in stores:
        store.close()


def test_content_is_deleted_by_age_then_by_size_oldest_first(store):
    """S-08"""
    day = 86400.0
    store.write([ContentRow(f"d{n}", n * day, "x" * 50, "y" * 50) for n in range(1200)])
    assert store.sweep_content(days=1000, most_bytes=10**9, now=1200 * day) == 200
    assert store.sweep_content(days=1000, most_bytes=30_000, now=1200 * day) == 700
    assert {row["decision_id"] for row in rows(store, tables.content)} == {
        f"d{n}" for n in range(900, 1200)
    }
    assert store.sweep_content(days=1000, most_bytes=30_000, now=1200 * day) == 0


def test_deleted_content_is_in_no_file(tmp_path):
    """S-08: neither in the database nor in its write-ahead log."""
    store = Store(Secret("sqlite:///state.db"), tmp_path)
    canary = "canary-prompt-31337 "
    store.write([ContentRow(f"d{n}", 1.0, canary * 50, "") for n in range(300)])
    files = lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: E731
    assert canary.encode() in files()
    assert store.sweep_content(days=1, most_bytes=10**9) == 300
    assert canary.encode() not in files()
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "no database URL"),
        ("mysql://u:geheim@h/d", "mysql is not supported"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://u:geheim@h:port/d", "no database URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_printed(url, said):
    with pytest.raises(ConfigError, match=said) as refused:
        Store(Secret(url))
    assert "geheim" not in str(refused.value)


def test_a_password_is_in_no_message():
    """S-07"""
    store = Store(Secret(f"postgresql://rw:{PASSWORD}@127.0.0.1:9/postgres"))
    with pytest.raises(StoreAwayError) as away:
        store.prepare()
    assert PASSWORD not in str(away.value)
    assert PASSWORD not in repr(away.value.__cause__)
    assert PASSWORD not in store.name
    assert "127.0.0.1" in str(away.value)

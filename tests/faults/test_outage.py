"""The database is away while requests run: clients notice nothing, and every row arrives once."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from routewright.config import Secret
from routewright.state import tables
from routewright.state.store import Store
from tests.fakes.load import Load, reconciled
from tests.fakes.postgres import Postgres
from tests.fakes.upstream import Upstream
from tests.promises.test_gateway import gateway_process, write_config


def arrived(store: Store) -> int:
    """How many outcomes the database has."""
    query = sa.select(sa.func.count().label("n")).select_from(tables.outcomes)
    (row,) = store.select(query)
    return row["n"]


def outage(folder: Path, away_s: float) -> dict[str, Any]:
    """Stop PostgreSQL for so long under load; what was counted afterwards."""
    spool = folder / "routewright-spool"
    with Postgres() as server, Upstream() as upstream:
        state = f'default_model = "cheap"\n[gateway.state]\nurl = "{server.url}"'
        write_config(folder, upstream.url, state)
        with gateway_process(cwd=folder) as (process, url, _):
            with Load([url]) as load:
                time.sleep(0.5)
                server.stop()
                began = time.monotonic()
                time.sleep(away_s)
                spooled = sum(path.stat().st_size for path in spool.glob("*.jsonl"))
                server.start()
                took = time.monotonic() - began
                time.sleep(0.5)
            back = time.monotonic()
            store = Store(Secret(server.url))
            while arrived(store) < len(upstream.requests):
                assert time.monotonic() < back + 120, "the rows were not shipped"
                time.sleep(0.2)
            shipped_s = time.monotonic() - back
            store.close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        report = reconciled(folder, server.url, load, upstream)
    assert (load.failed, load.broken) == ([], 0)
    assert report["exit"] == 0, report
    assert (report["missing"], report["duplicated"], report["unexplained"]) == (0, 0, 0)
    assert report["decisions"] == len(upstream.requests) > 20
    assert [*spool.glob("*.jsonl"), *spool.glob("*.boot")] == []
    return {
        "away_s": round(took, 1),
        "requests": report["decisions"],
        "feedback": sum(bool(line.feedback_id) for line in load.seen),
        "client_errors": 0,
        "missing": 0,
        "duplicated": 0,
        "spool_mb": round(spooled / 1e6, 1),
        "shipped_s": round(shipped_s, 1),
    }


def test_a_database_that_goes_away_under_load_costs_nothing(tmp_path, figures):
    """D-02, shortened."""
    figures("D-02", **outage(tmp_path, 1.5))


@pytest.mark.nightly
def test_ten_minutes_without_database_cost_nothing(tmp_path, figures):
    """D-02: PostgreSQL itself is stopped and started again; counted by ``doctor reconcile``."""
    figures("D-02", **outage(tmp_path, 600))

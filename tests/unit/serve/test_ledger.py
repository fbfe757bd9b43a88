from __future__ import annotations

import pytest

from routewright.data.journal import Journal
from routewright.errors import DataError
from routewright.serve.ledger import Ledger


async def test_what_was_recorded_is_on_disk_after_closing(tmp_path):
    ledger = Ledger(tmp_path / "rows")
    await ledger.start()
    for n in range(200):
        ledger.record({"n": n})
    await ledger.aclose()
    await ledger.aclose()
    assert [row["n"] for row in Journal(tmp_path / "rows").rows()] == list(range(200))
    assert ledger.dropped == 0


async def test_a_full_queue_drops_rows_and_counts_them(tmp_path, caplog):
    ledger = Ledger(tmp_path / "rows", queue_rows=3)
    await ledger.start()
    for n in range(5):
        ledger.record({"n": n})
    await ledger.aclose()
    assert len(Journal(tmp_path / "rows").rows()) == 3
    assert ledger.dropped == 2
    assert "2 decision rows lost so far" in caplog.text


async def test_a_row_that_cannot_be_written_costs_only_itself(tmp_path):
    ledger = Ledger(tmp_path / "rows")
    await ledger.start()
    ledger.record({"n": 0})
    ledger.record({"n": object()})
    ledger.record({"n": 2})
    await ledger.aclose()
    assert [row["n"] for row in Journal(tmp_path / "rows").rows()] == [0, 2]
    assert ledger.dropped == 1


async def test_a_second_writer_is_refused(tmp_path):
    first, second = Ledger(tmp_path / "rows"), Ledger(tmp_path / "rows")
    await first.start()
    with pytest.raises(DataError, match="another process"):
        await second.start()
    await second.aclose()
    await first.aclose()


async def test_without_a_path_nothing_is_kept():
    ledger = Ledger(None)
    await ledger.start()
    ledger.record({"n": 1})
    await ledger.aclose()
    assert ledger.dropped == 0

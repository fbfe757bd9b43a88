from __future__ import annotations

import json
import subprocess
import sys

import pytest

from routewright.errors import DataError
from routewright.state.reconcile import ClientLine, Gap, UpstreamLine, read_lines, reconcile
from routewright.state.rows import BootRow
from tests.fakes.rows import decision, feedback, outcome


def test_where_all_agree_nothing_is_counted(store):
    store.write([decision(f"d{n}", n) for n in (1, 2)] + [outcome("d1"), outcome("d2")])
    store.write([feedback("f1", "d1")])
    store.end_boot(BootRow("boot", 1.0, 2.0, 2, clean=True))
    client = [
        ClientLine("r1", "d1", "complete"),
        ClientLine("r2", "d2"),
        ClientLine(feedback_id="f1"),
    ]
    report = reconcile(client, [UpstreamLine("r1"), UpstreamLine("r2")], store)
    assert (report.decisions, report.missing, report.unexplained, report.gaps) == (2, 0, 0, ())


def test_each_kind_of_loss_is_counted_and_named(store):
    store.write([decision("d1", 1), decision("d2", 1), decision("d5", 5), decision("d6", 6)])
    store.write([outcome("d1"), outcome("d2", state="failed"), outcome("d5")])
    store.write([decision("e1", 1, boot="other"), outcome("e1")])
    store.end_boot(BootRow("other", 1.0, 2.0, 3, clean=False))
    client = [ClientLine("r1", "gone"), ClientLine("r2", "d2", "complete")]
    client += [ClientLine(feedback_id="lost"), ClientLine("r6", "d6")]
    report = reconcile(client, [UpstreamLine("r6")], store)
    assert report.gaps == (Gap("boot", 2, 4), Gap("other", 2, 3))
    assert report.gap_rows == 5
    counts = (report.missing, report.duplicated, report.mismatched, report.without_outcome)
    assert counts == (1, 1, 1, 1)
    assert (report.upstream_missing, report.feedback_missing) == (1, 1)
    assert report.unexplained == 5  # the missing decision has a gap to explain it
    assert {"gone", "d2", "d6", "lost"} == set(report.examples)


def test_a_worker_all_of_whose_rows_are_gone_is_one_gap(store):
    store.end_boot(BootRow("boot", 1.0, 2.0, 7, clean=False))
    assert reconcile([], [], store).gaps == (Gap("boot", 1, 7),)


def test_a_line_that_is_none_is_named(tmp_path):
    (tmp_path / "log").write_text('{"request": "r1"}\n{"request": 1}\n')
    with pytest.raises(DataError, match="log: line 2"):
        list(read_lines(tmp_path / "log", ClientLine))


def test_the_command_prints_the_report_and_its_exit_code_says_whether_all_is_well(tmp_path):
    (tmp_path / "client").write_text(json.dumps({"decision_id": "gone"}) + "\n")
    told = ["--store", f"sqlite:///{tmp_path}/state.db"]
    command = [sys.executable, "-m", "routewright.cli.main", "doctor", "reconcile", *told]
    well = subprocess.run(command, capture_output=True, text=True)
    assert well.returncode == 0, well.stderr
    lost = subprocess.run([*command, "--client", str(tmp_path / "client")], capture_output=True)
    assert lost.returncode == 1
    assert json.loads(lost.stdout)["missing"] == 1

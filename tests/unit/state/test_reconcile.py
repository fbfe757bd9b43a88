from __future__ import annotations

import json
import subprocess
import sys

import pytest

from routewright.errors import DataError
from routewright.serve.ids import _ALPHABET as ALPHABET
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
    client += [ClientLine(feedback_id="lost"), ClientLine("r6", "d6"), ClientLine("r7", "d6")]
    report = reconcile(client, [UpstreamLine("r6")], store)
    assert report.gaps == (Gap("boot", 2, 4), Gap("other", 2, 3, killed=True))
    assert report.gap_rows == 5
    counts = (report.missing, report.duplicated, report.mismatched, report.without_outcome)
    assert counts == (1, 2, 1, 1)
    assert (report.upstream_missing, report.feedback_missing) == (1, 1)
    assert report.unexplained == 10  # all but the two that a killed worker had not written
    assert {"gone", "d2", "d6", "lost"} == set(report.examples)


def test_a_worker_all_of_whose_rows_are_gone_is_one_gap(store):
    store.end_boot(BootRow("boot", 1.0, 2.0, 7, clean=False))
    (gap,) = reconcile([], [], store).gaps
    assert (gap.boot, gap.first, gap.last, gap.killed, gap.over_s) == ("boot", 1, 7, True, 1.0)


def id_at(moment: float, n: int = 0) -> str:
    """A decision id as it would have been given then."""
    number = (round(moment * 1000) << 80) + n
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def dead(store, *, ended: float = 1010.0, clean: bool = False) -> None:
    """A worker that wrote its first two decisions at 1000 and 1005 s, and numbered four."""
    for seq, at in ((1, 1000.0), (2, 1005.0)):
        store.write([decision(f"d{seq}", seq, at=at), outcome(f"d{seq}", at=at)])
    store.end_boot(BootRow("boot", 999.0, ended, 4, clean=clean))


@pytest.mark.parametrize(
    ("moments", "silent"),
    [
        ((1009.0,), 0),
        ((1009.0, 1009.1), 0),
        ((1009.0, 1009.1, 1009.2), 1),  # it numbered two more, not three
        ((1001.0,), 1),  # a row of then would have been written before the second
        ((1011.0,), 1),  # it was dead
        ((1001.0, 1009.0, 1011.0), 2),
    ],
)
def test_a_killed_worker_explains_its_own_last_decisions_and_no_others(store, moments, silent):
    dead(store)
    told = [ClientLine(decision_id=id_at(moment)) for moment in moments]
    report = reconcile(told, [], store)
    assert report.gaps == (Gap("boot", 3, 4, killed=True, over_s=5.0),)
    assert (report.missing, report.silent) == (len(moments), silent)
    assert report.unexplained == silent


def test_nothing_explains_a_number_that_a_worker_lost_and_ended_well(store):
    dead(store, clean=True)
    report = reconcile([ClientLine(decision_id=id_at(1009.0))], [], store)
    assert report.gaps == (Gap("boot", 3, 4, over_s=5.0),)
    assert report.unexplained == 2


def test_an_outcome_that_a_killed_worker_had_not_written_is_none_that_it_lost_before(store):
    store.write([decision(f"d{n}", n, at=1000.0 + n) for n in (1, 2, 3)])
    store.write([outcome("d2", at=1004.0)])
    store.end_boot(BootRow("boot", 999.0, 1005.0, 3, clean=False))
    client = [ClientLine("r3", "d3", "complete", at=1004.9)]
    assert reconcile(client, [], store).unknown == 1
    assert reconcile(client, [], store).unexplained == 0
    early = [ClientLine("r1", "d1", "complete", at=1001.5)]  # the later one was written
    assert reconcile(early, [], store).mismatched == 1


def test_an_upstream_call_that_nobody_knows_of_is_counted(store):
    """Where its client was cut off, a decision without client stands for it."""
    dead(store)
    calls = [UpstreamLine(f"r{n}") for n in range(4)]
    assert reconcile([], calls, store).upstream_missing == 0  # two decisions, two in the gap
    assert reconcile([], [*calls, UpstreamLine("r9")], store).upstream_missing == 1


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

"""routewright bench: killed at any moment it goes on where it was, and says the same at the end;
a researcher's own file competes; what knows nothing comes out as nothing."""

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.unit.bench.worlds import PLUG_IN, table

ARGUMENTS = (
    *("--routers", "length", "--seeds", "2", "--replicates", "200"),
    *("--regimes", "in-distribution,leave-one-task-out,new-model"),
)
CLOCK = ("fit_s", "decision_ms_p50", "decision_ms_p95", "created")


def command(folder, out, *more):
    return [
        *(sys.executable, "-m", "routewright.cli.main", "bench", "--data", str(folder / "sample")),
        *("--out", str(out), *more),
    ]


def run(folder, out, *more, code=0):
    done = subprocess.run(command(folder, out, *more), capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in CLOCK}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def board_of(out):
    return json.loads((out / "leaderboard.json").read_text())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with data and a router file, and the run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("bench")
    table(120).save(folder / "sample")
    (folder / "mine.py").write_text(PLUG_IN)
    own = (*ARGUMENTS, "--router", f"{folder / 'mine.py'}:FirstWord")
    done = run(folder, folder / "whole", *own, "--jobs", "2")
    return folder, own, done


def section(board, regime):
    (found,) = [each for each in board["sections"] if each["regime"] == regime]
    return found, {(each["kind"], each["name"]): each for each in found["standings"]}


def test_the_console_command_writes_the_leaderboard(world):
    folder, _, done = world
    board = board_of(folder / "whole")
    assert board["routers"] == ["length", "first-word"]
    found, standings = section(board, "in-distribution")
    assert [fold["name"] for fold in found["folds"]] == ["seed 42", "seed 999"]
    assert {name for kind, name in standings if kind == "router"} == {
        "length",
        "first-word",
        "task",
        "cost-only",
    }
    assert {("zero", "zero_train"), ("zero", "zero_test"), ("random", "random")} <= set(standings)
    assert {("oracle", "oracle"), ("model", "small"), ("model", "cheapest")} <= set(standings)
    assert (folder / "whole" / "leaderboard.txt").read_text().split() == done.stdout.split()
    assert "first-word" in (folder / "whole" / "report.html").read_text()
    assert board["claims"] == 8, "four routers in two regimes"
    skipped, nobody = section(board, "new-model")
    assert not nobody
    assert "new-model shows 300" in skipped["skipped"][0]
    assert skipped["skipped"][0] in " ".join(done.stdout.split())


def test_a_router_of_one_s_own_file_competes_and_wins_where_its_word_decides(world):
    folder, _, _ = world
    _, standings = section(board_of(folder / "whole"), "in-distribution")
    own = standings["router", "first-word"]
    assert own["minus_zero"]["low"] > 0.05
    assert own["above_zero"] == 2
    assert own["p_holm"] < 0.05
    assert own["aiq"]["value"] < standings["oracle", "oracle"]["aiq"]["value"]
    assert own["overhead"]["artefact_bytes"] > 0


def test_what_knows_nothing_comes_out_as_nothing(world):
    folder, _, _ = world
    for regime in ("in-distribution", "leave-one-task-out"):
        found, standings = section(board_of(folder / "whole"), regime)
        constant = standings["control", "constant"]["minus_zero"]
        assert abs(constant["value"]) < 1e-9
        shuffled = standings["control", "shuffled"]["minus_zero"]
        assert shuffled["low"] <= 0
        assert not [each for each in found["findings"] if each["code"] in ("RT011", "RT001")]
    # A task's label says nothing of a task that training doesn't hold.
    assert abs(standings["router", "task"]["minus_zero"]["value"]) < 0.02


def test_kill_9_loses_only_what_was_under_way(world):
    folder, own, _ = world
    out = folder / "broken"
    for target in (2, 9):
        process = subprocess.Popen(
            command(folder, out, *own, "--jobs", "1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and len(list(out.glob("fits/*.safetensors"))) < target:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was killed before its end"
    stood = {path.name: path.stat().st_mtime_ns for path in out.glob("fits/*.safetensors")}
    done = run(folder, out, *own, "--jobs", "1")
    for name, when in stood.items():
        assert (out / "fits" / name).stat().st_mtime_ns == when, "it was fitted again"
    whole = {path.name for path in folder.glob("whole/fits/*.safetensors")}
    assert {path.name for path in out.glob("fits/*.safetensors")} == whole
    assert f"{len(stood)} fits found in {out}, {len(whole) - len(stood)} made" in done.stderr
    assert timeless(board_of(out)) == timeless(board_of(folder / "whole"))


def test_a_router_that_breaks_is_told_of_and_the_others_stand(world):
    folder, own, _ = world
    out = folder / "whole"  # the others' fits are there
    fits = {path.name: path.stat().st_mtime_ns for path in out.glob("fits/*.safetensors")}
    log = (folder / "fits.log").read_text()
    broken = (*own, "--router", f"{folder / 'mine.py'}:Fragile", "--json")
    done = run(folder, out, *broken, code=1)
    assert fits == {path.name: path.stat().st_mtime_ns for path in out.glob("fits/*.safetensors")}
    assert (folder / "fits.log").read_text() == log, "nobody else was fitted again"
    found, standings = section(json.loads(done.stdout), "in-distribution")
    assert found["skipped"] == [
        "fragile: failed on 2 of 2 folds: ValueError: I don't like these data"
    ]
    assert ("router", "fragile") not in standings
    assert ("router", "first-word") in standings
    assert "5 failed" in done.stderr


def test_a_file_without_a_router_is_one_line_and_exit_code_2(world):
    folder, _, _ = world
    done = run(folder, folder / "none", "--router", f"{folder / 'mine.py'}:Nobody", code=2)
    assert done.stderr.startswith("Error: ")
    assert "no class 'Nobody'; it has FirstWord" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "none").exists()

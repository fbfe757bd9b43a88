"""Collecting against an upstream that fails in every way: nothing paid is lost or asked twice.

The upstream is a process of its own with a log of its own; ``benchmarks/collect_faults.py`` is the
same at full size.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.collect_faults import Job, kill_at_random, reconcile
from routewright.data.journal import Journal
from tests.fakes.faulty import charges_of, faulty_upstream, read_log


@pytest.fixture
def make_job(tmp_path):
    """A function that starts an upstream and writes a job for it; all end with the test."""
    started = []

    def make(*options, prompts=10, timeout_s=1.0):
        log = tmp_path / "upstream.log"
        log.touch()
        upstream = faulty_upstream(log, *options)
        started.append(upstream)
        job = Job(tmp_path, prompts, upstream.__enter__(), log, timeout_s)
        job.write()
        return job

    yield make
    for upstream in started:
        upstream.__exit__(None, None, None)


def finish(job):
    """Run until every cell has ended in some state, as a user would; what the last run said."""
    for _ in range(5):
        told = job.run()
        if len({(row["prompt_id"], row["model"]) for row in job.answers()}) == job.cells:
            return told
    raise AssertionError(told)


@pytest.mark.parametrize("forget", [False, True])
def test_every_cell_ends_in_one_state_and_the_upstreams_log_agrees(make_job, forget):
    job = make_job("--faults", "--seed", "3", *(["--forget"] if forget else []), prompts=40)
    finish(job)
    assert reconcile(job, forgets=forget, runs_to_end=1)


def test_kill_9_at_random_moments_charges_nothing_twice(make_job):
    job = make_job("--faults", "--seed", "5", "--latency-s", "0.03", prompts=60)
    killed, again = kill_at_random(job, kills=5, seed=0)
    assert killed >= 3, "the kills came too late to prove anything"
    assert again == 0
    finish(job)
    assert reconcile(job, forgets=False, runs_to_end=1)


def test_the_budget_is_kept_and_a_larger_one_goes_on(make_job):
    """D-14: nothing is spent beyond it, and the rest is asked for later."""
    job = make_job()
    limited = Job(**{**vars(job), "command": [*job.command, "--budget-usd", "0.002"]})
    told = limited.run()
    bill = json.loads((job.out / "bill.json").read_text())
    assert 0 < bill["folder"]["spent_usd"] <= 0.002
    assert "stopped: the budget of $0.002" in told
    assert "larger --budget-usd to go on" in told
    asked = len(job.answered())
    assert 0 < asked < job.cells
    assert limited.run().count(f"{asked} of {job.cells} answers") == 1, (
        "a second run spends no more"
    )
    assert f"{job.cells} of {job.cells} answers" in job.run()
    assert max(charges_of(read_log(job.log)[0]).values()) == 1


def test_nobody_is_billed_without_having_been_asked(make_job):
    job = make_job()
    command = [part for part in job.command if part != "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "pass --yes to accept it" in done.stderr
    assert "the bill: about $" in done.stderr
    assert read_log(job.log)[0] == []


def test_a_flipped_byte_is_named_and_repair_asks_that_cell_again(make_job):
    job = make_job()
    job.run()
    path = job.out / "answers.journal"
    lines = path.read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if b'"state"' in line)
    lines[place] = lines[place].replace(b'"text":"', b'"text":"?', 1)
    path.write_bytes(b"".join(lines))
    _, before = read_log(job.log)

    told = job.run()
    assert f"line {place + 1} is damaged" in told
    assert "--repair" in told
    repaired = Job(**{**vars(job), "command": [*job.command, "--repair"]}).run()
    assert f"damaged lines ({place + 1}) were moved" in repaired
    assert f"{job.cells} of {job.cells} answers" in repaired
    assert "this run asked 1 for" in repaired
    assert "may have been charged" in repaired
    assert path.with_name("answers.journal.damaged").read_bytes() == lines[place]
    rows, _ = read_log(job.log, before)
    assert len([row for row in rows if "asked" in row]) == 1
    assert not charges_of(rows), "its key is the old one, so it is not charged again"


def test_a_second_process_on_a_folder_is_refused_and_asks_nothing(make_job):
    job = make_job("--latency-s", "0.5")
    with subprocess.Popen(job.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        while not job.log.stat().st_size:
            assert one.poll() is None
        done = subprocess.run(job.command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "another process is writing it" in done.stderr
    assert max(charges_of(read_log(job.log)[0]).values()) == 1


def test_an_interrupt_waits_for_what_is_paid(make_job):
    job = make_job("--latency-s", "0.5")
    with subprocess.Popen(
        job.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as one:
        while not job.log.stat().st_size:
            assert one.poll() is None
        one.terminate()
        told = one.communicate()[0]
    assert one.returncode == 130
    assert "stopped: interrupted" in told
    assert "run the same command to go on" in told
    assert set(charges_of(read_log(job.log)[0])) == job.answered()
    assert f"{job.cells} of {job.cells} answers" in job.run()


SMALL_DISK = """
set -e
mount -t tmpfs -o size={size} none {folder}
"$@" || echo "exit code $?"
cp -r {folder} {kept}
"""


def on_small_disk(job, size, kept):
    """Collect with the folder on a disk of its own; a copy of the folder is kept."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare for a small disk")
    job.out.mkdir()
    script = SMALL_DISK.format(size=size, folder=job.out, kept=kept)
    own = [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    done = subprocess.run([*own, *job.command], capture_output=True, text=True)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    return done


def test_a_full_disk_stops_the_run_and_keeps_what_is_paid(make_job, tmp_path):
    job = make_job("--latency-s", "0.02", prompts=1500)
    kept = tmp_path / "kept"
    done = on_small_disk(job, "1400k", kept)
    assert "stopped: the disk is full; what was under way is recorded" in done.stdout
    assert "run the same command to go on" in done.stdout
    rows = [row for row in Journal(kept / "answers.journal").rows() if "sent" not in row]
    rows = [row for row in rows if row["state"] != "failed"]  # noted, and not sent after all
    answered = {f"prompt {row['prompt_id'][1:]}|{row['model']}|0" for row in rows}
    assert 0 < len(answered) < job.cells
    assert answered == set(charges_of(read_log(job.log)[0])), "what was paid for is on disk"


def test_a_disk_without_room_to_begin_asks_nothing(make_job, tmp_path):
    job = make_job()
    done = on_small_disk(job, "300k", tmp_path / "kept")
    assert "exit code 2" in done.stdout
    assert "make room and run again" in done.stderr
    assert read_log(job.log)[0] == []


def test_samples_are_asked_with_seeds_of_their_own(make_job):
    job = make_job(prompts=3)
    command = [*job.command, "--samples", "3"]
    told = Job(**{**vars(job), "command": command}).run()
    assert "36 of 36 answers" in told
    asked = [row for row in read_log(job.log)[0] if "asked" in row]
    assert len({row["asked"] for row in asked}) == len({row["key"] for row in asked}) == 36
    refused = job.run()
    assert "begun with another decoding" in refused, "one sample is greedy, several are not"


def test_the_key_of_a_cell_is_the_same_in_every_run_and_another_in_every_folder(make_job):
    job = make_job(prompts=2)
    job.run()
    (job.out / "answers.journal").unlink()
    job.run()
    other = [str(job.folder / "other") if part == str(job.out) else part for part in job.command]
    subprocess.run(other, check=True, capture_output=True)
    keys = [row["key"] for row in read_log(job.log)[0] if "asked" in row]
    assert set(keys[:8]) == set(keys[8:16])
    assert not set(keys[:8]) & set(keys[16:])


def test_the_whole_of_it_needs_no_more_than_the_base_install():
    code = "import sys, routewright.collect; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path.home()).returncode == 0

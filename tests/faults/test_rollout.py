"""Reload, promote, roll back: in all workers or in none, and the same after a restart."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from routewright.config import StateSettings, load_settings
from routewright.errors import ConfigError, RefusedError
from routewright.serve.gateway import Gateway
from routewright.serve.promotion import FILE, alone, pointer_of
from routewright.serve.sinks import with_state
from tests.fakes.gateway import Served, scripted_settings, served
from tests.fakes.upstream import Upstream
from tests.faults.test_reload import train
from tests.faults.test_workers import children, wait_for
from tests.promises.test_gateway import gateway_process, write_config

ADMIN = "an-admin-key-of-the-tests"
BEARER = {"authorization": f"Bearer {ADMIN}"}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Three routers: one, two, and one that knows a model which the pool has not."""
    folder = tmp_path_factory.mktemp("trained")
    for seed, name in enumerate(("one", "two")):
        train(folder / name, seed=seed)
    train(folder / "foreign", models=("cheap", "unheard-of"))
    return folder


@pytest.fixture(autouse=True)
def admin_key(monkeypatch):
    monkeypatch.setenv("ROUTEWRIGHT_ADMIN_KEY", ADMIN)


def with_admin(folder: Path, gateway: str) -> str:
    (folder / "admin").write_text(ADMIN)
    return f'{gateway}\nadmin_key_file = "admin"'


def settings_of(upstream, folder: Path, trained: Path, **more):
    given = {"decisions": "", "state": StateSettings(), "artefact": str(trained / "one")}
    return scripted_settings(upstream.url, folder, **given, worth_usd=0.01, **more)


def promote(up: Served, artefact: Path):
    return up.request("POST", "/admin/artefacts/promote", {"artefact": str(artefact)}, BEARER)


def rollback(up: Served):
    return up.request("POST", "/admin/artefacts/rollback", None, BEARER)


def in_force(up: Served) -> str:
    return up.chat("add 3 and 21").headers["x-routewright-artefact"].partition("@")[0]


def test_a_promotion_is_taken_back_by_one_call_and_both_are_recorded(upstream, tmp_path, trained):
    """A-05: promote, a regression is seen, roll back."""
    with served(Gateway(settings_of(upstream, tmp_path, trained))) as up:
        assert in_force(up) == "one"
        told = promote(up, trained / "two")
        assert told.status == 200, told.body
        assert told.json["artefact"].startswith("two@")
        assert in_force(up) == "two"
        began = time.monotonic()
        assert rollback(up).status == 200
        assert in_force(up) == "one"
        assert time.monotonic() - began <= 5.0  # a second where nobody else computes
        assert rollback(up).status == 409  # nothing is left to go back to
        told = up.request("GET", "/admin/artefacts", None, BEARER).json
    assert [(c["action"], c["artefact"][:3], c["former"][:3]) for c in told["log"]] == [
        ("promote", "two", "one"),
        ("rollback", "one", "two"),
    ]


def test_a_restart_comes_up_with_what_was_promoted(upstream, tmp_path, trained):
    settings = settings_of(upstream, tmp_path, trained)
    with served(Gateway(settings)) as up:
        assert promote(up, trained / "two").status == 200
    with served(Gateway(settings)) as up:
        assert in_force(up) == "two"
        assert rollback(up).status == 200
    with served(Gateway(settings)) as up:
        assert in_force(up) == "one"


def test_a_configuration_that_names_another_artefact_outweighs_a_promotion(
    upstream, tmp_path, trained
):
    settings = settings_of(upstream, tmp_path, trained)
    with served(Gateway(settings)) as up:
        assert promote(up, trained / "two").status == 200
    (tmp_path / "again").mkdir()
    for file in (trained / "one").iterdir():
        (tmp_path / "again" / file.name).write_bytes(file.read_bytes())
    gateway = msgspec.structs.replace(settings.gateway, artefact="again")
    changed = msgspec.structs.replace(settings, gateway=gateway)
    with served(Gateway(changed)) as up:
        assert in_force(up) == "again"
        assert rollback(up).status == 409


def test_an_artefact_that_cannot_be_is_refused_and_changes_nothing(upstream, tmp_path, trained):
    """A-04, by promotion: a model that the pool lacks; a folder that is no artefact."""
    settings = settings_of(upstream, tmp_path, trained)
    with served(Gateway(settings)) as up:
        for name, why in (("foreign", "unheard-of"), ("nowhere", "nowhere")):
            told = promote(up, trained / name)
            assert (told.status, told.json["error"]["code"]) == (409, "refused")
            assert why in told.json["error"]["message"]
        assert in_force(up) == "one"
    assert pointer_of(settings).held == ()


def test_a_former_artefact_that_was_overwritten_is_not_rolled_back_to(upstream, tmp_path, trained):
    mine = tmp_path / "mine"
    shutil.copytree(trained / "one", mine)
    with served(Gateway(settings_of(upstream, tmp_path, trained))) as up:
        assert promote(up, mine).status == 200
        assert promote(up, trained / "two").status == 200
        shutil.copytree(trained / "two", mine, dirs_exist_ok=True)
        told = rollback(up)
        assert told.status == 409
        assert "is no longer mine@" in told.json["error"]["message"]
        assert in_force(up) == "two"


def test_a_disk_that_takes_no_pointer_leaves_everything_as_it_was(
    upstream, tmp_path, trained, monkeypatch
):
    settings = settings_of(upstream, tmp_path, trained)
    with served(Gateway(settings)) as up:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("routewright.serve.promotion.os.fsync", full)
            assert promote(up, trained / "two").status == 503
        assert in_force(up) == "one"
        assert pointer_of(settings).held == ()


def test_of_two_changes_at_once_the_second_is_refused(upstream, tmp_path, trained):
    """D-09"""
    settings = settings_of(upstream, tmp_path, trained)
    with served(Gateway(settings)) as up:
        with alone(settings):
            told = promote(up, trained / "two")
            with pytest.raises(RefusedError), alone(settings):
                pass
        assert told.status == 409
        assert "under way" in told.json["error"]["message"]
        assert promote(up, trained / "two").status == 200


def test_a_damaged_pointer_is_said_in_one_line(upstream, tmp_path, trained):
    settings = settings_of(upstream, tmp_path, trained)
    spool = tmp_path / "routewright-spool"
    spool.mkdir()
    (spool / FILE).write_bytes(b'{"held": [')
    with pytest.raises(ConfigError, match="delete it to go back"):
        Gateway(settings)


def workers_of(up: Served, most: int = 60) -> Counter[str]:
    """Which artefacts answer, over many connections, which the kernel spreads over workers."""
    return Counter(in_force(up) for _ in range(most))


def test_every_worker_takes_a_promotion_or_none_does(upstream, tmp_path, trained):
    """A-04, A-05 with three workers; one that starts later has the promoted one as well."""
    gateway = f'artefact = "{trained / "one"}"\nworth_usd = 0.01\nworkers = 3'
    gateway = with_admin(tmp_path, gateway)
    write_config(tmp_path, upstream.url, gateway)
    with gateway_process(cwd=tmp_path) as (process, url, _):
        up = Served(url, None)
        pids = children(process.pid)
        told = promote(up, trained / "two")
        assert told.status == 200, told.body
        assert {each["pid"] for each in told.json["workers"]} == pids
        assert {each["artefact"] for each in told.json["workers"]} == {told.json["artefact"]}
        assert set(workers_of(up)) == {"two"}
        assert promote(up, trained / "foreign").status == 409
        assert set(workers_of(up)) == {"two"}
        victim = min(pids)
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(children(process.pid) - {victim}) == 3)
        wait_for(lambda: len(json.loads(rolled(up))["workers"]) == 3)
        assert set(workers_of(up)) == {"one"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def rolled(up: Served) -> bytes:
    """Promote again where that was taken back, then roll back: what the workers said."""
    promote(up, Path(up.request("GET", "/readyz").json["artefact"].partition("@")[0]))
    return rollback(up).body


def test_a_reload_is_refused_by_all_where_one_refuses(upstream, tmp_path, trained):
    """The configuration that breaks is in no worker's hands; the next one that works is in all."""
    gateway = f'artefact = "{trained / "one"}"\nworth_usd = 0.01\nworkers = 2'
    gateway = with_admin(tmp_path, gateway)
    write_config(tmp_path, upstream.url, gateway)
    with gateway_process(cwd=tmp_path) as (process, url, _):
        up = Served(url, None)
        write_config(tmp_path, upstream.url, gateway.replace("one", "foreign"))
        told = up.request("POST", "/admin/reload", None, BEARER)
        assert told.status == 409
        assert "unheard-of" in told.json["error"]["message"]
        assert set(workers_of(up, 20)) == {"one"}
        write_config(tmp_path, upstream.url, gateway.replace("one", "two"))
        told = up.request("POST", "/admin/reload", None, BEARER)
        assert told.status == 200, told.body
        assert {each["pid"] for each in told.json["workers"]} == children(process.pid)
        assert set(workers_of(up, 20)) == {"two"}


def test_requests_go_on_while_artefacts_are_promoted_and_rolled_back(upstream, tmp_path, trained):
    """A-05 under load: no request fails, and each names one of the two."""
    bad: list[object] = []
    seen: Counter[str] = Counter()
    over = threading.Event()
    with served(Gateway(settings_of(upstream, tmp_path, trained))) as up:

        def ask() -> None:
            while not over.is_set():
                reply = up.chat("add 3 and 21")
                if reply.status != 200:
                    bad.append(reply.body)
                seen[reply.headers.get("x-routewright-artefact", "").partition("@")[0]] += 1

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            assert promote(up, trained / "two").status == 200
            assert rollback(up).status == 200
        over.set()
        for thread in threads:
            thread.join(30)
    assert bad == []
    assert set(seen) <= {"one", "two"}
    assert sum(seen.values()) > 5


def hammer_rollouts(upstream, folder: Path, trained: Path, kills: Sequence[float | None]) -> int:
    """Two at once promote and roll back, over and over; after so many seconds of each round the
    youngest worker is killed, or None is.

    Returns how many changes were taken. After each round all workers agree with the pointer.
    """
    gateway = f'artefact = "{trained / "one"}"\nworth_usd = 0.01\nworkers = 2'
    config = write_config(folder, upstream.url, with_admin(folder, gateway))
    settings = with_state(load_settings(config))
    taken = 0
    with gateway_process(cwd=folder) as (process, url, _):
        up = Served(url, None)
        for kill_s in kills:
            answers: list[int] = []

            def change(first: bool, answers: list[int] = answers) -> None:
                # A worker that is killed takes the connection along.
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answers.append((promote(up, trained / "two") if first else rollback(up)).status)

            threads = [threading.Thread(target=change, args=(first,)) for first in (True, False)]
            for thread in threads:
                thread.start()
            if kill_s is not None:
                time.sleep(kill_s)
                with contextlib.suppress(ProcessLookupError, ValueError):
                    os.kill(max(children(process.pid)), signal.SIGKILL)
            for thread in threads:
                thread.join(120)
            assert set(answers) <= {200, 409}
            taken += answers.count(200)
            wait_for(lambda: len(children(process.pid)) == 2, 60)
            held = pointer_of(settings).held
            wanted = Path(held[-1].path).name if held else "one"
            wait_for(lambda wanted=wanted: set(answering(up)) == {wanted}, 60)
    return taken


def answering(up: Served) -> Counter[str]:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return workers_of(up, 12)
    return Counter()


def test_changes_that_race_leave_all_workers_with_one_artefact(upstream, tmp_path, trained):
    """D-09: of two at once the second is refused, and where the first had nothing to do, both."""
    assert hammer_rollouts(upstream, tmp_path, trained, [None] * 6) >= 1


def test_a_worker_that_is_killed_in_the_middle_leaves_no_two_artefacts_in_force(
    upstream, tmp_path, trained
):
    """D-07, promotion: whoever is killed, those that live and the next agree with the disk."""
    hammer_rollouts(upstream, tmp_path, trained, [0.0, 0.02])


@pytest.mark.nightly
def test_races_and_kills_of_promotions(upstream, tmp_path, trained, figures):
    """D-09, D-07: 200 races, and 60 kills at different moments."""
    killed = 0
    # Few kills of a gateway: it makes the successor of a worker that died young wait ever longer.
    for part in range(20):
        folder = tmp_path / f"kills-{part}"
        folder.mkdir()
        kills = [0.02 * ((3 * part + turn) % 10) for turn in range(3)]
        killed += hammer_rollouts(upstream, folder, trained, kills)
    (tmp_path / "races").mkdir()
    taken = hammer_rollouts(upstream, tmp_path / "races", trained, [None] * 200)
    figures("D-09-promotion", races=200, taken=taken, kills=60, taken_while_killed=killed, torn=0)


@pytest.mark.nightly
def test_a_rollback_takes_less_than_a_second(upstream, tmp_path, trained, figures):
    """A-05: from the call to the first answer of the former artefact."""
    took: list[float] = []
    with served(Gateway(settings_of(upstream, tmp_path, trained))) as up:
        for _ in range(20):
            assert promote(up, trained / "two").status == 200
            began = time.monotonic()
            assert rollback(up).status == 200
            assert in_force(up) == "one"
            took.append(time.monotonic() - began)
    figures("A-05", rollbacks=len(took), slowest_s=round(max(took), 3))
    assert max(took) <= 1.0

"""Configuration and artefact change under running requests: one or the other, never half of two."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import signal
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from routewright import routers
from routewright.config import ModelSettings
from routewright.data.journal import Journal
from routewright.data.routing_data import RoutingData
from routewright.errors import ArtefactError, ConfigError
from routewright.serve.gateway import Gateway
from routewright.types import Prompt
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Say, Upstream
from tests.promises.test_gateway import gateway_process, routewright, write_config


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def train(folder: Path, models=("cheap", "strong"), *, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    shape = (24, len(models))
    data = RoutingData(
        prompts=tuple(Prompt.from_text(f"p{n}", f"add {n} and {n * 7}") for n in range(24)),
        models=models,
        scores=rng.uniform(0.2, 1.0, shape),
        costs=np.full(shape, 1e-4),
        latencies=np.ones(shape),
    )
    routers.make("stack", seed=seed).fit(data).save(folder)
    return folder


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("trained")
    return train(folder / "router", seed=0), train(folder / "other", seed=1)


def reload(running: Served, settings=None, **given) -> None:
    """On the gateway's own loop, as its signal handler would."""
    future = asyncio.run_coroutine_threadsafe(
        running.gateway.reload(settings, **given), running.loop
    )
    future.result(60)


def with_artefact(settings, artefact: Path):
    gateway = msgspec.structs.replace(settings.gateway, artefact=str(artefact), worth_usd=0.01)
    return msgspec.structs.replace(settings, gateway=gateway)


def test_each_request_sees_one_artefact_and_its_decision_names_it(upstream, tmp_path, artefacts):
    """A-03, shortened: reloads while requests run; nobody notices, nothing is mixed."""
    errors, mixed, seen, _ = hammer(upstream, tmp_path, artefacts, seconds=3.0, every_s=0.2)
    assert (errors, mixed) == (0, 0)
    assert len(seen) == 2
    assert min(seen.values()) > 5


@pytest.mark.nightly
def test_five_minutes_of_reloads_every_second(upstream, tmp_path, artefacts, figures):
    """A-03."""
    errors, mixed, seen, resident_mb = hammer(
        upstream, tmp_path, artefacts, seconds=300.0, every_s=1.0
    )
    third = len(resident_mb) // 3
    grown_mb = statistics.median(resident_mb[-third:]) - statistics.median(
        resident_mb[third : 2 * third]
    )
    figures(
        "A-03",
        requests=sum(seen.values()),
        reloads=len(resident_mb),
        errors=errors,
        mixed=mixed,
        rss_grown_mb_from_second_to_last_third=round(grown_mb, 1),
    )
    assert (errors, mixed) == (0, 0)
    assert grown_mb <= 20


def hammer(
    upstream, folder, artefacts, *, seconds, every_s
) -> tuple[int, int, Counter[str], list[float]]:
    """Requests from four threads while the artefact is swapped.

    Returns errors, rows whose candidates are not those that the named artefact predicts, requests
    by artefact, and this process's megabytes after each reload.
    """
    folder.mkdir(exist_ok=True)
    settings = [with_artefact(scripted_settings(upstream.url, folder), a) for a in artefacts]
    predicted = {}
    gateway = Gateway(settings[0])
    errors: list[object] = []
    turns = itertools.count()
    resident_mb: list[float] = []
    upstream.says["cheap"] = upstream.says["strong"] = lambda request: Say()
    with served(gateway) as running:
        over = time.monotonic() + seconds

        def ask() -> None:
            while time.monotonic() < over:
                reply = running.chat("add 3 and 21", stream=next(turns) % 2 == 0)
                if reply.status != 200:
                    errors.append(reply.body)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        turn = 0
        while time.monotonic() < over:
            decider = gateway.decider
            decision = decider.decide(Prompt.from_text("x", "add 3 and 21"))
            predicted[decider.artefact] = msgspec.to_builtins(decision.candidates)
            time.sleep(every_s)
            turn += 1
            reload(running, settings[turn % 2])
            resident_mb.append(_resident_mb())
            upstream.requests.clear()  # it remembers everything, which is not ours to measure
            upstream.headers.clear()
        for thread in threads:
            thread.join()
        deadline = time.monotonic() + 10
        while gateway.retiring:  # old generations let go of what only they used
            assert time.monotonic() < deadline
            time.sleep(0.02)
    seen: Counter[str] = Counter()
    mixed = 0
    for row in Journal(folder / "decisions.jsonl").rows():
        named = row["decision"]["artefact"]
        seen[named] += 1
        mixed += json.loads(json.dumps(row["decision"]["candidates"])) != json.loads(
            json.dumps(predicted[named])
        )
    return len(errors), mixed, seen, resident_mb


def _resident_mb() -> float:
    told = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", told)[0]) / 1024


def test_a_running_stream_ends_on_the_generation_it_began_on(upstream, tmp_path):
    """A-03: its provider is closed when it has ended, not before."""
    upstream.script["cheap"] = [Say("one two three four five six", gap_s=0.1)]
    settings = scripted_settings(upstream.url, tmp_path)
    gateway = Gateway(settings, router=ByWord())
    other = scripted_settings(f"{upstream.url}/elsewhere", tmp_path)
    with served(gateway) as running:
        replies = []
        asking = threading.Thread(target=lambda: replies.append(running.chat("x", stream=True)))
        asking.start()
        assert upstream.arrived.acquire(timeout=20)
        old = gateway.generation
        reload(running, other, router=ByWord())
        assert gateway.generation is not old
        assert gateway.retiring == 1
        asking.join()
        assert b"[DONE]" in replies[0].body
        deadline = time.monotonic() + 5
        while gateway.retiring:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_unchanged_providers_are_taken_over_with_their_connections(upstream, tmp_path):
    settings = scripted_settings(upstream.url, tmp_path)
    gateway = Gateway(settings, router=ByWord())
    with served(gateway) as running:
        before = dict(gateway.providers)
        changed = msgspec.structs.replace(settings.providers["other"], max_concurrency=3)
        providers = {**settings.providers, "other": changed}
        reload(running, msgspec.structs.replace(settings, providers=providers), router=ByWord())
        assert gateway.providers["acme"] is before["acme"]
        assert gateway.providers["other"] is not before["other"]
        assert running.chat("hello").status == 200


class NotFinite(ByWord):
    def predict(self, prompts):
        told = super().predict(prompts)
        if len(prompts[0].text) > 1000:
            told.scores[:] = np.nan
        return told


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda s: {"router": NotFinite()}, "not finite"),
        (lambda s: {"router": ByWord(models=("cheap", "unheard-of"))}, "unheard-of"),
        (lambda s: {"settings": with_artefact(s, Path("/nowhere"))}, "nowhere"),
    ],
)
def test_what_would_not_work_is_refused_and_the_old_one_stays(upstream, tmp_path, broken, says):
    """A-04: with the reason, and seen by whoever asks for readiness."""
    settings = scripted_settings(upstream.url, tmp_path)
    gateway = Gateway(settings, router=ByWord())
    with served(gateway) as running:
        old = gateway.generation
        with pytest.raises((ArtefactError, ConfigError), match=says):
            reload(running, **{"settings": settings, **broken(settings)})
        assert gateway.generation is old
        assert running.chat("hello").status == 200
        ready = running.request("GET", "/readyz")
        assert (ready.status, ready.json["reload_refused"]) == (200, True)
        reload(running, settings, router=ByWord())
        assert running.request("GET", "/readyz").json["reload_refused"] is False


def test_a_damaged_artefact_is_refused_and_the_old_one_stays(upstream, tmp_path, artefacts):
    """A-01: as any damage that reading finds, of which test_mutated_artefacts has a thousand."""
    torn = train(tmp_path / "torn")
    whole = (torn / "arrays.safetensors").read_bytes()
    (torn / "arrays.safetensors").write_bytes(whole[: len(whole) // 2])
    settings = with_artefact(scripted_settings(upstream.url, tmp_path), artefacts[0])
    with served(Gateway(settings)) as running:
        named = running.gateway.decider.artefact
        with pytest.raises(ArtefactError):
            reload(running, with_artefact(settings, torn))
        assert running.gateway.decider.artefact == named
        assert named.startswith("router@")


def test_a_removed_model_is_known_no_more_and_an_added_one_is(upstream, tmp_path):
    settings = scripted_settings(upstream.url, tmp_path, default_model="cheap")
    with served(Gateway(settings)) as running:
        models = {n: m for n, m in settings.models.items() if n != "spare"}
        models["fresh"] = ModelSettings(provider="acme")
        reload(running, msgspec.structs.replace(settings, models=models))
        assert running.chat("hello", model="spare").status == 404
        assert running.chat("hello", model="fresh").status == 200


def test_sighup_reloads_the_file_or_says_why_not(upstream, tmp_path, artefacts):
    """A-03, A-04: as an operator does it."""
    path = write_config(tmp_path, upstream.url, 'default_model = "cheap"')
    with gateway_process(cwd=tmp_path) as (process, url, _):
        port = int(url.rpartition(":")[2])
        running = Served(url, None)
        assert running.port == port
        assert running.chat("hello").headers["x-routewright-model"] == "cheap"
        path.write_text(path.read_text().replace('"cheap"', '"strong"', 1))
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: running.chat("hello").headers["x-routewright-model"] == "strong")
        path.write_text(path.read_text().replace("default_model", "defualt_model"))
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: running.request("GET", "/readyz").json["reload_refused"])
        assert running.chat("hello").headers["x-routewright-model"] == "strong"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert "defualt_model" in process.stderr.read()


def wait_for(condition, seconds=20.0) -> None:
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over
        time.sleep(0.05)


def test_config_check_says_whether_a_gateway_would_start(upstream, tmp_path, artefacts):
    write_config(tmp_path, upstream.url, f'artefact = "{artefacts[0]}"\nworth_usd = 0.01')
    said: subprocess.CompletedProcess[str] = routewright("config", "check", cwd=tmp_path)
    assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "ok")
    write_config(tmp_path, upstream.url, 'default_model = "nobody"')
    said = routewright("config", "check", cwd=tmp_path)
    assert said.returncode == 2
    assert "nobody" in said.stderr
    assert said.stderr.count("\n") == 1

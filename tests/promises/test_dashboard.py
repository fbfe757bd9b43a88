"""T-05: the dashboard and the alerts ask for what a running gateway tells."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from routewright.config import CacheSettings, StateSettings
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Refuse, Say, Upstream

DEPLOY = Path(__file__).parents[2] / "deploy"
# No request of a test can bring these about.
WITHOUT_A_SAMPLE = {"routewright_reloads_total", "routewright_cache_saved_usd_total"}


def expressions() -> dict[str, str]:
    """Every query of both files, by where it stands."""
    board = json.loads((DEPLOY / "grafana/routewright.json").read_text())
    asked = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel["targets"]
    }
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]:
        asked |= {rule["alert"]: rule["expr"] for rule in group["rules"]}
    return asked


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway to which everything has happened once."""
    folder = tmp_path_factory.mktemp("gateway")
    with Upstream() as upstream:
        settings = scripted_settings(
            upstream.url,
            folder,
            decisions="",
            state=StateSettings(),
            cache=CacheSettings(exact=True),
        )
        with served(Gateway(settings, router=ByWord())) as running:
            happen(running, upstream)
            yield running


def happen(running: Served, upstream: Upstream) -> None:
    for _ in range(2):
        running.chat("hello", temperature=0)
    running.chat("hello", stream=True)
    running.chat("explode")
    running.chat(model="nobody")
    upstream.script["cheap"] = [Refuse(500), Say()]
    running.chat("again")
    upstream.script["strong"] = [Refuse(500)]
    running.chat(model="strong")


def labels_told(text: str) -> dict[str, set[str]]:
    """Names of metrics on a page of /metrics, each with the labels of its samples."""
    told: dict[str, set[str]] = {}
    for name in re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE):
        told[name] = set()
    for name, labels in re.findall(r"^(\w+?)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        told.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return told


@pytest.mark.parametrize("where", expressions())
def test_what_is_asked_for_is_on_a_live_page(busy, where):
    """T-05: each metric, and each label that it is filtered or summed by."""
    told = labels_told(busy.request("GET", "/metrics").body.decode())
    expr = expressions()[where]
    names = set(re.findall(r"routewright_\w+", expr))
    assert names <= set(told), names - set(told)
    used = set(re.findall(r"(\w+)(?:=~|!=|=)\"", expr))
    for several in re.findall(r"by \(([^)]*)\)", expr):
        used |= {label.strip() for label in several.split(",")}
    for name in names - WITHOUT_A_SAMPLE:
        assert told[name] or not used - {"instance", "job"}, name
        assert used - {"instance", "job"} <= told[name], (name, told[name])


@pytest.fixture(scope="module")
def prometheus(busy: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real one that scrapes the gateway by deploy/prometheus.yml, each second."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"]["scrape_interval"] = "1s"
    (job,) = config["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{busy.port}"]}]
    (folder / "key").write_text("none")
    job["authorization"]["credentials_file"] = str(folder / "key")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "alerts.yml").write_text((DEPLOY / "alerts.yml").read_text())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            binary,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def ask(url: str, query: str) -> list[Any]:
    sent = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{url}/api/v1/query?{sent}", timeout=10) as got:  # noqa: S310 - our own
        return json.load(got)["data"]["result"]


@pytest.mark.nightly
def test_a_real_prometheus_answers_every_question(busy, prometheus):
    """T-05: each query of the dashboard has an answer, and each alert one that it could fire by."""
    over = time.monotonic() + 60
    while time.monotonic() < over:
        try:
            if len(ask(prometheus, "count_over_time(up[1m]) > 4")) == 1:
                break
        except OSError:
            pass
        time.sleep(0.5)
    silent = []
    for where, expr in expressions().items():
        asked = expr.replace("$__rate_interval", "1m")
        if where.startswith("Routewright"):
            asked = re.sub(r" (?:==|>) [\d.]+$", "", asked)
        if not ask(prometheus, asked):
            silent.append(where)
    assert set(silent) <= {"Reloads A", "RoutewrightReloadRefused", "Passed over B"}

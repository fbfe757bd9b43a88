"""deploy/: the same processes, started by hand as the files say; no container engine is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.postgres import PASSWORD, Postgres
from tests.fakes.upstream import Upstream

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
ADMIN_KEY = "an-admin-key-of-this-test"
ROUTEWRIGHT = [sys.executable, "-m", "routewright.cli.main"]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def environment(service: dict[str, Any], server: Postgres) -> dict[str, str]:
    """The service's, its variables filled in, and the database where it is here."""
    given = {
        "POSTGRES_PASSWORD": PASSWORD,
        "ROUTEWRIGHT_ADMIN_KEY": ADMIN_KEY,
        "OPENAI_API_KEY": "sk-upstream-key",
        "ROUTEWRIGHT_REDIS_URL": "",  # nobody has to set it
    }
    told = {
        name: re.sub(r"\$\{(\w+):[-?][^}]*\}", lambda found: given[found[1]], value)
        for name, value in service["environment"].items()
    }
    url = told["ROUTEWRIGHT_STATE_URL"]
    assert url == f"postgresql+psycopg://routewright:{PASSWORD}@postgres:5432/routewright"
    told["ROUTEWRIGHT_STATE_URL"] = server.url
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**kept, "ROUTEWRIGHT_CACHE": "", **told}


def configuration(folder: Path, upstream: Upstream, port: int) -> Path:
    """deploy/routewright.toml with this machine's folders, port and upstream."""
    text = (DEPLOY / "routewright.toml").read_text()
    for there, here in {
        "port = 8080": f"port = {port}",
        "/var/lib/routewright/spool": str(folder / "spool"),
        "https://api.openai.com/v1": upstream.url,
    }.items():
        assert there in text
        text = text.replace(there, here)
    path = folder / "routewright.toml"
    path.write_text(text)
    return path


def get(url: str, key: str = "", body: Any = None) -> tuple[int, bytes]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - our own URL
    try:
        with urllib.request.urlopen(request, timeout=20) as got:  # noqa: S310
            return got.status, got.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_gateway_runs_as_compose_starts_it(tmp_path):
    """Command, variables, configuration, health check, scrape and end are those of the files."""
    service = COMPOSE["services"]["gateway"]
    port = free_port()
    with Postgres() as server, Upstream() as upstream:
        env = environment(service, server)
        config = configuration(tmp_path, upstream, port)
        command = [*ROUTEWRIGHT, *service["command"]]
        command = [
            part.replace("/etc/routewright/routewright.toml", str(config)) for part in command
        ]

        refused = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert refused.returncode == 2
        assert "routewright keys create" in refused.stderr

        made = subprocess.run(
            [*ROUTEWRIGHT, "keys", "--config", str(config), "create", "first"],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        key = made.stdout.strip()
        process = subprocess.Popen(
            command, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            healthy(port)
            url = f"http://127.0.0.1:{port}"
            asked = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
            assert get(f"{url}/v1/chat/completions", "", asked)[0] == 401
            status, answer = get(f"{url}/v1/chat/completions", key, asked)
            assert (status, json.loads(answer)["model"]) == (200, "small")
            assert upstream.headers[-1]["authorization"] == "Bearer sk-upstream-key"

            scrape = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"][0]
            secret = scrape["authorization"]["credentials_file"].removeprefix("/run/secrets/")
            assert COMPOSE["secrets"][secret]["environment"] == "ROUTEWRIGHT_ADMIN_KEY"
            assert get(url + scrape["metrics_path"])[0] == 401
            status, told = get(url + scrape["metrics_path"], ADMIN_KEY)
            assert b'model="small",route="/v1/chat/completions",state="complete"} 1.0' in told
        finally:
            process.send_signal(signal.SIGTERM)
            grace_s = float(service["stop_grace_period"].removesuffix("s"))
            _, written = process.communicate(timeout=grace_s)
        assert process.returncode == 0
        lines = [json.loads(line) for line in written.splitlines()]
        asked = [line for line in lines if line["logger"] == "routewright.access"]
        assert [line["state"] for line in asked] == ["refused", "complete", "refused"]
        for secret in (key, ADMIN_KEY, PASSWORD, "sk-upstream-key"):
            assert secret.encode() not in written


def healthy(port: int) -> None:
    """Wait as the container's health check does, by its own command."""
    check = re.search(r"HEALTHCHECK .*?CMD (\[.*?\])\n", (DEPLOY / "Dockerfile").read_text(), re.S)
    command = [part.replace(":8080", f":{port}") for part in json.loads(check[1])]
    command[0] = sys.executable
    over = time.monotonic() + 30
    while subprocess.run(command, capture_output=True).returncode:
        assert time.monotonic() < over, shlex.join(command)
        time.sleep(0.2)


def test_every_file_that_compose_mounts_is_there():
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file(), mount


def test_nothing_is_published_beyond_this_host_and_the_gateway_cannot_write():
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    gateway = COMPOSE["services"]["gateway"]
    assert gateway["read_only"]
    assert gateway["cap_drop"] == ["ALL"]
    docker = (DEPLOY / "Dockerfile").read_text()
    assert "\nUSER 10001:10001\n" in docker.split("\nFROM ")[-1]


def test_no_secret_is_written_in_a_file():
    """Variables without a default: without a value compose refuses to start."""
    text = (DEPLOY / "compose.yaml").read_text()
    for line in text.splitlines():
        if re.search(r"(PASSWORD|_KEY)\b.*: ", line) and "secrets" not in line:
            assert ":?" in line or "environment: ROUTEWRIGHT_ADMIN_KEY" in line, line


def test_the_chart_and_compose_read_configurations_that_hold(tmp_path):
    from routewright.config import load_settings

    values = yaml.safe_load((DEPLOY / "helm/routewright/values.yaml").read_text())
    path = tmp_path / "routewright.toml"
    path.write_text(values["config"])
    for given in (path, DEPLOY / "routewright.toml"):
        settings = load_settings(given, env={})
        assert settings.gateway.auth == "keys"
        assert settings.gateway.log.format == "json"
        assert settings.gateway.default_model in [model.name for model in settings.pool()]


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_the_charts_probes_ask_routes_that_are_open(probe):
    from routewright.serve.routes import TABLE

    text = (DEPLOY / "helm/routewright/templates/deployment.yaml").read_text()
    path = re.search(rf"{probe}:\s+httpGet:\s+path: (\S+)", text)[1]
    assert [spec.access for spec in TABLE if spec.path == path] == ["open"]

"""What is measured: ours, and the rivals that ``rivals.sh`` has installed."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

RIVALS = Path.home() / ".cache" / "routewright-rivals"
MODELS = 10


@dataclass(frozen=True)
class Gateway:
    """A gateway, how it is started and how it is asked.

    ``port`` is 0 where it takes one itself and writes ``port NUMBER`` into its log. Without a
    command it runs already.
    """

    name: str
    port: int
    command: tuple[str, ...] = ()
    model: str = "m0"
    path: str = "/v1/chat/completions"
    headers: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict[str, str])
    version: str = ""


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ours(folder: Path, artefact: Path, upstream: int, *, workers: int = 1) -> Gateway:
    """Our gateway: the router decides every request, decisions go to SQLite as they do by default.

    Args:
        folder: is made; the configuration and the state are in it.
        artefact: the router.
        upstream: the port of the fake upstream.
        workers: how many processes.
    """
    folder.mkdir()
    lines = [
        f'[gateway]\nartefact = "{artefact}"\nworth_usd = 0.01',
        f'[providers.fake]\nkind = "openai"\nbase_url = "http://127.0.0.1:{upstream}/v1"',
        *(
            f'[models.m{at}]\nprovider = "fake"\ninput_usd_per_mtok = {at + 1}\n'
            f"output_usd_per_mtok = {4 * at + 4}"
            for at in range(MODELS)
        ),
    ]
    config = folder / "routewright.toml"
    config.write_text("\n".join(lines) + "\n")
    port = free_port()
    command = (sys.executable, "-m", "routewright.cli.main", "serve", "--config", str(config))
    options = ("--port", str(port), "--workers", str(workers))
    return Gateway("ours", port, (*command, *options), model="auto")


def rivals(folder: Path, upstream: int, where: Path) -> dict[str, Gateway | None]:
    """Every rival in the order of the table; None for one that is not installed.

    Args:
        folder: for their configurations.
        upstream: the port of the fake upstream.
        where: the folder that ``rivals.sh`` installed into.
    """
    make: dict[str, Callable[[], Gateway]] = {
        "nginx": lambda: _nginx(folder, upstream),
        "TensorZero": lambda: _tensorzero(folder, upstream, where / "tensorzero"),
        "Portkey": lambda: _portkey(upstream, where / "portkey"),
        "LiteLLM": lambda: _litellm(folder, upstream, where / "litellm"),
    }
    there = {name: (where / name.lower() / "installed").exists() for name in make}
    there["nginx"] = bool(shutil.which("nginx"))
    return {name: make[name]() if there[name] else None for name in make}


def _version(where: Path) -> str:
    return (where / "installed").read_text().strip()


def _nginx(folder: Path, upstream: int) -> Gateway:
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  keepalive_requests 1000000000;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://model; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_buffering off; }} }}
}}
""")
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False)  # noqa: S607
    version = said.stderr.rpartition("/")[2].strip()
    return Gateway("nginx", port, ("nginx", "-c", str(config)), version=version)


def _tensorzero(folder: Path, upstream: int, where: Path) -> Gateway:
    config = folder / "tensorzero.toml"
    config.write_text(f"""
[gateway]
observability.enabled = false
disable_pseudonymous_usage_analytics = true
[models.m0]
routing = ["fake"]
[models.m0.providers.fake]
type = "openai"
model_name = "m0"
api_base = "http://127.0.0.1:{upstream}/v1/"
api_key_location = "none"
""")
    script = Path(__file__).with_name("tensorzero_gateway.py")
    return Gateway(
        "TensorZero",
        0,
        (str(where / "bin/python"), str(script), str(config)),
        model="tensorzero::model_name::m0",
        path="/openai/v1/chat/completions",
        version=_version(where),
    )


def _portkey(upstream: int, where: Path) -> Gateway:
    port = free_port()
    start = where / "node_modules/@portkey-ai/gateway/build/start-server.js"
    headers = (
        "x-portkey-provider: openai",
        f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1",
        "authorization: Bearer local",
    )
    return Gateway(
        "Portkey",
        port,
        ("node", str(start), f"--port={port}", "--headless"),
        headers=headers,
        env={"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"},
        version=_version(where),
    )


def _litellm(folder: Path, upstream: int, where: Path) -> Gateway:
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(f"""
model_list:
  - model_name: m0
    litellm_params:
      model: openai/m0
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: local
litellm_settings:
  telemetry: false
""")
    options = ("--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    key = f"sk-{secrets.token_hex(32)}"  # it does not start without one
    return Gateway(
        "LiteLLM",
        port,
        (str(where / "bin/litellm"), *options, "--num_workers", "1"),
        headers=(f"authorization: Bearer {key}",),
        # Without these it asks for prices on the network and prints every request.
        env={
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_MASTER_KEY": key,
            "PATH": f"{where}/bin:/usr/bin:/bin",
        },
        version=_version(where),
    )

"""What is measured: ours, and the rivals that ``rivals.sh`` has installed."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

RIVALS = Path.home() / ".cache" / "routewright-rivals"


@dataclass
class Gateway:
    """A gateway, how it is started and how it is asked."""

    name: str
    port: int
    command: list[str]
    model: str = "m0"
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    env: dict[str, str] = field(default_factory=dict[str, str])
    pid: int = 0


def installed(folder: Path, upstream: int) -> list[Gateway]:
    """Those that can be started here."""
    found = [_ours(folder, upstream)]
    if shutil.which("nginx"):
        found.append(_nginx(folder, upstream))
    if (RIVALS / "litellm").exists():
        found.append(_litellm(folder, upstream))
    if (RIVALS / "portkey").exists():
        found.append(_portkey(upstream))
    return found


def _ours(folder: Path, upstream: int) -> Gateway:
    config = folder / "routewright.toml"
    lines = [
        '[gateway]\nartefact = "artefact"\nworth_usd = 0.01\ndecisions = "decisions.jsonl"',
        f'[providers.fake]\nkind = "openai"\nbase_url = "http://127.0.0.1:{upstream}/v1"',
        *(
            f'[models.m{at}]\nprovider = "fake"\ninput_usd_per_mtok = {at + 1}\n'
            f"output_usd_per_mtok = {4 * at + 4}"
            for at in range(10)
        ),
    ]
    config.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "routewright.cli.main", "serve", "--config", str(config)]
    return Gateway("ours", 19100, [*command, "--port", "19100"], model="auto")


def _nginx(folder: Path, upstream: int) -> Gateway:
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  keepalive_requests 1000000000;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:19101;
    location / {{ proxy_pass http://model; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_buffering off; }} }}
}}
""")
    return Gateway("nginx", 19101, ["nginx", "-c", str(config)])


def _litellm(folder: Path, upstream: int) -> Gateway:
    config = folder / "litellm.yaml"
    config.write_text(f"""
model_list:
  - model_name: m0
    litellm_params:
      model: openai/m0
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: local
""")
    command = [str(RIVALS / "litellm/bin/litellm"), "--config", str(config), "--port", "19102"]
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    return Gateway("litellm", 19102, [*command, "--host", "127.0.0.1"], env=env)


def _portkey(upstream: int) -> Gateway:
    start = RIVALS / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
    host = f"http://127.0.0.1:{upstream}/v1"
    headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": host,
        "authorization": "Bearer local",
    }
    env = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    command = ["node", str(start), "--port=19103", "--headless"]
    return Gateway("portkey", 19103, command, headers=headers, env=env)

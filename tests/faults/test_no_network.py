"""Without any network but loopback the gateway starts, asks nobody, and answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

ALONE = """
import json, sys
from pathlib import Path
from tests.fakes.upstream import Upstream
from tests.promises.test_gateway import ask, gateway_process, write_config

def attempts():
    lines = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines()]
    told = {a[0] + b: int(c) for a, d in zip(lines[::2], lines[1::2]) for b, c in zip(a[1:], d[1:])}
    return {name: told[name] for name in ("Tcp:ActiveOpens", "Udp:OutDatagrams", "Ip:OutNoRoutes")}

folder = Path(sys.argv[1])
with Upstream() as upstream:
    write_config(folder, upstream.url, 'default_model = "cheap"')
    with gateway_process(cwd=folder) as (process, url, _):
        before = attempts()
        answer = ask(url, "hello")["model"]
        after = attempts()
print(json.dumps([before, answer, after]))
"""


def alone() -> list[str]:
    """A command that runs another one with no network but loopback, where that is allowed."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("unshare and ip are needed: apt-get install util-linux iproute2")
    options = ["--net"] if os.getuid() == 0 else ["--net", "--map-root-user"]
    command = ["unshare", *options, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("this process may not make a network of its own")
    return command


def test_a_start_without_network_asks_nobody_and_serves(tmp_path):
    """D-06: no connection, no datagram and no wish for a route before the first request."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(
        [*alone(), sys.executable, "-c", ALONE, str(tmp_path)],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    before, answer, after = json.loads(said.stdout)
    assert set(before.values()) == {0}
    assert answer == "cheap"
    assert after["Tcp:ActiveOpens"] == 2  # ours, and the gateway's to its provider
    assert (after["Udp:OutDatagrams"], after["Ip:OutNoRoutes"]) == (0, 0)

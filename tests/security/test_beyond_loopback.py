"""A gateway as its operator runs it: keys by the command, all addresses, OpenAI's own client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promises.test_gateway import gateway_process, routewright, write_config
from tests.security.test_keys import EVERYWHERE

LISTEN = "0A"


def listening(pid: int) -> set[str]:
    """The listening TCP addresses of a process, from the kernel."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in inodes:
                found.add(fields[1])
    return found


def test_keys_of_the_command_open_a_gateway_on_all_addresses_to_openais_client(upstream, tmp_path):
    """T-01, T-06, S-10: no socket listens but the one that is announced."""
    openai = pytest.importorskip("openai")
    write_config(tmp_path, upstream.url, 'default_model = "cheap"')
    made = routewright("keys", "create", "team", "--total-usd", "1", cwd=tmp_path)
    key = made.stdout.strip()
    assert key.startswith("rw-")
    assert len(key) == 46
    shown = routewright("keys", "show", "team", cwd=tmp_path).stdout
    listed = routewright("keys", "list", cwd=tmp_path).stdout
    assert "team" in listed
    assert key not in shown + listed
    with gateway_process("--host", EVERYWHERE, cwd=tmp_path) as (process, url, _):
        port = url.rpartition(":")[2]
        assert listening(process.pid) == {f"00000000:{int(port):04X}"}
        base = f"http://127.0.0.1:{port}/v1"
        with openai.OpenAI(api_key=key, base_url=base, max_retries=0) as client:
            answer = client.chat.completions.create(
                model="auto", messages=[{"role": "user", "content": "hello"}]
            )
            assert answer.model == "cheap"
        with (
            openai.OpenAI(api_key="rw-other", base_url=base, max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.models.list()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert key.encode() not in file.read_bytes(), file

"""The operator's routes at a port of their own, and nowhere else."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from click.testing import CliRunner

from routewright.cli.main import cli
from routewright.errors import ConfigError
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, Served, served
from tests.promises.test_gateway import gateway_process, write_config
from tests.security.conftest import ADMIN, keyed_settings

BEARER = {"authorization": f"Bearer {ADMIN}"}
EVERYWHERE = "0.0.0.0"  # noqa: S104
OPEN = ("/healthz", "/readyz", "/openapi.json")


@pytest.fixture(autouse=True)
def admin_key(monkeypatch):
    monkeypatch.setenv("ROUTEWRIGHT_ADMIN_KEY", ADMIN)


def test_each_port_serves_its_own(upstream, tmp_path):
    """S-04"""
    settings = keyed_settings(upstream.url, tmp_path, admin_port=0)
    with served(Gateway(settings, router=ByWord())) as up:
        own = replace(up, url=f"http://127.0.0.1:{up.gateway.admin_at}")
        assert own.port != up.port
        assert up.chat().status == 200
        told = up.request("GET", "/admin/keys", None, BEARER)
        assert told.status == 404
        assert "not served at this port" in told.json["error"]["message"]
        assert up.request("GET", "/metrics", None, BEARER).status == 404
        assert own.request("GET", "/admin/keys", None, BEARER).status == 200
        assert own.request("GET", "/metrics", None, BEARER).status == 200
        assert own.request("GET", "/admin/keys").status == 401
        assert own.chat().status == 404
        assert own.request("GET", "/v1/models", None, BEARER).status == 404
        for path in OPEN:
            assert {each.request("GET", path).status for each in (up, own)} == {200}
    assert len(upstream.requests) == 1


def test_a_host_header_does_not_lead_to_the_other_port(upstream, tmp_path):
    settings = keyed_settings(upstream.url, tmp_path, admin_port=0)
    with served(Gateway(settings, router=ByWord())) as up:
        forged = {**BEARER, "host": f"127.0.0.1:{up.gateway.admin_at}"}
        assert up.request("GET", "/admin/keys", None, forged).status == 404


def test_without_it_there_is_one_port_for_all(upstream, tmp_path):
    with served(Gateway(keyed_settings(upstream.url, tmp_path), router=ByWord())) as up:
        assert up.request("GET", "/admin/keys", None, BEARER).status == 200
        assert up.gateway.admin_at is None


def test_an_operators_port_that_others_reach_opens_no_metrics(upstream, tmp_path, monkeypatch):
    """Without any key at all ``/metrics`` is open, but on loopback only."""
    monkeypatch.delenv("ROUTEWRIGHT_ADMIN_KEY")
    settings = keyed_settings(upstream.url, tmp_path, admin_port=0, admin_host=EVERYWHERE)
    with served(Gateway(settings, router=ByWord())) as up:
        own = replace(up, url=f"http://127.0.0.1:{up.gateway.admin_at}")
        assert own.request("GET", "/metrics").status == 401


def test_one_number_for_both_is_refused(upstream, tmp_path):
    settings = keyed_settings(upstream.url, tmp_path, port=8080, admin_port=8080)
    with (
        pytest.raises(ConfigError, match=r"admin_port is gateway\.port"),
        served(Gateway(settings, router=ByWord())),
    ):
        pass


def test_several_workers_share_both_ports_and_commands_find_the_operators(upstream, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "admin").write_text(ADMIN)
    gateway = f'default_model = "cheap"\nworkers = 2\nadmin_port = {port}\nadmin_key_file = "admin"'
    write_config(tmp_path, upstream.url, gateway)
    with gateway_process(cwd=tmp_path) as (_, url, _):
        up, own = Served(url, None), Served(f"http://127.0.0.1:{port}", None)
        for _ in range(8):
            assert up.request("GET", "/metrics", None, BEARER).status == 404
            assert own.request("GET", "/metrics", None, BEARER).status == 200
        told = CliRunner().invoke(cli, ["reload", "--config", str(tmp_path / "routewright.toml")])
        assert told.exit_code == 0, told.output
        assert told.output.count("worker ") == 2

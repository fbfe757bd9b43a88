"""``routewright reload``, ``promote`` and ``rollback`` against a running gateway."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from routewright.cli.main import cli
from routewright.config import load_settings
from routewright.errors import ConfigError, RefusedError
from routewright.serve.gateway import Gateway
from routewright.serve.sinks import with_state
from tests.fakes.gateway import Served, served
from tests.fakes.upstream import Upstream
from tests.faults.test_reload import train
from tests.promises.test_gateway import write_config


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def up(upstream, tmp_path: Path, monkeypatch) -> Iterator[Served]:
    train(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    config = write_config(tmp_path, upstream.url, 'artefact = "one"\nworth_usd = 0.01')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROUTEWRIGHT_ADMIN_KEY", "an-admin-key-of-the-tests")

    def read():
        return with_state(load_settings(config))

    with served(Gateway(read(), source=read)) as running:
        yield running


def run(*args: str) -> str:
    return CliRunner().invoke(cli, list(args), catch_exceptions=False).stdout


def test_a_promotion_is_one_command_and_so_is_its_end(up):
    """A-05"""
    assert ": two@" in run("promote", "two", "--url", up.url)
    assert ": two@" in run("reload", "--url", up.url)  # a reload leaves it in force
    assert ": one@" in run("rollback", "--url", up.url)
    with pytest.raises(RefusedError, match="nothing was promoted"):
        run("rollback", "--url", up.url)
    with pytest.raises(RefusedError, match="copy it there"):
        run("promote", "/etc", "--url", up.url)


def test_a_wrong_key_and_a_gateway_that_is_not_there_are_one_line(up, monkeypatch):
    monkeypatch.setenv("ROUTEWRIGHT_ADMIN_KEY", "another-key-altogether")
    with pytest.raises(RefusedError, match="no valid key"):
        run("reload", "--url", up.url)
    with pytest.raises(ConfigError, match="no gateway answers"):
        run("reload", "--url", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="write http"):
        run("reload", "--url", "ftp://127.0.0.1")
    monkeypatch.delenv("ROUTEWRIGHT_ADMIN_KEY")
    with pytest.raises(ConfigError, match="set ROUTEWRIGHT_ADMIN_KEY"):
        run("reload", "--url", up.url)

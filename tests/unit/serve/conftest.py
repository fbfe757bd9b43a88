from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def running(upstream: Upstream, tmp_path: Path) -> Iterator[Served]:
    """A gateway that routes between cheap and strong."""
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as up:
        yield up

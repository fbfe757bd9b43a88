from __future__ import annotations

from collections.abc import Generator

import pytest

from routewright.config import Secret
from routewright.state.store import Store
from tests.fakes.postgres import Postgres, running


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    yield from running()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    server.empty()
    return server.url


@pytest.fixture
def store(url: str) -> Generator[Store]:
    store = Store(Secret(url))
    yield store
    store.close()

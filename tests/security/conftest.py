"""A gateway with keys: one scripted upstream, the state in a SQLite file, two tenants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from routewright.config import Secret, StateSettings
from routewright.serve.gateway import Gateway
from routewright.state.api_key import ApiKey, Terms
from routewright.state.keys import Keys
from routewright.state.store import Store
from tests.fakes.gateway import ByWord, Reply, Served, scripted_settings, served
from tests.fakes.upstream import Upstream

ADMIN = "an-admin-key-of-the-tests"


@dataclass(frozen=True)
class Asker:
    """Somebody with a key, or with none."""

    served: Served
    secret: str = ""
    key: ApiKey | None = None

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        given = {"authorization": f"Bearer {self.secret}"} if self.secret else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.served.request(method, path, body, given | named)

    def chat(self, text: str = "hello", model: str = "auto", **more: Any) -> Reply:
        messages = [{"role": "user", "content": text}]
        body = {"model": model, "messages": messages, **more}
        return self.request("POST", "/v1/chat/completions", body)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def keyed_settings(url: str, folder: Path, **gateway: Any) -> Any:
    return scripted_settings(url, folder, **{"decisions": "", "state": StateSettings(), **gateway})


def keys_of(folder: Path) -> Keys:
    return Keys(Store(Secret("sqlite:///routewright.db"), folder))


MakeKey = Callable[..., tuple[ApiKey, str]]


@pytest.fixture
def make_key(tmp_path: Path) -> Iterator[MakeKey]:
    keys = keys_of(tmp_path)

    def make(name: str = "a", expires: float | None = None, **terms: Any) -> tuple[ApiKey, str]:
        return keys.create(name, Terms(**terms), expires)

    yield make
    keys.close()


@pytest.fixture
def gate(upstream: Upstream, tmp_path: Path, make_key: MakeKey, monkeypatch: Any) -> Iterator[Any]:
    """Starts the gateway and gives its askers by name: of each key, ``none`` and ``admin``."""
    monkeypatch.setenv("ROUTEWRIGHT_ADMIN_KEY", ADMIN)
    running: list[Any] = []

    def start(keys: dict[str, dict[str, Any]] | None = None, **gateway: Any) -> dict[str, Asker]:
        made = {name: make_key(name, **terms) for name, terms in (keys or {"a": {}}).items()}
        settings = keyed_settings(upstream.url, tmp_path, **gateway)
        context = served(Gateway(settings, router=ByWord()))
        up = context.__enter__()
        running.append(context)
        askers = {name: Asker(up, secret, key) for name, (key, secret) in made.items()}
        return {**askers, "none": Asker(up), "admin": Asker(up, ADMIN)}

    yield start
    for context in running:
        context.__exit__(None, None, None)

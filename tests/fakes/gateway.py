"""A gateway served over real HTTP from a thread, models of different price behind it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import queue
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from routewright.config import GatewaySettings, ModelSettings, ProviderSettings, Settings
from routewright.data.routing_data import RoutingData
from routewright.encoders import View
from routewright.routers.base import BaseRouter, Predictions
from routewright.serve.gateway import Gateway
from routewright.serve.server import serve
from routewright.types import Prompt


class ByWord(BaseRouter):
    """Predicts from one word: prompts with "hard" are beyond the first model."""

    name = "by-word"

    def __init__(
        self, models: Sequence[str] = ("cheap", "strong"), costs: Sequence[float] = (1e-5, 2e-3)
    ) -> None:
        super().__init__()
        self.models_ = tuple(models)
        self.costs_ = costs
        self.recommended_worth_usd_ = 0.01

    def predict(self, prompts: Sequence[Prompt]) -> Predictions:
        if any("explode" in prompt.text for prompt in prompts):
            raise ZeroDivisionError("scripted")
        last = [0.9] * (len(self.models_) - 1)
        rows = [[0.1 if "hard" in prompt.text else 0.8, *last] for prompt in prompts]
        scores = np.array(rows)
        costs = np.tile(np.array(self.costs_, float), (len(prompts), 1))
        return Predictions(self.models_, scores, costs, np.zeros_like(scores))

    def _fit(self, data: RoutingData, view: View) -> None: ...

    def _predict_scores(self, view: View) -> Any:
        raise NotImplementedError

    def _state(self) -> Any:
        return {}, {}

    def _restore(self, arrays: Any) -> None: ...


def scripted_settings(url: str, folder: Path, **gateway: Any) -> Settings:
    """Four models at one scripted upstream; decisions go to ``decisions.jsonl``.

    The second is called through an account of its own. ``ByWord`` knows the first two; the
    others come in where nothing is predicted.
    """
    prices = {"cheap": (0.1, 0.4), "strong": (10.0, 40.0), "spare": (1.0, 4.0), "last": (2.0, 8.0)}
    models = {
        name: ModelSettings(
            provider="other" if name == "strong" else "acme",
            input_usd_per_mtok=price[0],
            output_usd_per_mtok=price[1],
        )
        for name, price in prices.items()
    }
    return Settings(
        gateway=GatewaySettings(**{"port": 0, "decisions": "decisions.jsonl", **gateway}),
        providers={
            "acme": ProviderSettings(kind="openai", base_url=url),
            "other": ProviderSettings(kind="openai", base_url=f"{url}/other"),
        },
        models=models,
        folder=str(folder),
    )


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A running gateway."""

    url: str
    gateway: Gateway
    loop: Any = None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request on its own connection; bytes are sent as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, payload, dict(headers or {}))
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, headers, answer.read())
        finally:
            connection.close()

    def chat(self, text: str = "hello", model: str = "auto", **more: Any) -> Reply:
        messages = [{"role": "user", "content": text}]
        body = {"model": model, "messages": messages, **more}
        return self.request("POST", "/v1/chat/completions", body)


@contextlib.contextmanager
def served(gateway: Gateway, *, body_timeout_s: float = 30.0) -> Generator[Served]:
    """Serve in a thread until the block ends, then drain."""
    ready: queue.Queue[str | BaseException] = queue.Queue()
    held: list[Any] = []

    async def run() -> None:
        stop = asyncio.Event()
        held.extend([asyncio.get_running_loop(), stop])
        await serve(gateway, on_ready=ready.put, stop=stop, body_timeout_s=body_timeout_s)

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            ready.put(error)

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    told = ready.get(timeout=60)
    if isinstance(told, BaseException):
        raise told
    try:
        yield Served(told, gateway, held[0])
    finally:
        loop, stop = held
        loop.call_soon_threadsafe(stop.set)
        thread.join(40)
        assert not thread.is_alive()

"""The in-process client: the official client's shape, the gateway's decisions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import routewright as rw
from routewright.data.journal import Journal
from routewright.errors import ConfigError, RequestError, UnknownModelError, UpstreamError
from tests.fakes.gateway import scripted_settings
from tests.fakes.upstream import Cut, Hang, Refuse, Say, Upstream

TURNS = [{"role": "user", "content": "hello"}]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def client(upstream: Upstream, tmp_path: Path) -> Iterator[rw.Client]:
    settings = scripted_settings(upstream.url, tmp_path, default_model="cheap")
    with rw.Client(settings=settings) as made:
        yield made


def test_an_answer_has_the_official_clients_shape(client, upstream):
    upstream.script["cheap"] = [Say("51")]
    answer = client.chat.completions.create(model="auto", messages=TURNS, temperature=0)
    assert answer.choices[0].message.content == "51"
    assert answer.model == "cheap"
    assert answer.usage.prompt_tokens == 10
    assert answer.choices[0].message.tool_calls is None
    assert answer.routewright.cost_usd == pytest.approx(10 * 0.1e-6 + 5 * 0.4e-6)
    assert answer.model_dump()["choices"][0]["message"]["content"] == "51"
    assert upstream.requests[-1]["temperature"] == 0
    with pytest.raises(AttributeError, match="no field 'nonsense'"):
        answer.nonsense  # noqa: B018


def test_a_stream_is_iterated_chunk_by_chunk(client, upstream):
    upstream.script["cheap"] = [Say("one two three")]
    stream = client.chat.completions.create(model="auto", messages=TURNS, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == "one two three"
    assert stream.routewright.model == "cheap"
    assert stream.routewright.cost_usd > 0


def test_it_falls_back_as_the_gateway_does(client, upstream):
    upstream.script["cheap"] = [Refuse(500)]
    answer = client.chat.completions.create(model="auto", messages=TURNS)
    assert answer.model == "strong"
    assert "cheap failed" in answer.routewright.reason


def test_a_broken_stream_raises(client, upstream):
    upstream.script["cheap"] = [Cut(2)]
    with pytest.raises(UpstreamError):
        list(client.chat.completions.create(model="auto", messages=TURNS, stream=True))


def test_leaving_a_stream_early_stops_the_upstream(client, upstream):
    upstream.script["cheap"] = [Hang(2)]
    with client.chat.completions.create(model="auto", messages=TURNS, stream=True) as stream:
        next(iter(stream))
    assert upstream.left.acquire(timeout=20)


def test_closing_ends_what_is_running_and_records_it(upstream, tmp_path):
    upstream.script["cheap"] = [Hang(2)]
    upstream.script["strong"] = [Hang()]
    client = rw.Client(settings=scripted_settings(upstream.url, tmp_path, default_model="cheap"))
    stream = client.chat.completions.create(model="auto", messages=TURNS, stream=True)
    ended: list[BaseException] = []

    def ask() -> None:
        try:
            client.chat.completions.create(model="strong", messages=TURNS)
        except BaseException as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(2):
        assert upstream.arrived.acquire(timeout=20)
    client.close()
    client.close()
    stream.close()
    asking.join(20)
    assert len(ended) == 1
    states = {r["model"]: r["state"] for r in Journal(tmp_path / "decisions.jsonl").rows()}
    assert states == {"cheap": "partial", "strong": "failed"}
    with pytest.raises(RuntimeError, match="closed"):
        client.route("hello")


def test_a_decision_without_a_call(client, upstream):
    assert client.route("hello").model == "cheap"
    assert client.route(TURNS).reason.startswith("no router")
    assert upstream.requests == []


def test_mistakes_are_named(client, tmp_path):
    with pytest.raises(UnknownModelError, match="did you mean strong"):
        client.chat.completions.create(model="strog", messages=TURNS)
    with pytest.raises(RequestError) as caught:
        client.chat.completions.create(model="auto", messages=[])
    assert caught.value.param == "messages"
    with pytest.raises(ConfigError, match="cannot be read"):
        rw.Client(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match="worth_usd must be 0 or more"):
        rw.Client(settings=scripted_settings("http://x", tmp_path), worth_usd=-1)

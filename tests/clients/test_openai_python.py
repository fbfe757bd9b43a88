"""The official OpenAI client, pointed at a running gateway, notices nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.upstream import Cut, Refuse, Say, Upstream

TURNS = [{"role": "user", "content": "hello"}]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def client(upstream: Upstream, tmp_path: Path) -> Iterator[openai.OpenAI]:
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with (
        served(gateway) as running,
        openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as made,
    ):
        yield made


def test_it_lists_the_models(client):
    assert [model.id for model in client.models.list()][:3] == ["auto", "cheap", "strong"]
    assert client.models.retrieve("cheap").owned_by == "acme"


def test_it_gets_an_answer(client, upstream):
    upstream.script["cheap"] = [Say("51")]
    answer = client.chat.completions.create(model="auto", messages=TURNS)
    assert answer.choices[0].message.content == "51"
    assert answer.model == "cheap"
    assert answer.usage.prompt_tokens == 10
    assert answer.routewright["cost_usd"] > 0


def test_it_passes_the_knob_in_extra_body_and_reads_the_headers(client):
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=TURNS, extra_body={"routewright": {"worth_usd": 100}}
    )
    assert raw.headers["x-routewright-model"] == "strong"
    assert raw.parse().model == "strong"


def test_it_streams(client, upstream):
    upstream.script["cheap"] = [Say("one two three")]
    chunks = list(client.chat.completions.create(model="auto", messages=TURNS, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "one two three"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_it_gets_the_usage_of_a_stream_when_it_asks(client):
    chunks = list(
        client.chat.completions.create(
            model="auto", messages=TURNS, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 5


def test_errors_are_its_own_classes(client, upstream):
    with pytest.raises(openai.NotFoundError, match="did you mean strong"):
        client.chat.completions.create(model="strog", messages=TURNS)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="auto", messages=TURNS, extra_body={"routewright": {"worth": 1}}
        )
    assert caught.value.param == "routewright.worth"
    upstream.script["cheap"] = [Refuse(429)]
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="cheap", messages=TURNS)


def test_a_broken_stream_is_an_error_and_not_a_short_answer(client, upstream):
    upstream.script["cheap"] = [Cut(2)]
    with pytest.raises(openai.APIError, match=r"terminal event|broke off"):
        list(client.chat.completions.create(model="auto", messages=TURNS, stream=True))


def test_an_image_in_the_prompt_passes_through(client, upstream):
    parts = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    client.chat.completions.create(model="auto", messages=[{"role": "user", "content": parts}])
    assert upstream.requests[-1]["messages"][0]["content"] == parts

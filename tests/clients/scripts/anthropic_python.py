from __future__ import annotations

import asyncio

import anthropic
from cells import CITIES, PNG, SCHEMA, URL, left, raises, run

client = anthropic.Anthropic(base_url=URL, api_key="none", max_retries=0)
TOOL = {"name": "weather", "input_schema": {"type": "object"}}


def body(content, **more):
    turns = [{"role": "user", "content": content}]
    return {"model": "auto", "max_tokens": 100, "messages": turns, **more}


def ask(content, **more):
    return client.messages.create(**body(content, **more))


def calls(text):
    answer = ask(text, tools=[TOOL])
    assert answer.stop_reason == "tool_use"
    return [block.input["city"] for block in answer.content if block.type == "tool_use"]


def same(got, wanted):
    assert got == wanted, got


def stream():
    with client.messages.stream(**body("hello")) as events:
        same("".join(events.text_stream), "hello back")
    with client.messages.stream(**body("two cities", tools=[TOOL])) as events:
        blocks = events.get_final_message().content
        same([block.input["city"] for block in blocks if block.type == "tool_use"], CITIES)


def structured():
    form = {"type": "json_schema", "schema": SCHEMA}
    got = ask("json", extra_body={"output_config": {"format": form}})
    same(got.content[0].text, '{"n": 7}')


def image():
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    got = ask([{"type": "image", "source": source}, {"type": "text", "text": "image"}])
    same(got.content[0].text, "seen")


def error():
    raises(anthropic.NotFoundError, lambda: ask("x", model="no"))
    raises(anthropic.BadRequestError, lambda: ask("x", extra_body={"routewright": {"x": 1}}))
    raises(anthropic.RateLimitError, lambda: ask("limit"))


def cancel():
    with client.messages.stream(**body("hang")) as events:
        next(iter(events))
    left()


async def answer():
    async with anthropic.AsyncAnthropic(base_url=URL, api_key="none", max_retries=0) as own:
        same((await own.messages.create(**body("hello"))).content[0].text, "hello back")


run(
    {
        "list": lambda: [m.id for m in client.models.list()].index("auto"),
        "chat": lambda: same(ask("hello").content[0].text, "hello back"),
        "stream": stream,
        "tools": lambda: same(calls("one city"), CITIES[:1]),
        "parallel tools": lambda: same(calls("two cities"), CITIES),
        "structured": structured,
        "image": image,
        "error": error,
        "timeout": lambda: raises(anthropic.APITimeoutError, lambda: ask("slow", timeout=0.5)),
        "cancel": cancel,
        "async": lambda: asyncio.run(answer()),
    }
)

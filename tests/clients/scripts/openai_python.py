from __future__ import annotations

import asyncio

import openai
from cells import CITIES, PNG, SCHEMA, URL, left, raises, run

client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def ask(text, **more):
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(**{"model": "auto", "messages": messages, **more})


def calls(text):
    return ask(text, tools=[TOOL]).choices[0].message.tool_calls


def stream():
    text = "".join(c.choices[0].delta.content or "" for c in ask("hello", stream=True))
    assert text == "hello back", text
    with client.responses.stream(model="auto", input="hello") as events:
        assert events.get_final_response().output_text == "hello back"


def chat():
    assert ask("hello").choices[0].message.content == "hello back"
    assert client.responses.create(model="auto", input="hello").output_text == "hello back"


def tools():
    (call,) = calls("one city")
    assert CITIES[0] in call.function.arguments


def parallel():
    first, second = calls("two cities")
    assert CITIES[0] in first.function.arguments
    assert CITIES[1] in second.function.arguments


def structured():
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    assert ask("json", response_format=form).choices[0].message.content == '{"n": 7}'


def image():
    url = {"url": f"data:image/png;base64,{PNG}"}
    parts = [{"type": "text", "text": "image"}, {"type": "image_url", "image_url": url}]
    assert ask(parts).choices[0].message.content == "seen"


def error():
    raises(openai.NotFoundError, lambda: ask("x", model="no"))
    raises(openai.BadRequestError, lambda: ask("x", extra_body={"routewright": {"x": 1}}))
    raises(openai.RateLimitError, lambda: ask("limit"))


def cancel():
    events = ask("hang", stream=True)
    next(iter(events))
    events.close()
    left()


async def answer():
    async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0) as own:
        turns = [{"role": "user", "content": "hello"}]
        got = await own.chat.completions.create(model="auto", messages=turns)
        assert got.choices[0].message.content == "hello back"


run(
    {
        "list": lambda: [m.id for m in client.models.list()].index("auto"),
        "chat": chat,
        "stream": stream,
        "tools": tools,
        "parallel tools": parallel,
        "structured": structured,
        "image": image,
        "error": error,
        "timeout": lambda: raises(openai.APITimeoutError, lambda: ask("slow", timeout=0.5)),
        "cancel": cancel,
        "async": lambda: asyncio.run(answer()),
    }
)

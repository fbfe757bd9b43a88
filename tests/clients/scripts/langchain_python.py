from __future__ import annotations

import asyncio

import openai
from cells import CITIES, PNG, SCHEMA, URL, left, raises, run
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


def made(**more):
    given = {"model": "auto", "base_url": f"{URL}/v1", "api_key": "none", "max_retries": 0}
    return ChatOpenAI(**given | more)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return city


def same(got, wanted):
    assert got == wanted, got


def calls(text):
    return [call["args"]["city"] for call in made().bind_tools([weather]).invoke(text).tool_calls]


def image():
    url = {"url": f"data:image/png;base64,{PNG}"}
    parts = [{"type": "text", "text": "image"}, {"type": "image_url", "image_url": url}]
    same(made().invoke([("user", parts)]).content, "seen")


def structured():
    schema = {"title": "n", "description": "a number", **SCHEMA}
    same(made().with_structured_output(schema, method="json_schema").invoke("json"), {"n": 7})


def error():
    raises(openai.NotFoundError, lambda: made(model="no").invoke("x"))
    raises(openai.RateLimitError, lambda: made().invoke("limit"))


def cancel():
    events = made().stream("hang")
    next(events)
    events.close()
    left()


run(
    {
        "list": lambda: same(next(iter(made().root_client.models.list())).id, "auto"),
        "chat": lambda: same(made().invoke("hello").content, "hello back"),
        "stream": lambda: same("".join(c.content for c in made().stream("hello")), "hello back"),
        "tools": lambda: same(calls("one city"), CITIES[:1]),
        "parallel tools": lambda: same(calls("two cities"), CITIES),
        "structured": structured,
        "image": image,
        "error": error,
        "timeout": lambda: raises(openai.APITimeoutError, lambda: made(timeout=0.5).invoke("slow")),
        "cancel": cancel,
        "async": lambda: same(asyncio.run(made().ainvoke("hello")).content, "hello back"),
    }
)

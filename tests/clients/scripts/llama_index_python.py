from __future__ import annotations

import asyncio
import gc

import openai
from cells import CITIES, PNG, URL, left, raises, run
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel


def made(**more):
    given = {
        "model": "auto",
        "api_base": f"{URL}/v1",
        "api_key": "none",
        "max_retries": 0,
        "is_chat_model": True,
        "is_function_calling_model": True,
        "should_use_structured_outputs": True,
    }
    return OpenAILike(**given | more)


def said(text):
    return [ChatMessage(role="user", content=text)]


def weather(city: str) -> str:
    """The weather of a city."""
    return city


class Number(BaseModel):
    n: int


def same(got, wanted):
    assert got == wanted, got


def calls(text):
    llm = made()
    tool = FunctionTool.from_defaults(weather)
    got = llm.chat_with_tools([tool], user_msg=text, allow_parallel_tool_calls=True)
    return [call.tool_kwargs["city"] for call in llm.get_tool_calls_from_response(got)]


def image():
    blocks = [TextBlock(text="image"), ImageBlock(image=PNG.encode(), image_mimetype="image/png")]
    same(made().chat([ChatMessage(role="user", blocks=blocks)]).message.content, "seen")


def structured():
    got = made().as_structured_llm(Number).chat(said("json"))
    same(got.raw.n, 7)


def error():
    raises(openai.NotFoundError, lambda: made(model="no").chat(said("x")))
    raises(openai.RateLimitError, lambda: made().chat(said("limit")))


def cancel():
    events = made().stream_chat(said("hang"))
    next(events)
    events.close()
    del events
    gc.collect()  # the client closes its connection with its last reference
    left()


run(
    {
        "list": lambda: same(next(iter(made()._get_client().models.list())).id, "auto"),
        "chat": lambda: same(made().chat(said("hello")).message.content, "hello back"),
        "stream": lambda: same(
            "".join(c.delta for c in made().stream_chat(said("hello"))), "hello back"
        ),
        "tools": lambda: same(calls("one city"), CITIES[:1]),
        "parallel tools": lambda: same(calls("two cities"), CITIES),
        "structured": structured,
        "image": image,
        "error": error,
        "timeout": lambda: raises(
            openai.APITimeoutError, lambda: made(timeout=0.5).chat(said("slow"))
        ),
        "cancel": cancel,
        "async": lambda: same(
            asyncio.run(made().achat(said("hello"))).message.content, "hello back"
        ),
    }
)

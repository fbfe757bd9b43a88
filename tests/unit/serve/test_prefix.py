"""Beginnings of prompts that Anthropic is asked to keep: which, and what that may cost."""

from __future__ import annotations

import pytest

from routewright.config import load_settings
from routewright.errors import ConfigError
from routewright.serve.decider import Decider
from routewright.serve.needs import Needs, read_needs
from routewright.serve.prefix import prefix_of
from routewright.serve.sticky import Memory, Past, trail_of
from routewright.serve.wire import Native, chat_request
from routewright.types import Model, PolicySettings, Price, Prompt, Usage
from tests.fakes.dialects import Whole
from tests.fakes.gateway import ByWord
from tests.unit.serve.test_native import MESSAGE, in_front_of

LONG = "word " * 1200  # about 1,500 tokens
MARKED = {"kind": "anthropic", "cache_prefix": True}
SYSTEM = {"role": "system", "content": LONG}
USER = {"role": "user", "content": "hello"}
NEXT = [SYSTEM, USER, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]
MARK = {"type": "ephemeral"}


def ask(up, *messages, path="/v1/chat/completions", **more):
    return up.request("POST", path, {"model": "mine", "messages": list(messages), **more})


def marks(body) -> list[str]:
    """The texts that are marked, shortened."""
    blocks = [*body.get("system", []), *(b for m in body["messages"] for b in m["content"])]
    return [b["text"][:5].strip() for b in blocks if b.get("cache_control") == MARK]


@pytest.mark.parametrize("stream", [False, True])
def test_a_long_system_prompt_and_a_conversation_are_marked_at_their_end(tmp_path, stream):
    with in_front_of([Whole(MESSAGE)], tmp_path, MARKED) as (up, upstream, _):
        ask(up, SYSTEM, USER, stream=stream)
        ask(up, *NEXT, stream=stream)
        ask(up, USER, stream=stream)
    assert [marks(request.body) for request in upstream.requests] == [["word"], ["more"], []]


def test_nothing_is_marked_unless_the_operator_says_so_nor_where_the_client_marks(tmp_path):
    own = {"role": "user", "content": [{"type": "text", "text": "own", "cache_control": MARK}]}
    with in_front_of([Whole(MESSAGE)], tmp_path, {"kind": "anthropic"}) as (up, upstream, _):
        ask(up, SYSTEM, USER)
    assert marks(upstream.requests[0].body) == []
    with in_front_of([Whole(MESSAGE)], tmp_path, MARKED) as (up, upstream, _):
        ask(up, SYSTEM, own)
        body = {"model": "mine", "max_tokens": 5, "messages": [USER], "system": LONG}
        up.request("POST", "/v1/messages", body)
    assert marks(upstream.requests[0].body) == ["own"]
    assert upstream.requests[1].body == {**body, "stream": False}


def prefix(*messages, native=None, **more):
    body = {"model": "auto", "messages": list(messages), **more}
    request = chat_request(body)
    if native:
        import msgspec

        request = msgspec.structs.replace(request, native=Native(native, body))
    return prefix_of(request, read_needs(request.messages, request.body))


def test_only_what_comes_again_and_is_long_enough_is_kept():
    assert prefix(SYSTEM, USER).messages == 1
    assert 1400 < prefix(SYSTEM, USER).tokens < 1600
    assert prefix(*NEXT).messages == 4
    assert prefix({"role": "user", "content": LONG}) == (0, 0)  # who knows whether it comes again
    assert prefix({"role": "system", "content": "brief"}, USER) == (0, 0)
    assert prefix(SYSTEM, USER, native="messages") == (0, 0)
    assert prefix(SYSTEM, USER, native="responses").messages == 1
    tools = [{"type": "function", "function": {"name": "f", "description": LONG}}]
    assert prefix({"role": "system", "content": "brief"}, USER, tools=tools).messages == 1


PRICE = Price("2026-01-01", 10.0, 40.0, 1.0, cache_write_usd_per_mtok=12.5)
CLAUDE = Model(name="strong", provider="claude", prices=(PRICE,))
OTHER = Model(name="cheap", provider="acme", prices=(Price("2026-01-01", 1.0, 4.0),))


def expected(needs: Needs, warm: int = 0, marks: frozenset[str] = frozenset({"strong"})) -> float:
    decider = Decider(
        (OTHER, CLAUDE),
        ByWord(costs=(1e-5, 0.05)),
        PolicySettings(worth_usd=1.0),
        "",
        marks=marks,
    )
    past = Past("strong", {"strong": warm} if warm else {})
    decision = decider.decide(Prompt.from_text("", "hello"), needs=needs, past=past)
    return {c.model: c.cost_usd for c in decision.candidates}["strong"]


def test_writing_a_prefix_costs_more_and_reading_it_less():
    """2.5 dollars a million more to write it, 9 less to read it; who is not marked pays neither."""
    needs = Needs(3000, prefix_tokens=2000)
    assert expected(needs) == pytest.approx(0.05 + 2000 * 2.5e-6)
    assert expected(needs, warm=2000) == pytest.approx(0.05 - 2000 * 9e-6)
    assert expected(needs, warm=1500) == pytest.approx(0.05 - 1500 * 9e-6 + 500 * 2.5e-6)
    assert expected(needs, marks=frozenset()) == pytest.approx(0.05)
    assert expected(Needs(3000)) == pytest.approx(0.05)


def test_a_kept_beginning_is_warm_for_everybody_of_the_key_and_makes_no_conversation():
    memory = Memory({"strong": CLAUDE})
    first = trail_of({"messages": [SYSTEM, USER]}, owner="a")
    memory.remember(first, "strong", Usage(2000, cache_write_tokens=1500), prefix=1)
    another = {"messages": [SYSTEM, {"role": "user", "content": "something else"}]}
    assert memory.recall(trail_of(another, owner="a")) == Past("", {"strong": 1500})
    assert memory.recall(trail_of(another, owner="b")) == Past()
    assert memory.recall(trail_of({"messages": NEXT}, owner="a")).model == "strong"
    after = Memory({"strong": CLAUDE}, before=memory)
    assert after.recall(trail_of(another, owner="a")).warm == {"strong": 1500}


def test_what_was_not_written_is_not_warm():
    """The provider says what it kept; a prefix may have been too short for it."""
    memory = Memory({"strong": CLAUDE})
    memory.remember(trail_of({"messages": [SYSTEM, USER]}), "strong", Usage(2000), prefix=1)
    assert memory.recall(trail_of({"messages": [SYSTEM]})).warm == {}


def test_only_a_dialect_with_marks_may_be_asked_for_them(tmp_path):
    path = tmp_path / "routewright.toml"
    path.write_text('[providers.p]\nkind = "gemini"\ncache_prefix = true\n')
    with pytest.raises(ConfigError, match='only kind = "anthropic" has marks'):
        load_settings(path)

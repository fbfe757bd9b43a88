"""What a request needs, what a model lacks, and which field is named when nobody is left."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.errors import ConfigError, RequestError
from routewright.rules import Ruling
from routewright.serve.admission import barred, room_for_all
from routewright.serve.decider import Decider
from routewright.serve.needs import Needs, lacks, read_needs
from routewright.serve.sticky import trail_of
from routewright.serve.wire import chat_request
from routewright.types import Model, PolicySettings, Price, Prompt
from tests.fakes.gateway import ByWord

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
TOOLS = [{"type": "function", "function": {"name": "look", "description": "x" * 4000}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


def needs(content: Any = "hello", **fields: Any) -> Needs:
    turn = {"role": "user", "content": content}
    request = chat_request({"model": "auto", "messages": [turn], **fields})
    return read_needs(request.messages, request.body)


@pytest.mark.parametrize(
    ("fields", "wants"),
    [
        ({}, ()),
        ({"content": [IMAGE]}, (("images", "messages[0].content[0]"),)),
        ({"content": [{"type": "input_audio"}]}, (("audio", "messages[0].content[0]"),)),
        ({"content": [{"type": "file"}]}, (("files", "messages[0].content[0]"),)),
        ({"modalities": ["text", "audio"]}, (("audio", "modalities"),)),
        ({"tools": TOOLS}, (("tools", "tools"),)),
        ({"tools": []}, ()),
        ({"functions": [{"name": "look"}]}, (("tools", "functions"),)),
        ({"response_format": SCHEMA}, (("json_schema", "response_format"),)),
        ({"response_format": {"type": "json_object"}}, ()),
        ({"n": 2}, (("n", "n"),)),
        ({"n": 1}, ()),
        ({"logprobs": True}, (("logprobs", "logprobs"),)),
        ({"logprobs": False, "top_logprobs": 0}, ()),
    ],
)
def test_needs_are_read_off_the_body(fields: dict[str, Any], wants: tuple[tuple[str, str], ...]):
    assert needs(**fields).wants == wants


def test_tokens_count_tools_schema_calls_and_media_but_no_base64():
    plain = needs().tokens
    assert needs(tools=TOOLS).tokens > plain + 1000
    assert needs(response_format=SCHEMA).tokens > plain
    assert plain + 900 < needs([{"type": "text", "text": "hello"}, IMAGE]).tokens < plain + 1100


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_answer_that_is_asked_for_needs_room_too(field: str):
    assert needs(**{field: 500}).answer_tokens == 500
    assert needs(**{field: None}).answer_tokens == needs(**{field: True}).answer_tokens == 0


def test_a_model_without_a_list_can_do_what_its_provider_can_pass_on():
    unlisted = Model(name="m", provider="p")
    assert lacks(unlisted, "openai") == frozenset()
    assert lacks(unlisted, "anthropic") == {"audio", "n", "logprobs"}
    listed = Model(name="m", provider="p", capabilities=("tools",))
    assert lacks(listed, "openai") == {"images", "audio", "files", "json_schema"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "json_schema", "role", "conversation_id", "x"]), inner
        )
    ),
    max_leaves=8,
)
FIELDS = ("tools", "functions", "response_format", "n", "logprobs", "top_logprobs", "max_tokens")


@given(
    st.dictionaries(st.sampled_from([*FIELDS, "modalities", "metadata", "prompt_cache_key"]), JSON)
)
def test_no_field_of_any_shape_breaks_the_reading(fields: dict[str, Any]):
    assert needs(**fields).tokens > 0
    trail = trail_of({"messages": [{"role": "user", "content": "hello"}], **fields})
    assert len(trail.digests) == 1


def test_a_capability_that_is_misspelt_is_refused_before_serving():
    with pytest.raises(ConfigError, match=r'"m"\.capabilities: no \'vision\'; there are images'):
        lacks(Model(name="m", provider="p", capabilities=("vision",)), "openai")


def decide(policy: PolicySettings | None = None, **fields: Any):
    pool = (
        Model(name="cheap", provider="p", context_window=1000, prices=(Price("2026-01-01", 1.0),)),
        Model(name="strong", provider="p", context_window=2000),
    )
    lacking = {"cheap": frozenset({"images", "tools"}), "strong": frozenset({"n", "tools"})}
    mine = Decider(pool, ByWord(), PolicySettings(worth_usd=0.01), "", lacks=lacking)
    wanted = needs(**fields)
    return mine.decide(
        Prompt.from_text("", "hello"), policy=policy or PolicySettings(), needs=wanted
    )


def test_what_removed_a_model_is_named_in_the_decision():
    decision = decide(content=[IMAGE])
    assert (decision.model, decision.fallbacks) == ("strong", ())
    why = "cannot do images, which messages[0].content[0] asks for"
    assert decision.candidates[0].excluded == why


def test_the_room_for_the_answer_counts_against_the_window():
    decision = decide(max_tokens=999)
    assert decision.model == "strong"
    assert "max_tokens asks for 999 more, its window 1000" in decision.candidates[0].excluded


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": TOOLS}, "tools"),
        ({"content": [IMAGE], "n": 2}, "messages[0].content[0]"),
        ({"max_tokens": 5000}, "max_tokens"),
        ({"max_completion_tokens": 5000}, "max_completion_tokens"),
        ({"content": "word " * 2000, "max_tokens": 5}, "messages"),
        ({"n": 2, "max_tokens": 1500}, "max_tokens"),
    ],
)
def test_when_all_are_removed_the_field_that_did_it_is_named(fields: dict[str, Any], param: str):
    with pytest.raises(RequestError, match="no model can take this request") as caught:
        decide(**fields)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_a_ceiling_is_a_promise_and_names_the_cheapest_when_it_cannot_be_kept():
    # ByWord expects $0.00001 and $0.002.
    decision = decide(PolicySettings(quality=1.0, max_usd=0.001))
    assert decision.model == "cheap"
    assert decision.candidates[1].excluded == "expected to cost $0.002000, above max_usd $0.001"
    with pytest.raises(RequestError, match=r"the cheapest is cheap at \$0.000010") as caught:
        decide(PolicySettings(max_usd=0.000001))
    assert caught.value.param == "routewright.max_usd"


def test_without_predictions_a_ceiling_is_kept_by_the_price_list():
    dear = Model(name="dear", provider="p", prices=(Price("2026-01-01", 0.0, 100.0),))
    fair = Model(name="fair", provider="p", prices=(Price("2026-01-01", 0.0, 1.0),))
    mine = Decider((dear, fair), None, PolicySettings(max_usd=0.01), "dear")
    assert mine.decide(Prompt.from_text("", "hello")).model == "fair"
    assert mine.decide(Prompt.from_text("", "hello"), needs=Needs(5, 50)).model == "dear"
    with pytest.raises(RequestError, match=r"dear at \$0.100000"):
        mine.named("dear", Prompt.from_text("", "hello"))


def test_a_decision_keeps_all_that_led_to_it():
    decision = decide(PolicySettings(quality=0.5, max_usd=1.0), content=[IMAGE])
    assert decision.policy == "quality=0.5,max_usd=1"
    assert decision.settings == PolicySettings(quality=0.5, max_usd=1.0)
    assert decision.probability == 1.0
    assert [(c.model, c.score, c.cost_usd) for c in decision.candidates] == [
        ("cheap", 0.8, 1e-5),
        ("strong", 0.9, 2e-3),
    ]


@pytest.mark.parametrize(("windows", "room"), [((None, None), math.inf), ((8000, None), 8000)])
def test_what_fits_every_window_and_wants_nothing_else_meets_no_bar(windows, room):
    pool = {
        str(w) + str(at): Model(str(w) + str(at), "x", context_window=w)
        for at, w in enumerate(windows)
    }
    assert room_for_all(pool, {}) == room
    for tokens in (7999, 8000, 8001):
        bars = barred(pool, {}, Needs(tokens - 10, 10), PolicySettings(), Ruling())
        assert (not bars) == (tokens <= room)


def test_a_model_that_makes_embeddings_only_is_no_room_for_a_chat():
    pool = {"embedder": Model("embedder", "x")}
    lacking = {"embedder": lacks(Model("embedder", "x", capabilities=("embeddings",)), "openai")}
    assert room_for_all(pool, lacking) < 0

"""What is remembered of conversations, and what a warm cache is worth."""

from __future__ import annotations

from typing import Any

import pytest

from routewright.rules import Ruling
from routewright.serve.decider import Decider
from routewright.serve.ordering import first_of_all
from routewright.serve.sticky import KEPT_S, Memory, Past, cached_after, discount_usd, trail_of
from routewright.types import Model, PolicySettings, Price, Prompt, Usage
from tests.fakes.gateway import ByWord

PRICE = Price("2026-01-01", 10.0, 40.0, cached_input_usd_per_mtok=1.0)
WRITES = Price("2026-01-01", 10.0, 40.0, 1.0, cache_write_usd_per_mtok=12.5)
CHEAP = Model(name="cheap", provider="acme", prices=(Price("2026-01-01", 1.0, 4.0, 0.1),))
STRONG = Model(name="strong", provider="acme", prices=(PRICE,))
POOL = {"cheap": CHEAP, "strong": STRONG}
LONG = Usage(input_tokens=2000)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(role: str, text: str | None, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **more}


def body(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


FIRST = body(said("user", "hello"))
NEXT = body(said("user", "hello"), said("assistant", "hi"), said("user", "and then?"))
CALL = said("assistant", None, tool_calls=[{"id": "c1", "function": {"name": "look"}}])
RESULT = said("tool", "found", tool_call_id="c1")
AFTER_CALL = body(said("user", "hello"), CALL, RESULT)


def memory(**more: Any) -> Memory:
    return Memory(POOL, **more)


def test_the_next_turn_finds_who_answered_the_one_before_and_what_is_cached():
    mine = memory()
    assert mine.recall(trail_of(NEXT)) == Past()
    mine.remember(trail_of(FIRST), "strong", LONG)
    assert mine.recall(trail_of(NEXT)) == Past("strong", {"strong": 2000})


def test_conversations_that_begin_otherwise_share_nothing():
    mine = memory()
    mine.remember(trail_of(FIRST), "strong", LONG)
    for other in (
        body(said("user", "hullo"), said("assistant", "hi"), said("user", "and then?")),
        {**NEXT, "tools": [{"type": "function"}]},
        {**NEXT, "prompt_cache_key": "other"},
    ):
        assert mine.recall(trail_of(other)) == Past()
    assert mine.recall(trail_of(NEXT, owner="another key")) == Past()


def test_marks_of_where_to_cache_move_on_and_change_nothing():
    part = {"type": "text", "text": "hello"}
    marked = body({"role": "user", "content": [{**part, "cache_control": {"type": "ephemeral"}}]})
    mine = memory()
    mine.remember(trail_of(marked), "strong", LONG)
    later = body({"role": "user", "content": [part]}, said("assistant", "hi"))
    assert mine.recall(trail_of(later)).model == "strong"


def test_of_each_model_the_longest_prefix_counts():
    mine = memory()
    mine.remember(trail_of(FIRST), "strong", LONG)
    mine.remember(trail_of(FIRST), "cheap", Usage(input_tokens=2100))
    mine.remember(trail_of(NEXT), "cheap", Usage(input_tokens=3000))
    longer = body(*NEXT["messages"], said("assistant", "so"), said("user", "go on"))
    assert mine.recall(trail_of(longer)) == Past("cheap", {"cheap": 3000, "strong": 2000})


def test_a_cache_is_cold_after_its_time_but_the_model_is_known_for_longer():
    clock = Clock()
    mine = memory(ttl_s={"strong": 60.0}, clock=clock)
    mine.remember(trail_of(FIRST), "strong", LONG)
    clock.now = 60.0
    assert mine.recall(trail_of(NEXT)).warm == {"strong": 2000}
    clock.now = 60.1
    assert mine.recall(trail_of(NEXT)) == Past("strong")
    clock.now = KEPT_S + 0.1
    assert mine.recall(trail_of(NEXT)) == Past()


def test_the_memory_is_bounded_and_forgets_the_oldest_first():
    mine = memory(most=100)
    for number in range(1000):
        mine.remember(trail_of(body(said("user", str(number)))), "cheap", LONG)
    assert len(mine) == 100
    assert mine.recall(trail_of(body(said("user", "899")))) == Past()
    assert mine.recall(trail_of(body(said("user", "900")))).model == "cheap"


def test_nothing_of_a_prompt_is_kept():
    mine = memory()
    named = {"conversation_id": "secret-name"}
    told = body(said("user", "a secret-word"), metadata=named, prompt_cache_key="secret-key")
    mine.remember(trail_of(told), "cheap", LONG)
    assert "secret" not in repr(vars(mine))


def test_a_result_goes_to_the_model_that_made_the_call():
    mine = memory()
    mine.remember(trail_of(FIRST), "strong", None)
    assert mine.recall(trail_of(AFTER_CALL)) == Past("strong", {}, after_call=True)
    # The call was made elsewhere: what answered before it made another answer.
    elsewhere = body(*NEXT["messages"], CALL, RESULT)
    assert mine.recall(trail_of(elsewhere)) == Past("strong", {}, after_call=False)
    asked_since = body(*AFTER_CALL["messages"], said("user", "thanks"))
    assert mine.recall(trail_of(asked_since)).after_call is False


def test_a_conversation_id_holds_where_the_client_rewrites_history():
    mine = memory()
    metadata = {"conversation_id": "c-7"}
    mine.remember(trail_of({**FIRST, "metadata": metadata}), "strong", LONG)
    rewritten = body(said("system", "summary: hello"), CALL, RESULT, metadata=metadata)
    assert mine.recall(trail_of(rewritten)) == Past("strong", {}, after_call=True)
    assert mine.recall(trail_of(body(said("system", "x"), CALL, RESULT))) == Past()


@pytest.mark.parametrize(
    ("price", "usage", "tokens"),
    [
        (PRICE, Usage(input_tokens=1023), 0),
        (PRICE, Usage(input_tokens=1024), 1024),
        (PRICE, None, 0),
        (Price("2026-01-01", 10.0, 40.0), LONG, 0),
        (WRITES, LONG, 0),
        (WRITES, Usage(5000, cached_tokens=3000, cache_write_tokens=1500), 4500),
    ],
)
def test_what_is_cached_after_an_answer(price: Price, usage: Usage | None, tokens: int):
    assert cached_after(price, usage) == tokens


def test_the_discount_is_what_reading_saves_less_what_writing_costs():
    assert discount_usd(PRICE, 2000) == pytest.approx(2000 * 9e-6)
    assert discount_usd(PRICE, 2000, 3000, writes=True) == pytest.approx(2000 * 9e-6)
    assert discount_usd(WRITES, 2000, 3000, writes=True) == pytest.approx(
        2000 * 9e-6 - 1000 * 2.5e-6
    )
    assert discount_usd(Price("2026-01-01", 10.0), 2000) == 0.0


# ByWord expects 0.80 of cheap and 0.90 of strong, or 0.10 of cheap where a prompt is "hard".
def decider(**costs: float) -> Decider:
    given = {"cheap": 0.0020, "strong": 0.0040} | costs
    router = ByWord(costs=tuple(given.values()))
    return Decider((CHEAP, STRONG), router, PolicySettings(worth_usd=0.01), "")


EASY = Prompt.from_text("", "hello")
HARD = Prompt.from_text("", "something hard")


def test_a_conversation_stays_while_the_discount_outweighs_the_gain():
    cold = decider().decide(EASY)
    assert cold.model == "cheap"  # 0.8 - 0.2 against 0.9 - 0.4
    warm = decider().decide(EASY, past=Past("strong", {"strong": 200}))
    assert warm.model == "strong"  # 200 tokens save $0.0018: 0.9 - 0.22
    assert warm.reason.startswith(
        "stays with strong: its cache holds about 200 tokens worth $0.001800; best utility"
    )
    strong = warm.candidates[1]
    assert (strong.warm_tokens, strong.cost_usd) == (200, pytest.approx(0.0022))


def test_it_leaves_when_the_gain_pays_for_the_lost_discount():
    left = decider().decide(HARD, past=Past("cheap", {"cheap": 1500}))
    assert left.model == "strong"
    assert left.reason.startswith(
        "leaves cheap, although its cache holds about 1500 tokens worth $0.001350: the gain pays"
    )


def test_a_discount_never_makes_a_request_cheaper_than_its_cached_tokens():
    warm = decider().decide(EASY, past=Past("strong", {"strong": 100_000}))
    assert warm.candidates[1].cost_usd == pytest.approx(100_000 * 1e-6)


def test_a_cache_that_saves_nothing_holds_nobody():
    free = Model(name="strong", provider="acme")
    mine = Decider((CHEAP, free), ByWord(), PolicySettings(worth_usd=0.01), "")
    decision = mine.decide(EASY, past=Past("strong", {}))
    assert (decision.model, decision.reason[:12]) == ("cheap", "best utility")


@pytest.mark.parametrize("prompt", [EASY, Prompt.from_text("", "explode")])
def test_the_result_of_a_call_goes_back_whatever_the_scores(prompt: Prompt):
    decision = decider().decide(prompt, past=Past("strong", {}, after_call=True))
    assert (decision.model, decision.fallbacks) == ("strong", ("cheap",))
    assert decision.reason == "stays with strong: it made the tool call that this answers"


def test_a_model_that_is_barred_gets_no_result_and_the_decision_says_so():
    past = Past("strong", {}, after_call=True)
    decision = decider().decide(EASY, policy=PolicySettings(models=("cheap",)), past=past)
    assert decision.model == "cheap"
    assert decision.reason.startswith("leaves strong, not among the models this request allows;")


def test_a_model_that_left_the_pool_is_forgotten():
    assert decider().decide(EASY, past=Past("gone", {}, after_call=True)).model == "cheap"


def test_a_result_stands_above_a_rule_that_sends_prompts_elsewhere():
    ruling = Ruling(use="cheap", why="rule 1")
    assert first_of_all(ruling, Past("strong", {}, True), {})[0] == "strong"
    assert first_of_all(ruling, Past("strong", {}, False), {})[0] == "cheap"

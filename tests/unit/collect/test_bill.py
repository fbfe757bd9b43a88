"""The bill comes before the calls: a range around it, learnt from what is there, and a bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.collect import Cell, estimate
from routewright.collect.bill import CPU_S, ENOUGH, input_tokens, most_input_tokens, most_usd
from routewright.collect.rows import Known
from routewright.types import Message, Model, Price, Prompt

MODEL = Model(
    "m", "x", prices=(Price("2026-11-01", input_usd_per_mtok=1.0, output_usd_per_mtok=10.0),)
)
PROMPTS = [Prompt.from_text(f"p{n}", "word " * 80, max_tokens=100) for n in range(10)]
CELLS = [Cell(prompt, MODEL) for prompt in PROMPTS]


def test_tokens_and_dollars_of_what_is_missing():
    bill = estimate([MODEL], CELLS, {})
    (line,) = bill.models
    assert (line.calls, line.input_tokens, line.output_tokens) == (10, 1040, 500)
    assert line.expected_usd == pytest.approx((1040 * 1 + 500 * 10) / 1e6)
    assert bill.low_usd < bill.expected_usd < bill.most_usd
    assert line.price_date == "2026-11-01"


def test_what_is_answered_is_not_charged():
    assert estimate([MODEL], CELLS[:4], {}).calls == 4
    assert estimate([MODEL], [], {}).most_usd == 0


def test_answers_that_are_there_say_how_long_the_next_will_be():
    known = {"m": Known(answers=ENOUGH, cost_usd=0.1, output_tokens=ENOUGH * 30)}
    assert estimate([MODEL], CELLS, known).models[0].output_tokens == 300


def test_a_model_that_runs_here_is_billed_by_its_cpu_time():
    local = Model("l", "local", prices=(Price("2026-11-01", usd_per_cpu_hour=0.36),))
    cells = [Cell(prompt, local) for prompt in PROMPTS]
    assert estimate([local], cells, {}).expected_usd == pytest.approx(10 * CPU_S * 1e-4)
    known = {"l": Known(answers=ENOUGH, cost_usd=ENOUGH * 0.002)}
    assert estimate([local], cells, known).expected_usd == pytest.approx(0.02)


def test_the_most_counts_writing_to_the_cache_where_that_is_dearer():
    price = Price("2026-11-01", input_usd_per_mtok=1.0, cache_write_usd_per_mtok=1.25)
    cell = Cell(PROMPTS[0], Model("c", "x", prices=(price,)))
    assert most_usd(cell) == pytest.approx(most_input_tokens(PROMPTS[0]) * 1.25e-6)


@given(st.text(max_size=200), st.integers(1, 500))
def test_no_text_has_more_tokens_than_the_most(text, most):
    prompt = Prompt("p", (Message("user", text),), max_tokens=most)
    assert input_tokens(prompt) <= most_input_tokens(prompt)
    assert len(text.encode()) <= most_input_tokens(prompt)


def test_a_picture_counts_although_it_has_no_text():
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert most_input_tokens(Prompt("p", (Message("user", parts),))) > 1000

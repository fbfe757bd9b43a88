from dataclasses import replace

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.encoders import TextSpace
from routewright.routers.cost import CostModel
from routewright.types import Prompt

SHORT, LONG = "Say yes or no: is {} even?", "Write an essay about the number {}, please."


def make_data(n=200, seed=0, tokens=True):
    """Essays are fifty times as long as yeses; model b is priced ten times as dear."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(n) % 2
    prompts = tuple(
        Prompt.from_text(str(i), (LONG if kind else SHORT).format(i))
        for i, kind in enumerate(kinds)
    )
    into = np.array([[8 + len(p.text) / 4] * 2 for p in prompts])
    out = np.where(kinds[:, None] == 1, 500, 10) * np.exp(rng.normal(0, 0.3, (n, 2)))
    costs = (into * [1e-6, 1e-5]) + (out * [4e-6, 4e-5])
    known = {"input_tokens": into, "output_tokens": out} if tokens else {}
    return RoutingData(prompts, ("a", "b"), np.ones((n, 2)), costs, **known)


def fit(data):
    space = TextSpace("hashed:8").fit(data.prompts)
    return space, CostModel().fit(data, space.view(data.prompts))


@pytest.mark.parametrize("tokens", [True, False])
def test_the_kind_of_prompt_decides_the_cost(tokens):
    data = make_data(tokens=tokens)
    space, model = fit(data)
    fresh = [Prompt.from_text("x", SHORT.format(7)), Prompt.from_text("y", LONG.format(7))]
    told = model.predict(space.view(fresh))
    kinds = np.arange(len(data)) % 2
    for row in (0, 1):
        assert told[row] == pytest.approx(data.costs[kinds == row].mean(axis=0), rel=0.2)


@pytest.mark.parametrize("tokens", [True, False])
def test_totals_are_not_biased(tokens):
    space, model = fit(make_data(tokens=tokens))
    other = make_data(seed=1)
    told = model.predict(space.view(other.prompts)).mean(axis=0)
    assert told == pytest.approx(other.costs.mean(axis=0), rel=0.1)


def test_unit_prices_are_found():
    _, model = fit(make_data())
    assert model.prices_.input_usd == pytest.approx([1e-6, 1e-5], rel=0.05)
    assert model.prices_.output_usd == pytest.approx([4e-6, 4e-5], rel=1e-3)


def test_max_tokens_caps_the_answer():
    space, model = fit(make_data())
    free = Prompt.from_text("x", LONG.format(7))
    capped = Prompt.from_text("x", LONG.format(7), max_tokens=20)
    dear, cheap = model.predict(space.view([free, capped]))
    assert (cheap < dear / 5).all()


def test_the_longest_answer_seen_is_a_cap():
    data = make_data()
    space, model = fit(data)
    told = model.predict(space.view([Prompt.from_text("x", LONG.format(7) + " 9" * 400)]))
    limit = data.output_tokens.max(axis=0) * [4e-6, 4e-5] + 2_000 * np.array([1e-6, 1e-5])
    assert (told[0] < limit).all()


def test_a_megabyte_of_input_is_paid_for():
    space, model = fit(make_data())
    told = model.predict(space.view([Prompt.from_text("x", "word " * 200_000)]))
    assert np.isfinite(told).all()
    assert told[0] == pytest.approx([0.25, 2.5], rel=0.3)


def test_constant_and_free_models_stay_so():
    data = make_data(tokens=False)
    flat = replace(data, costs=np.tile([0.0, 0.002], (len(data), 1)))
    space, model = fit(flat)
    told = model.predict(space.view(flat.prompts))
    assert (told[:, 0] == 0).all()
    assert told[:, 1] == pytest.approx(0.002, rel=1e-6)


def test_a_model_never_priced_is_as_dear_as_the_dearest():
    data = make_data(tokens=False)
    costs = data.costs.copy()
    costs[:, 0] = np.nan
    space, model = fit(replace(data, costs=costs))
    told = model.predict(space.view(data.prompts))
    assert told[:, 0] == pytest.approx(data.costs[:, 1].mean())


def test_no_cost_at_all_costs_nothing():
    data = make_data(tokens=False)
    space, model = fit(replace(data, costs=np.full(data.costs.shape, np.nan)))
    assert (model.predict(space.view(data.prompts)) == 0).all()

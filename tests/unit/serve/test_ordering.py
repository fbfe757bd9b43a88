"""The order of candidates under each rule: ties, win rates, and no dependence on columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.errors import RequestError
from routewright.serve.ordering import order
from routewright.types import Candidate, PolicySettings

RULES = [
    PolicySettings(worth_usd=0.01),
    PolicySettings(worth_usd=0.0),
    PolicySettings(worth_usd=float("inf")),
    PolicySettings(quality=0.95),
    PolicySettings(threshold=0.5),
]
candidates = st.lists(
    st.builds(
        Candidate,
        model=st.sampled_from("abcdef"),
        score=st.sampled_from([0.0, 0.5, 0.9]),
        cost_usd=st.sampled_from([0.0, 1e-3, 0.5]),
    ),
    min_size=1,
    unique_by=lambda c: c.model,
)


@given(candidates, st.sampled_from(RULES), st.randoms(use_true_random=False))
def test_a06_the_order_of_columns_changes_nothing(
    open_: list[Candidate], policy: PolicySettings, chance
):
    """A-06: the same candidates in any order give the same decision and reason."""
    shuffled = open_.copy()
    chance.shuffle(shuffled)
    assert order(shuffled, policy) == order(open_, policy)
    assert sorted(order(open_, policy)[0]) == sorted(c.model for c in open_)


@pytest.mark.parametrize("policy", RULES)
def test_ties_go_to_the_lower_cost_then_the_name(policy: PolicySettings):
    tied = [Candidate(name, 0.8, 1e-3) for name in ("zeta", "alpha", "mid")]
    assert order(tied, policy)[0] == ["alpha", "mid", "zeta"]
    cheaper = [*tied, Candidate("zz", 0.8, 1e-4)]
    assert order(cheaper, policy)[0][0] == "zz"


WEAK, STRONG = Candidate("weak", 0.5, 1e-3), Candidate("strong", 0.7, 1e-2)


@pytest.mark.parametrize(
    ("strength", "least", "first"),
    [
        ({"weak": 0.4, "strong": 0.8}, 0.6, "strong"),
        ({"weak": 0.4, "strong": 0.8}, 0.61, "weak"),
        ({"weak": 0.8, "strong": 0.4}, 0.4, "weak"),  # by training scores weak is the strong one
        ({"weak": 0.8, "strong": 0.4}, 0.41, "strong"),
        ({}, 0.6, "strong"),  # else the dearer one
    ],
)
def test_the_strong_model_of_a_win_rate_is_the_better_in_training(strength, least, first):
    policy = PolicySettings(win_rate=least)
    names, reason = order([WEAK, STRONG], policy, strength=strength)
    assert names[0] == first
    assert "wins with 0." in reason


def test_a_win_rate_needs_two_models_and_takes_one():
    three = [WEAK, STRONG, Candidate("third", 0.6, 1e-3)]
    with pytest.raises(RequestError, match=r"between two models and 3 may answer"):
        order(three, PolicySettings(win_rate=0.5))
    assert order([WEAK], PolicySettings(win_rate=0.5))[0] == ["weak"]

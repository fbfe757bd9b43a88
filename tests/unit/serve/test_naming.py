"""What model names mean, and that nonsense is a 404 with near matches."""

from __future__ import annotations

import pytest

from routewright.errors import ConfigError, RequestError, UnknownModelError
from routewright.serve.naming import Asked, Names
from routewright.types import PolicySettings

PROFILES = {
    "careful": PolicySettings(quality=0.98, max_usd=0.1),
    "small": PolicySettings(worth_usd=0.001, models=("mini", "cheap")),
}
ALIASES = {"gpt-4o": "auto:careful", "mini": "cheap", "easy": "auto", "tight": "auto:max_usd=0.1"}


def names(**more: object) -> Names:
    given = {"profiles": PROFILES, "aliases": ALIASES, "routers": ("mf", "nightly-7"), **more}
    return Names(("cheap", "strong", "gpt:auto"), **given)  # pyright: ignore[reportArgumentType]


def routed(**policy: object) -> Asked:
    return Asked(policy=PolicySettings(**policy))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("auto", Asked()),
        ("cheap", Asked("cheap")),
        ("gpt:auto", Asked("gpt:auto")),
        ("auto:cheap", routed(worth_usd=0.0)),
        ("auto:best", routed(quality=1.0)),
        ("auto:quality=0.95", routed(quality=0.95)),
        ("auto:max_usd=0.002", routed(max_usd=0.002)),
        ("auto:max_usd=2e-3", routed(max_usd=0.002)),
        ("auto:worth_usd=0.01", routed(worth_usd=0.01)),
        ("auto:worth_usd=inf", routed(worth_usd=float("inf"))),
        ("auto:quality=.9,max_usd=1", routed(quality=0.9, max_usd=1.0)),
        ("auto:careful", routed(quality=0.98, max_usd=0.1)),
        ("auto:careful,worth_usd=1", routed(worth_usd=1.0, max_usd=0.1)),
        ("auto:careful,max_usd=0.01", routed(quality=0.98, max_usd=0.01)),
        ("auto:careful,max_usd=5", routed(quality=0.98, max_usd=0.1)),
        ("auto:small", routed(worth_usd=0.001, models=("cheap", "cheap"))),
        ("gpt-4o", routed(quality=0.98, max_usd=0.1)),
        ("mini", Asked("cheap")),
        ("easy", Asked()),
        ("router-mf-0.11593", routed(win_rate=0.11593)),
        ("router-nightly-7-0.5", routed(win_rate=0.5)),
        ("router-nightly_7-.5", routed(win_rate=0.5)),
    ],
)
def test_a_name_means_a_model_or_a_policy(text: str, asked: Asked):
    assert names().read(text) == asked


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("strog", "did you mean strong"),
        ("auto:chep", "did you mean auto:cheap"),
        ("auto:qualty=0.9", "settings: quality=..."),
        ("auto:", "settings: quality=..."),
        ("router-bert-0.5", "unknown model 'router-bert-0.5'"),
        ("router-mf-x", "unknown model"),
        ("", "known: auto, cheap"),
        ("ａuto", "unknown model '\\uff41uto'"),
        ("cheap\x00", "did you mean cheap"),
        ("../../etc/passwd", "unknown model '../../etc/passwd'"),
        ("AUTO", "unknown model 'AUTO'"),
        ("auto:models=cheap", "settings"),
        ("x" * 10_240, "(10240 characters)"),
        ("auto:" + "best," * 2_048, "(10245 characters)"),
        ("router-mf-" + "9" * 10_240, "(10250 characters)"),
    ],
)
def test_i07_a_name_that_means_nothing_is_not_found(text: str, near: str):
    """I-07: whatever is sent as a model's name, the answer is a short 404 on one line."""
    with pytest.raises(UnknownModelError) as caught:
        names().read(text)
    assert near in str(caught.value)
    assert caught.value.status == 404
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("auto:quality=2", "quality must be from 0 to 1"),
        ("auto:quality=nan", "quality needs a number"),
        ("auto:max_usd=-1", "max_usd needs a number"),
        ("auto:quality=", "quality needs a number"),
        ("auto:quality=0.5,quality=0.6", "quality is given twice"),
        ("auto:quality=0.5,worth_usd=1", "cannot stand beside"),
        ("auto:best,cheap", "one profile, in the first place"),
        ("router-mf-1.5", "win_rate must be from 0 to 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(text: str, said: str):
    with pytest.raises(RequestError, match=said) as caught:
        names().read(text)
    assert (caught.value.status, caught.value.param) == (400, "model")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"aliases": {"cheap": "strong"}}, "gateway.aliases.cheap: that name is taken"),
        (
            {"profiles": {}, "aliases": {"a": "b", "b": "cheap"}},
            "'b' is neither a model of the pool nor auto",
        ),
        ({"profiles": {}, "aliases": {"a": "auto:nobody"}}, "gateway.aliases.a: unknown model"),
        ({"profiles": {"a,b": PolicySettings()}}, "has no comma"),
        ({"profiles": {"a": PolicySettings(quality=7)}}, "gateway.profiles.a.quality must be"),
        ({"profiles": {"a": PolicySettings(models=("x",))}}, "'x' is not in the pool"),
    ],
)
def test_a_configuration_with_impossible_names_does_not_start(more: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=said):
        names(**more)


def test_an_operators_profile_may_take_the_place_of_a_built_in():
    mine = names(profiles={"best": PolicySettings(worth_usd=9.0)}, aliases={})
    assert mine.read("auto:best") == routed(worth_usd=9.0)


def test_every_name_that_is_listed_can_be_asked_for():
    mine = names()
    assert mine.listed()[:4] == ("auto", "cheap", "strong", "gpt:auto")
    assert {"auto:best", "auto:careful", "gpt-4o"} <= set(mine.listed())
    assert all(isinstance(mine.read(name), Asked) for name in mine.listed())


def test_a_rule_replaces_the_rule_below_and_limits_only_tighten():
    key = PolicySettings(quality=0.9, max_usd=0.01, models=("a", "b"))
    request = PolicySettings(worth_usd=1.0, max_usd=5.0, models=("c", "b"))
    assert request.over(key) == PolicySettings(worth_usd=1.0, max_usd=0.01, models=("b",))
    assert PolicySettings().over(key) == key.over(PolicySettings()) == key
    assert PolicySettings(max_usd=0.001).over(key).quality == 0.9

import pytest

from routewright.analysis import analyse
from routewright.config import Rule, When, load_settings
from routewright.errors import ConfigError
from routewright.rules import check_rules, judge
from routewright.types import Message, Prompt

POOL = ("a", "b", "c")
LEGAL = Prompt.from_text("", "May the landlord sue the tenant for breach of the lease?")
PLAIN = Prompt.from_text("", "Name a colour.")


def ruled(prompt, *rules, difficulty=None):
    import msgspec

    told = msgspec.structs.replace(analyse(prompt.text), difficulty=difficulty)
    return judge(rules, prompt, POOL, told)


def test_legal_text_never_goes_to_a_model():
    rule = Rule(When(domain="law"), never="b")
    assert ruled(LEGAL, rule).barred == {"b": "rule 1 (domain law): never"}
    assert ruled(PLAIN, rule).barred == {}


def test_only_removes_all_others():
    told = ruled(LEGAL, Rule(When(domain=("medicine", "law")), only=("a",)))
    assert told.barred == dict.fromkeys("bc", "rule 1 (domain medicine or law): only a")


def test_the_first_rule_that_names_a_model_wins_and_its_number_is_told():
    rules = (
        Rule(When(task="translation"), use="c"),
        Rule(When(contains="colour"), use="b"),
        Rule(When(max_chars=99), use="a"),
    )
    told = ruled(PLAIN, *rules)
    assert (told.use, told.why) == ("b", "rule 2 (contains colour)")


def test_all_conditions_of_a_rule_must_hold():
    rule = Rule(When(domain="law", min_chars=10_000), never=("a",))
    assert ruled(LEGAL, rule).barred == {}


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (When(contains="LANDLORD"), True),
        (When(contains=("nothing", "tenant")), True),
        (When(min_chars=56), True),
        (When(min_chars=57), False),
        (When(max_chars=55), False),
        (When(language="en"), True),
        (When(language=("de", "fr")), False),
        (When(needs="code"), False),
        (When(min_difficulty=0.6), True),
        (When(min_difficulty=0.61), False),
        (When(max_difficulty=0.6), True),
        (When(max_difficulty=0.59), False),
    ],
)
def test_each_condition(when, holds):
    assert len(LEGAL.text) == 56
    assert bool(ruled(LEGAL, Rule(when, never="a"), difficulty=0.6).barred) is holds


def test_an_unknown_difficulty_meets_no_condition_on_it():
    assert not ruled(LEGAL, Rule(When(max_difficulty=1.0), never="a")).barred


def test_what_an_earlier_turn_was_about_still_counts():
    talk = Prompt(
        id="",
        messages=(*LEGAL.messages, Message("assistant", "Yes."), Message("user", "Say it shorter")),
    )
    assert ruled(talk, Rule(When(domain="law"), never="b")).barred
    assert ruled(talk, Rule(When(contains="landlord"), never="b")).barred


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(When(), never="a"), "rule 1: when is empty; give one of task, domain"),
        (Rule(When(domain="law")), "exactly one of never, only, use"),
        (Rule(When(domain="law"), never="a", use="b"), "exactly one of never, only, use"),
        (Rule(When(domain="laws"), never="a"), "no domain 'laws'; there are law, medicine"),
        (Rule(When(task=("chat", "x")), never="a"), "no task 'x'; there are multiple-choice"),
        (Rule(When(language="german"), never="a"), "no language 'german'"),
        (Rule(When(needs="gpu"), never="a"), "no needs 'gpu'; there are reasoning"),
        (Rule(When(domain="law"), never="d"), "no model 'd' in the pool; it has a, b, c"),
        (Rule(When(domain="law"), use="d"), "no model 'd' in the pool"),
        (Rule(When(contains=("x", "")), never="a"), "contains is empty"),
        (Rule(When(min_difficulty=3.0), never="a"), "from 0 to 1"),
        (Rule(When(min_difficulty=0.5), never="a"), "train the router 'hybrid'"),
    ],
)
def test_rules_that_cannot_be_are_one_clear_line(rule, said):
    with pytest.raises(ConfigError, match=said) as caught:
        check_rules([rule], POOL, difficulty=False)
    assert "\n" not in str(caught.value)


def test_a_condition_on_difficulty_is_fine_where_somebody_tells_it():
    check_rules([Rule(When(min_difficulty=0.5), never="a")], POOL, difficulty=True)


def test_rules_are_read_from_the_configuration(tmp_path):
    file = tmp_path / "routewright.toml"
    file.write_text(
        '[[gateway.rules]]\nwhen = {domain = "law", needs = ["code", "maths"]}\nnever = ["b"]\n'
        '[[gateway.rules]]\nwhen = {contains = "secret"}\nuse = "a"\n'
    )
    first, second = load_settings(file, env={}).gateway.rules
    assert first == Rule(When(domain="law", needs=("code", "maths")), never=("b",))
    assert second == Rule(When(contains="secret"), use="a")


def test_a_misspelt_condition_is_named(tmp_path):
    file = tmp_path / "routewright.toml"
    file.write_text('[[gateway.rules]]\nwhen = {topic = "law"}\nnever = ["b"]\n')
    with pytest.raises(ConfigError, match="topic"):
        load_settings(file, env={})

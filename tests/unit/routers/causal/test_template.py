import pytest

from routewright.errors import ConfigError
from routewright.routers.causal.settings import Calling, Training, settings
from routewright.routers.causal.template import Template, without_middle

PAIR = Template.of(["big", "small"], "0-5", {"small": "a 7B\nmodel"})


def test_the_models_stand_last_and_each_alone():
    assert PAIR.lines == (" big: ", " small (a 7B model): ")
    shared = PAIR.shared("Why is the sky blue?")
    assert shared.index("Why is the sky blue?") > shared.index("0 wrong")
    assert "big" not in shared


def test_the_rubric_is_that_of_the_scale():
    assert "0 wrong" not in Template.of(["a"], "1-5").shared("?")


def test_a_long_question_loses_its_middle():
    question = "BEGIN " + "word " * 5000 + " END?"
    text = PAIR.fitted(question, 400, len)
    assert len(text) <= 400
    assert "BEGIN" in text
    assert "END?" in text
    assert "[...]" in text
    assert text.endswith("Mark for the answer by")


def test_a_question_that_fits_is_whole():
    assert PAIR.fitted(" What? ", 10_000, len) == PAIR.shared("What?")


def test_broken_characters_are_replaced():
    PAIR.fitted("lone \ud800", 10_000, len).encode()


def test_a_budget_below_the_template_is_refused():
    with pytest.raises(ConfigError, match="max_tokens leaves 20 tokens"):
        PAIR.fitted("What?", 20, len)


def test_a_description_of_nobody_is_refused():
    with pytest.raises(ConfigError, match="'tiny' is none of the models big, small"):
        Template.of(["big", "small"], "0-5", {"tiny": "x"})


@pytest.mark.parametrize("most", [0, 5, 9, 10, 11, 30])
def test_what_is_left_is_never_longer(most):
    assert len(without_middle("abcdefghijklmnopqrstuvwxyz0123456789", most)) <= most


def test_settings_replace_defaults_and_refuse_what_they_do_not_know():
    assert settings(Training, "training", {"r": 4, "targets": ["k_proj"]}).targets == ("k_proj",)
    assert settings(Calling, "calling", None) == Calling()
    with pytest.raises(ConfigError, match="training: 'rank' is none of"):
        settings(Training, "training", {"rank": 4})
    with pytest.raises(ConfigError, match=r"training: .*lr must be positive"):
        settings(Training, "training", {"lr": 0})
    with pytest.raises(ConfigError, match="calling: "):
        settings(Calling, "calling", {"timeout_s": "soon"})

"""Which texts may share an answer whatever their distance, and which never may."""

from __future__ import annotations

import pytest

from routewright.encoders.alike import calibrated, marks, opened
from routewright.errors import ConfigError


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I reset my password?", "how can i reset my password"),
        ("What causes the tides?", "What is it that causes tides"),
        ("Explain recursion", "please explain recursion to me"),
        ("Tell me about Paris", "Describe Paris"),
        ("It costs 3.50 euros", "the cost: 3.50 euros"),
    ],
)
def test_other_words_for_the_same_are_no_difference(one, other):
    assert marks(one) == marks(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rain in Paris", "rain in Rome"),
        ("Paris weather", "Rome weather"),
        ("fly from Paris to Rome", "fly from Rome to Paris"),
        ("what is 17 times 3", "what is 17 times 4"),
        ("what is 17 minus 3", "what is 3 minus 17"),
        ("the price is 3.50", "the price is 350"),
        ("three apples", "four apples"),
        ("is it safe to eat", "is it not safe to eat"),
        ("it can work", "it can't work"),
        ("translate 'cat'", "translate 'dog'"),
        ("translate “cat”", "translate “dog”"),
        ("what does `ls` do", "what does `rm` do"),
        ("x = a + b", "x = a - b * c"),
        ("a < b", "a > b"),
        ("when was he born", "where was he born"),
        ("the largest city", "the smallest city"),
        ("before the war", "after the war"),
        ("what does 猫 mean", "what does 犬 mean"),
        ("Что такое дом", "Что такое кот"),
        ("what does get_name do", "what does set_name do"),
        ("use camelCase here", "use pascalCase here"),
        ("how does IBM work", "how does SAP work"),
        ("what is 😀", "what is 😡"),
        ("is A above B", "is B above A"),
    ],
)
def test_what_vectors_hardly_see_keeps_texts_apart(one, other):
    assert marks(one) != marks(other)


def test_odd_text_has_marks():
    for text in ("", "\n", "\ud800", "'''", '"', "_", "а" * 10_000, "\x00 1 \x01"):
        assert len(marks(text)) == 16


def test_an_identity_is_refused_where_the_encoder_is_another():
    encoder, identity = opened("static")
    assert identity.startswith("static@")
    assert calibrated(identity).encode(["hello"]).tolist() == encoder.encode(["hello"]).tolist()
    for other in ("static@0123456789ab", "static", "static@"):
        with pytest.raises(ConfigError, match="calibrate again"):
            calibrated(other)


def test_an_encoder_that_learns_cannot_be_calibrated():
    for name in ("words", "words+static"):
        with pytest.raises(ConfigError, match="learns from texts"):
            opened(name)

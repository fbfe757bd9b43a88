import math

import numpy as np
import pytest

from routewright.encoders.features import FEATURES, text_features


def read(text, name):
    return float(text_features([text])[0, FEATURES.index(name)])


@pytest.mark.parametrize(
    ("name", "more", "less"),
    [
        ("log_chars", "a longer text", "short"),
        ("digit_share", "12345 x", "one two"),
        ("max_number_log10", "what is 123456 / 2", "what is 12 / 2"),
        ("operators", "3 + 4 * 5 = x", "three and four"),
        ("question_marks", "why? how?", "tell me"),
        ("code_signs", "def f(x): return {x}", "a plain sentence"),
        ("code_fence", "see ```x```", "see x"),
        ("options", "Pick:\nA) red\nB) blue\nC) green", "Pick red, blue or green"),
        ("json_signs", '{"a": [1]}', "a is 1"),
        ("answer_only", "Reply with only a number.", "Tell me about numbers."),
        ("step_by_step", "Think step by step.", "Answer now."),
        ("write_verb", "Write a poem", "A poem it is"),
        ("non_ascii_share", "größer", "groesser"),
        ("few_shot", "Q: x\nAnswer: 1\nQ: y\nAnswer: 2\nQ: z\nAnswer:", "Q: x\nAnswer:"),
        ("log_lines", "a\nb\nc", "a b c"),
    ],
)
def test_each_feature_sees_what_it_is_named_after(name, more, less):
    assert read(more, name) > read(less, name)


def test_one_row_a_text_in_float32():
    table = text_features(["a", "b", "c"])
    assert table.shape == (3, len(FEATURES))
    assert table.dtype == np.float32
    assert text_features([]).shape == (0, len(FEATURES))


def test_no_hyphenated_word_is_a_minus():
    assert read("a well-known fact", "operators") == 0
    assert read("9 - 4", "operators") > 0


def test_length_counts_the_whole_of_a_huge_text():
    assert read("x" * 1_000_000, "log_chars") == pytest.approx(np.log1p(1_000_000), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("operators", "5 - 3, f(x) - 1, é-5, a-b", 2),
        ("code_signs", "print the printer _print print() blueprint SELECT select", 3),
        ("code_signs", "for x in y, therefor x in y", 1),
        ("options", "A. one (B) two xC) three D.four\nE: five", 3),
        ("log_numbers", "12 and 3.45, not ² or x", 3),
        ("log_numbers", "é ١٢ and 7", 2),
    ],
)
def test_signs_count_where_they_stand_alone(name: str, text: str, count: int) -> None:
    told = text_features([text])[0, FEATURES.index(name)]
    assert told == pytest.approx(math.log1p(count))

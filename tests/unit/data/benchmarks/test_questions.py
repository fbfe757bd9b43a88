"""The bare question of a prompt, and the groups that follow from it."""

import pytest

from routewright.data.benchmarks.questions import (
    MOST_ALIKE,
    bare_question,
    prompt_parts,
    question_groups,
)
from routewright.data.routing_data import text_group

QUESTION = "Find x.\nA. 1\nB. 2"


@pytest.mark.parametrize(
    "text",
    [
        QUESTION,
        f"{QUESTION}\nAnswer:",
        f"Please answer with the letter of the correct answer.\n\n{QUESTION}\nAnswer:",
        f"Find y.\nA. 3\nB. 4\nAnswer: B\n\n{QUESTION}\nAnswer:",
        f"Find y.\nA. 3\nAnswer:\nB\n\nFind z.\nA. 3\nAnswer:\n(B)\n\n{QUESTION}\nAnswer:",
        f'{QUESTION}\nPrint only a single choice from "A" or "B" without explanation.\nAnswer:',
    ],
)
def test_examples_and_wrappers_come_off(text):
    assert bare_question(text) == QUESTION


def test_the_last_of_many_questions_counts():
    assert bare_question("Question: a?\nAnswer: 1\n\nQuestion: b?") == "Question: b?"


def test_a_text_that_is_all_wrapper_stays():
    assert bare_question("Answer:") == "Answer:"


def test_a_plain_text_groups_as_it_would_without_us():
    assert question_groups([["How are you?"]]) == [text_group("How are you?")]


def test_an_ending_that_many_share_is_no_question():
    few = [[f"Story {n}", "What next?"] for n in range(MOST_ALIKE)]
    many = [[f"Story {n}", "What next?"] for n in range(MOST_ALIKE + 1)]
    assert len(set(question_groups(few))) == 1
    assert len(set(question_groups(many))) == len(many)


def test_a_stringified_list_is_taken_apart_and_nothing_is_run(tmp_path):
    assert prompt_parts("['a', \"it's\"]") == ["a", "it's"]
    code = f"[open({str(tmp_path / 'x')!r}, 'w')]"
    assert prompt_parts(code) == [code]
    assert not (tmp_path / "x").exists()

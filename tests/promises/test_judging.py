"""Promises about judging: nobody is asked twice, and an answer moves no grade but its own."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routewright.data.journal import Journal
from routewright.judge import judge_answers, verify_rows
from routewright.types import Answer, AnswerState, Grade, Prompt, Usage


def answer(prompt_id, model, text):
    return Answer(prompt_id, model, text, AnswerState.COMPLETE, Usage(), 0.0, 0.0)


class Mortal:
    """A judge whose process dies after a number of grades."""

    name = "llm:mortal:00000000"

    def __init__(self, life):
        self.life = life
        self.asked = []

    async def grade(self, prompt, answers):
        await asyncio.sleep(0)
        if len(self.asked) == self.life:
            raise KeyboardInterrupt
        self.asked.append(prompt.id)
        return [Grade(mark=3.0, judge=self.name) for _ in answers]


@pytest.mark.parametrize("life", [0, 1, 7, 19])
def test_a_killed_run_never_asks_twice(tmp_path, life):
    prompts = [Prompt.from_text(f"p{i}", "hello") for i in range(20)]
    answers = [answer(prompt.id, "m", "hi") for prompt in prompts]
    path = tmp_path / "verdicts.jsonl"
    first, second = Mortal(life), Mortal(1000)
    with pytest.raises(KeyboardInterrupt), Journal(path) as store:
        asyncio.run(judge_answers(prompts, answers, first, store))
    with Journal(path) as store:
        verdicts = asyncio.run(judge_answers(prompts, answers, second, store))
    assert sorted(first.asked + second.asked) == sorted(prompt.id for prompt in prompts)
    assert [verdict.prompt_id for verdict in verdicts] == [prompt.id for prompt in prompts]


PROMPTS = [
    Prompt.from_text("n", "?", grader="numeric", reference="42"),
    Prompt.from_text("c", "?", grader="choice", reference="B"),
    Prompt.from_text("t", "?", grader="translation", reference="das Haus"),
    Prompt.from_text("j", "?", grader="json", reference='{"a": 1}'),
]
HONEST = [
    answer("n", "good", "42"),
    answer("c", "good", "B"),
    answer("t", "good", "das Haus"),
    answer("j", "good", '{"a": 1}'),
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("nctj"), st.text(max_size=80)), max_size=5))
def test_an_adversarial_answer_moves_no_grade_but_its_own(attacks):
    hostile = [answer(prompt_id, "bad", text) for prompt_id, text in attacks]
    verdicts = verify_rows(PROMPTS, [*hostile, *HONEST])
    assert [v.mark for v in verdicts if v.model == "good"] == [5.0] * 4
    assert all(0 <= v.mark <= 5 for v in verdicts)


def test_hostile_code_moves_no_grade_but_its_own():
    prompt = Prompt.from_text("f", "write f", grader="code", reference="assert f(2) == 4")
    texts = {
        "good": "```python\ndef f(x):\n    return 2 * x\n```",
        "leaves": "```python\nimport os\nos._exit(0)\ndef f(x): return 4\n```",
        "lies": "class E:\n    def __eq__(self, other): return True\ndef f(x): return E()",
    }
    verdicts = verify_rows([prompt], [answer("f", model, text) for model, text in texts.items()])
    assert {v.model: v.mark for v in verdicts} == {"good": 5.0, "leaves": 0.0, "lies": 0.0}

"""The judging stage: verdict rows, pairing, audit, and what happens when a judge fails."""

import json

import pytest

from routewright.errors import DataError, UpstreamError
from routewright.judge import Verdict, judge_answers, paired_marks, verify_rows
from routewright.judge.llm import UngradedError
from routewright.types import Answer, AnswerState, Grade, Prompt, Usage

PROMPTS = [
    Prompt.from_text("sum", "1+1?", grader="numeric", reference="2"),
    Prompt.from_text("fn", "write f", grader="code", reference="assert f() == 1\nassert f() == 2"),
    Prompt.from_text("poem", "a poem", grader="rubric", reference="rhymes"),
    Prompt.from_text("chat", "hello"),
]


def answer(prompt_id, model, text, state=AnswerState.COMPLETE):
    return Answer(prompt_id, model, text, state, Usage(), 0.0, 0.0)


ANSWERS = [
    answer("poem", "a", "roses"),
    answer("sum", "a", "2"),
    answer("fn", "a", "def f(): return 1"),
    answer("sum", "b", "3"),
    answer("chat", "b", "hi"),
    answer("poem", "b", "", AnswerState.FAILED),
]


class Memory:
    def __init__(self):
        self.lines = []

    def append(self, row):
        self.lines.append(json.dumps(row))

    def rows(self):
        return [json.loads(line) for line in self.lines]


class Lengths:
    """A judge that gives a mark for every letter, and none at all to "hi"."""

    def __init__(self, name="llm:lengths:00000000"):
        self.name = name
        self.asked = []
        self.broken = False

    async def grade(self, prompt, answers):
        self.asked += [(prompt.id, a.model) for a in answers]
        if self.broken and prompt.id == "poem":
            raise UpstreamError("no connection")
        if answers[0].text == "hi":
            raise UngradedError("no mark")
        return [Grade(mark=min(5.0, len(a.text)), reason="long", judge=self.name) for a in answers]


def test_verifiable_answers_are_verified_in_order():
    verdicts = verify_rows(PROMPTS, ANSWERS)
    assert [(v.prompt_id, v.model, v.mark, v.score) for v in verdicts] == [
        ("sum", "a", 5.0, 1.0),
        ("fn", "a", 2.5, 0.5),
        ("sum", "b", 0.0, 0.0),
    ]
    assert verdicts[1].judge == "verify:code"


async def test_the_rest_is_judged_and_ungraded_is_not_zero():
    judge, store = Lengths(), Memory()
    verdicts = await judge_answers(PROMPTS, ANSWERS, judge, store)
    assert [(*v.key, v.mark) for v in verdicts] == [
        ("poem", "a", 0, 5.0),
        ("chat", "b", 0, None),
        ("poem", "b", 0, 0.0),
    ]
    assert verdicts[1].score is None
    assert [Verdict.from_row(row) for row in store.rows()] == verdicts
    assert {"prompt_id", "model", "mark", "score", "reason", "judge"} < set(store.rows()[0])


async def test_ungraded_answers_are_asked_again_only_on_request():
    judge, store = Lengths(), Memory()
    await judge_answers(PROMPTS, ANSWERS, judge, store)
    await judge_answers(PROMPTS, ANSWERS, judge, store)
    assert judge.asked.count(("chat", "b")) == 1
    await judge_answers(PROMPTS, ANSWERS, judge, store, retry_ungraded=True)
    assert judge.asked.count(("chat", "b")) == 2
    assert len(judge.asked) == 4


async def test_changed_answers_and_other_judges_are_judged_anew():
    judge, store = Lengths(), Memory()
    await judge_answers(PROMPTS, ANSWERS, judge, store)
    changed = [answer("poem", "a", "ro"), *ANSWERS[1:]]
    verdicts = await judge_answers(PROMPTS, changed, judge, store)
    assert verdicts[0].mark == 2.0
    assert judge.asked.count(("poem", "a")) == 2
    other = Lengths("llm:other:00000000")
    await judge_answers(PROMPTS, ANSWERS, other, store)
    assert len(other.asked) == 3


async def test_an_audit_gives_marks_of_both_kinds_on_the_same_answers():
    judge = Lengths()
    theirs = await judge_answers(
        PROMPTS, ANSWERS, judge, Memory(), audit={("sum", "a", 0), ("sum", "b", 0)}
    )
    assert len(theirs) == 5
    assert paired_marks(verify_rows(PROMPTS, ANSWERS), theirs) == ([5.0, 0.0], [1.0, 1.0])


async def test_a_failing_judge_keeps_what_it_has_and_resumes():
    judge, store = Lengths(), Memory()
    judge.broken = True
    with pytest.raises(UpstreamError, match=r"2 of 3 .*no connection.*run again to resume"):
        await judge_answers(PROMPTS, ANSWERS, judge, store)
    assert len(store.rows()) == 1
    judge.broken = False
    assert len(await judge_answers(PROMPTS, ANSWERS, judge, store)) == 3
    assert judge.asked.count(("chat", "b")) == 1


async def test_answers_without_prompts_and_impossible_marks_are_refused():
    with pytest.raises(DataError, match="'nowhere'"):
        verify_rows(PROMPTS, [answer("nowhere", "a", "x")])
    judge = Lengths()

    async def generous(prompt, answers):
        return [Grade(mark=11.0, judge="llm:x")]

    judge.grade = generous
    with pytest.raises(BaseExceptionGroup) as caught:
        await judge_answers(PROMPTS, ANSWERS, judge, Memory())
    assert caught.group_contains(DataError, match="marks run from 0 to 5")


@pytest.mark.parametrize(
    "row", [{}, {"prompt_id": "p", "model": "m", "mark": 9, "reason": "", "judge": ""}]
)
def test_a_row_that_is_no_verdict_is_refused(row):
    with pytest.raises(DataError):
        Verdict.from_row(row)

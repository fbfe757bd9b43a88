"""RouteLLM's three kinds of files, alone and together."""

import json
import math

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.data.benchmarks.prices import UnpricedWarning
from routewright.errors import DataError

STRONG, WEAK = "gpt-4-1106-preview", "mixtral-8x7b-instruct-v0.1"
MMLU = f'prompt,{WEAK},{STRONG}\n"Bone?\nA. Skull\nB. Sand\nAnswer:",True,True\n"Two?",False,True\n'
GSM = (
    f"prompt,{WEAK},{STRONG},{WEAK}_response,{STRONG}_response\n"
    '"Ducks lay 16 eggs, or do they?",True,False,"16 - 3 = 13, #### 18","He makes $18."\n'
)
ALONE = (
    "[Instruction]\nBe a judge.\n\n[Question]\n{q}\n\n[The Start of Assistant's Answer]\n{a}\n"
    "[The End of Assistant's Answer]"
)
BOTH = (
    "<|The Start of Assistant A's Conversation with User|>\n\n### User:\n{q}\n\n### Assistant A:\n"
    "{a}\n\n### User:\n{q2}\n\n### Assistant A:\n{a2}\n\n"
    "<|The End of Assistant A's Conversation with User|>"
)


def judgement(model, turn, score, question=81, **changes):
    shape = ALONE if turn == 1 else BOTH
    said = shape.format(q="Write a poem.", a="Roses are red.", q2="Shorter.", a2="Red.")
    return {
        "question_id": question,
        "model": model,
        "judge": ["gpt-4", "single-v1"],
        "user_prompt": said,
        "judgment": "Rating: [[9]]",
        "score": score,
        "turn": turn,
        "tstamp": 1.5,
        **changes,
    }


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def evals(tmp_path):
    """The folder as the repository holds it."""
    for folder in ("mmlu/responses", "gsm8k", "mt_bench"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "mmlu/responses/mmlu_anatomy.csv").write_text(MMLU)
    (tmp_path / "gsm8k/gsm8k_responses.csv").write_text(GSM)
    records = [judgement(m, t, s) for m, t, s in ((STRONG, 1, 10), (STRONG, 2, 9), (WEAK, 1, 4))]
    (tmp_path / "mt_bench/judgements.jsonl").write_text(lines(*records))
    (tmp_path / "benchmarks.py").write_text("raise SystemExit")
    return tmp_path


def test_the_three_benchmarks_are_one_table(evals):
    data = RoutingData.load(evals)
    assert [p.id for p in data] == ["mmlu/anatomy/0", "mmlu/anatomy/1", "gsm8k/0", "mt_bench/81"]
    assert data.tasks.tolist() == ["mmlu/anatomy", "mmlu/anatomy", "gsm8k", "mt_bench"]
    assert data.models == (WEAK, STRONG)
    np.testing.assert_allclose(data.scores, [[1, 1], [0, 1], [1, 0], [0.4, 0.95]])
    assert data.prompts[3].text == "Write a poem."


@pytest.mark.parametrize("part", ["mmlu/responses", "mmlu/responses/mmlu_anatomy.csv", "gsm8k"])
def test_each_part_is_read_alone(evals, part):
    assert set(RoutingData.load(evals / part).tasks) <= {"mmlu/anatomy", "gsm8k"}


def test_costs_are_estimated_from_characters_and_list_prices(evals):
    data = RoutingData.load(evals)
    question = math.ceil(len("Bone?\nA. Skull\nB. Sand") / 4)  # without the wrapper "Answer:"
    np.testing.assert_allclose(data.costs[0], [(question + 1) * 0.6e-6, question * 1e-5 + 3e-5])
    asked = math.ceil(len("Ducks lay 16 eggs, or do they?") / 4)
    answers = [math.ceil(len(text) / 4) for text in ("16 - 3 = 13, #### 18", "He makes $18.")]
    np.testing.assert_allclose(
        data.costs[2], [(asked + answers[0]) * 0.6e-6, asked * 1e-5 + answers[1] * 3e-5]
    )
    # Two turns: the second sends the first and its answer again. 13, 14, 8 and 4 characters.
    assert data.input_tokens[3].tolist() == [4, 4 + (4 + 4 + 2)]
    assert data.output_tokens[3].tolist() == [4, 4 + 1]


def test_the_users_prices_come_first(evals):
    (evals / "prices.csv").write_text(
        f"model,input_usd_per_mtok,output_usd_per_mtok\n{WEAK},1e6,0\n"
    )
    assert RoutingData.load(evals).costs[0, 0] == 6.0


def test_a_model_without_a_price_is_said(evals):
    path = evals / "gsm8k" / "gsm8k_responses.csv"
    path.write_text(f"prompt,mine,{STRONG}\nOne?,True,True\n")
    with pytest.warns(UnpricedWarning, match="no prices for mine"):
        data = RoutingData.load(path)
    assert np.isnan(data.costs[0, 0])
    assert data.costs[0, 1] > 0
    path.write_text("prompt,mine\nOne?,True\n")
    with pytest.raises(DataError, match=r"no costs, and no prices for mine; add .*prices\.csv"):
        RoutingData.load(path)


def test_worked_examples_do_not_part_a_question(evals):
    path = evals / "mmlu/responses/mmlu_anatomy.csv"
    shots = "Leg?\nA. Yes\nB. No\nAnswer: A\n\nBone?\nA. Skull\nB. Sand\nAnswer:"
    path.write_text(MMLU + f'"{shots}",True,False\n')
    data = RoutingData.load(path)
    assert data.groups[0] == data.groups[2] != data.groups[1]
    assert data.input_tokens[0, 0] == data.input_tokens[2, 0]


def test_an_unread_verdict_and_an_empty_cell_leave_the_score_empty(evals):
    path = evals / "mt_bench/judgements.jsonl"
    both = [judgement(STRONG, 1, 9, question=82), judgement(STRONG, 1, -1)]
    path.write_text(lines(*both, judgement(WEAK, 1, 5), judgement(WEAK, 2, -1)))
    np.testing.assert_array_equal(RoutingData.load(path).scores, [[0.9, np.nan], [np.nan, 0.5]])
    path = evals / "mmlu/responses/mmlu_anatomy.csv"
    path.write_text(f"prompt,{WEAK},{STRONG}\nOne?,,True\nTwo?,True,False\n")
    np.testing.assert_array_equal(RoutingData.load(path).scores, [[np.nan, 1], [1, 0]])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f"question,{WEAK}\nHi,True\n", "no column 'prompt'"),
        ("prompt\nHi\n", "no column but 'prompt'"),
        (f"prompt,{WEAK}\nHi,maybe\n", f"row 1, column '{WEAK}': 'maybe'; give True or False"),
        (f"prompt,{WEAK}\nHi,NaN\n", "'NaN'; give True or False"),
        (f"prompt,{WEAK}\nHi,inf\n", "'inf'; give True or False"),
        (f"prompt,{WEAK}\nHi,2\n", "'2'; give True or False"),
        (f"prompt,{WEAK}\n,True\n", "row 1: prompt is empty"),
        (f"prompt,{WEAK}\nHi,True,x\n", "line 2 has 3 fields"),
        (f'prompt,{WEAK}\n"Hi,True\n', "malformed CSV"),
        (f"prompt,{WEAK}\n", "no rows"),
        (f"prompt,{WEAK}\nHi,\n", "every score is empty"),
    ],
)
def test_a_wrong_table_is_named(tmp_path, content, says):
    (tmp_path / "mmlu_anatomy.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        RoutingData.load(tmp_path / "mmlu_anatomy.csv", format="routellm")
    assert says in str(caught.value)
    assert "mmlu_anatomy.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lines(judgement(WEAK, 1, 11)), "line 1: score is 11, outside 1 to 10"),
        (lines(judgement(WEAK, 1, "9")), "line 1: score: Expected `float`, got `str`"),
        (lines(judgement(WEAK, 1, math.nan)), "line 1: score is NaN, which JSON can't hold"),
        (lines(judgement(WEAK, 1, math.inf)), "line 1: score is Infinity"),
        (lines(judgement(" ", 1, 3)), "line 1: model is empty"),
        (lines(judgement(WEAK, 1, 3), judgement(WEAK, 1, 4)), "line 2: turn 1 of question 81 of"),
        (lines(judgement(WEAK, 1, 3, user_prompt="Hi")), "line 1: user_prompt holds no question"),
        ('{"question_id": 1, "model": "a"}\n', "required field `user_prompt`"),
        (lines(judgement(WEAK, 1, 3))[:-20], "line 1: not whole JSON"),
        ("[1]\n", "line 1: Expected `object`"),
        ("\n", "the file is empty"),
    ],
)
def test_a_wrong_judgement_is_named(tmp_path, content, says):
    path = tmp_path / "judgements.jsonl"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        RoutingData.load(path, format="routellm")
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)

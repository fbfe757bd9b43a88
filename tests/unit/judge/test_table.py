"""Verdicts become routing data: samples of a cell are averaged, judges never mixed."""

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.data.responses import read_responses
from routewright.errors import DataError
from routewright.judge.run import Verdict
from routewright.judge.table import write_routing_data
from routewright.types import Answer, AnswerState, Prompt, Usage

PROMPTS = [Prompt.from_text("p", "?"), Prompt.from_text("q", "?")]


def answer(prompt_id, sample, cost):
    state = AnswerState.COMPLETE
    return Answer(prompt_id, "m", f"s{sample}", state, Usage(4, 2), cost, 1.0, sample=sample)


def test_samples_of_a_cell_are_averaged_and_kept_one_by_one(tmp_path):
    answers = [answer("p", 0, 0.1), answer("p", 1, 0.3), answer("q", 0, 0.1)]
    verdicts = [
        Verdict("p", "m", 5.0, "", "llm:j:0", 0),
        Verdict("p", "m", 2.0, "", "llm:j:0", 1),
        Verdict("q", "m", None, "", "llm:j:0", 0),
    ]
    write_routing_data(PROMPTS, answers, verdicts, tmp_path)
    data = RoutingData.load(tmp_path)
    assert data.scores[0, 0] == pytest.approx(0.7)
    assert np.isnan(data.scores[1, 0])
    assert data.costs[:, 0].tolist() == pytest.approx([0.2, 0.1])
    told = [(r.prompt_id, r.sample, r.mark, r.response) for r in read_responses(tmp_path)]
    assert told == [("p", 0, 5.0, "s0"), ("p", 1, 2.0, "s1"), ("q", 0, None, "s0")]


def test_two_judges_are_refused_before_anything_is_written(tmp_path):
    verdicts = [Verdict("p", "m", 5.0, "", "llm:j:0"), Verdict("q", "m", 5.0, "", "llm:k:0")]
    with pytest.raises(DataError, match="--bridge"):
        write_routing_data(PROMPTS, [answer("p", 0, 0.1), answer("q", 0, 0.1)], verdicts, tmp_path)
    assert list(tmp_path.iterdir()) == []

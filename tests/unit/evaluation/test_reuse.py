"""Calibration of answers given again: a promise that holds, and "none" where none does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from routewright.cli.cache import command
from routewright.config import CacheSettings
from routewright.errors import DataError
from routewright.evaluation.reuse import Asked, asked_of, calibrate
from routewright.serve.similar import Similar
from routewright.types import Message, Prompt
from tests.unit.evaluation.worlds import table

DIMENSIONS = 64


class Told:
    """An encoder that was told the vector of each text."""

    def __init__(self) -> None:
        self.vectors: dict[str, Any] = {}

    def encode(self, texts):
        return np.array([self.vectors[text] for text in texts], dtype=np.float32)

    def add(self, vector) -> str:
        """A text of its own for a vector."""
        letters = np.base_repr(len(self.vectors), 26).lower()
        text = "q" + letters.translate(str.maketrans("0123456789", "qrstuvwxyz"))
        self.vectors[text] = vector / np.linalg.norm(vector)
        return text


def near(rng, vector, cosine: float):
    """A unit vector at this cosine from another."""
    aside = rng.normal(size=len(vector))
    aside -= (aside @ vector) * vector
    return cosine * vector + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside)


def traffic(seed: int, n: int, *, right: float, wrong: float, wrong_share: float):
    """Pairs of prompts: most ask the same in other words, some only look like it."""
    rng = np.random.default_rng(seed)
    encoder, asked = Told(), []
    for pair in range(n):
        first = near(rng, np.eye(DIMENSIONS)[0], 0.0)
        bad = rng.random() < wrong_share
        second = near(rng, first, wrong if bad else right)
        asked.append(Asked(encoder.add(first), answer=f"the answer to pair {pair}"))
        said = "something else altogether" if bad else asked[-1].answer
        asked.append(Asked(encoder.add(second), answer=said))
    return asked, encoder


def test_the_threshold_parts_what_is_the_same_from_what_only_looks_like_it():
    asked, encoder = traffic(0, 600, right=0.93, wrong=0.83, wrong_share=0.3)
    found = calibrate(asked, encoder, wanted=0.05)
    assert found.threshold is not None
    assert 0.83 < found.threshold <= 0.93
    row = next(row for row in found.rows if row.threshold == found.threshold)
    assert row.kept
    assert row.testing.hits > 0
    assert row.testing.wrong == 0
    assert row.testing.most_wrong(0.95) <= 0.05


def test_none_where_right_and_wrong_are_equally_near():
    asked, encoder = traffic(0, 600, right=0.93, wrong=0.93, wrong_share=0.3)
    assert calibrate(asked, encoder, wanted=0.02).threshold is None


def test_none_where_too_few_were_seen():
    """No hit of twenty is wrong, and that says nothing of one in fifty."""
    asked, encoder = traffic(0, 80, right=0.93, wrong=0.2, wrong_share=0.0)
    found = calibrate(asked, encoder, wanted=0.02)
    assert found.threshold is None
    assert sum(row.testing.wrong for row in found.rows) == 0
    assert max(row.testing.hits for row in found.rows) > 5


def test_a_promise_that_is_just_broken_is_seldom_made():
    """At a confidence of 0.8, one in five runs may promise what does not hold, not more."""
    promised = 0
    for seed in range(40):
        asked, encoder = traffic(seed, 120, right=0.93, wrong=0.93, wrong_share=0.22)
        found = calibrate(asked, encoder, wanted=0.2, confidence=0.8, seed=seed)
        promised += found.threshold is not None
    assert promised <= 13  # of 40 at 0.2 each, P < 0.03


def test_other_system_prompts_share_nothing_and_equal_texts_are_the_exact_caches():
    encoder = Told()
    vector = np.eye(DIMENSIONS)[0]
    same = encoder.add(vector)
    other = encoder.add(near(np.random.default_rng(0), vector, 0.99))
    asked = [Asked(same, "one", "g"), Asked(other, "two", "g"), Asked(same, "one", "g")]
    found = calibrate(asked, encoder)
    assert all(row.ordering.hits == row.testing.hits == 0 for row in found.rows)
    assert max(row.ordering.prompts + row.testing.prompts for row in found.rows) == 2


def test_short_answers_are_equal_by_chance_and_long_prompts_are_left_out():
    encoder = Told()
    rng = np.random.default_rng(0)
    for answer, wrong in (("B", 1), ("an answer that tells", 0)):
        one = encoder.add(np.eye(DIMENSIONS)[len(encoder.vectors)])
        other = encoder.add(near(rng, encoder.vectors[one], 0.99))
        for group in ("x", ""):
            asked = [Asked(one, group=group, answer=answer), Asked(other, "", group, answer)]
            rows = calibrate(asked, encoder, seed=3).rows
            seen = [use for row in rows for use in (row.ordering, row.testing) if use.hits]
            assert all(use.wrong == (0 if group else wrong) for use in seen)
            assert seen or not group
    encoder.vectors["ok"] = encoder.vectors[one]
    asked = [Asked(text) for text in ("ok", "z" * 501, "two\nlines", "")]
    assert calibrate(asked, encoder).skipped == 3


def test_prompts_of_several_turns_are_no_candidates():
    data = table([[1.0, 0.0]] * 2, [[1.0, 1.0]] * 2, ["a", "b"])
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    alone = (Message("system", "be brief"), Message("user", "hi"))
    prompts = (Prompt("1", turns), Prompt("2", alone, reference="r"))
    from dataclasses import replace

    (only,) = asked_of(replace(data, prompts=prompts))
    assert (only.text, only.system, only.answer) == ("hi", "be brief", "r")


def logged(path, lines) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_the_command_prints_settings_that_the_gateway_takes(tmp_path):
    """Real words, and the encoder of the package."""
    lines = [
        {"prompt": f"{ask} I reset {which} {how} password?", "answer": "press the blue key"}
        for ask in ("How do", "How can", "how could", "Say how")
        for which in ("my", "our", "a", "the")
        for how in ("mail", "work", "home", "bank", "phone", "router", "cloud", "desk", "team", "")
    ]
    path = logged(tmp_path / "log.jsonl", lines)
    ran = CliRunner().invoke(command, ["calibrate", path, "--most-wrong", "0.1"])
    assert ran.exit_code == 0, ran.output
    settings = ran.output.partition("[gateway.cache]\n")[2]
    import tomllib

    given = CacheSettings(**tomllib.loads(settings))
    assert given.trouble() == ""
    Similar(given.similar, given.encoder)
    told = json.loads(
        CliRunner().invoke(command, ["calibrate", path, "--most-wrong", "0.1", "--json"]).output
    )
    assert (told["threshold"], told["encoder"]) == (given.similar, given.encoder)


def test_the_command_says_none(tmp_path):
    lines = [{"prompt": f"about {'abcdefghij'[at]}", "answer": f"{at}"} for at in range(10)]
    ran = CliRunner().invoke(command, ["calibrate", logged(tmp_path / "l.jsonl", lines)])
    assert ran.exit_code == 0
    assert "none: no threshold keeps" in ran.output
    assert "[gateway.cache]" not in ran.output


@pytest.mark.parametrize("text", ["{", '{"answer": "x"}', "[]", '{"prompt": 1}'])
def test_a_log_that_cannot_be_read_is_told_by_its_line(tmp_path, text):
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"prompt": "fine"}}\n{text}\n')
    ran = CliRunner().invoke(command, ["calibrate", str(path)])
    assert isinstance(ran.exception, DataError)
    assert "line 2" in str(ran.exception)

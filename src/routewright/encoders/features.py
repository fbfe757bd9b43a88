"""Cheap numbers read off a text: how long, how numeric, how much like code, what shape of answer.

They say what n-grams can't: magnitude, length, structure. The order of ``FEATURES`` is part of
the artefact format; a router standardises them with its training means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.hashed import HALF_CAP
from routewright.encoders.memo import each_text

FEATURES = (
    "log_chars",  # of the whole text, also beyond what is read
    "log_words",
    "log_lines",
    "mean_word_chars",
    "digit_share",  # of characters
    "upper_share",
    "non_ascii_share",
    "punctuation_share",
    "log_numbers",  # how many numbers
    "max_number_log10",  # the longest number's digits before the point
    "operators",  # + - * / = < > ^ × ÷ %, as log count
    "question_marks",  # log count
    "code_signs",  # log count of def, return, print, {, }, ;, == and the like
    "code_fence",  # 1 where the text has ``` or an indented line
    "options",  # log count of lines or items such as A) or B.
    "json_signs",  # log count of {, }, [, ] and key quotes
    "quotes",  # log count
    "answer_only",  # 1 where it asks for the answer alone ("only", "just the", "no explanation")
    "step_by_step",  # 1 where it asks for reasoning
    "write_verb",  # 1 where it asks for a text or code to be written
    "few_shot",  # 1 where worked examples precede the question
    "list_asked",  # 1 where several items are asked for
    "last_line_log_chars",
    "log_distinct_words",
)
"""Names of the columns, in order."""

_NUMBER = re.compile(r"\d+")
_OPERATOR = re.compile(r"[+*/=<>^×÷%−]|(?<=[\s\d)])-(?=[\s\d(])")
_CODE = re.compile(r"\b(?:def|return|print|import|class|function|var|SELECT|for \w+ in)\b|[{};]|==")
_OPTION = re.compile(r"(?:^|[\s(])[A-J][).:](?=\s)", re.MULTILINE)
_JSON = re.compile(r"[{}\[\]]|\":")
_QUOTE = re.compile(r"[\"“”«»`]")
_ONLY = re.compile(
    r"\b(?:only|alone|just the|nothing else|no explanation|without explan\w+"
    r"|single (?:word|letter))\b",
    re.IGNORECASE,
)
_STEPS = re.compile(r"\b(?:step by step|explain|show your work|reason\w*|why)\b", re.IGNORECASE)
_WRITE = re.compile(r"\b(?:write|compose|draft|implement|translate|rewrite|summari[sz]e)\b", re.I)
_SHOTS = re.compile(r"^\s*(?:answer|a|output)\s*:\s*\S", re.IGNORECASE | re.MULTILINE)
_LIST = re.compile(r"\b(?:list|sort|order|each|all of|comma|separated)\b", re.IGNORECASE)


def text_features(texts: Sequence[str]) -> NDArray[np.float32]:
    """The ``FEATURES`` of each text (n, f), finite for any string.

    Only the first and the last ``HALF_CAP`` characters are read, as by the encoder; the length
    is that of the whole.
    """
    rows = [_features(text) for text in texts]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(FEATURES))


@each_text
def _features(whole: str) -> list[float]:
    text = whole
    if len(text) > 2 * HALF_CAP:
        text = f"{text[:HALF_CAP]}\n{text[-HALF_CAP:]}"
    chars = max(len(text), 1)
    words = text.split()
    lines = text.strip().split("\n")
    numbers = _NUMBER.findall(text)
    digits = sum(map(len, numbers))
    letters = sum(map(str.isalpha, text))
    spaces = sum(map(str.isspace, text))
    ascii_chars = len(text.encode("ascii", "ignore"))
    return [
        math.log1p(len(whole)),
        math.log1p(len(words)),
        math.log1p(len(lines)),
        sum(map(len, words)) / max(len(words), 1),
        digits / chars,
        sum(map(str.isupper, text)) / chars,
        (chars - ascii_chars) / chars if text else 0.0,
        (len(text) - letters - spaces - digits) / chars,
        math.log1p(len(numbers)),
        float(min(max(map(len, numbers), default=0), 30)),
        _log_count(_OPERATOR, text),
        math.log1p(text.count("?")),
        _log_count(_CODE, text),
        float("```" in text or "\n    " in text),
        _log_count(_OPTION, text),
        _log_count(_JSON, text),
        _log_count(_QUOTE, text),
        float(bool(_ONLY.search(text))),
        float(bool(_STEPS.search(text))),
        float(bool(_WRITE.search(text))),
        float(len(_SHOTS.findall(text)) > 1),
        float(bool(_LIST.search(text))),
        math.log1p(len(lines[-1])),
        math.log1p(len(set(words))),
    ]


def _log_count(pattern: re.Pattern[str], text: str) -> float:
    return math.log1p(len(pattern.findall(text)))

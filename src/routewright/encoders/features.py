"""Cheap numbers read off a text: how long, how numeric, how much like code, what shape of answer.

They say what n-grams can't: magnitude, length, structure. The order of ``FEATURES`` is part of
the artefact format; a router standardises them with its training means.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.hashed import both_ends_of
from routewright.encoders.memo import each_text
from routewright.encoders.tokens import plain_tokens

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

# Counting single characters and looking words up in sets costs a fraction of what patterns do.
# A pattern that begins with what it looks for is quick; what stands before it is looked at after.
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_OPERATORS = "+*/=<>^×÷%−"
_MINUS = re.compile(r"-(?=[\s\d(])")
_CODE = ("def", "return", "print", "import", "class", "function", "var", "SELECT")
_CODE_WORDS = frozenset(word.lower() for word in _CODE)
_LOOP = re.compile(r"for \w+ in\b")
_OPTION = re.compile(r"[A-J][).:](?=\s)")
_QUOTES = '"“”«»`'
_ONLY = frozenset({"only", "alone"})
_ONLY_SAID = (
    "just the ",
    "nothing else",
    "no explanation",
    "without explan",
    "single word",
    "single letter",
)
_STEPS = frozenset({"explain", "why", "reason", "reasons", "reasoning", "reasoned"})
_STEPS_SAID = ("step by step", "show your work")
_WRITE = frozenset(
    "write compose draft implement translate rewrite summarise summarize".split()  # noqa: SIM905
)
_SHOTS = re.compile(r"^\s*(?:answer|a|output)\s*:\s*\S", re.MULTILINE)
_LIST = frozenset({"list", "sort", "order", "each", "comma", "separated"})
_LETTERS = string.ascii_letters.encode()
_SMALL = string.ascii_lowercase.encode()
_NO_DIGIT = bytes(at if chr(at) in string.digits else ord(" ") for at in range(256))
_SPACES = b" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"  # what str.isspace counts among ASCII


def text_features(texts: Sequence[str]) -> NDArray[np.float32]:
    """The ``FEATURES`` of each text (n, f), finite for any string.

    Only the first and the last 4,000 characters are read, as by the encoder; the length
    is that of the whole.
    """
    rows = [_features(text) for text in texts]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(FEATURES))


@each_text
def _features(whole: str) -> list[float]:
    text = both_ends_of(whole)
    chars = max(len(text), 1)
    plain = text.lower()
    words = text.split()
    lower = set(plain_tokens(text)) if text.isascii() else set(_WORD.findall(plain))
    lines = text.strip().split("\n")
    numbers = _numbers(text)
    digits = sum(map(len, numbers))
    letters, capitals, spaces, wide = _kinds(text)
    operators = _count(_OPERATORS, text) + _after(_ends_a_term, _MINUS, text)
    brackets = _count("{}", text)
    code = brackets + text.count(";") + text.count("==")
    if not lower.isdisjoint(_CODE_WORDS):
        code += sum(_whole_words(word, text) for word in _CODE if word.lower() in lower)
    code += _after(_ends_a_word, _LOOP, text)
    return [
        math.log1p(len(whole)),
        math.log1p(len(words)),
        math.log1p(len(lines)),
        (len(text) - spaces) / max(len(words), 1),
        digits / chars,
        capitals / chars,
        wide / chars,
        (len(text) - letters - spaces - digits) / chars,
        math.log1p(len(numbers)),
        float(min(max(map(len, numbers), default=0), 30)),
        math.log1p(operators),
        math.log1p(text.count("?")),
        math.log1p(code),
        float("```" in text or "\n    " in text),
        math.log1p(_after(_opens, _OPTION, text)),
        math.log1p(brackets + _count("[]", text) + text.count('":')),
        math.log1p(_count(_QUOTES, text)),
        float(not lower.isdisjoint(_ONLY) or any(said in plain for said in _ONLY_SAID)),
        float(not lower.isdisjoint(_STEPS) or any(said in plain for said in _STEPS_SAID)),
        float(not lower.isdisjoint(_WRITE)),
        float("\n" in text and len(_SHOTS.findall(plain)) > 1),
        float(not lower.isdisjoint(_LIST) or "all of" in plain),
        math.log1p(len(lines[-1])),
        math.log1p(len(set(words))),
    ]


def _count(characters: str, text: str) -> int:
    return sum(map(text.count, characters))


def _numbers(text: str) -> Sequence[str | bytes]:
    """The runs of digits."""
    if text.isascii():
        return text.encode().translate(_NO_DIGIT).split()
    return _NUMBER.findall(text)


def _after(fits: Callable[[str], bool], pattern: re.Pattern[str], text: str) -> int:
    """How often a pattern is found behind a character that fits ("" at the beginning)."""
    found = pattern.finditer(text)
    return sum(fits(text[max(at.start() - 1, 0) : at.start()]) for at in found)


def _opens(before: str) -> bool:
    return not before or before == "(" or before.isspace()


def _ends_a_term(before: str) -> bool:
    return before == ")" or before.isspace() or before.isdecimal()


def _ends_a_word(before: str) -> bool:
    return not (before == "_" or before.isalnum())


def _whole_words(word: str, text: str) -> int:
    """How often a word stands in a text by itself."""
    count, at = 0, text.find(word)
    while at >= 0:
        end = at + len(word)
        count += _ends_a_word(text[max(at - 1, 0) : at]) and _ends_a_word(text[end : end + 1])
        at = text.find(word, end)
    return count


def _kinds(text: str) -> tuple[int, int, int, int]:
    """How many letters, capitals, spaces and characters outside ASCII."""
    plain = text.encode("ascii", "ignore")
    no_letters = plain.translate(None, _LETTERS)
    small = len(plain) - len(plain.translate(None, _SMALL))
    letters = len(plain) - len(no_letters)
    capitals = letters - small
    spaces = len(no_letters) - len(no_letters.translate(None, _SPACES))
    wide = len(text) - len(plain)
    if wide:
        others = [character for character in text if not character.isascii()]
        letters += sum(map(str.isalpha, others))
        capitals += sum(map(str.isupper, others))
        spaces += sum(map(str.isspace, others))
    return letters, capitals, spaces, wide

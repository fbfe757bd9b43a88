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
from routewright.encoders.tokens import plain_words

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

# Letters and signs are counted all at once, words looked up in sets; patterns run where a sign or a
# word says that they may find something. Nothing is remembered: of new text that takes longer.
# A pattern that begins with what it looks for is quick; what stands before it is looked at after.
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_WIDE_OPERATORS = "×÷−"
_MINUS = re.compile(r"-(?=[\s\d(])")
_CODE = ("def", "return", "print", "import", "class", "function", "var", "SELECT")
_CODE_WORDS = frozenset(word.lower() for word in _CODE)
_LOOP = re.compile(r"for \w+ in\b")
_INNER_OPTION = re.compile(r"\([A-J][).:](?=\s)")  # the others are words by themselves
_WIDE_QUOTES = "“”«»"
_ONLY_SAID = (
    "just the ",
    "nothing else",
    "no explanation",
    "without explan",
    "single word",
    "single letter",
)
_STEPS_SAID = ("step by step", "show your work")
_SHOTS = re.compile(r"^\s*(?:answer|a|output)\s*:\s*\S", re.MULTILINE)
_ONLY = frozenset({"only", "alone"})
_STEPS = frozenset({"explain", "why", "reason", "reasons", "reasoning", "reasoned"})
_WRITE = frozenset(
    "write compose draft implement translate rewrite summarise summarize".split()  # noqa: SIM905
)
_LIST = frozenset({"list", "sort", "order", "each", "comma", "separated"})
_TELLING = _CODE_WORDS | _ONLY | _STEPS | _WRITE | _LIST
_OPTIONS = frozenset(letter + sign for letter in "ABCDEFGHIJ" for sign in ").:")
_NO_DIGIT = bytes(at if chr(at) in string.digits else ord(" ") for at in range(256))
_SIGNS = (
    string.ascii_letters,
    string.ascii_uppercase,
    " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f",  # what str.isspace counts among ASCII
    string.digits,
    "+*/=<>^%",
    "-",
    "?",
    "{}",
    "[]",
    ";",
    "=",
    '"`',
    ":",
)
_IS_SIGN = np.array([[float(chr(at) in signs) for signs in _SIGNS] for at in range(128)])


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
    words = text.split()
    distinct = set(words)
    low = text.lower()
    told = _TELLING.intersection(plain_words(text) if text.isascii() else _WORD.findall(low))
    body = text.strip()
    plain = text if text.isascii() else text.encode("ascii", "ignore").decode()
    seen = np.bincount(np.frombuffer(plain.encode(), dtype=np.uint8), minlength=128) @ _IS_SIGN
    letters, capitals, spaces, digits, operators, dashes, questions, *code_signs = seen.tolist()
    braces, brackets, semicolons, equals, quotes, colons = code_signs
    numbers: Sequence[str | bytes] = ()
    if plain is text:
        numbers = text.encode().translate(_NO_DIGIT).split() if digits else ()
    else:
        others = [character for character in text if not character.isascii()]
        letters += sum(map(str.isalpha, others))
        capitals += sum(map(str.isupper, others))
        spaces += sum(map(str.isspace, others))
        operators += sum(map(others.count, _WIDE_OPERATORS))
        quotes += sum(map(others.count, _WIDE_QUOTES))
        numbers = _NUMBER.findall(text)
        digits = sum(map(len, numbers))
    if dashes:
        operators += _after(_ends_a_term, _MINUS, text)
    code = braces + semicolons + _after(_ends_a_word, _LOOP, text)
    if equals > 1:
        code += text.count("==")
    if not told.isdisjoint(_CODE_WORDS):
        code += sum(_whole_words(word, text) for word in _CODE if word.lower() in told)
    options = len(_INNER_OPTION.findall(text))
    if not _OPTIONS.isdisjoint(distinct):
        options += sum(map(_OPTIONS.__contains__, words))
        # White space must follow.
        options -= words[-1] in _OPTIONS and not text[-1].isspace()
    return [
        math.log1p(len(whole)),
        math.log1p(len(words)),
        math.log1p(body.count("\n") + 1),
        (len(text) - spaces) / max(len(words), 1),
        digits / chars,
        capitals / chars,
        (len(text) - len(plain)) / chars,
        (len(text) - letters - spaces - digits) / chars,
        math.log1p(len(numbers)),
        float(min(max(map(len, numbers), default=0), 30)),
        math.log1p(operators),
        math.log1p(questions),
        math.log1p(code),
        float("```" in text or "\n    " in text),
        math.log1p(options),
        math.log1p(braces + brackets + (text.count('":') if quotes else 0)),
        math.log1p(quotes),
        float(not told.isdisjoint(_ONLY) or any(said in low for said in _ONLY_SAID)),
        float(not told.isdisjoint(_STEPS) or any(said in low for said in _STEPS_SAID)),
        float(not told.isdisjoint(_WRITE)),
        float(colons > 1 and "\n" in text and len(_SHOTS.findall(low)) > 1),
        float(not told.isdisjoint(_LIST) or "all of" in low),
        math.log1p(len(body) - 1 - body.rfind("\n")),
        math.log1p(len(distinct)),
    ]


def _after(fits: Callable[[str], bool], pattern: re.Pattern[str], text: str) -> int:
    """How often a pattern is found behind a character that fits ("" at the beginning)."""
    found = pattern.finditer(text)
    return sum(fits(text[max(at.start() - 1, 0) : at.start()]) for at in found)


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

"""The analyser that needs no data: cue words, the form of the text, small words of languages.

Each class's score is the weight of its cues plus what the form says; the highest wins. Written
by hand and meant to be read: a wrong analysis is put right by a word in ``cues.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

from routewright.analysis.cues import Class, count_cues
from routewright.analysis.language import detect
from routewright.analysis.words import DOMAINS, NEEDS, TASKS
from routewright.types import Analysis

HALF_CAP = 2_000
"""Characters read from either end of a text."""

_LEAST_DOMAIN = 2  # one weak word tells nothing
_OPTIONS = re.compile(r"\b([a-j])[).:]\s")
_CODE = (
    "```",
    "\ndef ",
    "import ",
    "#include",
    "print(",
    "console.log",
    "=>",
    "return ",
    ";\n",
    "{\n",
)
_ARITHMETIC = re.compile(r"\d ?[-+*/×÷^=] ?\d|\\frac|\\sqrt|[a-z]\^\d|\$\\?\w+")
_NUMBER = re.compile(r"\d+")
_TOOLS = ('"parameters":', "\ntools:", '"type": "function"')
_PROGRAM = ("sample input", "class solution", "standard input", ">>> ")


def analyse(text: str) -> Analysis:
    """Task, domain, language and needs of a prompt's text; only its two ends are read."""
    plain = ends(text).casefold()
    marks, words = count_cues(plain)
    task_scores = _task_scores(plain, marks)
    task = max(task_scores, key=task_scores.__getitem__)
    domain_scores = {name: marks.get(("domain", name), 0) for name in DOMAINS}
    # A long text holds stray words of every field.
    domain_scores["general"] = _LEAST_DOMAIN - 1 + len(words) // 200
    return Analysis(
        task=task,
        domain=max(reversed(DOMAINS), key=domain_scores.__getitem__),
        language=detect(plain, words),
        needs=_needs(task, plain, marks),
    )


def ends(text: str) -> str:
    """The text, or its first and last ``HALF_CAP`` characters where it is longer."""
    return text if len(text) <= 2 * HALF_CAP else f"{text[:HALF_CAP]}\n{text[-HALF_CAP:]}"


def _task_scores(plain: str, marks: Mapping[Class, int]) -> dict[str, float]:
    scores = {name: float(marks.get(("task", name), 0)) for name in TASKS}
    options = set(_OPTIONS.findall(plain))
    code = _count(_CODE, plain)
    scores["question"] += 0.5 + plain.rstrip().endswith("?")  # what a text without any sign is
    if {"a", "b"} <= options and ("c" in options or "letter" in plain):
        scores["multiple-choice"] += 20
    scores["tool-call"] += 25 * bool(_count(_TOOLS, plain))
    scores["code-writing"] += 8 * _count(_PROGRAM, plain) + min(code, 3)
    scores["code-reading"] += min(code, 4)
    if _NUMBER.search(plain):
        numbers = sum(1 for _ in islice(_NUMBER.finditer(plain), 3))
        scores["maths"] += numbers + 3 * bool(_ARITHMETIC.search(plain))
    else:
        scores["maths"] -= 3
    if code:
        scores["maths"] /= 2  # numbers in a program are no sums
    return scores


def _count(signs: tuple[str, ...], plain: str) -> int:
    return sum(1 for sign in signs if sign in plain)


def _needs(task: str, plain: str, marks: Mapping[Class, int]) -> tuple[str, ...]:
    computing = marks.get(("domain", "computing"), 0) >= 6
    sums = marks.get(("domain", "maths"), 0) >= 4
    needed = {
        "reasoning": task in ("maths", "puzzle") or marks.get(("need", "reasoning"), 0) >= 3,
        "code": task.startswith("code-") or computing,
        "maths": task == "maths" or sums or bool(_ARITHMETIC.search(plain)),
        "tools": task == "tool-call",
    }
    return tuple(name for name in NEEDS if needed[name])

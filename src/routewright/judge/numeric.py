r"""The numeric grader: the final number of an answer against the right one.

Final means: inside the last ``\boxed{}``; else after the last "answer is"; else after the last
``=`` or in bold, whichever is later; else the only number; else the last number.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

from routewright.judge.extract import (
    FULL,
    BadReferenceError,
    bold_spans,
    boxed_spans,
    final_text,
    grade,
    plain,
)
from routewright.judge.number_words import spelled_out
from routewright.types import Grade

_DIGITS = r"(?:[0-9]{1,3}(?:[, \u00a0\u202f\u2009][0-9]{3})+(?![0-9])|[0-9]{1,400})"
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>(?<![\w)\]])[-+])?"
    rf"(?:(?P<whole>[0-9]{{1,6}}) (?=[0-9]{{1,6}}/[0-9]))?"
    rf"(?P<digits>{_DIGITS}(?:\.[0-9]{{1,400}})?|\.[0-9]{{1,400}})"
    r"(?:[eE](?P<exp>[-+]?[0-9]{1,3})(?![\w])"
    r"|[ ]?[×x*·][ ]?10(?:\^|\*\*)[ ]?[{(]?(?P<pow>[-+]?[0-9]{1,3})[})]?)?"
    r"(?:[ ]?/[ ]?(?P<under>[0-9]{1,30})(?![0-9.]))?"
)
_VERDICT = re.compile(
    r"\b(?:answer|result|output|solution)\b[^.\n=:]{0,80}?"
    r"(?:\b(?:is|are|was|equals|be)\b\s*:?|[:=])",
    re.IGNORECASE,
)
_OPERATOR = re.compile(r"[ ]*(?:[-+*/×÷·–^]|\*\*|times|plus|minus|to)[ ]*[0-9(]")
_UNIT_EQUALS = re.compile(r"[ ]?[^\W\d]{0,20}[ ]?[=≈]")
_STATEMENT_END = re.compile(r"[.!?](?:\s|$)|\n| \([^()\n]{0,80}=|$")  # or a remark in brackets
_RANGE_BEFORE = re.compile(r"(?:[0-9]%?[ ]?[-–][ ]?|\bbetween[^.\n]{0,40} and )$", re.IGNORECASE)
_MAYBE = r"(?:maybe|perhaps|possibly|even|about)?[ ]?"
_OR_AFTER = re.compile(rf"[ ]?(?P<unit>[^\W\d]{{0,30}}),? or {_MAYBE}$", re.IGNORECASE)
_BOLD_NUMBER = re.compile(r"[^\w.+-]*(?P<rest>[-+]?[0-9.][^:=]{0,60})$")
_FRACTIONS = {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3"}
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]{1,40})\}\s*\{([^{}]{1,40})\}")


class _Number(NamedTuple):
    value: float
    start: int
    end: int


def numeric(answer_text: str, reference: str) -> Grade:
    """5 when the final number is the reference within its tolerance, else 0."""
    wanted, tolerance = _key(reference)
    text = final_text(answer_text)
    found = _final(text)
    if isinstance(found, str):
        return grade("numeric", 0.0, found)
    right = math.isclose(found, wanted, rel_tol=1e-6, abs_tol=tolerance)
    verb = "is" if right else "is not"
    return grade("numeric", FULL if right else 0.0, f"final number {found:g} {verb} {reference}")


def _key(reference: str) -> tuple[float, float]:
    parts = [_tidy(part).strip() for part in re.split(r"±|\+/-", reference)]
    values = [
        value if (value := _value(match)) is not None else math.nan
        for part in parts
        if (match := _NUMBER.match(part)) and not part[match.end() :].strip(" %")
    ]
    if len(values) != len(parts) or len(parts) > 2 or not all(map(math.isfinite, values)):
        raise BadReferenceError(f"must be a number like 42, 3/4 or 3.28±0.01, not {reference!r}")
    # A bound such as 28.96 against 29.06±0.1 must not be lost to rounding in binary.
    return values[0], abs(values[1]) + 1e-9 * max(1.0, abs(values[0])) if len(parts) > 1 else 0.0


def _tidy(text: str) -> str:
    text = re.sub(r"(?<=[0-9])(?:\{,\}|\\,|\\!)(?=[0-9]{3})", ",", text)
    text = _LATEX_FRACTION.sub(r" \1/\2 ", text)
    text = re.sub(r"\\(?:times|cdot)\b", "×", text).replace("\\%", "%")
    for sign, spelling in _FRACTIONS.items():
        text = text.replace(sign, spelling)
    text = text.replace("−", "-").replace("‑", "-").replace("\\$", "").replace("⁄", "/")
    return re.sub(r"[$€£¥₹]", "", text)


def _value(match: re.Match[str]) -> float | None:
    digits = re.sub(r"[^0-9.]", "", match["digits"])
    value = float(f"{digits}e{match['exp'] or match['pow'] or 0}")
    if match["under"]:
        under = float(match["under"])
        value = value / under if under else math.nan
    value += float(match["whole"] or 0)
    value = -value if match["sign"] == "-" else value
    return value if math.isfinite(value) else None


def _numbers(text: str) -> Iterator[_Number]:
    for match in _NUMBER.finditer(text):
        value = _value(match)
        if value is not None:
            yield _Number(value, match.start(), match.end())


def _final(text: str) -> float | str:
    """The final number, or the reason why there is none."""
    if not text:
        return "empty answer"
    bold = bold_spans(_tidy(text))
    boxed = boxed_spans(text)
    flat = plain(_tidy(text))
    numbers = list(_numbers(flat))
    if not numbers:
        words = spelled_out(flat)
        return words if words is not None else "no number in the answer"
    if boxed and (inside := list(_numbers(plain(_tidy(boxed[-1]))))):
        return inside[-1].value if len(inside) == 1 else "several numbers are boxed"
    steps: tuple[Callable[[], _Number | None], ...] = (
        lambda: _after_verdict(flat, numbers),
        lambda: _after_equals_or_bold(flat, numbers, bold),
    )
    chosen = next((number for step in steps if (number := step())), numbers[-1])
    return "several numbers are offered" if _hedged(flat, chosen, numbers) else chosen.value


def _at_or_after(numbers: list[_Number], place: int) -> _Number | None:
    index = bisect_left(numbers, place, key=lambda number: number.start)
    return numbers[index] if index < len(numbers) else None


def _after_verdict(text: str, numbers: list[_Number]) -> _Number | None:
    for verdict in reversed(list(_VERDICT.finditer(text))):
        following = _at_or_after(numbers, verdict.end())
        if following is None:
            continue
        between = text[verdict.end() : following.start]
        if len(between) > 60 or re.search(r"\bnot\b|[.!?]\s|\n\s*\S", between):
            continue
        if not (_OPERATOR.match(text, following.end) or _UNIT_EQUALS.match(text, following.end)):
            return following
        sentence_end = _STATEMENT_END.search(text, following.end)
        end = sentence_end.start() if sentence_end else len(text)
        return _after_equals(text, numbers, following.end, end)
    return None


def _after_equals(text: str, numbers: list[_Number], start: int, end: int) -> _Number | None:
    """The number right behind the last ``=`` or ``≈`` of a stretch of text."""
    for place in range(end - 1, start - 1, -1):
        if text[place] not in "=≈":
            continue
        following = _at_or_after(numbers, place + 1)
        if (
            following
            and re.fullmatch(r"[^\w\n]{0,12}(?:about )?", text[place + 1 : following.start])
            and not _OPERATOR.match(text, following.end)
        ):
            return following
    return None


def _after_equals_or_bold(text: str, numbers: list[_Number], bold: list[str]) -> _Number | None:
    equal = _after_equals(text, numbers, 0, len(text))
    for span in reversed(bold):
        match = _BOLD_NUMBER.match(plain(span))
        if not match or re.fullmatch(r"[0-9]{1,3}[.)].*", match["rest"]):
            continue
        place = text.rfind(plain(span))
        number = _at_or_after(numbers, place) if place >= 0 else None
        if number and (equal is None or number.start > equal.start):
            return number
        break
    return equal


def _hedged(text: str, chosen: _Number, numbers: list[_Number]) -> bool:
    """Whether the answer offers another number beside the chosen one."""
    if _RANGE_BEFORE.search(text[max(0, chosen.start - 60) : chosen.start]):
        return True
    if re.compile(r"[ ]?[-–][ ]?[0-9]|[ ]to[ ][0-9]").match(text, chosen.end):
        return True
    place = numbers.index(chosen)
    pairs = zip(numbers[max(0, place - 1) : place + 1], numbers[place : place + 2], strict=False)
    return any(_either(text, left, right) for left, right in [*pairs, *_next(numbers, place)])


def _next(numbers: list[_Number], place: int) -> list[tuple[_Number, _Number]]:
    return [(numbers[place], numbers[place + 1])] if place + 1 < len(numbers) else []


def _either(text: str, left: _Number, right: _Number) -> bool:
    """Whether two numbers are joined by "or" as rivals, not as one value in two units."""
    joint = _OR_AFTER.fullmatch(text[left.end : right.start])
    if not joint or left.value == right.value:
        return False
    if text[right.end : right.end + 2].strip().startswith("%"):
        return not math.isclose(left.value * 100, right.value)
    unit = joint["unit"].casefold()
    after = re.compile(r"[ ]?([^\W\d]{0,30})").match(text, right.end)
    return not unit or (after is not None and after[1].casefold() == unit)

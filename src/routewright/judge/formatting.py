"""The format grader: does an answer keep to the form that was asked for?

The reference is a JSON list of checks such as ``{"check": "words", "max": 20}``. Patterns of the
``regex`` check come from the prompt's author and are trusted to be quick.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from routewright.judge.extract import FULL, BadReferenceError, final_text, folded, grade, lines
from routewright.judge.structure import find_object
from routewright.types import Grade

Check = Callable[[str, Mapping[str, Any]], bool]

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]*]*(?:\s+|$)|\n\s*\n")
_BULLET = re.compile(r"[ \t]*[-*•][ \t]+\S")
_NUMBERED = re.compile(r"[ \t]*\d{1,3}[.)][ \t]*\S")
_EDGE_MARKS = "*_`#\"'“”‘’ "


def form(answer_text: str, reference: str) -> Grade:
    """5 when all checks hold, else 5 times the share that do; nothing for an empty answer."""
    checks = _checks(reference)
    text = final_text(answer_text)
    if not text:
        return grade("format", 0.0, "empty answer")
    failed = [spec["check"] for spec in checks if not CHECKS[spec["check"]](text, spec)]
    mark = FULL * (len(checks) - len(failed)) / len(checks)
    return grade("format", mark, f"fails {', '.join(failed)}" if failed else "all checks hold")


def _checks(reference: str) -> list[dict[str, Any]]:
    try:
        specs = msgspec.json.decode(reference, type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise BadReferenceError("must be a JSON list of checks") from None
    if not specs:
        raise BadReferenceError("must hold at least one check")
    for spec in specs:
        _validate(spec)
    return specs


def _validate(spec: Mapping[str, Any]) -> None:
    name = spec.get("check")
    if name not in CHECKS:
        raise BadReferenceError(f"has an unknown check {name!r}; known: {', '.join(CHECKS)}")
    wrong = BadReferenceError(f"has a check {name!r} with a missing or wrong argument")
    if name in _COUNTS:
        bounds = [spec[key] for key in ("min", "max") if key in spec]
        if not bounds or not all(type(bound) is int for bound in bounds):
            raise wrong
    if name in _TEXTUAL and not (isinstance(spec.get("text"), str) and spec["text"].strip()):
        raise wrong
    if name == "contains" and type(spec.get("min", 1)) is not int:
        raise wrong
    if name == "json_keys" and not isinstance(spec.get("keys"), list):
        raise wrong
    if name == "regex":
        try:
            re.compile(spec.get("pattern", None))
        except (TypeError, re.error):
            raise wrong from None


def _within(count: int, spec: Mapping[str, Any]) -> bool:
    return spec.get("min", 0) <= count <= spec.get("max", count)


def _counted(count: Callable[[str], int]) -> Check:
    return lambda text, spec: _within(count(text), spec)


def _words(text: str) -> int:
    return sum(any(c.isalnum() for c in word) for word in text.split())


def _sentences(text: str) -> int:
    parts = _SENTENCE_END.split(text)
    return sum(any(c.isalnum() for c in part) for part in parts)


def _matching(pattern: re.Pattern[str]) -> Callable[[str], int]:
    return lambda text: sum(pattern.match(line) is not None for line in text.splitlines())


def _starts(text: str, spec: Mapping[str, Any]) -> bool:
    wanted = _flat(spec["text"])
    return any(_flat(t).startswith(wanted) for t in (text, text.lstrip(_EDGE_MARKS)))


def _ends(text: str, spec: Mapping[str, Any]) -> bool:
    wanted = _flat(spec["text"])
    trimmed = text.rstrip(_EDGE_MARKS)
    return any(_flat(t).endswith(wanted) for t in (text, trimmed, trimmed.rstrip(".!?")))


def _flat(text: str) -> str:
    return " ".join(text.replace("’", "'").casefold().split())


def _contains(text: str, spec: Mapping[str, Any]) -> bool:
    return _flat(text).count(_flat(spec["text"])) >= spec.get("min", 1)


def _one_case(text: str, wanted: str) -> bool:
    return text == wanted and any(c.isalpha() for c in text)


def _each_line(text: str, spec: Mapping[str, Any]) -> bool:
    wanted = _flat(spec["text"])
    return all(_flat(line).startswith(wanted) for line in lines(text))


def _json_keys(text: str, spec: Mapping[str, Any]) -> bool:
    found = find_object(text)
    return not isinstance(found, str) and set(found) == set(map(str, spec["keys"]))


_COUNTS: Mapping[str, Check] = {
    "words": _counted(_words),
    "sentences": _counted(_sentences),
    "lines": _counted(lambda text: len(lines(text))),
    "bullets": _counted(_matching(_BULLET)),
    "numbered": _counted(_matching(_NUMBERED)),
}
_TEXTUAL: Mapping[str, Check] = {
    "starts_with": _starts,
    "ends_with": _ends,
    "contains": _contains,
    "excludes": lambda text, spec: folded(spec["text"]) not in _flat(text),
    "each_line_starts_with": _each_line,
}
CHECKS: Mapping[str, Check] = {
    **_COUNTS,
    **_TEXTUAL,
    "lowercase": lambda text, _: _one_case(text, text.lower()),
    "uppercase": lambda text, _: _one_case(text, text.upper()),
    "no_commas": lambda text, _: not set(text) & set(",，、"),
    "json_keys": _json_keys,
    "regex": lambda text, spec: re.search(spec["pattern"], text) is not None,
}

"""Graders for structured answers: an ordering, and a JSON object."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from typing import Any

from routewright.judge.extract import (
    FULL,
    BadReferenceError,
    final_text,
    folded,
    grade,
    plain,
    whole_words,
)
from routewright.types import Grade

PARTIAL_CAP = 3.0  # the right items in a wrong order never earn more
MAX_OBJECTS = 50  # openings of braces that are tried: hostile text may hold thousands

_GAP = re.compile(
    r"[\s¦,;>→⟶⇒<=|/&\"'“”\[\]()–—-]*(?:(?:and|then|followed by|before|next|finally)\b)?"
    r"[\s¦,;>→⟶⇒<=|/&\"'“”\[\]()–—-]*"
)
# A list line keeps its sign as ¦, so that a stranger on a line of its own is seen.
_NUMBERED = re.compile(r"^[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]+([^\n]*)$", re.MULTILINE)
_EXTRA_BEFORE = re.compile(
    r"(?:^|[\n:.\[])[ \t\"']*(?:[\w'-]+[ ])?[\w'-]+[\"']?[ ]?[,;>→][ \"']*$"
    r"|¦[ ]*[^\n¦]+\n\s*¦[ ]*$"
)
_EXTRA_AFTER = re.compile(
    r"[\"']?,?[ ]?(?:[,;>→]|\band\b)[ ]*(?:and )?[\"']?(?:[\w'-]+[ ]?){1,2}[\"'\].]?[ ]*(?:\n|$)"
    r"|\s*¦[ ]*\S"
)


def ordering(answer_text: str, reference: str) -> Grade:
    """5 when the answer lists the items in order; the right items in another order, at most 3.

    Partial marks follow the share of neighbours in the reference whose order the answer keeps.
    """
    items = [folded(item) for item in reference.split(" > ") if item.strip()]
    if len(items) < 2 or len(set(items)) < len(items):
        raise BadReferenceError("must be two or more different items joined by ' > '")
    text = final_text(answer_text)
    if not text:
        return grade("list", 0.0, "empty answer")
    listed = _listed(text, items)
    if listed == items:
        return grade("list", FULL, "all items in order")
    if sorted(listed) != sorted(items):
        return grade("list", 0.0, f"listed {len(listed)} items, not the {len(items)} asked for")
    place = {item: index for index, item in enumerate(listed)}
    kept = sum(place[a] < place[b] for a, b in pairwise(items))
    mark = min(PARTIAL_CAP, FULL * kept / (len(items) - 1))
    return grade("list", mark, f"{kept} of {len(items) - 1} neighbours in order")


def _listed(text: str, items: list[str]) -> list[str]:
    """The items of the last list in the text, in its order, with a blank for each stranger."""
    flat = _NUMBERED.sub(lambda match: f"¦ {_headword(match[1])}", plain(text))
    runs: list[list[re.Match[str]]] = []
    for match in whole_words(items).finditer(flat):
        if runs and _GAP.fullmatch(flat, runs[-1][-1].end(), match.start()):
            runs[-1].append(match)
        else:
            runs.append([match])
    lists = [run for run in runs if len(run) > 1]
    if not lists:
        return []
    run = lists[-1]
    listed = [folded(match[0]) for match in run]
    start, end = run[0].start(), run[-1].end()
    before = [""] if _EXTRA_BEFORE.search(flat[max(0, start - 80) : start]) else []
    after = [""] if _EXTRA_AFTER.match(flat, end) else []
    return [*before, *listed, *after]


def _headword(line: str) -> str:
    """A list line without the remark that follows its item."""
    return re.split(r"[ \t][-–—][ \t]|:[ \t]|[ \t]\(", line, maxsplit=1)[0].rstrip(" .,;:")


def json_object(answer_text: str, reference: str) -> Grade:
    """5 for one JSON object equal to the reference; else the share of keys that are right."""
    wanted: Any = _loads(reference)
    if type(wanted) is not dict or not wanted:
        raise BadReferenceError("must be a JSON object with at least one key")
    text = final_text(answer_text)
    if not text:
        return grade("json", 0.0, "empty answer")
    found = find_object(text)
    if isinstance(found, str):
        return grade("json", 0.0, found)
    return _graded_keys(found, dict[str, Any](wanted))  # pyright: ignore[reportUnknownArgumentType] -- JSON


def _graded_keys(found: dict[str, Any], wanted: dict[str, Any]) -> Grade:
    right = sum(key in found and _same(found[key], value) for key, value in wanted.items())
    extra = sum(key not in wanted for key in found)
    mark = FULL * right / (len(wanted) + extra)
    return grade("json", mark, f"{right} of {len(wanted)} keys right, {extra} too many")


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def find_object(text: str) -> dict[str, Any] | str:
    """The one JSON object in a text, or the reason why there is none."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    place = text.find("{")
    for _ in range(MAX_OBJECTS):
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(text, place)
            found.append(value)
        except (ValueError, RecursionError):
            end = place + 1
        place = text.find("{", end)
    if not found:
        return "no JSON object in the answer"
    if not all(_same(other, found[0]) for other in found):
        return "several JSON objects in the answer"
    return found[0]


def _same(one: Any, other: Any) -> bool:
    """Equality with numbers by value and strings without case and outer space."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other or _close(one, other)
    if isinstance(one, str) and isinstance(other, str):
        return folded(one) == folded(other)
    if isinstance(one, list) and isinstance(other, list):
        return _same_lists(one, other)  # pyright: ignore[reportUnknownArgumentType] -- JSON
    if isinstance(one, dict) and isinstance(other, dict):
        return _same_dicts(one, other)  # pyright: ignore[reportUnknownArgumentType] -- JSON
    return one is None and other is None


def _close(one: float, other: float) -> bool:
    try:
        return math.isclose(one, other, rel_tol=1e-9)
    except OverflowError:  # an integer beyond floats is equal to itself alone
        return False


def _same_lists(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(map(_same, one, other))


def _same_dicts(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)

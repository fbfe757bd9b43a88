"""Graders for closed questions: the letter of an option, or a label out of a few."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from routewright.judge.extract import (
    FULL,
    BadReferenceError,
    bold_spans,
    boxed_spans,
    final_text,
    folded,
    grade,
    lines,
    plain,
    shown,
    whole_words,
)
from routewright.types import Grade

_ELIMINATED = re.compile(
    r"(?<!\w)(?:option |answer )?\(?[A-J]\)?[.:]? (?:is|are|was) (?:not|wrong|incorrect|false)\b"
    r"|\b(?:not|never|eliminate|rule out|excludes?) (?:option |answer )?\(?[A-J]\b\)?",
)
_ARTICLE = r"(?!(?<=[AI]) (?!(?:or|and|because|since|as|is|which|with|for)\b)[a-z])"
_LETTER = r"\(?(?P<letter>[A-J])(?![\w'’])\)?"
_OPTION_WORD = r"(?:the )?(?:option|letter|choice|answer)?[ ]?"
_VERDICTS = (
    re.compile(
        r"\b(?:[Aa]nswer|ANSWER|[Cc]hoice|[Oo]ption|[Cc]orrect\w*|[Rr]ight)\b[^.\n]{0,60}?"
        rf"(?:\bis\b|\bbe\b|[:=])\s*{_OPTION_WORD}{_LETTER}{_ARTICLE}"
    ),
    re.compile(
        rf"(?<!\w)(?:[Oo]ption |[Ll]etter )?{_LETTER}[).:]?[^.\n]{{0,60}}? (?:is|are) "
        r"(?:the )?(?:most |best )?(?:correct|right|best|accurate|answer)"
    ),
    re.compile(rf"\b(?:choose|pick|select|go with|choice is) {_OPTION_WORD}{_LETTER}(?! [a-z])"),
)
_LABELLED = re.compile(r"^[ \t]*(?:[-*•][ \t]+)?\(?([A-J])(?:[).:]|[ ]-)(?=\s|$)", re.MULTILINE)
_LONE = re.compile(r"(?<![\w'’])([B-HJ]|A|I(?=[).:]))(?![\w'’])" + _ARTICLE)
_RIVAL = re.compile(
    r"[).:]?(?:[ ]?[/&,]|[^.\n,;]{0,40}? (?:or|and)\b)[ ]?(?:or |and )?(?:option )?"
    r"\(?(?P<other>[A-J])(?![\w'’])"
)


def choice(answer_text: str, reference: str) -> Grade:
    """5 when the one letter chosen is the reference, else 0."""
    wanted = reference.strip().strip("().").upper()
    if not re.fullmatch("[A-J]", wanted):
        raise BadReferenceError(f"must be one letter from A to J, not {reference!r}")
    text = final_text(answer_text)
    if not text:
        return grade("choice", 0.0, "empty answer")
    chosen = _letter(text)
    if chosen is None:
        return grade("choice", 0.0, "no single letter is chosen")
    right = chosen == wanted
    return grade("choice", FULL if right else 0.0, f"chose {chosen}, right is {wanted}")


def _letter(text: str) -> str | None:
    boxed = {found.strip(" ().").upper() for span in boxed_spans(text) if (found := plain(span))}
    if len(boxed) == 1 and re.fullmatch("[A-J]", next(iter(boxed))):
        return boxed.pop()
    flat = plain(text)
    if bare := re.fullmatch(r"[\W_]{0,20}([A-Ja-j])[\W_]{0,20}", flat):
        return bare[1].upper()
    flat = _ELIMINATED.sub(" ", flat)
    found = [match for pattern in _VERDICTS for match in pattern.finditer(flat)]
    if found:
        last = max(found, key=lambda match: match.start("letter"))
        return None if _rivalled(flat, last.end("letter"), last["letter"]) else last["letter"]
    return _only_letter(flat)


def _only_letter(text: str) -> str | None:
    labelled = list(_LABELLED.finditer(text))
    if len({match[1] for match in labelled}) == 1:
        first = labelled[0]
        return None if _rivalled(text, first.end(1), first[1]) else first[1]
    letters = {match[1] for match in _LONE.finditer(text)}
    return letters.pop() if len(letters) == 1 else None


def _rivalled(text: str, end: int, letter: str) -> bool:
    rival = _RIVAL.match(text, end)
    return rival is not None and rival["other"] != letter


def label(answer_text: str, reference: str) -> Grade:
    """5 when the answer names exactly the right option, or ends in it as its verdict."""
    wanted, options = _label_key(reference)
    text = final_text(answer_text)
    if not text:
        return grade("label", 0.0, "empty answer")
    flat = plain(text)
    pattern = whole_words(options)
    named = {folded(match[0]) for match in pattern.finditer(flat) if not _negated(flat, match)}
    chosen = named.pop() if len(named) == 1 else _verdict(text, flat, pattern)
    if chosen is None:
        return grade("label", 0.0, f"no single label in {shown(flat)}")
    right = chosen == folded(wanted)
    return grade("label", FULL if right else 0.0, f"labelled {chosen}, right is {wanted}")


def _label_key(reference: str) -> tuple[str, list[str]]:
    try:
        key: Any = msgspec.json.decode(reference)
        wanted, options = key["label"], list(key["options"])
    except (msgspec.DecodeError, UnicodeEncodeError, KeyError, TypeError):
        raise BadReferenceError('must be JSON {"label": ..., "options": [...]}') from None
    if not all(isinstance(o, str) and o.strip() for o in options) or wanted not in options:
        raise BadReferenceError("must name its label among its options")
    return wanted, options


def _negated(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 16) : match.start()]
    return (
        re.search(r"(?:\bnot|n['’]t|\bnever|\bneither|\bnor)(?: a| an)? $", before, re.I)
        is not None
    )


def _verdict(text: str, flat: str, pattern: re.Pattern[str]) -> str | None:
    """The label that stands as the verdict where several are named."""
    explicit = re.compile(
        r"\b(?:label|sentiment|answer|tone|classification|verdict|category|class|feeling)\b"
        rf"[^.\n]{{0,60}}?(?:\bis\b|\bas\b|[:=])[\s\"'“]*(?:overall |clearly |mostly )?"
        rf"(?P<label>{pattern.pattern})",
        re.IGNORECASE,
    )
    found = list(explicit.finditer(flat))
    if found:
        last = found[-1]
        rival = re.compile(rf"[\"'”]?[ ]?(?:or|and|/|,|&)[ ]?(?:{pattern.pattern})", re.IGNORECASE)
        return None if rival.match(flat, last.end("label")) else folded(last["label"])
    sentences = [
        part.strip(" .!\"'“”:") for line in lines(flat) for part in re.split(r"[.!]\s", line)
    ]
    alone = [part for part in sentences[:1] + sentences[-1:] if pattern.fullmatch(part)]
    alone = alone or [span for span in bold_spans(text) if pattern.fullmatch(span.strip(" .:"))]
    verdicts = {folded(part.strip(" .:")) for part in alone}
    return verdicts.pop() if len(verdicts) == 1 else None

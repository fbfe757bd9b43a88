"""Graders for short texts: exact wording, a fact that must be named, a translation."""

from __future__ import annotations

import re
from collections import Counter

from routewright.judge.extract import (
    FULL,
    alternatives,
    bold_spans,
    code_blocks,
    final_text,
    folded,
    grade,
    lines,
    plain,
    shown,
    whole_words,
    without_bullet,
    without_lead_in,
)
from routewright.types import Grade

MAX_WORDS = 60  # an answer that names a fact among more words than these has not answered
CHRF_ORDERS = 6
CHRF_BETA = 2.0
CHRF_MARKS = ((0.85, 4.0), (0.70, 3.0), (0.55, 2.0), (0.40, 1.0))

_PUNCTUATION = re.compile(r"[.,;:!?¿¡…\"“”«»„()\[\]*_`]")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»\n]{1,400})[\"”“»]|(?<!\w)['‘]([^\n]{1,400}?)['’](?!\w)")
_NOTE = re.compile(r"\s*\([^()\n]{0,400}\)\s*$")
_NEGATION = re.compile(
    r"(?:\bnot|n['’]t be|\bnever|isn['’]t|wasn['’]t|neither) (?:the |a |an )?$", re.I
)


def exact(answer_text: str, reference: str) -> Grade:
    """5 when the answer, or its last line, is one of the alternatives; case does not count."""
    wanted = {folded(option) for option in alternatives(reference)}
    wanted |= {option.rstrip(".") for option in wanted}
    text = final_text(answer_text)
    if not text:
        return grade("exact", 0.0, "empty answer")
    candidates = _exact_candidates(text)
    right = any(_spellings(candidate) & wanted for candidate in candidates)
    verb = "is" if right else "is not"
    return grade("exact", FULL if right else 0.0, f"{shown(candidates[-1])} {verb} the answer")


def _exact_candidates(text: str) -> list[str]:
    flat = plain(text)
    raw, plain_lines = lines(text), lines(flat)
    last = plain_lines[-1] if plain_lines else ""
    blocks = code_blocks(text)
    found = [text, flat, *raw[-1:], *(blocks if len(blocks) == 1 else [])]
    found += [without_lead_in(flat), without_lead_in(last)]
    return [candidate for candidate in found if candidate] or [text]


def _spellings(candidate: str) -> set[str]:
    whole = folded(candidate)
    fewer = whole.strip("*_` ")
    ends = {whole, fewer, fewer.rstrip(".,;:"), fewer.rstrip(".,;:!?")}
    return {folded(end) for end in ends if end.strip()}


def contains(answer_text: str, reference: str) -> Grade:
    """5 when a right answer stands in a short answer as whole words, unrivalled and affirmed."""
    options = alternatives(reference)
    text = plain(final_text(answer_text))
    if not text:
        return grade("contains", 0.0, "empty answer")
    words = len(text.split())
    if words > MAX_WORDS:
        return grade("contains", 0.0, f"{words} words, more than {MAX_WORDS}")
    pattern = whole_words(options)
    found = [m for m in pattern.finditer(text) if not _NEGATION.search(text[: m.start()])]
    if not found:
        return grade("contains", 0.0, f"{shown(text)} does not name {options[0]}")
    if all(_rivalled(text, match, pattern) for match in found):
        return grade("contains", 0.0, f"hedged: {shown(text)}")
    return grade("contains", FULL, f"names {found[0][0]}")


def _rivalled(text: str, match: re.Match[str], pattern: re.Pattern[str]) -> bool:
    """Whether "or" joins this answer to another one; ", or" adds a second name for the same."""
    after = re.compile(r"\w* or (?:maybe |perhaps |possibly |the )?(\w[^\n.,;]{0,40})").match(
        text, match.end()
    )
    if after and not pattern.match(after[1]):
        return True
    before = re.search(
        r"(\w[\w' -]{0,40}) or (?:maybe |perhaps |possibly |the )?$", text[: match.start()]
    )
    return before is not None and not pattern.search(before[1])


def translation(answer_text: str, reference: str) -> Grade:
    """5 for an accepted translation; else up to 4 by chrF with the nearest one."""
    options = alternatives(reference)
    text = final_text(answer_text)
    if not text:
        return grade("translation", 0.0, "empty answer")
    chosen = _translated(text)
    wanted = {_bare(option) for option in options}
    if {_bare(text), _bare(chosen), _bare(_NOTE.sub("", chosen))} & wanted:
        return grade("translation", FULL, f"{shown(chosen)} is an accepted translation")
    best = max(chrf(_bare(chosen), option) for option in wanted)
    mark = next((mark for floor, mark in CHRF_MARKS if best >= floor), 0.0)
    return grade("translation", mark, f"chrF {best:.2f} for {shown(chosen)}")


def _translated(text: str) -> str:
    """The one stretch of an answer that is meant as the translation."""
    rows = lines(text)
    row = rows[0]
    if plain(row).endswith(":") and len(rows) > 1:
        row = next((r for r in rows[1:] if not r.startswith("```")), row)
    elif row.startswith("```") and len(rows) > 1:
        row = rows[1]
    inner = _inner(row)
    row = without_lead_in(without_bullet(plain(row)))
    if inner:
        return inner
    head, colon, tail = row.partition(": ")
    return tail if colon and len(head.split()) <= 8 and tail.strip() else row


def _inner(row: str) -> str:
    """What a sentence about the translation sets in bold or, last, in quotes."""
    bold = [span for span in bold_spans(row) if not span.endswith(":")]
    if bold:
        return bold[-1]
    quoted = [found[1] or found[2] for found in _QUOTED.finditer(plain(row))]
    return quoted[-1] if 0 < len(quoted) <= 2 else ""


def _bare(text: str) -> str:
    return " ".join(_PUNCTUATION.sub(" ", folded(plain(text))).split())


def chrf(candidate: str, reference: str) -> float:
    """chrF in [0, 1]: the F-score of character n-grams, n = 1..6, recall weighted beta = 2.

    Precision and recall are averaged over the orders that the reference has; spaces do not
    count (Popović 2015).
    """
    ours, theirs = "".join(candidate.split()), "".join(reference.split())
    orders = range(1, min(CHRF_ORDERS, len(theirs)) + 1)
    if not ours or not orders:
        return 0.0
    overlaps = [_overlap(ours, theirs, n) for n in orders]
    precision = sum(p for p, _ in overlaps) / len(overlaps)
    recall = sum(r for _, r in overlaps) / len(overlaps)
    weight = CHRF_BETA**2
    below = weight * precision + recall
    return (1 + weight) * precision * recall / below if below else 0.0


def _overlap(ours: str, theirs: str, n: int) -> tuple[float, float]:
    mine = Counter(ours[i : i + n] for i in range(len(ours) - n + 1))
    key = Counter(theirs[i : i + n] for i in range(len(theirs) - n + 1))
    shared = (mine & key).total()
    return (shared / mine.total() if mine else 0.0), shared / key.total()

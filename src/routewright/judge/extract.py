"""Finding the answer in what an LLM wrote: markup off, reasoning off, blocks and markers found.

Every pattern here is linear in the length of the text: answers are hostile until graded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from routewright.types import Grade

FULL = 5.0
MAX_CHARS = 20_000  # the end of a longer answer is graded: that is where its verdict stands

_FENCE = re.compile(r"```([^\n`]*)\n(.*?)(?:```|\Z)", re.DOTALL)
_FENCE_LINE = re.compile(r"^[ \t]*```[^\n`]*$", re.MULTILINE)
_LATEX_WRAP = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed|fbox)\s*\{([^{}]{0,400})\}")
_LATEX_SIGNS = re.compile(r"\\[()\[\],;!: ]|\\quad")
_BOLD = re.compile(r"\*\*([^*\n]{1,400})\*\*|__([^_\n]{1,400})__")
_BULLET = re.compile(r"^[ \t]*(?:[-*•+]|\d{1,3}[.)])[ \t]+")
_LEAD_IN = re.compile(
    r"^(?:(?:so|therefore|thus|hence)\b[ ,]*)?"
    r"(?:(?:the|my)\s+)?(?:(?:final|correct|right|expected|printed)\s+)?"
    r"(?:answer|output|result|translation|solution)\b[^:=\n.]{0,80}?"
    r"(?:\bis\b\s*:?|\bwould be\b\s*:?|\bwill be\b\s*:?|:|=)\s*"
    r"|^(?:it|this|(?:the|this)\s+(?:code|program|snippet))\s+(?:prints|outputs|returns)\s*:?\s*",
    re.IGNORECASE,
)
_QUOTES = "\"'“”‘’«»„`"
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})


class BadReferenceError(ValueError):
    """A grader's key that cannot be read; the message says what is wrong with it."""


def grade(name: str, mark: float, reason: str) -> Grade:
    """A verified grade, its reason cut to one short line."""
    line = " ".join(reason.split())
    return Grade(mark=mark, reason=line[:200], judge=f"verify:{name}")


def shown(text: str, size: int = 40) -> str:
    """A text as it may stand in a reason: quoted and short."""
    line = " ".join(text.split())
    return repr(line if len(line) <= size else line[: size - 1] + "…")


def alternatives(reference: str) -> tuple[str, ...]:
    """The right answers of a reference such as ``Rome | Roma``.

    Raises:
        BadReferenceError: there is none.
    """
    found = tuple(part.strip() for part in reference.split(" | ") if part.strip())
    if not found:
        raise BadReferenceError("is empty: give at least one right answer")
    return found


def final_text(text: str) -> str:
    """The text without a thinking block; one that never ended leaves nothing to grade."""
    _, closed, after = text.rpartition("</think>")
    kept = after if closed else text.partition("<think>")[0]
    tidy = unicodedata.normalize("NFC", kept[-MAX_CHARS:].replace("\x00", ""))
    return tidy.strip()


def plain(text: str) -> str:
    """The text without Markdown emphasis, code fences, LaTeX wrappers and heading signs."""
    text = _FENCE_LINE.sub("", text)
    for _ in range(3):  # wrappers nest at most a little: \boxed{\text{B}}
        text = _LATEX_WRAP.sub(r" \1 ", text)
    text = _LATEX_SIGNS.sub(" ", text)
    text = text.replace("**", "").replace("__", "").replace("`", "")
    return re.sub(r"^[ \t]*#{1,6}[ \t]+", "", text, flags=re.MULTILINE).strip()


def bold_spans(text: str) -> list[str]:
    """What the text sets in bold, in order."""
    return [(m[1] or m[2]).strip() for m in _BOLD.finditer(text)]


def boxed_spans(text: str) -> list[str]:
    r"""What the text puts in ``\boxed{}``, in order; braces nest one level."""
    return re.findall(r"\\boxed\s*\{((?:[^{}]|\{[^{}]{0,200}\}){0,400})\}", text)


def code_blocks(text: str) -> list[str]:
    """The insides of code fences, in order; the last may lack its end."""
    return [m[2] for m in _FENCE.finditer(text)]


def lines(text: str) -> list[str]:
    """The lines that are not empty, trimmed."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def without_bullet(line: str) -> str:
    """A line without its list sign or number."""
    return _BULLET.sub("", line).strip()


def without_lead_in(line: str) -> str:
    """A line without words such as "The answer is"."""
    return _LEAD_IN.sub("", line, count=1).strip()


def folded(text: str) -> str:
    """Text for comparison: casefolded, straight apostrophes, single spaces, no outer quotes."""
    line = " ".join(text.translate(_APOSTROPHES).casefold().split())
    return line.strip(_QUOTES + " ")


def whole_words(options: Iterable[str]) -> re.Pattern[str]:
    """A pattern for any of the options as whole words, case ignored, the longest first."""
    ordered = sorted(options, key=len, reverse=True)
    joined = "|".join(r"\s+".join(map(re.escape, option.split())) for option in ordered)
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE)

"""Which language a text is in: by its script, then by small words and tell-tale letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec

UNKNOWN = "und"  # ISO 639-2: undetermined

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("bn", re.compile(r"[\u0980-\u09ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("ka", re.compile(r"[\u10a0-\u10ff]")),
)
LANGUAGES = (
    *(
        "en",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "nl",
        "sv",
        "da",
        "pl",
        "cs",
        "ro",
        "tr",
        "id",
        "vi",
        "fi",
    ),
    *("ru", "uk", "ar", "fa", "he", "el", "hi", "bn", "th", "ka", "ja", "ko", "zh"),
    UNKNOWN,
)
"""What ``detect`` may say."""

_LATIN = re.compile(r"[a-z\u00df-\u024f\u1e00-\u1eff]")
_UKRAINIAN = re.compile(r"[іїєґ]")
_PERSIAN = re.compile(r"[پچژگ]")
_DENSE = {"ja": 3, "ko": 2, "zh": 3}  # letters of the Latin alphabet that one sign is worth
_LETTER = 0.5  # weight of a tell-tale letter beside a small word
_MOST_WORDS = 300


def detect(text: str, words: Sequence[str]) -> str:
    """The ISO 639-1 code of a text's language, ``und`` where it has no letters.

    Latin letters without any small word known are taken for English: names, code, formulas.

    Args:
        text: in lower case.
        words: the same text's words.
    """
    script = _script(text)
    if script:
        return script
    if not _LATIN.search(text):
        return UNKNOWN
    owners = _owners()
    score: dict[str, float] = {}
    for word in words[:_MOST_WORDS]:
        found = owners.get(word)
        if found:
            for language in found:
                score[language] = score.get(language, 0.0) + 1 / len(found)
    if not text.isascii():
        for language, letters in _letters().items():
            count = sum(map(text.count, letters))
            if count:
                score[language] = score.get(language, 0.0) + _LETTER * count
    # English wins ties: it comes first.
    return max(("en", *score), key=lambda language: score.get(language, 0.0))


def _script(text: str) -> str:
    """The language of a script other than Latin that most of the letters are in, or ""."""
    if text.isascii():
        return ""
    latin = len(_LATIN.findall(text))
    counts = {name: len(signs.findall(text)) for name, signs in _SCRIPTS}
    if counts["ja"] * 8 > counts["zh"]:  # Japanese mixes kana with Chinese signs
        counts["ja"] += counts["zh"]
    found = max(counts, key=counts.__getitem__)
    if counts[found] * _DENSE.get(found, 1) <= latin:
        return ""
    if found == "ru" and _UKRAINIAN.search(text):
        return "uk"
    return "fa" if found == "ar" and _PERSIAN.search(text) else found


@cache
def _told() -> dict[str, dict[str, str]]:
    raw = files("routewright.analysis").joinpath("stopwords.toml").read_bytes()
    return msgspec.toml.decode(raw, type=dict[str, dict[str, str]])


@cache
def _owners() -> dict[str, tuple[str, ...]]:
    owners: dict[str, tuple[str, ...]] = {}
    for language, words in _told()["words"].items():
        for word in set(words.split()):
            if len(word) == 1:  # letters of options and variables
                continue
            owners[word] = (*owners.get(word, ()), language)
    return owners


@cache
def _letters() -> dict[str, str]:
    return _told()["letters"]

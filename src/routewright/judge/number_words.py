"""English number words: "forty-two" is an answer too, when no digit is in sight."""

from __future__ import annotations

import re

_SMALL = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen",
)
_TENS = re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety")
_WORTH = {word: value for value, word in enumerate(_SMALL)} | {
    word: 10 * (place + 2) for place, word in enumerate(_TENS)
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_WORD = "|".join([*sorted(_WORTH, key=len, reverse=True), *_SCALES])
_PHRASE = re.compile(rf"\b(?:{_WORD})\b(?:[ -](?:and )?(?:{_WORD})\b){{0,12}}", re.IGNORECASE)


def spelled_out(text: str) -> float | None:
    """The one number a text spells in words, or None where there is none or several."""
    values = {_phrase_value(match[0]) for match in _PHRASE.finditer(text)}
    return values.pop() if len(values) == 1 else None


def _phrase_value(phrase: str) -> float:
    total, current = 0, 0
    for word in re.findall(r"[a-z]+", phrase.casefold()):
        if word == "hundred":
            current = max(current, 1) * 100
        elif word in _SCALES:
            total += max(current, 1) * _SCALES[word]
            current = 0
        else:
            current += _WORTH.get(word, 0)
    return float(total + current)

"""Personal data out of texts: each find becomes ``<EMAIL_1>`` and the like.

Found are what has a form that can be checked; a pattern proposes, a check decides:

    EMAIL        an address with a domain
    PHONE        libphonenumber's matcher, grouped as the country groups its numbers; digits in
                 one run without a plus are numbers like any other and stay
    CARD         13 to 19 digits, in one run or in groups, that pass Luhn's check
    IBAN         two letters, digits and letters, that pass ISO 13616's check
    SSN          US social security numbers with dashes, that pass python-stdnum's check
    IP           IPv4 and IPv6 addresses, save after a word such as version or release
    SECRET       API keys by their makers' prefixes, and private keys in PEM

Names, street addresses and dates have no form to check and stay.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from routewright.data.logs.entry import Logged
from routewright.errors import ConfigError, require
from routewright.types import Message

KINDS = ("EMAIL", "PHONE", "CARD", "IBAN", "SSN", "IP", "SECRET")

_EMAIL = re.compile(r"[\w.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_CARD = re.compile(r"(?<![\d.])(?:\d[ -]?){12,18}\d(?![\d.]?\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
_SECRET = re.compile(
    r"\b(?:sk-[\w-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{36,}|github_pat_\w{22,}|xox[abprs]-[\w-]{10,}"
    r"|AIza[\w-]{35}|hf_[A-Za-z]{30,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----"
)
_VERSION = re.compile(r"(?:\b(?:versions?|ver|release|build|firmware)\b\W{0,3}|\bv)$", re.I)
_TO_VERSION = re.compile(
    r"\b(?:versions?|ver|release|build|upgraded?|firmware)\b[^\n]{0,40}$", re.I
)
_DIGITS = re.compile(r"(?:\d\D{0,3}){7}")
_GROUPED = re.compile(r"[+() .\-/\xa0]")


class _Find(NamedTuple):
    start: int
    end: int
    kind: str


class Scrubber:
    """Takes personal data out of log rows; one value has one name throughout a row.

    Args:
        country: of phone numbers without a country code, as ISO 3166 writes it: US, DE, ...

    Raises:
        ConfigError: no such country.
        MissingExtraError: phonenumbers or python-stdnum is not installed.
    """

    def __init__(self, country: str = "US") -> None:
        self._phones: Any = require("phonenumbers", "scrub")
        self._luhn: Any = require("stdnum.luhn", "scrub")
        self._iban: Any = require("stdnum.iban", "scrub")
        self._ssn: Any = require("stdnum.us.ssn", "scrub")
        if country not in self._phones.SUPPORTED_REGIONS:
            raise ConfigError(f"no country {country!r}; give two letters, such as US or DE")
        self._country = country
        self.found: Counter[str] = Counter()

    def scrub(self, text: str, names: dict[str, str] | None = None) -> str:
        """The text with every find replaced; ``names`` are those given so far, and grow."""
        names = {} if names is None else names
        parts: list[str] = []
        at = 0
        for find in self._finds(text):
            value = text[find.start : find.end]
            if value not in names:
                number = 1 + sum(name.startswith(f"<{find.kind}_") for name in names.values())
                names[value] = f"<{find.kind}_{number}>"
            parts += [text[at : find.start], names[value]]
            at = find.end
            self.found[find.kind] += 1
        return "".join([*parts, text[at:]])

    def entry(self, entry: Logged) -> Logged:
        """The row with all of its texts scrubbed; an id that held personal data is taken off."""
        names: dict[str, str] = {}
        messages = tuple(Message(m.role, self.scrub(m.text, names)) for m in entry.messages)
        answers = tuple(
            msgspec.structs.replace(said, text=self.scrub(said.text, names))
            for said in entry.answers
        )
        id = entry.prompt_id
        return msgspec.structs.replace(
            entry,
            messages=messages,
            answers=answers,
            reference=self.scrub(entry.reference, names),
            task=self.scrub(entry.task, names),
            group=self.scrub(entry.group, names),
            prompt_id=id if self.scrub(id, names) == id else "",
        )

    def _finds(self, text: str) -> list[_Find]:
        """Finds in order, none inside another: of two that overlap the longer one stays."""
        ranked = sorted(self._proposed(text), key=lambda find: find.start - find.end)
        kept: list[_Find] = []
        for find in ranked:
            if all(find.end <= other.start or find.start >= other.end for other in kept):
                kept.append(find)
        return sorted(kept)

    def _proposed(self, text: str) -> Iterator[_Find]:
        if "@" in text:
            yield from _matches(_EMAIL, "EMAIL", text)
        yield from _matches(_SECRET, "SECRET", text)
        yield from (find for find in _matches(_IPV6, "IP", text) if _is_address(text, find))
        if not _DIGITS.search(text):
            return
        yield from (find for find in _matches(_IPV4, "IP", text) if _is_address(text, find))
        checks = (
            (_CARD, "CARD", self._luhn),
            (_IBAN, "IBAN", self._iban),
            (_SSN, "SSN", self._ssn),
        )
        for pattern, kind, check in checks:
            for find in _matches(pattern, kind, text):
                plain = re.sub(r"[ -]", "", text[find.start : find.end])
                if check.is_valid(plain) and set(plain) != {"0"}:
                    yield find
        strict = self._phones.Leniency.STRICT_GROUPING
        for match in self._phones.PhoneNumberMatcher(text, self._country, leniency=strict):
            if _GROUPED.search(match.raw_string):
                yield _Find(match.start, match.end, "PHONE")


def _matches(pattern: re.Pattern[str], kind: str, text: str) -> Iterator[_Find]:
    return (_Find(*match.span(), kind) for match in pattern.finditer(text))


def _is_address(text: str, find: _Find) -> bool:
    value = text[find.start : find.end]
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    if address.is_unspecified or address.is_loopback:
        return False
    if address.version == 6:
        return len([group for group in value.split(":") if group]) > 2  # a::b is C++
    before = text[max(find.start - 60, 0) : find.start]
    return not (_VERSION.search(before) or _TO_VERSION.search(before))

"""Takes keys out of text that leaves the process: log lines, upstreams' error messages, traces.

What was read as a secret is known word for word; what merely looks like one is found by its form.
"""

from __future__ import annotations

import re

MASK = "***"
_SHORTEST = 8  # a shorter secret would mask parts of ordinary words

_known: set[str] = set()

_FORMS = re.compile(
    r"""
    (?P<before>
        \b(?:bearer|basic)\s+
      | \b(?:x-)?(?:api|goog|auth|access|secret|client)[-_]?(?:api[-_]?)?(?:key|token|secret)\b
        ["']?\s*[:=]\s*["']?(?:bearer\s+)?
      | \b(?:password|passwd|authorization)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?
      | [?&](?:key|token|sig|signature)=
      | ://[^\s/:@"']{0,64}:(?=[^\s/@"']+@)
    )
    [^\s"',;&@<>]{3,}
    |
    \b(?:
        (?:sk|pk|rk|gsk|xai|hf|r8|rw|pplx|nvapi|ghp|gho|glpat|tvly|fw|tgp)[-_][A-Za-z0-9_\-]{8,}
      | AIza[A-Za-z0-9_\-]{20,}
      | (?:AKIA|ASIA)[A-Z0-9]{12,}
      | eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{5,}(?:\.[A-Za-z0-9_\-]*)?
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def remember(secret: str) -> None:
    """From now on, mask this word for word; one shorter than eight characters is not."""
    if len(secret) >= _SHORTEST and "://" not in secret:  # a URL's password is found by its form
        _known.add(secret)


def redacted(text: str) -> str:
    """The text with ``***`` for every key, token and password in it."""
    # The longest first: of two with one beginning, the shorter would leave the other's end.
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    return _FORMS.sub(lambda found: (found["before"] or "") + MASK, text)

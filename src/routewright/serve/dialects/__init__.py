"""The dialects that clients speak: each reads into OpenAI's chat words and answers in its own.

Between the two the relay knows chat completions alone. A request that a provider understands as
it came goes to it untouched (``protocols.NativeProvider``), and its answer comes back untouched.
"""

from __future__ import annotations

import re

from starlette.types import Scope

from routewright.serve.dialects.base import Dialect, Writer
from routewright.serve.dialects.chat import Chat
from routewright.serve.dialects.embeddings import Embeddings
from routewright.serve.dialects.messages import Messages
from routewright.serve.dialects.responses import Responses

__all__ = [
    "CHAT",
    "EMBEDDINGS",
    "MESSAGES",
    "RESPONSES",
    "Dialect",
    "Writer",
    "forwarded",
    "is_anthropic",
]

CHAT: Dialect = Chat()
EMBEDDINGS: Dialect = Embeddings()
MESSAGES: Dialect = Messages()
RESPONSES: Dialect = Responses()

_VALUE = re.compile(rb"[A-Za-z0-9_.:,; -]{1,1000}")  # one that can go into a header upstream


def is_anthropic(scope: Scope) -> bool:
    """Whether a request comes from a client of Anthropic's, which names a version always."""
    return any(name == b"anthropic-version" for name, _ in scope["headers"])


def forwarded(dialect: Dialect, scope: Scope) -> dict[str, str]:
    """The headers that go along with a request to a provider that speaks its dialect."""
    if not dialect.forwarded:
        return {}
    return {
        name.decode(): value.decode()
        for name, value in scope["headers"]
        if name.decode("latin-1") in dialect.forwarded and _VALUE.fullmatch(value)
    }

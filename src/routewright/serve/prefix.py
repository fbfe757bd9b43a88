"""How much of a prompt a provider is asked to keep in its cache, where it wants to be asked.

What is written there costs more than what is merely read, and pays when a later request begins with
the same. Two beginnings come again: what the operator says to everybody, which is the system
prompt, and a conversation up to its last word, which its next turn begins with. Whoever marks a
prompt himself knows better, and is left alone; so are Anthropic's own clients.
"""

from __future__ import annotations

from typing import NamedTuple

from routewright.serve.needs import Needs, estimate_tokens
from routewright.serve.sticky import LEAST_CACHED_TOKENS
from routewright.serve.wire import ChatRequest

_SYSTEM = ("system", "developer")


class Prefix(NamedTuple):
    """The first messages of a prompt that are to be kept, and about how many tokens they are."""

    messages: int = 0
    tokens: int = 0


NONE = Prefix()


def prefix_of(request: ChatRequest, needs: Needs) -> Prefix:
    """What of a prompt is worth keeping; nothing where it is too short, or marked already.

    Tools stand before all messages and are kept with them.
    """
    native = request.native
    if needs.marked or (native is not None and native.dialect == "messages"):
        return NONE
    messages = request.messages
    goes_on = any(message.role == "assistant" for message in messages)
    system = next((at for at, m in enumerate(messages) if m.role not in _SYSTEM), len(messages))
    count = len(messages) if goes_on else system
    if not count:
        return NONE
    rest = estimate_tokens(messages[count:]) if count < len(messages) else 0
    tokens = needs.tokens - rest
    return Prefix(count, tokens) if tokens >= LEAST_CACHED_TOKENS else NONE

"""Which model a conversation was with, and how much of it that model's provider has in its cache.

A request is known again by its beginning: every prompt that was answered leaves a digest of its
messages, and a later request that starts with the same messages finds it. That is what a
provider's prompt cache does too, so that two conversations that merely begin alike share no more
than they share there. No word of a prompt is kept, only digests, token counts and times.

The memory is one process's: it is empty after a restart, and workers do not share theirs.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from routewright.types import JsonObject, Model, Price, Usage, json_object, json_objects

KEPT_S = 3600.0  # how long a tool may take; a cache is rarely warm for longer
LEAST_CACHED_TOKENS = 1024  # the shortest prefix that the large providers keep
MOST_PROMPTS = 20_000  # remembered at a time, under half a kilobyte each
DEFAULT_TTL_S = 300.0

_encode = msgspec.json.Encoder().encode
_LABELS = ("name", "tool_calls", "tool_call_id", "function_call")
_PLAIN = (None, None, None)
_NONE: JsonObject = {}


class Trail(NamedTuple):
    """A request as the memory knows it: a digest up to each message, the whole being the last.

    A digest is Python's hash: 64 bits under a key that this process has drawn, of what its owner
    sent, so that nobody else's can be met with, by chance or on purpose.
    ``conversation`` is the digest of the id that the client gave, 0 without one. ``asked`` is
    how many messages the prompt had whose answer called the tool that this request brings the
    result of; None where it brings none.
    """

    digests: tuple[int, ...]
    conversation: int = 0
    asked: int | None = None


class Past(msgspec.Struct, frozen=True):
    """What is known of a conversation when its next request comes.

    Attributes:
        model: who answered last, "" if nobody is known.
        warm: tokens of this request that each model's provider has in its cache.
        after_call: whether the request brings the result of a call that ``model`` made.
    """

    model: str = ""
    warm: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])
    after_call: bool = False


NOTHING = Past()


class _Answered(NamedTuple):
    tokens: int
    at_s: float


class Memory:
    """The prompts answered lately, least recently used first to go. For one thread.

    Args:
        models: the pool, for prices.
        ttl_s: how long each model's provider keeps a prefix; ``DEFAULT_TTL_S`` for the others.
        before: a memory to go on with, of the same conversations with other settings.
        most: prompts remembered.
        clock: seconds that never run backwards.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        ttl_s: Mapping[str, float] | None = None,
        *,
        before: Memory | None = None,
        most: int = MOST_PROMPTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models = models
        self._ttl_s = ttl_s or {}
        self._most = most
        self._clock = clock
        self._prompts: OrderedDict[int, dict[str, _Answered]] = OrderedDict()
        # Beginnings that were marked alone: warm for whoever begins so, and no conversation.
        self._prefixes: OrderedDict[int, dict[str, _Answered]] = OrderedDict()
        if before is not None:
            self._prompts, self._prefixes = before._prompts, before._prefixes

    def __len__(self) -> int:
        return len(self._prompts)

    def recall(self, trail: Trail) -> Past:
        """What is known of the conversation that a request goes on with."""
        now_s = self._clock()
        model, made_call = "", False
        warm: dict[str, int] = {}
        for length in range(len(trail.digests), 0, -1):
            prompt = self._prompts.get(trail.digests[length - 1], {})
            prefix = self._prefixes.get(trail.digests[length - 1], {})
            for name, answered in reversed(prompt.items()):
                if not model and now_s - answered.at_s <= KEPT_S:
                    model, made_call = name, length == trail.asked
            for name, answered in (*prompt.items(), *prefix.items()):
                age_s = now_s - answered.at_s
                if answered.tokens and age_s <= self._ttl_s.get(name, DEFAULT_TTL_S):
                    warm.setdefault(name, answered.tokens)  # the longest prefix comes first
        if not model and trail.conversation:
            # Its history was rewritten: nobody has that in a cache, but the model is known.
            for name, answered in self._prompts.get(trail.conversation, {}).items():
                if now_s - answered.at_s <= KEPT_S:
                    model, made_call = name, trail.asked is not None
        return Past(model, warm, made_call)

    def remember(self, trail: Trail, model: str, usage: Usage | None, prefix: int = 0) -> None:
        """A request was answered: its prompt is in the cache of that model's provider now.

        Args:
            trail: of the request.
            model: that answered.
            usage: what it said that it read and wrote.
            prefix: how many of the messages alone were kept, where it was not all of them.
        """
        known = self._models.get(model)
        if known is None:
            return
        answered = _Answered(cached_after(known.price, usage), self._clock())
        if answered.tokens and 0 < prefix < len(trail.digests):
            begun = trail.digests[prefix - 1]
            self._prefixes.setdefault(begun, {})[model] = answered
            self._prefixes.move_to_end(begun)
            while len(self._prefixes) > self._most:
                self._prefixes.popitem(last=False)
        for digest in (trail.digests[-1], trail.conversation):
            if not digest:
                continue
            prompt = self._prompts.setdefault(digest, {})
            prompt.pop(model, None)  # so that who answered last stands last
            prompt[model] = answered
            self._prompts.move_to_end(digest)
        while len(self._prompts) > self._most:
            self._prompts.popitem(last=False)


def cached_after(price: Price, usage: Usage | None) -> int:
    """How many tokens of a prompt are in the provider's cache once it was answered.

    A provider without a price for cached tokens has none to lose. One that charges for writing
    says what it wrote; the others keep every prefix that is long enough.
    """
    if usage is None or price.cached_input_usd_per_mtok is None:
        return 0
    tokens = usage.input_tokens
    if price.cache_write_usd_per_mtok is not None:
        tokens = usage.cached_tokens + usage.cache_write_tokens
    return tokens if tokens >= LEAST_CACHED_TOKENS else 0


def discount_usd(price: Price, warm: int, tokens: int = 0, *, writes: bool = False) -> float:
    """What the cache takes off the input of one request, in US dollars; negative where it adds.

    Args:
        price: of the model.
        warm: tokens read from its cache.
        tokens: all tokens of the prompt.
        writes: whether the others are written to the cache, at the price of that.
    """
    plain, cached = price.input_usd_per_mtok, price.cached_input_usd_per_mtok
    saved = 0.0 if cached is None else warm * (plain - cached)
    if writes and price.cache_write_usd_per_mtok is not None:
        saved -= max(tokens - warm, 0) * (price.cache_write_usd_per_mtok - plain)
    return saved / 1e6


def trail_of(body: JsonObject, *, owner: str = "") -> Trail:
    """The trail of a chat-completions body.

    Tools stand before all messages, as they do in a prompt. A ``prompt_cache_key`` parts caches,
    and so does ``owner``: nobody is led by what another's requests left behind. The conversation
    goes by ``metadata.conversation_id`` where the client names it.
    """
    apart = (body.get("prompt_cache_key"), body.get("tools"), body.get("functions"))
    running = hash((owner, None if apart == _PLAIN else _encode(apart)))
    digests: list[int] = []
    messages = json_objects(body.get("messages"))
    for message in messages:
        running = hash((running, *_said(message)))
        digests.append(running)
    named = (json_object(body.get("metadata")) or _NONE).get("conversation_id")
    conversation = 0
    if isinstance(named, str) and named:
        conversation = hash(("conversation", owner, named))
    return Trail(tuple(digests) or (running,), conversation, _asked(messages))


def _asked(messages: Sequence[JsonObject]) -> int | None:
    if not messages or messages[-1].get("role") not in ("tool", "function"):
        return None
    places = range(len(messages) - 1, 0, -1)
    return next((at for at in places if messages[at].get("role") == "assistant"), None)


def _said(message: JsonObject) -> tuple[object, object, object]:
    """What a cache sees of a message: marks of where to cache move on and are no part of it."""
    content: Any = message.get("content")
    if not isinstance(content, str):
        if isinstance(content, list):
            content = _unmarked(json_objects(content))  # pyright: ignore[reportUnknownArgumentType]
        content = _encode(content)
    labels = None
    if len(message) > 2:  # most have a role and a content
        labels = _encode(
            {label: found for label in _LABELS if (found := message.get(label)) is not None}
        )
    return message.get("role"), content, labels


def _unmarked(parts: Sequence[JsonObject]) -> list[dict[str, Any]]:
    return [{k: v for k, v in part.items() if k != "cache_control"} for part in parts]

"""Answers that were given before, given again: off unless configured.

An answer is found by a digest of the key that asked, the model that was chosen and how it is
called, and the whole request. So nobody gets what another key was answered, and ``auto`` gets what
the model that it would choose now has said. Only whole answers of the chosen model are kept.
Where a threshold was calibrated, ``similar`` finds answers to prompts in slightly other words.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from routewright.config import CacheSettings, GatewaySettings
from routewright.errors import ConfigError
from routewright.serve.answers import LARGEST_SHARE, Answers, Entry, MemoryAnswers, RedisAnswers
from routewright.serve.call import Call
from routewright.serve.wire import ChatRequest
from routewright.types import Usage, json_object

if TYPE_CHECKING:
    from routewright.serve.similar import Likeness, Similar

MOST_TRIES = 3  # of near answers that turn out to have gone
# Fields that an answer depends on beyond the request: searches, and what the provider keeps.
_ELSEWHERE = (
    "web_search_options",
    "previous_response_id",
    "conversation",
    "background",
    "prompt",
    "mcp_servers",
    "container",
)


class Cache:
    """Says which requests are looked up and which answers are kept.

    Args:
        settings: of which requests, and how large one answer may be.
        answers: where they are kept.
        similar: finds answers to nearly the same prompt; None looks for none.
    """

    def __init__(
        self, settings: CacheSettings, answers: Answers, similar: Similar | None = None
    ) -> None:
        self.answers = answers
        self.similar = similar
        self.largest_bytes = int(settings.max_mb * 1e6) // LARGEST_SHARE
        self._settings = settings

    def key(self, call: Call) -> bytes:
        """What the call's answer is kept under; b"" if it must not be."""
        if not (self._settings.all or is_deterministic(call.request)):
            return b""
        told = (*_asked(call), call.request)
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).digest()

    async def find(self, call: Call) -> tuple[bytes, Entry | None]:
        """The call's key, b"" if it has none, and the answer; the call is told how it was found."""
        key = self.key(call)
        if not key:
            return b"", None
        entry = await self.answers.get(key)
        call.cache = "miss" if entry is None else "hit"
        if entry is None and self.similar is not None:
            entry = await self._near(call, self.similar)
        if entry is not None:
            call.saved_usd, call.native = entry.cost_usd, entry.native
        return key, entry

    def put(self, key: bytes, entry: Entry, likeness: Likeness | None = None) -> None:
        """Keep an answer; one that is too large is not kept."""
        if entry.size_bytes <= self.largest_bytes:
            self.answers.put(key, entry)
            if self.similar is not None and likeness is not None:
                self.similar.add(key, likeness)

    async def _near(self, call: Call, similar: Similar) -> Entry | None:
        """The answer to a prompt that is nearly the same, if there is one."""
        call.likeness = likeness = await similar.read(call.request, _asked(call))
        if likeness is None:
            return None
        for _ in range(MOST_TRIES):
            near = similar.nearest(likeness)
            if near is None:
                return None
            key, cosine = near
            entry = await self.answers.get(key)
            if entry is not None:
                call.cache, call.similarity = "similar", cosine
                return entry
            similar.forget(key, likeness)
        return None


def _asked(call: Call) -> tuple[str, object]:
    """Who asks, and which model how; with the request it is all that an answer depends on."""
    settings = call.generation.settings
    model = call.decision.model
    provider = call.generation.decider.pool[model].provider
    return call.key_id, (model, settings.models[model], settings.providers[provider])


def make_cache(gateway: GatewaySettings) -> Cache | None:
    """The cache of a configuration; None where it wants none.

    Raises:
        ConfigError: it is to be shared, and no Redis is named; or the encoder of similar prompts
            is not the one that was calibrated.
        MissingExtraError: the extra ``redis`` is not installed.
    """
    settings = gateway.cache
    if not settings.exact:
        return None
    similar = None
    if settings.similar is not None:
        from routewright.serve.similar import Similar  # encoders: only who asks for them has them

        similar = Similar(settings.similar, settings.encoder)
    if not settings.shared:
        answers = MemoryAnswers(int(settings.max_mb * 1e6), settings.ttl_s)
        return Cache(settings, answers, similar)
    if not gateway.redis:
        raise ConfigError(
            "gateway.cache.shared: answers are shared through Redis; set gateway.redis to its URL"
        )
    return Cache(settings, RedisAnswers(gateway.redis, settings.ttl_s), similar)


def is_deterministic(request: ChatRequest) -> bool:
    """Whether a request asks for the one likeliest answer, by what it says itself.

    Temperature 0 and one choice; tools that are functions of the client's may be offered, those
    that the provider runs, such as a web search, may not: what they find changes. Nothing may
    refer to what the provider keeps. Embeddings leave nothing to chance.
    """
    native = request.native
    if native is not None and native.dialect == "embeddings":
        return True
    body = request.body if native is None else native.body
    temperature, choices = body.get("temperature"), body.get("n")
    if isinstance(temperature, bool) or temperature != 0 or choices not in (None, 1):
        return False
    if any(body.get(field) for field in _ELSEWHERE):
        return False
    return all(_is_function(tool) for tool in body.get("tools") or ())


def _is_function(tool: object) -> bool:
    """Whether the client runs it; Anthropic's functions need not say what they are."""
    known = json_object(tool)
    return known is not None and known.get("type", "custom") in ("function", "custom")


class Recorder:
    """A stream's events as they pass, kept as long as they are few enough."""

    def __init__(self, events: AsyncIterator[bytes], first: bytes, most_bytes: int) -> None:
        self._events = events
        self._frames: list[bytes] | None = [first]
        self._left = most_bytes - len(first)

    def __aiter__(self) -> Recorder:
        return self

    async def __anext__(self) -> bytes:
        event = await anext(self._events)
        self._left -= len(event)
        if self._left < 0:
            self._frames = None
        if self._frames is not None:
            self._frames.append(event)
        return event

    async def aclose(self) -> None:
        """Close what is recorded."""
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()

    @property
    def frames(self) -> tuple[bytes, ...] | None:
        """All events so far; None if they were too many."""
        return None if self._frames is None else tuple(self._frames)


class Replay:
    """A stream that was recorded; it used and cost nothing."""

    def __init__(self, entry: Entry) -> None:
        self.usage: Usage | None = None
        self.cost_usd: float | None = 0.0
        self.started = time.monotonic()
        self._frames = entry.frames

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the events as they came."""
        for frame in self._frames:
            yield frame

    async def aclose(self) -> None:
        """There is nothing to stop."""

"""Answers given again to a prompt that is nearly the same: off unless a threshold was calibrated.

Only requests of one user turn in plain text are looked at, without tools or pictures, and only
among those that are equal in everything but that turn's words: key, model and how it is called,
system prompt, sampling. ``encoders.alike`` says which words must be equal all the same.

What stands here is a vector and the exact cache's key; the answer is where that keeps it. So an
answer that has gone there is gone here, and each worker finds those that it was given itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from routewright.encoders.alike import calibrated, comparable, marks
from routewright.serve.wire import ChatRequest

logger = logging.getLogger(__name__)

MOST_A_PLACE = 512  # prompts that are equal but for their words; the oldest go first
MOST_PROMPTS = 20_000  # a kilobyte each with the vectors of static

Float32 = NDArray[np.float32]


class Likeness(msgspec.Struct, frozen=True):
    """Where a prompt stands: among which others, and as which vector (1, d)."""

    place: bytes
    vector: Float32


class _Place:
    """Prompts that are equal but for their words."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.vectors: Float32 | None = None

    def add(self, key: bytes, vector: Float32) -> None:
        known = self.vectors
        self.vectors = vector if known is None else np.concatenate((known, vector))
        self.keys.append(key)
        if len(self.keys) > MOST_A_PLACE:
            self.drop(0)

    def drop(self, at: int) -> None:
        del self.keys[at]
        if self.vectors is not None:
            self.vectors = np.delete(self.vectors, at, axis=0)


class Similar:
    """Finds the prompt that is nearest, if it is near enough.

    Args:
        threshold: the least cosine at which an answer is given again.
        encoder: its name with the identity that the threshold was found for.

    Raises:
        ConfigError: the encoder here is another.
    """

    def __init__(self, threshold: float, encoder: str) -> None:
        self.prompts = 0
        self._threshold = threshold
        self._encoder = calibrated(encoder)
        self._places: OrderedDict[bytes, _Place] = OrderedDict()

    async def read(self, request: ChatRequest, told: Any) -> Likeness | None:
        """Where a request stands; None if it is none to look at.

        Args:
            request: the request.
            told: what else must be equal.
        """
        text = single_turn(request)
        if text is None:
            return None
        try:
            if self._encoder.cached:  # it takes over a millisecond
                vector = await asyncio.to_thread(self._encoder.encode, [text])
            else:
                vector = self._encoder.encode([text])
        # Whatever an encoder raises, the request can do without.
        except Exception:
            logger.exception("the cache's encoder failed; the model is asked")
            return None
        if not vector.any():  # no word that the encoder knows
            return None
        silent = msgspec.structs.replace(
            request,
            messages=tuple(m for m in request.messages if m.role != "user"),
            body={**request.body, "messages": request.body["messages"][:-1]},
        )
        equal = msgspec.json.encode((told, silent), order="deterministic")
        return Likeness(hashlib.sha256(marks(text) + equal).digest(), vector)

    def nearest(self, likeness: Likeness) -> tuple[bytes, float] | None:
        """The key of the nearest answer and its cosine; None where none is near enough."""
        place = self._places.get(likeness.place)
        if place is None or place.vectors is None or not place.keys:
            return None
        self._places.move_to_end(likeness.place)
        cosines = place.vectors @ likeness.vector[0]
        best = int(np.argmax(cosines))
        cosine = float(cosines[best])
        return (place.keys[best], min(cosine, 1.0)) if cosine >= self._threshold else None

    def add(self, key: bytes, likeness: Likeness) -> None:
        """The answer under the key is to be found from now on."""
        place = self._places.setdefault(likeness.place, _Place())
        self._places.move_to_end(likeness.place)
        if key in place.keys:
            return
        before = len(place.keys)
        place.add(key, likeness.vector)
        self.prompts += len(place.keys) - before
        while self.prompts > MOST_PROMPTS:
            _, gone = self._places.popitem(last=False)
            self.prompts -= len(gone.keys)

    def forget(self, key: bytes, likeness: Likeness) -> None:
        """The answer under the key has gone."""
        place = self._places.get(likeness.place)
        if place is not None and key in place.keys:
            place.drop(place.keys.index(key))
            self.prompts -= 1
            if not place.keys:
                del self._places[likeness.place]


def single_turn(request: ChatRequest) -> str | None:
    """What the user says, if that is one short line, and all that was said; else None."""
    if request.native is not None or not request.messages:
        return None
    *before, last = request.messages
    if last.role != "user" or any(m.role not in ("system", "developer") for m in before):
        return None
    body = request.body
    if body.get("tools") or body.get("functions") or body.get("n") not in (None, 1):
        return None
    if not all(isinstance(message.content, str) for message in (*before, last)):
        return None
    if set(body["messages"][-1]) != {"role", "content"}:  # a name, say
        return None
    return last.text if comparable(last.text) else None

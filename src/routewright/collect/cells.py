"""What is asked: cells, the body that asks for one, and the key that names the call."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from routewright.types import Model, Prompt

# Greedy decoding: a second run gives the same answers, on the same build of the engine.
DECODING: Mapping[str, Any] = {"temperature": 0.0, "seed": 0}
DEFAULT_MAX_TOKENS = 256


class Cell(NamedTuple):
    """One question to one model; ``sample`` counts its answers from 0."""

    prompt: Prompt
    model: Model
    sample: int = 0

    @property
    def key(self) -> Key:
        """The cell's name in the journal."""
        return self.prompt.id, self.model.name, self.sample


Key = tuple[str, str, int]
"""Prompt id, model, sample."""


def request_body(prompt: Prompt, sample: int = 0, temperature: float = 0.0) -> dict[str, Any]:
    """The chat-completions body that a prompt is collected with; the sample is its seed."""
    return {
        "messages": [msgspec.to_builtins(message) for message in prompt.messages],
        "max_tokens": max_tokens(prompt),
        "temperature": temperature,
        "seed": sample,
    }


def max_tokens(prompt: Prompt) -> int:
    """How many tokens an answer may have."""
    return prompt.max_tokens or DEFAULT_MAX_TOKENS


def idempotency_key(collection: str, cell: Cell) -> str:
    """The same for every attempt at a cell, in every run of one collection, and for no other."""
    parts = "\0".join((collection, *map(str, cell.key)))
    digest = hashlib.blake2b(parts.encode("utf-8", "replace"), digest_size=16)
    return f"routewright-{digest.hexdigest()}"

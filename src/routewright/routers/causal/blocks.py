"""A network run in one piece, or in two where the blocks below are never tuned.

Training passes over the same prompts again and again, and only the uppermost blocks change. What
the others make of a prompt is found once and kept; each pass then begins above them. What a reader
of the states needs from between the blocks is told by either way of running.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from routewright.errors import require


@dataclass(frozen=True, eq=False)
class Below:
    """One prompt as the untuned blocks leave it: states (L, d), and those read among them.

    ``read`` has (L, d) for each depth that lies below the cut, lowest first.
    """

    states: Any
    read: tuple[Any, ...]


class Blocks:
    """The blocks of a decoder, by their depth: after how many of them a state stands.

    Running in pieces is for training, which is one thread's; in one piece it may be several's.

    Args:
        decoder: without the output's matrix; its blocks are ``layers``, followed by ``norm``.
        cut: blocks from the beginning that stay as they are; 0 runs all in one piece.
        depths: whose states are told beside the last ones, each from 1 to the number of blocks.
    """

    def __init__(self, decoder: Any, *, cut: int, depths: Sequence[int]) -> None:
        self._decoder = decoder
        self.cut = cut if _has_parts(decoder) else 0
        self.depths = tuple(sorted(set(depths)))
        # Several threads may ask one network at once, each for its own states.
        self._told: ContextVar[dict[int, Any] | None] = ContextVar("told", default=None)
        for depth in self.depths:
            self._listen(depth)

    def whole(self, **inputs: Any) -> list[Any]:
        """States (B, L, d) at each depth, lowest first, and the last ones, of token ids (B, L)."""
        with self._telling() as told:
            last = self._decoder(**inputs, use_cache=False).last_hidden_state
        return [*(told[depth] for depth in self.depths), last]

    def lower(self, **inputs: Any) -> tuple[Any, list[Any]]:
        """States (B, L, d) at the cut, and at the depths up to it, of token ids (B, L)."""
        with self._only(slice(None, self.cut)), self._telling() as told:
            states = self._decoder(**inputs, use_cache=False).last_hidden_state
        return states, [told[depth] for depth in self.depths if depth <= self.cut]

    def upper(self, states: Any, **inputs: Any) -> list[Any]:
        """States at each depth above the cut, and the last ones, of those at the cut (B, L, d)."""
        with self._only(slice(self.cut, None)), self._telling() as told:
            last = self._decoder(inputs_embeds=states, **inputs, use_cache=False).last_hidden_state
        return [*(told[depth] for depth in self.depths if depth > self.cut), last]

    @contextmanager
    def _only(self, part: slice) -> Generator[None]:
        """The decoder with a part of its blocks; without its last norm unless the part ends it."""
        decoder = self._decoder
        layers, norm = decoder.layers, decoder.norm
        decoder.layers = layers[part]
        if part.stop is not None:
            torch: Any = require("torch", "finetune")
            decoder.norm = torch.nn.Identity()
        try:
            yield
        finally:
            decoder.layers, decoder.norm = layers, norm

    @contextmanager
    def _telling(self) -> Generator[dict[int, Any]]:
        """The states at the depths that a run in this thread passes, once it has run."""
        told: dict[int, Any] = {}
        before = self._told.set(told)
        try:
            yield told
        finally:
            self._told.reset(before)

    def _listen(self, depth: int) -> None:
        """Keep what a block gives for whoever asks."""

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            told = self._told.get()
            if told is not None:
                told[depth] = output[0] if isinstance(output, tuple) else output

        self._decoder.layers[depth - 1].register_forward_hook(keep)


def _has_parts(decoder: Any) -> bool:
    return hasattr(decoder, "layers") and hasattr(decoder, "norm")

"""What a router sees of a prompt: its vector, its standardised features, its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.features import FEATURES, text_features
from routewright.encoders.memo import each_fit, each_view
from routewright.encoders.named import DEFAULT, make, restore
from routewright.types import Prompt

Floats = NDArray[np.float64]
Digests = NDArray[np.uint64]

REACH = 5.0  # standard deviations: a prompt unlike any other must not run off to infinity
_FORM = 0.6  # weight of the features beside the vector, by how well tasks are told apart

_UNIT = np.float32(1 / np.hypot(1.0, _FORM))


@dataclass(frozen=True, eq=False)
class View:
    """n prompts as numbers.

    Attributes:
        prompts: the n prompts themselves.
        embeddings: unit vectors (n, d), float32; d is 0 without an encoder.
        features: ``FEATURES`` standardised by the training prompts, clipped (n, f).
        chars: characters of the whole text (n,).
        wide_chars: characters outside ASCII (n,); tokenizers spend more on them.
        extra: columns (n, e) that a router adds for linear models alone, standardised too.
    """

    prompts: Sequence[Prompt]
    embeddings: NDArray[np.float32]
    features: Floats
    chars: Floats
    wide_chars: Floats
    extra: Floats | None = None

    @cached_property
    def design(self) -> Floats:
        """Vectors and features side by side (n, d + f + e), of like scale, for linear models."""
        width = self.embeddings.shape[1]
        parts = [self.embeddings * np.sqrt(max(width, 1)), self.features]
        return np.concatenate(parts if self.extra is None else [*parts, self.extra], axis=1)

    def of(self, rows: NDArray[np.intp]) -> View:
        """The view of these prompts alone."""
        return View(
            prompts=[self.prompts[int(row)] for row in rows],
            embeddings=self.embeddings[rows],
            features=self.features[rows],
            chars=self.chars[rows],
            wide_chars=self.wide_chars[rows],
            extra=None if self.extra is None else self.extra[rows],
        )

    @cached_property
    def places(self) -> NDArray[np.float32]:
        """Where each prompt lies for learners that compare distances (n, d + f), float32.

        Vectors tell the words apart, features the form; together they recognise a kind of task
        better than either. At most of unit length: shorter where no word is known, so that such
        a prompt is near to nothing.
        """
        length: Floats = np.sqrt(np.add.reduce(self.features**2, axis=1, keepdims=True))
        form = self.features / np.maximum(length, 1e-9) * _FORM
        beside = np.concatenate([self.embeddings, form.astype(np.float32)], axis=1)
        return beside * _UNIT


def _wide(text: str) -> int:
    return 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))


def text_digests(texts: Sequence[str]) -> Digests:
    """Eight bytes that stand for each text (n,), alike for texts that differ in case or space."""
    plain = (" ".join(text.casefold().split()) for text in texts)
    told = [blake2b(each.encode("utf-8", "surrogatepass"), digest_size=8) for each in plain]
    return np.array([int.from_bytes(each.digest(), "little") for each in told], dtype=np.uint64)


class TextSpace:
    """Learns an encoder and the scale of the features from texts, labels unseen.

    It remembers what it learned from, as ``fitted_on_``: the sorted digests of the texts, by
    which an evaluation finds out that the space has met its test prompts. None is unknown.

    Args:
        encoder: which one, as ``encoders.make`` names them; "" leaves the encoder out.
        seed: of an encoder that learns.
    """

    fitted_on_: Digests | None

    def __init__(self, encoder: str = DEFAULT, seed: int = 0) -> None:
        self.encoder = encoder
        self.seed = seed

    @each_fit
    def fit(self, prompts: Sequence[Prompt]) -> Self:
        """Learn from the prompts' texts."""
        texts = [prompt.text for prompt in prompts]
        self.fitted_on_ = np.unique(text_digests(texts))
        features = text_features(texts).astype(np.float64)
        spread = features.std(axis=0)
        self.mean_ = features.mean(axis=0)
        self.scale_ = np.where(spread > 1e-9, spread, 1.0)
        self.encoder_ = make(self.encoder, seed=self.seed).fit(texts) if self.encoder else None
        return self

    @each_view
    def view(self, prompts: Sequence[Prompt]) -> View:
        """See prompts as numbers; each row depends on its own prompt alone."""
        texts = [prompt.text for prompt in prompts]
        features = (text_features(texts) - self.mean_) / self.scale_
        empty = np.zeros((len(texts), 0), dtype=np.float32)
        return View(
            prompts=prompts,
            embeddings=self.encoder_.encode(texts) if self.encoder_ else empty,
            # np.clip takes several times as long for one prompt.
            features=np.minimum(np.maximum(features, -REACH), REACH),
            chars=np.array([len(text) for text in texts], dtype=np.float64),
            wide_chars=np.array([_wide(text) for text in texts], dtype=np.float64),
        )

    def met(self, prompts: Sequence[Prompt]) -> NDArray[np.bool_] | None:
        """Which prompts' texts (n,) it was fitted on; None where it does not remember.

        Prompts without text are nobody's.
        """
        if self.fitted_on_ is None:
            return None
        texts = [prompt.text for prompt in prompts]
        worded = np.array([bool(text.strip()) for text in texts], dtype=np.bool_)
        return np.isin(text_digests(texts), self.fitted_on_) & worded

    def state(self) -> dict[str, NDArray[Any]]:
        """The learned arrays by name."""
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean_, "scale": self.scale_}
        arrays["encoder"] = np.frombuffer(self.encoder.encode(), dtype=np.uint8)
        if self.fitted_on_ is not None:
            arrays["fitted_on"] = self.fitted_on_
        if self.encoder_ is not None:
            arrays |= {f"encoder.{name}": a for name, a in self.encoder_.state().items()}
        return arrays

    @classmethod
    def restore(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The space that gave these arrays; one of before digests were kept has none.

        Raises:
            ValueError: the features are not those of this version, or the digests are none.
        """
        if arrays["mean"].shape != (len(FEATURES),) or arrays["scale"].shape != (len(FEATURES),):
            raise ValueError(f"expected {len(FEATURES)} text features")
        if arrays["mean"].dtype != np.float64 or arrays["scale"].dtype != np.float64:
            raise ValueError("expected text features in double precision")
        if (arrays["scale"] <= 0).any():
            raise ValueError("expected features' spreads above 0")
        fitted_on = arrays.get("fitted_on")
        if fitted_on is not None and (fitted_on.dtype != np.uint64 or fitted_on.ndim != 1):
            raise ValueError("expected the digests of texts as one row of 64-bit integers")
        prefix = "encoder."
        encoder = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
        space = cls(arrays["encoder"].tobytes().decode())
        space.mean_, space.scale_ = arrays["mean"], arrays["scale"]
        space.fitted_on_ = fitted_on
        space.encoder_ = restore(space.encoder, encoder) if space.encoder else None
        return space

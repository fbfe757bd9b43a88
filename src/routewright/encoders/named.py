"""Encoders by name.

    hashed, hashed:64          n-grams of the training texts; numpy alone serves it
    words, words:64            the same without runs of characters, in a fraction of the time
    static                     word vectors that come with the package
    minilm, minilm:256         all-MiniLM-L6-v2, from a package or the hub
    onnx:/folder, onnx:/f:256  model.onnx and tokenizer.json of any other
    hf:NAME_OR_FOLDER          through transformers and torch; hf:NAME@REVISION:256
    endpoint:MODEL             an OpenAI-compatible /v1/embeddings
    hashed+minilm              side by side

The number is the most tokens read of a text. All but the first two are frozen: an artefact keeps
their fingerprint, not their weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from routewright.encoders.concat import ConcatEncoder
from routewright.encoders.hashed import HashedEncoder
from routewright.errors import ConfigError
from routewright.protocols import Encoder

DEFAULT = "words+static"

_LENGTH = 128

_LIMIT = re.compile(r"(.*?)(?::(\d+))?", re.DOTALL)


def make(name: str, *, seed: int = 0) -> Encoder:
    """An encoder by name, not yet fitted.

    Raises:
        ConfigError: an unknown name.
    """
    parts = _parts(name)
    if len(parts) > 1:
        return ConcatEncoder([make(part, seed=seed) for part in parts])
    family, _, detail = name.partition(":")
    if family not in FAMILIES:
        raise ConfigError(f"no encoder {name!r}; there are {', '.join(FAMILIES)}, and a+b")
    return FAMILIES[family](name, detail, seed)


def restore(name: str, arrays: Mapping[str, NDArray[Any]]) -> Encoder:
    """The fitted encoder of this name that gave these arrays.

    Raises:
        ArtefactError: a frozen encoder's weights are not those that were trained with.
    """
    return make(name).restore(dict(arrays))


def _hashed(name: str, detail: str, seed: int) -> Encoder:
    if detail and not (detail.isdecimal() and int(detail)):
        raise ConfigError(f"encoder {name!r}: its length must be a number, as in hashed:64")
    return HashedEncoder(int(detail or _LENGTH), letters=name.startswith("hashed"), seed=seed)


# Whoever takes hashed loads none of the others' modules.


def _static(name: str, detail: str, _: int) -> Encoder:
    from routewright.encoders.static import StaticEncoder

    if detail:
        raise ConfigError(f"encoder {name!r}: there is one table; write static")
    return StaticEncoder(name)


def _minilm(name: str, detail: str, _: int) -> Encoder:
    from routewright.encoders.frozen import token_limit
    from routewright.encoders.minilm import MAX_TOKENS, MiniLmEncoder

    return MiniLmEncoder(name, token_limit(detail, MAX_TOKENS, name, most=512))


def _onnx(name: str, detail: str, _: int) -> Encoder:
    from routewright.encoders.onnx import OnnxEncoder

    place, limit = _place_and_limit(name, detail)
    return OnnxEncoder(name, Path(place), limit)


def _hugging_face(name: str, detail: str, _: int) -> Encoder:
    from routewright.encoders.huggingface import HuggingFaceEncoder

    return HuggingFaceEncoder(name, *_place_and_limit(name, detail))


def _endpoint(name: str, detail: str, _: int) -> Encoder:
    from routewright.encoders.endpoint import EndpointEncoder

    if not detail:
        raise ConfigError(f"encoder {name!r}: name the endpoint's model, as in endpoint:MODEL")
    return EndpointEncoder(name, detail)


FAMILIES: dict[str, Callable[[str, str, int], Encoder]] = {
    "hashed": _hashed,
    "words": _hashed,
    "static": _static,
    "minilm": _minilm,
    "onnx": _onnx,
    "hf": _hugging_face,
    "endpoint": _endpoint,
}
"""Makers by the word before the colon; each takes the whole name, what follows, the seed."""


def _parts(name: str) -> list[str]:
    """The names around each plus; a plus in a path is no end of a name."""
    return re.split(rf"\+(?=(?:{'|'.join(FAMILIES)})(?:[:+]|$))", name)


def _place_and_limit(name: str, detail: str) -> tuple[str, int]:
    from routewright.encoders.frozen import token_limit
    from routewright.encoders.minilm import MAX_TOKENS

    found = _LIMIT.fullmatch(detail)
    place, limit = found.groups() if found else ("", "")
    if not place:
        raise ConfigError(f"encoder {name!r}: say which, as in {name.partition(':')[0]}:/folder")
    return place, token_limit(limit or "", MAX_TOKENS, name)

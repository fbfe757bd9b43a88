"""Encoders by name: ``hashed``, ``hashed:64``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from routewright.encoders.hashed import HashedEncoder
from routewright.errors import ConfigError

DEFAULT = "hashed"


def make(name: str, *, seed: int = 0) -> HashedEncoder:
    """An encoder by name, not yet fitted.

    Raises:
        ConfigError: an unknown name.
    """
    family, _, size = name.partition(":")
    if family != "hashed" or (size and not size.isdecimal()):
        raise ConfigError(f"no encoder {name!r}; there are hashed, hashed:64")
    return HashedEncoder(int(size), seed=seed) if size else HashedEncoder(seed=seed)


def restore(name: str, arrays: Mapping[str, NDArray[Any]]) -> HashedEncoder:
    """The fitted encoder of this name that gave these arrays."""
    make(name)
    return HashedEncoder.restore(dict(arrays))

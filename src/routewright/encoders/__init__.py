"""Text → vectors: learned ones served in numpy alone, frozen ones by their name."""

from __future__ import annotations

from routewright.encoders.features import FEATURES, text_features
from routewright.encoders.hashed import HashedEncoder
from routewright.encoders.named import DEFAULT
from routewright.encoders.space import TextSpace, View, text_digests

__all__ = [
    "DEFAULT",
    "FEATURES",
    "HashedEncoder",
    "TextSpace",
    "View",
    "text_digests",
    "text_features",
]

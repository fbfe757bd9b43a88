"""``manifest.json``: which router it is, what it learned from, and what its arrays must be.

The file has one form alone: it is written by ``seal`` and believed only where writing what was
read gives the same bytes again, checksum included.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import msgspec

from routewright.errors import ArtefactError
from routewright.types import json_object

FORMAT = "routewright-router"
FORMAT_VERSION = 3
MANIFEST = "manifest.json"
MOST_JSON = 4 * 1024 * 1024
"""Bytes of manifest, and of the arrays' own header."""

AGAIN = "train again with this version of Routewright"


class ArrayFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The type and the shape of one array."""

    dtype: str
    shape: list[int]


class EncoderFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The encoder by name; of one with frozen weights also their fingerprint, as hex digits."""

    name: str
    fingerprint: str | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in ``manifest.json``; costs are in US dollars.

    ``meta`` holds ``train_means`` ({"scores": [m], "costs": [m]}) beside what the family tells
    about itself; ``extra`` is what the caller of ``save`` wanted kept. ``data_fingerprint``,
    ``price_date``, ``calibration``, ``evaluation`` and ``comparison`` are those of
    ``routers.record.Record``.
    """

    format: Literal["routewright-router"]
    format_version: int
    package_version: str
    router: str
    params: dict[str, Any]
    models: list[str]
    encoder: EncoderFacts
    recommended_worth_usd: float | None
    data_fingerprint: str
    price_date: str | None
    calibration: dict[str, Any] | None
    evaluation: dict[str, Any] | None
    comparison: dict[str, Any] | None
    meta: dict[str, Any]
    extra: dict[str, Any]
    arrays: dict[str, ArrayFacts]
    arrays_sha256: str


def seal(told: Mapping[str, Any]) -> bytes:
    """A manifest as it stands in the file, with the checksum of everything else at its end.

    Raises:
        ValueError, TypeError: a value is not JSON.
    """
    body = {name: value for name, value in told.items() if name != "checksum"}
    checksum = blake2b(canonical(body), digest_size=16).hexdigest()
    return canonical(body | {"checksum": checksum})


def canonical(told: Any) -> bytes:
    """JSON in the one form that a manifest has.

    Raises:
        ValueError, TypeError: a value is not JSON.
    """
    return (json.dumps(told, indent=1, allow_nan=False) + "\n").encode()


def read_manifest(path: str | Path) -> Manifest:
    """Read and check ``manifest.json`` of an artefact folder, without the arrays.

    Raises:
        ArtefactError: missing, oversized, foreign, changed, or of another format version.
    """
    file = Path(path) / MANIFEST
    raw = read_file(file, MOST_JSON)
    try:
        body = json_object(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArtefactError(f"{file}: not valid JSON ({one_line(error)}); {AGAIN}") from error
    if body is None or body.get("format") != FORMAT:
        raise ArtefactError(f"{file}: not a Routewright router (format is not {FORMAT!r})")
    found = body.get("format_version")
    if found is True or found != FORMAT_VERSION:
        raise ArtefactError(
            f"{file}: format version {one_line(repr(found))}, this version of Routewright reads "
            f"{FORMAT_VERSION}; {AGAIN}"
        )
    try:
        whole = seal(body) == raw
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise ArtefactError(
            f"{file}: its checksum is not that of its content, so it was changed after it was "
            f"written; copy the artefact again, or {AGAIN}"
        )
    body.pop("checksum", None)
    try:
        manifest = msgspec.convert(body, Manifest)
    except msgspec.ValidationError as error:
        raise ArtefactError(f"{file}: {one_line(error)}; {AGAIN}") from error
    wrong = _wrong(manifest)
    if wrong:
        raise ArtefactError(f"{file}: {wrong}; {AGAIN}")
    return manifest


def read_file(file: Path, limit: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        ArtefactError: missing, something else than a file, or larger than ``limit`` bytes.
    """
    try:
        # Without waiting: whoever put a pipe there must not hold up the reader.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            facts = os.fstat(opened.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise ArtefactError(f"{file}: not a regular file; copy the artefact again")
            raw = opened.read(min(facts.st_size, limit) + 1)
    except OSError as error:
        raise ArtefactError(
            f"{file}: {error.strerror or error}; name the folder that routewright train wrote"
        ) from error
    if len(raw) > limit:
        raise ArtefactError(
            f"{file}: larger than {limit} bytes, which no artefact of this kind is; {AGAIN}"
        )
    return raw


def one_line(told: object, most: int = 300) -> str:
    """A message without line breaks, cut where it is long."""
    line = " ".join(str(told).split())
    return line if len(line) <= most else f"{line[:most]} …"


def _wrong(manifest: Manifest) -> str:
    """What can't be true of a router; empty where nothing is wrong."""
    models, means = manifest.models, manifest.meta.get("train_means")
    if len(models) < 2 or len(set(models)) < len(models):
        return "models must be two or more, each named once"
    worth = manifest.recommended_worth_usd
    if worth is not None and not (math.isfinite(worth) and worth >= 0):
        return "recommended_worth_usd must be 0 or more"
    try:
        told = msgspec.convert(means, dict[str, list[float]])
    except msgspec.ValidationError as error:
        return f"meta.train_means: {one_line(error)}"
    if told.keys() != {"scores", "costs"} or any(len(v) != len(models) for v in told.values()):
        return "meta.train_means must hold a score and a cost for each model"
    if not all(0 <= v <= 1 for v in told["scores"]) or not all(v >= 0 for v in told["costs"]):
        return "meta.train_means must hold scores from 0 to 1 and costs of 0 or more"
    return ""

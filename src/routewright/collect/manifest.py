"""What a collection was made with: facts that hold on any machine."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from routewright.collect.cells import DECODING, DEFAULT_MAX_TOKENS
from routewright.errors import DataError
from routewright.types import Model

MANIFEST_FILE = "manifest.json"
PROMPTS_FILE = "asked.jsonl"  # the prompts as they were asked, so that a folder stands alone


def write_manifest(
    folder: Path, prompts: Path, models: Sequence[Model], temperature: float = 0.0
) -> dict[str, Any]:
    """Write ``manifest.json`` and a copy of the prompts; a folder keeps to what it began with.

    Raises:
        DataError: the folder was begun with other prompts, or another engine version: its
            answers would be a mixture.
    """
    path = folder / MANIFEST_FILE
    asked = prompts.read_bytes()
    manifest: dict[str, Any] = {
        "format": "routewright-collection",
        "format_version": 1,
        "id": secrets.token_hex(8),  # names this collection in its idempotency keys
        "date": datetime.now(UTC).date().isoformat(),
        "prompts_file": prompts.name,
        "prompts_sha256": hashlib.sha256(asked).hexdigest(),
        "decoding": {
            **DECODING,
            "temperature": temperature,
            "default_max_tokens": DEFAULT_MAX_TOKENS,
        },
        "engine": _engine(models),
        "models": {model.name: _facts(model) for model in models},
    }
    if path.exists():
        before = msgspec.json.decode(path.read_bytes())
        for field in ("prompts_sha256", "engine", "decoding"):
            if before.get(field) != manifest[field]:
                raise DataError(
                    f"{path}: this folder was begun with another {field}; "
                    "choose a new folder with --out, so that answers do not mix"
                )
        manifest["date"] = before["date"]
        # A folder from before there were ids has none in its calls that an upstream could know.
        manifest["id"] = before.get("id", manifest["id"])
        manifest["models"] = {**before["models"], **manifest["models"]}
    _replace(folder / PROMPTS_FILE, asked)
    _replace(path, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole: a crash leaves the old one or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _engine(models: Sequence[Model]) -> str:
    if not any(model.provider == "local" for model in models):
        return ""
    try:
        return f"xllamacpp {metadata.version('xllamacpp')}"
    except metadata.PackageNotFoundError:
        return ""


def _facts(model: Model) -> dict[str, Any]:
    facts: dict[str, Any] = {"licence": model.licence, "price": msgspec.to_builtins(model.price)}
    if model.weights is not None:
        facts |= {"file": model.weights.file, "sha256": model.weights.sha256}
    return facts

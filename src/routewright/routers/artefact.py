"""Trained routers on disk: one safetensors file and one JSON manifest, never code.

    router/
      arrays.safetensors   everything that was learned
      manifest.json        which router, which models, which parameters; the digest of the arrays

Reading believes nothing: version, digest, names, shapes and finiteness are checked before the
router is, and a trial prediction is made before it is handed out.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import safetensors
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save as dump_arrays

from routewright.encoders import TextSpace
from routewright.errors import ArtefactError, ConfigError, MissingExtraError, UpstreamError
from routewright.routers.base import Arrays, BaseRouter, Meta
from routewright.routers.cost import CostModel
from routewright.routers.packing import under
from routewright.types import Prompt

FORMAT = "routewright-router"
FORMAT_VERSION = 1
ARRAYS = "arrays.safetensors"
MANIFEST = "manifest.json"

_MOST_JSON = 4 * 1024 * 1024  # bytes of manifest, and of the arrays' own header


class _Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: list[int]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``manifest.json``; costs are in US dollars.

    ``meta`` holds ``train_means`` ({"scores": [m], "costs": [m]}) beside what the family tells
    about itself; ``extra`` is what the caller of ``save`` wanted kept.
    """

    format: Literal["routewright-router"]
    format_version: int
    package_version: str
    router: str
    params: dict[str, Any]
    models: list[str]
    recommended_worth_usd: float | None
    meta: dict[str, Any]
    extra: dict[str, Any]
    arrays: dict[str, _Array]
    arrays_sha256: str


def save_router(router: BaseRouter, path: Path, extra: Meta | None = None) -> None:
    """Write the artefact folder so that a reader sees the old one or the new one, never half.

    Nothing in it depends on the clock: the same training gives the same bytes.

    Raises:
        RuntimeError: the router is not fitted.
        ArtefactError: the path holds something that is not an artefact, or a value can't be
            written as data.
    """
    if not hasattr(router, "models_"):
        raise RuntimeError(f"{type(router).__name__} is not fitted: call fit(data) first")
    _refuse_to_replace(path)
    own, meta = router._state()  # pyright: ignore[reportPrivateUsage]  # the package's own seam
    parts = {"space": router.space_.state(), "cost": router.cost_model_.state(), "router": own}
    arrays = {
        f"{part}.{name}": np.asarray(array, order="C")
        for part, named in parts.items()
        for name, array in named.items()
    }
    packed = dump_arrays(arrays)
    means = {name: [float(v) for v in mean] for name, mean in router.train_means_.items()}
    manifest = Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        package_version=version("routewright"),
        router=router.name,
        params=router.params(),
        models=list(router.models_),
        recommended_worth_usd=router.recommended_worth_usd_,
        meta=meta | {"train_means": means},
        extra=extra or {},
        arrays={n: _Array(str(a.dtype), list(a.shape)) for n, a in sorted(arrays.items())},
        arrays_sha256=hashlib.sha256(packed).hexdigest(),
    )
    try:
        told = json.dumps(msgspec.to_builtins(manifest), indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ArtefactError(f"{path}: a parameter or extra value is not JSON: {error}") from error
    if len(told) > _MOST_JSON:
        raise ArtefactError(
            f"{path}: the manifest would be larger than {_MOST_JSON} bytes; keep less in extra"
        )
    _write_folder(path, {ARRAYS: packed, MANIFEST: told.encode()})


def read_manifest(path: str | Path) -> Manifest:
    """Read and check ``manifest.json`` of an artefact folder, without the arrays.

    Raises:
        ArtefactError: missing, oversized, foreign, or of another format version.
    """
    file = Path(path) / MANIFEST
    raw = _read(file, limit=_MOST_JSON)
    again = "train again with this version of Routewright"
    try:
        told: Any = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArtefactError(f"{file}: not valid JSON ({error}); {again}") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:  # pyright: ignore[reportUnknownMemberType]  # JSON of unknown shape
        raise ArtefactError(f"{file}: not a Routewright router (format is not {FORMAT!r})")
    found: Any = told.get("format_version")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # JSON of unknown shape
    if found is True or found != FORMAT_VERSION:
        raise ArtefactError(
            f"{file}: format version {found!r}, this version of Routewright reads "
            f"{FORMAT_VERSION}; {again}"
        )
    try:
        return msgspec.convert(told, Manifest)
    except msgspec.ValidationError as error:
        raise ArtefactError(f"{file}: {error}; {again}") from error


def load_router(path: Path, kind: Callable[..., BaseRouter] | None = None) -> BaseRouter:
    """Read an artefact folder; predictions are bit for bit those of the router saved.

    Args:
        path: the folder.
        kind: the router's class, where it is not registered (a plug-in under test).

    Raises:
        ArtefactError: the file that is missing, damaged, foreign or of another version, and
            the way out.
    """
    from routewright.routers import make

    manifest = read_manifest(path)
    arrays = _read_arrays(path / ARRAYS, manifest)
    try:
        router = kind(**manifest.params) if kind else make(manifest.router, **manifest.params)
    except (ConfigError, TypeError) as error:
        raise ArtefactError(f"{path / MANIFEST}: {error}") from error
    try:
        _fill(router, manifest, arrays)
    except (ArtefactError, MissingExtraError, UpstreamError):
        raise  # the second and third: whole, but an extra or an endpoint it needs is not there
    except Exception as error:
        # Whatever a forged state trips over, the reader is told one thing.
        raise ArtefactError(
            f"{path / ARRAYS}: not the state of a {manifest.router!r} router ({error!r}); "
            "train again with this version of Routewright"
        ) from error
    return router


def _fill(router: BaseRouter, manifest: Manifest, arrays: Arrays) -> None:
    router.models_ = tuple(manifest.models)
    means: dict[str, list[float]] = manifest.meta["train_means"]
    router.train_means_ = {name: np.array(means[name], float) for name in ("scores", "costs")}
    router.recommended_worth_usd_ = manifest.recommended_worth_usd
    router.extra_ = manifest.extra
    router.space_ = TextSpace.restore(under("space", arrays))
    router.cost_model_ = CostModel.restore(under("cost", arrays))
    router._restore(under("router", arrays))  # pyright: ignore[reportPrivateUsage]  # the package's own seam
    if router.knows_only_training_prompts:
        return
    told = router.predict([Prompt.from_text("a", "a trial: 1 + 1?"), Prompt.from_text("b", "")])
    for name in ("scores", "costs", "std"):
        values = getattr(told, name)
        if values.shape != (2, len(router.models_)) or not np.isfinite(values).all():
            raise ValueError(f"a trial prediction gives {name} that are wrong")


def _read(file: Path, limit: int | None = None) -> bytes:
    try:
        if limit is not None and file.stat().st_size > limit:
            raise ArtefactError(f"{file}: larger than {limit} bytes; not a Routewright manifest")
        return file.read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"{file}: {error.strerror or error}; name the folder that routewright train wrote"
        ) from error


def _read_arrays(file: Path, manifest: Manifest) -> Arrays:
    packed = _read(file)
    again = "copy the artefact again, or train again"
    if hashlib.sha256(packed).hexdigest() != manifest.arrays_sha256:
        raise ArtefactError(f"{file}: its digest is not the one in {MANIFEST}; {again}")
    if int.from_bytes(packed[:8], "little") > _MOST_JSON:
        raise ArtefactError(f"{file}: its header is larger than {_MOST_JSON} bytes; {again}")
    try:
        arrays: Arrays = parse_arrays(packed)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise ArtefactError(f"{file}: not a safetensors file ({error}); {again}") from error
    found = {name: _Array(str(a.dtype), list(a.shape)) for name, a in arrays.items()}
    for name in sorted(found.keys() ^ manifest.arrays.keys()):
        where = "is not listed in the manifest" if name in found else "is missing"
        raise ArtefactError(f"{file}: array {name!r} {where}; {again}")
    for name, array in arrays.items():
        if found[name] != manifest.arrays[name]:
            raise ArtefactError(f"{file}: array {name!r} has another shape or type; {again}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ArtefactError(f"{file}: array {name!r} holds NaN or infinity; {again}")
    return arrays


def _refuse_to_replace(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise ArtefactError(f"{path}: is a file; name a folder for the artefact")
    if any(path.iterdir()) and not (path / MANIFEST).is_file():
        raise ArtefactError(f"{path}: holds other files; name a new or empty folder")


def _write_folder(path: Path, files: dict[str, bytes]) -> None:
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        for name, content in files.items():
            with (fresh / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        fresh.chmod(0o755)
        old = fresh.with_name(fresh.name + ".old")
        if path.exists():
            path.rename(old)
        fresh.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)

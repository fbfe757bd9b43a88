"""Trained routers on disk: one safetensors file and one JSON manifest, never code.

    router/
      arrays.safetensors   everything that was learned
      manifest.json        which router, which models, which parameters; the digest of the arrays

Reading believes nothing. Checksum, version, digest, names, shapes, types and bounds are checked
before the router is; then it makes a trial prediction, and what it would write itself must be
what was read. Only then is it handed out.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import numpy as np
import safetensors
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save as dump_arrays

from routewright.errors import (
    ArtefactError,
    ConfigError,
    MissingExtraError,
    RoutewrightError,
    UpstreamError,
    WeightsError,
)
from routewright.routers.base import Arrays, BaseRouter, Meta
from routewright.routers.cost import CostModel
from routewright.routers.manifest import (
    AGAIN,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    MOST_JSON,
    ArrayFacts,
    EncoderFacts,
    Manifest,
    canonical,
    one_line,
    read_file,
    read_manifest,
    seal,
)
from routewright.routers.packing import under
from routewright.routers.record import Record
from routewright.types import Prompt

__all__ = [
    "ARRAYS",
    "MANIFEST",
    "Manifest",
    "fingerprint",
    "load_router",
    "read_manifest",
    "save_router",
]

ARRAYS = "arrays.safetensors"
_COPY = "copy the artefact again, or train again"


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
    arrays, meta = _state_of(router)
    packed = dump_arrays(arrays)
    manifest = Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        package_version=version("routewright"),
        router=router.name,
        params=router.params(),
        models=list(router.models_),
        encoder=_encoder(arrays),
        recommended_worth_usd=router.recommended_worth_usd_,
        **msgspec.structs.asdict(router.record_),
        meta=meta,
        extra=extra or {},
        arrays=_facts(arrays),
        arrays_sha256=hashlib.sha256(packed).hexdigest(),
    )
    try:
        told = seal(msgspec.to_builtins(manifest))
    except (TypeError, ValueError) as error:
        raise ArtefactError(f"{path}: a parameter or extra value is not JSON: {error}") from error
    if len(told) > MOST_JSON:
        raise ArtefactError(
            f"{path}: the manifest would be larger than {MOST_JSON} bytes; keep less in extra"
        )
    _write_folder(path, {ARRAYS: packed, MANIFEST: told})


def fingerprint(path: Path) -> str:
    """Twelve hexadecimal digits that stand for all that an artefact holds.

    The manifest names the digest of the arrays, so that its own digest covers both.

    Raises:
        ArtefactError: there is no manifest.
    """
    return hashlib.sha256(read_file(path / MANIFEST, MOST_JSON)).hexdigest()[:12]


def load_router(path: Path, kind: Callable[..., BaseRouter] | None = None) -> BaseRouter:
    """Read an artefact folder; predictions are bit for bit those of the router saved.

    Args:
        path: the folder.
        kind: the router's class, where it is not registered (a plug-in under test).

    Raises:
        ArtefactError: the file that is missing, damaged, foreign or of another version, and
            the way out.
    """
    from routewright import routers

    manifest = read_manifest(path)
    arrays = _read_arrays(path / ARRAYS, manifest)
    try:
        made = kind or routers.kind(manifest.router)
        router = made(**typed_params(made, manifest.params))
    except (ConfigError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path / MANIFEST}: {one_line(error)}; {AGAIN}") from error
    try:
        # A forged state may overflow on its way to being refused.
        with np.errstate(all="ignore"):
            _fill(router, manifest, arrays)
            _try(router)
            _refuse_leftovers(router, manifest, arrays)
    except (MissingExtraError, WeightsError, UpstreamError):
        raise  # the artefact may be whole: what it needs is not there, and says so itself
    except RoutewrightError as error:
        raise ArtefactError(f"{path / ARRAYS}: {one_line(error)}") from error
    except Exception as error:
        # Whatever a forged state trips over, the reader is told one thing.
        raise ArtefactError(
            f"{path / ARRAYS}: not the state of a {manifest.router!r} router "
            f"({one_line(repr(error))}); {AGAIN}"
        ) from error
    return router


def _state_of(router: BaseRouter) -> tuple[Arrays, Meta]:
    own, meta = router._state()  # pyright: ignore[reportPrivateUsage]  # the package's own seam
    parts = {"space": router.space_.state(), "cost": router.cost_model_.state(), "router": own}
    arrays = {
        f"{part}.{name}": np.asarray(array, order="C")
        for part, named in parts.items()
        for name, array in named.items()
    }
    means = {name: [float(v) for v in mean] for name, mean in router.train_means_.items()}
    return arrays, meta | {"train_means": means, "scored": [bool(v) for v in router.scored_]}


def _facts(arrays: Arrays) -> dict[str, ArrayFacts]:
    return {n: ArrayFacts(str(a.dtype), list(a.shape)) for n, a in sorted(arrays.items())}


def _encoder(arrays: Arrays) -> EncoderFacts:
    frozen = arrays.get("space.encoder.fingerprint")
    return EncoderFacts(
        name=arrays["space.encoder"].tobytes().decode(),
        fingerprint=None if frozen is None else frozen.tobytes().hex(),
    )


def typed_params(kind: Callable[..., BaseRouter], params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as the constructor's annotations want them: JSON has no tuples.

    Raises:
        ValueError: one is of another type.
    """
    try:
        hints = get_type_hints(kind.__init__ if inspect.isclass(kind) else kind)
    except NameError:  # a plug-in that imports its types for the checker alone
        hints = {}
    typed: dict[str, Any] = {}
    for name, value in params.items():
        try:
            fit: Any = msgspec.convert(value, hints.get(name, Any))
        except msgspec.ValidationError as error:
            raise ValueError(f"params.{name}: {error}") from error
        except TypeError:  # a type that JSON doesn't know
            fit = value
        typed[name] = value if fit == value else fit
    return typed


def _fill(router: BaseRouter, manifest: Manifest, arrays: Arrays) -> None:
    router.models_ = tuple(manifest.models)
    means: dict[str, list[float]] = manifest.meta["train_means"]
    router.train_means_ = {name: np.array(means[name], float) for name in ("scores", "costs")}
    router.scored_ = np.array(manifest.meta["scored"], bool)
    if router.scored_.shape != (len(router.models_),) or not router.scored_.any():
        raise ValueError("meta.scored does not say which models were scored")
    router.recommended_worth_usd_ = manifest.recommended_worth_usd
    router.record_ = Record(**{name: getattr(manifest, name) for name in Record.__struct_fields__})
    router.extra_ = manifest.extra
    router.space_ = router._space().restore(under("space", arrays))  # pyright: ignore[reportPrivateUsage]  # the package's own seam
    router.cost_model_ = CostModel.restore(under("cost", arrays))
    router._restore(under("router", arrays))  # pyright: ignore[reportPrivateUsage]  # the package's own seam


def _try(router: BaseRouter) -> None:
    """A trial prediction."""
    if router.knows_only_training_prompts:
        return
    told = router.predict([Prompt.from_text("a", "a trial: 1 + 1?"), Prompt.from_text("b", "")])
    for name in ("scores", "costs", "std"):
        values = getattr(told, name)
        if values.shape != (2, len(router.models_)) or not np.isfinite(values).all():
            raise ValueError(f"a trial prediction gives {name} that are wrong")
        if (values < 0).any():
            raise ValueError(f"a trial prediction gives negative {name}")


def _refuse_leftovers(router: BaseRouter, manifest: Manifest, arrays: Arrays) -> None:
    """What the router would write must be what was read: nothing is left over or bent to fit."""
    again, meta = _state_of(router)
    if _facts(again) != _facts(arrays):
        odd = sorted(again.keys() ^ arrays.keys()) or "another shape or type"
        raise ValueError(f"its arrays differ from those it would write: {odd}")
    for name, array in again.items():
        if array is not arrays[name] and array.tobytes() != arrays[name].tobytes():
            raise ValueError(f"{name} differs from what the router would write")
    if canonical(meta) != canonical(manifest.meta):
        raise ValueError(f"meta in {MANIFEST} differs from what the router would write")
    if _encoder(again) != manifest.encoder:
        raise ValueError(f"encoder in {MANIFEST} is not the one in the arrays")


def _read_arrays(file: Path, manifest: Manifest) -> Arrays:
    listed = sum(
        math.prod(max(size, 0) for size in each.shape) * _width(each.dtype)
        for each in manifest.arrays.values()
    )
    packed = read_file(file, min(listed + MOST_JSON + 8, 1 << 62))
    if hashlib.sha256(packed).hexdigest() != manifest.arrays_sha256:
        raise ArtefactError(f"{file}: its digest is not the one in {MANIFEST}; {_COPY}")
    if int.from_bytes(packed[:8], "little") > MOST_JSON:
        raise ArtefactError(f"{file}: its header is larger than {MOST_JSON} bytes; {_COPY}")
    try:
        arrays: Arrays = parse_arrays(packed)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ArtefactError(
            f"{file}: not a safetensors file ({one_line(error)}); {_COPY}"
        ) from error
    found = _facts(arrays)
    for name in sorted(found.keys() ^ manifest.arrays.keys()):
        where = "is not listed in the manifest" if name in found else "is missing"
        raise ArtefactError(f"{file}: array {one_line(name)!r} {where}; {_COPY}")
    for name, array in arrays.items():
        if found[name] != manifest.arrays[name]:
            raise ArtefactError(f"{file}: array {name!r} has another shape or type; {_COPY}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ArtefactError(f"{file}: array {name!r} holds NaN or infinity; {_COPY}")
    return arrays


def _width(dtype: str) -> int:
    """Bytes of one value, at most; a type that numpy doesn't know is refused later."""
    try:
        return np.dtype(dtype).itemsize
    except (TypeError, ValueError, SyntaxError):
        return 16


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

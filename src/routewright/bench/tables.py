"""The data of a run as every process reads them: copied once, near-duplicates in one group."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np

from routewright import __version__
from routewright.data.regimes import joined_groups
from routewright.data.routing_data import MATRICES, RoutingData
from routewright.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False)
class Table:
    """One data set.

    Attributes:
        name: in the leaderboard.
        digest: of prompts, models and outcomes.
        path: of the copy.
        data: as the copy says; a prompt's group is ``joined_groups``'s.
    """

    name: str
    digest: str
    path: Path
    data: RoutingData


def prepare(
    sources: Sequence[str | Path | RoutingData], out: Path, *, models: Sequence[str] | None = None
) -> tuple[Table, ...]:
    """Read data sets and keep a copy of each in ``out``; what is there is not made again.

    Groups are joined before anything is parted, so that folds, the routers' own folds and the
    bootstrap agree on what is one question.

    Raises:
        ConfigError: the same data twice.
        DataError: data that cannot be read or written.
        UnknownModelError: data without one of ``models``.
    """
    tables: list[Table] = []
    for source in sources:
        data = source if isinstance(source, RoutingData) else RoutingData.load(source)
        data = data if models is None else data.select_models(models)
        digest = fingerprint(data)
        twin = next((table for table in tables if table.digest == digest), None)
        if twin is not None:
            raise ConfigError(f"{data.name}: the same data as {twin.name}; name them once")
        path = out / digest
        if not path.is_dir():
            _keep(data, path)
        name = data.name
        if name in {table.name for table in tables}:
            name = data.name if isinstance(source, RoutingData) else str(source)
        if name in {table.name for table in tables}:
            raise ConfigError(f"{name}: two data sets of this name; rename one")
        # An audit's errors stand beside the source, and a copy holds outcomes alone.
        copy = replace(read(path, name), score_errors=data.score_errors)
        tables.append(Table(name, digest, path, copy))
    if not tables:
        raise ConfigError("no data; give at least one table")
    return tuple(tables)


def read(path: Path, name: str) -> RoutingData:
    """The copy of a data set, under its name in the leaderboard.

    Raises:
        DataError: it cannot be read.
    """
    return replace(RoutingData.load(path, "native"), name=name)


def fingerprint(data: RoutingData) -> str:
    """A digest of all that a router may learn from: prompts, models, outcomes."""
    digest = blake2b(digest_size=16)
    for part in (__version__.encode(), msgspec.json.encode(data.models)):
        digest.update(len(part).to_bytes(8, "little") + part)
    for prompt in data.prompts:
        # Not msgspec: a lone surrogate is text, too.
        told = repr(msgspec.structs.astuple(prompt)).encode("utf-8", "surrogatepass")
        digest.update(len(told).to_bytes(8, "little") + told)
    for matrix in MATRICES:
        digest.update(np.ascontiguousarray(getattr(data, matrix)).tobytes())
    return digest.hexdigest()


def _keep(data: RoutingData, path: Path) -> None:
    groups = joined_groups(data)
    prompts = tuple(
        msgspec.structs.replace(prompt, group=str(group))
        for prompt, group in zip(data.prompts, groups, strict=True)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise DataError(f"{path.parent}: {error.strerror or error}; name another --out") from error
    try:
        replace(data, prompts=prompts).save(fresh)
        if not path.is_dir():  # another run may have been quicker
            os.rename(fresh, path)  # noqa: PTH104 - as a whole or not at all
    finally:
        shutil.rmtree(fresh, ignore_errors=True)

"""What a fit leaves on disk: predictions and what they took, one safetensors file each.

A file stands there whole or not at all: it is written beside its place and moved there. A run
that is killed at any moment loses the fits that were under way and no other.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save as dump_arrays

from routewright.errors import DataError

Floats = NDArray[np.float64]

FOLDER = "fits"
_META = "routewright-fit"


@dataclass(frozen=True)
class Facts:
    """What a fit took and told besides predictions.

    Attributes:
        models: the columns.
        worth_usd: the recommended setting, picked on training prompts; None where too few of
            them have every score and cost.
        fit_s: CPU seconds of the fit as if nothing had been shared with another.
        decision_ms_p50: CPU milliseconds to decide on one prompt, the median.
        decision_ms_p95: the same, 95th percentile.
        artefact_bytes: size of the artefact; None where it can't be saved.
        encoder_saw: test prompts among the texts that its encoder was fitted on; None is unknown.
    """

    models: tuple[str, ...]
    worth_usd: float | None
    fit_s: float
    decision_ms_p50: float
    decision_ms_p95: float
    artefact_bytes: int | None
    encoder_saw: int | None


@dataclass(frozen=True, eq=False)
class Fit:
    """A router's predictions for a fold's test prompts (t): scores and costs (t, m).

    ``decision_costs`` (t,) is what they took in US dollars, where the router tells.
    """

    scores: Floats
    costs: Floats
    facts: Facts
    decision_costs: Floats | None = None


def path_of(folder: Path, key: str) -> Path:
    """Where the fit of a job stands."""
    return folder / f"{key}.safetensors"


def keys_in(folder: Path) -> set[str]:
    """The keys of all fits that stand in a folder."""
    return {path.stem for path in folder.glob("*.safetensors")}


def write(path: Path, fit: Fit) -> None:
    """Put a fit in its place, whole or not at all.

    Raises:
        DataError: the folder can't be written.
    """
    arrays = {"scores": np.ascontiguousarray(fit.scores), "costs": np.ascontiguousarray(fit.costs)}
    if fit.decision_costs is not None:
        arrays["decision_costs"] = np.ascontiguousarray(fit.decision_costs)
    packed = dump_arrays(arrays, metadata={_META: json.dumps(asdict(fit.facts))})
    try:
        handle, fresh = tempfile.mkstemp(prefix=".fit-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).chmod(0o644)
        Path(fresh).replace(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; free some space and go on") from error


def read(path: Path) -> Fit:
    """Take a fit back.

    Raises:
        DataError: missing, or not a fit.
    """
    try:
        opened: Any = safetensors.safe_open(path, framework="numpy")
        with opened as file:
            told: dict[str, str] = file.metadata() or {}
            scores, costs = file.get_tensor("scores"), file.get_tensor("costs")
            spent = file.get_tensor("decision_costs") if "decision_costs" in file.keys() else None  # noqa: SIM118
        facts = msgspec.convert(json.loads(told[_META]), Facts)
    except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise DataError(f"{path}: not a fit of this version ({error}); delete it and go on") from (
            error
        )
    if scores.shape != costs.shape or scores.shape[1:] != (len(facts.models),):
        raise DataError(f"{path}: predictions of the wrong shape; delete it and go on")
    return Fit(scores, costs, facts, spent)

"""What stands beside routing data whose scores an audit has corrected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from routewright.errors import DataError

CORRECTIONS_FILE = "corrections.json"


class _Model(msgspec.Struct):
    std_error: float


class _Corrections(msgspec.Struct):
    models: dict[str, _Model]


def score_errors(folder: Path, models: Sequence[str]) -> NDArray[np.float64]:
    """Standard error of each model's mean score (m,); 0 where nothing was corrected.

    Raises:
        DataError: the file cannot be read.
    """
    path = folder / CORRECTIONS_FILE
    errors = np.zeros(len(models))
    if not path.is_file():
        return errors
    try:
        told = msgspec.json.decode(path.read_bytes(), type=_Corrections).models
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"{path}: {error}; run routewright judge audit --apply again") from error
    for column, model in enumerate(models):
        errors[column] = told[model].std_error if model in told else 0.0
    return errors

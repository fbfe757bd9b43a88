"""Settings of the whole suite, and where its nightly part writes down its figures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

# Every run tries the same examples, so that a change fails because of what it changed.
# HYPOTHESIS_PROFILE=explore looks for new ones, many more of them.
settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2000, deadline=None)
# Tests keep no vectors in the user's own cache; those of the cache name a folder of theirs.
os.environ.setdefault("ROUTEWRIGHT_CACHE", "")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

Figures = Callable[..., None]


@pytest.fixture
def figures() -> Figures:
    """Writes figures under an id of the test matrix into the file that ``make nightly`` names.

    ``figures("F-07", streams=10_000, false_success=0)``. Without that file, in a daily run, the
    figures are not kept: they would be those of a shortened test.
    """
    named = os.environ.get("ROUTEWRIGHT_FIGURES")

    def note(which: str, **told: object) -> None:
        if not named:
            return
        path = Path(named)
        known = json.loads(path.read_text()) if path.exists() else {}
        when = datetime.now(UTC).date().isoformat()
        where = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        known[which] = {**known.get(which, {}), **told, "on": when, "box": where}
        path.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")

    return note

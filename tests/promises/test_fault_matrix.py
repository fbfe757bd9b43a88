"""docs/design/fault-matrix.md says which tests keep which promise; it says what is so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_promises_is_as_tests_and_figures_are():
    command = [sys.executable, "tools/fault_matrix.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

"""What the manual shows runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)


def script(folder: Path, text: str) -> str:
    path = folder / "script.py"
    path.write_text(text, "utf-8")
    run = subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_router_of_your_own_keeps_the_contract(tmp_path: Path) -> None:
    router = blocks()[0]
    checked = "\nfrom routewright.routers import check_router\n\nprint(check_router(MyRouter))\n"
    assert "MyRouter" in router
    script(tmp_path, router + checked)


def test_a_leaderboard_from_python_finds_the_skill_that_a_world_holds(tmp_path: Path) -> None:
    printed = script(tmp_path, blocks()[1]).splitlines()
    low = re.search(r"low=([-\d.]+)", printed[0])
    assert low is not None
    assert float(low.group(1)) > 0
    assert printed[1] == "0.375"

"""Builds the compiled half of ``routewright.routers.native`` where there is a C compiler.

Without one, or with ``ROUTEWRIGHT_PURE=1``, the package is pure Python and decides all the same,
only more slowly.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROUTERS = Path("src", "routewright", "routers")
# No product may be contracted and no sum reordered: every processor is to get the same bits.
FLAGS = ("-O3", "-std=c11", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared")


class NativeHook(BuildHookInterface[Any]):
    """Compiles the C beside itself, and makes the wheel one of this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is put together."""
        del version
        library = Path(self.root, ROUTERS, "_native.so")
        library.unlink(missing_ok=True)
        if os.environ.get("ROUTEWRIGHT_PURE") == "1" or not built(library.parent, library):
            self.app.display_warning("without a C compiler: decisions will take longer")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform()}"
        build_data["artifacts"].append(str(library.relative_to(self.root)))


def built(folder: Path, library: Path) -> bool:
    """Compile the C of a folder; whether that worked."""
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), "")
    if not compiler or sys.platform == "win32":
        return False
    sources = map(str, sorted(folder.glob("native_*.c")))
    command = [*compiler.split(), *FLAGS, "-o", str(library), *sources, "-lm"]
    try:
        # Not every C library can choose among versions of a function when it is loaded.
        return any(
            subprocess.run([*command, *more], check=False, capture_output=not more).returncode == 0
            for more in ((), ("-DPLAIN",))
        )
    except OSError:
        return False


def _platform() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")

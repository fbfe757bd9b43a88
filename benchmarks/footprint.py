"""What the base install costs: megabytes on disk, CPU of an import and of --help.

Run ``python benchmarks/footprint.py`` from the repository's root, on a quiet machine. It installs
the base package into a fresh virtual environment and measures there; CPU is the best of several
runs.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 7
ROOT = Path(__file__).resolve().parent.parent


def megabytes(folder: Path) -> float:
    """Space taken on disk, in whole blocks as the file system gives it out."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / 1e6


def cpu_ms(command: list[str]) -> float:
    """Least user and system CPU milliseconds of a command over several runs."""
    best = float("inf")
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best, spent * 1000)
    return best


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder, "venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        python = str(venv / "bin" / "python")
        install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        subprocess.run([*install, str(ROOT)], check=True)
        packages = next(venv.glob("lib/python*/site-packages"))
        names = sorted(path.name for path in packages.glob("*.dist-info"))
        bare = cpu_ms([python, "-c", "pass"])
        print(f"packages            {len(names)}")
        print(f"on disk             {megabytes(packages):.1f} MB (limit 120)")
        print(f"torch among them    {any(name.startswith('torch') for name in names)}")
        imported = cpu_ms([python, "-c", "import routewright"])
        print(f"bare interpreter    {bare:.0f} ms CPU")
        print(
            f"import routewright  {imported:.0f} ms CPU, {imported - bare:.0f} above it (limit 150)"
        )
        shown = cpu_ms([str(venv / "bin" / "routewright"), "--help"])
        print(f"routewright --help  {shown:.0f} ms CPU (limit 400)")


if __name__ == "__main__":
    main()

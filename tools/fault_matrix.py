"""Fill in docs/design/fault-matrix.md: which tests keep each promise, and their last figures.

    python tools/fault_matrix.py            write it
    python tools/fault_matrix.py --check    say whether it is as it would be written

Ids and promises are written by hand, in the page. The tests are those whose docstring names the
id; the figures are those that ``make nightly`` has left in benchmarks/reliability.json.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "design" / "fault-matrix.md"
FIGURES = ROOT / "benchmarks" / "reliability.json"
ID = re.compile(r"\b[ADFILST]-(?:\d\d|schema)\b")
ROW = re.compile(r"^\| ([ADFILST]-(?:\d\d|schema)) \| ([^|]*) \|.*\|$")
MOST_FIGURES = 8  # of a row; the file has the rest


class Tests:
    """Files by id: those that every run runs, and those that are nightly."""

    def __init__(self, folder: Path) -> None:
        self.daily: defaultdict[str, set[str]] = defaultdict(set)
        self.nightly: defaultdict[str, set[str]] = defaultdict(set)
        for path in sorted(folder.rglob("test_*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            everywhere = "nightly" in " ".join(map(ast.unparse, _marks(tree)))
            name = path.relative_to(folder).with_suffix("").as_posix()
            for test in _functions(tree):
                marks = " ".join(map(ast.unparse, test.decorator_list))
                held = self.nightly if everywhere or "nightly" in marks else self.daily
                for which in ID.findall(ast.get_docstring(test) or ""):
                    held[which].add(name)


def _marks(tree: ast.Module) -> Iterator[ast.expr]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
                yield value
            case _:
                pass


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            yield node


def filled(page: str, tests: Tests, figures: dict[str, dict[str, Any]]) -> str:
    """The page with every row's last three cells as they are now."""
    lines: list[str] = []
    for line in page.splitlines():
        row = ROW.match(line)
        if row is None:
            lines.append(line)
            continue
        which, promise = row.groups()
        daily, nightly = tests.daily[which], tests.nightly[which]
        cells = (which, promise, _names(daily), _names(nightly), _told(figures.get(which, {})))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _names(files: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(files)) or "–"


def _told(figures: dict[str, Any]) -> str:
    shown = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in figures.items()
        if name not in ("on", "box")
    ]
    if not shown:
        return "–"
    more = " …" if len(shown) > MOST_FIGURES else ""
    return f"{', '.join(shown[:MOST_FIGURES])}{more} ({figures.get('on', '')})"


def missing(page: str, tests: Tests) -> set[str]:
    """Ids that tests name and the page does not."""
    rows = {row[1] for line in page.splitlines() if (row := ROW.match(line))}
    return (set(tests.daily) | set(tests.nightly)) - rows


def main(words: list[str]) -> int:
    """Write the page, or check it."""
    page, tests = PAGE.read_text("utf-8"), Tests(ROOT / "tests")
    figures: dict[str, dict[str, Any]] = json.loads(FIGURES.read_text("utf-8"))
    if unknown := missing(page, tests):
        print(f"{PAGE.name}: add a row with a promise for {', '.join(sorted(unknown))}")
        return 1
    now = filled(page, tests, figures)
    if words != ["--check"]:
        PAGE.write_text(now, "utf-8")
        return 0
    if now != page:
        print(f"{PAGE.name} is not as tests and figures are: run python tools/fault_matrix.py")
    return int(now != page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What an import counts while it runs, and the file of what it drops."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from routewright.data.logs.entry import Dropped, Reason


class Tally:
    """Counts by reason, with the first place of each; every drop is a line of a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.rows: Counter[Reason] = Counter()
        self.answers: Counter[Reason] = Counter()
        self.first: dict[Reason, Dropped] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def row(self, dropped: Dropped) -> None:
        """Count and write a row that gave no prompt."""
        self.rows[dropped.reason] += 1
        self._write("row", dropped)

    def answer(self, dropped: Dropped) -> None:
        """Count and write an answer that was not kept."""
        self.answers[dropped.reason] += 1
        self._write("answer", dropped)

    def told(self) -> dict[str, Any]:
        """The counts as a manifest holds them, most frequent first."""
        return {
            "rows": {str(reason): n for reason, n in self.rows.most_common()},
            "answers": {str(reason): n for reason, n in self.answers.most_common()},
            "first": {
                str(reason): {"place": one.place, "note": one.note}
                for reason, one in self.first.items()
            },
        }

    def _write(self, what: str, dropped: Dropped) -> None:
        self.first.setdefault(dropped.reason, dropped)
        self._file.write(
            msgspec.json.encode({"what": what, **msgspec.to_builtins(dropped)}) + b"\n"
        )

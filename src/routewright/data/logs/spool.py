"""Imported prompts on disk between the passes over them: memory holds offsets alone."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, overload

import msgspec

from routewright.data.logs.entry import Said
from routewright.types import Prompt


class Spooled(msgspec.Struct, frozen=True, omit_defaults=True):
    """A prompt as it will be written, where it came from, and the answers of its row."""

    place: str
    prompt: Prompt
    answers: tuple[Said, ...] = ()


class Spool:
    """An append-only file of ``Spooled``, read in order or by row."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._offsets = array("Q", [0])
        self._decoder = msgspec.json.Decoder(Spooled)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def append(self, item: Spooled) -> None:
        """Add a prompt; its row is the number of those before it."""
        data = msgspec.json.encode(item) + b"\n"
        self._file.seek(self._offsets[-1])
        self._file.write(data)
        self._offsets.append(self._offsets[-1] + len(data))

    def __getitem__(self, row: int) -> Spooled:
        start, end = self._offsets[row], self._offsets[row + 1]
        self._file.seek(start)
        return self._decoder.decode(self._file.read(end - start))

    def __iter__(self) -> Iterator[Spooled]:
        for row in range(len(self)):
            yield self[row]

    def texts(self, rows: Sequence[int] | None = None) -> SpoolTexts:
        """The texts that say how hard the prompts are, of some rows or of all."""
        return SpoolTexts(self, range(len(self)) if rows is None else rows, lambda p: p.text)


class SpoolTexts(Sequence[str]):
    """Texts of prompts on disk, as a sequence."""

    def __init__(self, spool: Spool, rows: Sequence[int], text: Callable[[Prompt], str]) -> None:
        self._spool = spool
        self._rows = rows
        self._text = text

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._text(self._spool[int(row)].prompt) for row in self._rows[index]]
        return self._text(self._spool[int(self._rows[index])].prompt)

"""A socket's transport that takes all that is written."""

from __future__ import annotations

import asyncio
from typing import Any


class Taking(asyncio.Transport):
    """Keeps nothing; once aborted it is closing."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def writelines(self, lines: Any) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return None

    def resume_reading(self) -> None: ...

    def pause_reading(self) -> None: ...

    def abort(self) -> None:
        self.closed = True

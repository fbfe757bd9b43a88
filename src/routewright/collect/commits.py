"""Group commit: the rows that wait are written together, with one flush of the disk for all."""

from __future__ import annotations

import asyncio

from routewright.collect.rows import SentCall
from routewright.data.journal import Journal
from routewright.types import Answer


class Commits:
    """Writes to a journal from many tasks; a row is on disk when its call here returns.

    While one batch is being flushed the next gathers, so that a slow disk makes batches larger
    and not the line longer.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._sent: list[SentCall] = []
        self._answers: list[Answer] = []
        self._done: asyncio.Future[None] | None = None  # of the batch that gathers
        self._writer: asyncio.Task[None] | None = None

    async def sent(self, call: SentCall) -> None:
        """Note that a call will go out.

        Raises:
            OSError: it is not noted; do not send it.
        """
        self._sent.append(call)
        await self._written()

    async def answer(self, answer: Answer) -> None:
        """Record an answer.

        Raises:
            OSError: it is not recorded.
        """
        self._answers.append(answer)
        await self._written()

    async def aclose(self) -> None:
        """Wait for what is being written; safe to call twice."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])

    async def _written(self) -> None:
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
        done = self._done
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_on())
        # One future for all who wait: none of them may cancel it for the others.
        await asyncio.shield(done)

    async def _write_on(self) -> None:
        while (done := self._done) is not None:
            sent, answers = self._sent, self._answers
            self._sent, self._answers, self._done = [], [], None
            try:
                await asyncio.to_thread(self._write, sent, answers)
            except OSError as error:
                done.set_exception(error)
                done.exception()  # whoever waited may be gone
            else:
                done.set_result(None)

    def _write(self, sent: list[SentCall], answers: list[Answer]) -> None:
        self.journal.append_all([*([{"sent": sent}] if sent else []), *answers])

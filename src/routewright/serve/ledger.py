"""Decision rows: queued on the request path, written to the journal off it."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from routewright.data.journal import Journal
from routewright.errors import DataError
from routewright.serve.call import Call, State
from routewright.types import JsonObject, Usage

logger = logging.getLogger(__name__)

QUEUE_ROWS = 4096
BATCH_ROWS = 64


class Ledger:
    """A bounded queue before a journal; without a path it keeps nothing.

    A full queue or a failing disk costs rows, never requests: they are counted in ``dropped``
    and logged. Call every method from the event loop that ``start`` ran on.
    """

    def __init__(self, path: Path | None, *, queue_rows: int = QUEUE_ROWS) -> None:
        self.dropped = 0
        self._journal = Journal(path) if path is not None else None
        self._queue: asyncio.Queue[JsonObject] = asyncio.Queue(queue_rows)
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the journal and begin writing.

        Raises:
            DataError: another process writes it, or it is damaged.
        """
        if self._journal is not None and self._writer is None:
            await asyncio.to_thread(self._journal.open)
            self._writer = asyncio.create_task(self._write_on())

    def decided(self, call: Call) -> None:
        """A request has its decision and is about to be called; returns at once."""

    def ended(
        self,
        call: Call,
        state: State,
        usage: Usage | None,
        cost_usd: float | None,
        first_token_s: float | None = None,
    ) -> None:
        """A request has ended, however it did; only the first time counts. Returns at once.

        Args:
            call: the request with its decision and attempts.
            state: how it ended.
            usage: what the model that answered counted, where known.
            cost_usd: what its answer cost, where known.
            first_token_s: from the decision to the first event of a stream.
        """
        if call.recorded:
            return
        call.recorded = True
        self.record(
            {
                "at": datetime.now(UTC).isoformat(),
                "requested": call.request.model,
                "stream": call.request.stream,
                "decision": call.decision,
                "attempts": call.attempts,
                "skipped": call.skipped,
                "degraded": call.degraded,
                "model": call.model,
                "state": state,
                "usage": usage,
                "cost_usd": cost_usd,
                "latency_s": time.monotonic() - call.started,
                "first_token_s": first_token_s,
            }
        )

    def record(self, row: JsonObject) -> None:
        """Queue one row; returns at once."""
        if self._journal is None:
            return
        try:
            self._queue.put_nowait(row)
        except asyncio.QueueFull:
            self._drop(1, "the queue is full")

    async def aclose(self) -> None:
        """Write what is queued and close the journal; safe to call twice."""
        writer, self._writer = self._writer, None
        if writer is None or self._journal is None:
            return
        await self._queue.join()
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        self._journal.close()

    async def _write_on(self) -> None:
        while True:
            rows = [await self._queue.get()]
            while len(rows) < BATCH_ROWS and not self._queue.empty():
                rows.append(self._queue.get_nowait())
            written = 0
            try:
                written = await asyncio.to_thread(self._write, rows)
            finally:
                if written < len(rows):
                    self._drop(len(rows) - written, "the journal could not be written")
                for _ in rows:
                    self._queue.task_done()

    def _write(self, rows: list[JsonObject]) -> int:
        """Append rows and return how many are on disk."""
        journal = self._journal
        if journal is None:
            return 0
        written = 0
        for row in rows:
            try:
                journal.append(row)
                written += 1
            except Exception:  # a full disk, or a row that is no JSON: neither may stop the rest
                logger.exception("%s: a decision row was lost", journal.path)
                if not _reopen(journal):
                    break
        return written

    def _drop(self, rows: int, why: str) -> None:
        self.dropped += rows
        logger.warning("%d decision rows lost so far: %s", self.dropped, why)


def _reopen(journal: Journal) -> bool:
    """Open again, which cuts off a torn row: left there, it would damage the journal's middle."""
    journal.close()
    try:
        journal.open()
    except (OSError, DataError):
        logger.exception("%s: cannot be reopened", journal.path)
        return False
    return True

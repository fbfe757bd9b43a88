"""Decisions, outcomes and feedback: queued on the request path, written off it by a thread."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, deque

from routewright.errors import StoreAwayError
from routewright.serve.call import Call, State
from routewright.serve.rows import Decided, Ended, Entry, Kept, Said
from routewright.serve.sinks import Sink
from routewright.state.rows import FeedbackRow
from routewright.types import Usage

logger = logging.getLogger(__name__)

QUEUE_ROWS = 8192
BATCH_ROWS = 512
WINDOW_S = 0.04  # with the write itself, a row is on disk 50 ms after it was queued
RETRY_S = 0.25
KEEP_S = 10.0  # how long a sender of feedback waits for a disk that takes nothing
LAST_TRIES_S = 2.0  # how long the end waits for a disk that takes nothing


class Ledger:
    """A bounded queue before a sink; without a sink it keeps nothing.

    A full queue, which only a failing disk can bring about, costs rows, never requests: they are
    counted by kind in ``dropped`` and logged. ``trouble`` says why nothing can be written now, ""
    while all is well. Call every method from the event loop that ``start`` ran on.

    Args:
        sink: keeps what is queued.
        queue_rows: how many rows may wait.
    """

    def __init__(self, sink: Sink | None, *, queue_rows: int = QUEUE_ROWS) -> None:
        self.dropped: Counter[str] = Counter()
        self.trouble = ""
        self._sink = sink
        self._queue: deque[Entry] = deque()
        self._taken = 0  # rows that ever stood in the queue
        self._settled = 0  # of these, written or lost
        self._room = queue_rows
        self._wake = threading.Event()
        self._closing: float | None = None  # when the last tries end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Open the sink and begin writing; safe to call twice.

        Raises:
            DataError: the journal is written by another process, or damaged.
            ConfigError: the spool cannot be made, or the database's schema is newer than ours.
        """
        if self._sink is None or self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._sink.open)
        self._thread = threading.Thread(target=self._write_on, name="ledger", daemon=True)
        self._thread.start()

    def decided(self, call: Call) -> None:
        """A request has its decision and is about to be called; returns at once."""
        if self._sink is not None:
            request = call.request
            seq = self._sink.next_seq()
            if seq:
                at = time.time()
                self._put(
                    Decided(seq, at, call.key_id, request.model, request.stream, call.decision)
                )

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
        if self._sink is not None:
            self._put(
                Ended(
                    time.time(),
                    call.request.model,
                    call.request.stream,
                    call.decision,
                    call.model,
                    tuple(call.attempts),
                    dict(call.skipped),
                    call.degraded,
                    state,
                    usage,
                    cost_usd,
                    time.monotonic() - call.started,
                    first_token_s,
                )
            )

    def content(self, entry: Kept, *, fits: bool) -> None:
        """Keep prompt and answer of a request, or count them as lost. Returns at once."""
        if fits:
            self._put(entry)
        else:
            self._drop(entry, "too much waits to be written")

    async def keep(self, row: FeedbackRow) -> None:
        """Keep feedback; it is on disk when this returns.

        Raises:
            StoreAwayError: it is not; send it again.
            RequestError: it never can be.
        """
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if kept.done():
                return
            if error is None:
                kept.set_result(None)
            else:
                kept.set_exception(error)

        self._put(Said(row, lambda error: loop.call_soon_threadsafe(settle, error)))
        self._wake.set()
        try:
            await asyncio.wait_for(kept, KEEP_S)
        except TimeoutError as error:
            raise StoreAwayError("feedback cannot be kept now; send it again") from error

    @property
    def queued(self) -> int:
        """How many rows are not yet written."""
        return len(self._queue)

    @property
    def behind(self) -> bool:
        """Whether rows wait for longer than the window: the disk takes nothing, or too slowly."""
        return bool(self.trouble) or len(self._queue) > BATCH_ROWS

    @property
    def taken(self) -> int:
        """How many rows were ever queued, for ``has_settled``."""
        return self._taken

    def has_settled(self, taken: int) -> bool:
        """Whether the first so many rows that were queued are written, or lost."""
        return self._settled >= taken

    @property
    def lost(self) -> int:
        """How many rows of any kind were lost."""
        return self.dropped.total()

    async def aclose(self) -> None:
        """Write what is queued and close the sink; safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is None or self._sink is None:
            return
        self._closing = time.monotonic() + LAST_TRIES_S
        self._wake.set()
        await asyncio.to_thread(thread.join)
        await asyncio.to_thread(self._sink.close)

    def _put(self, entry: Entry) -> None:
        queue = self._queue
        if len(queue) >= self._room or self._thread is None:
            self._drop(entry, "the queue is full" if self._thread else "it is closed")
            return
        queue.append(entry)
        self._taken += 1
        if len(queue) == BATCH_ROWS:
            self._wake.set()
        elif len(queue) == 1 and self._loop is not None:
            self._loop.call_later(WINDOW_S, self._wake.set)

    def _write_on(self) -> None:
        queue, began = self._queue, 0.0
        while True:
            # Rows that came while others were written wait for a window of their own: a flush for
            # every few of them would take more of the processor than the requests do.
            self._wake.wait(max(began + WINDOW_S - time.monotonic(), 0.0) if queue else None)
            self._wake.clear()
            began = time.monotonic()
            last = self._closing is not None
            left = len(queue)
            while left:
                batch = [queue.popleft() for _ in range(min(left, BATCH_ROWS))]
                self._write(batch)
                self._settled += len(batch)
                left = len(queue) if last else left - len(batch)
            if last:
                return

    def _write(self, batch: list[Entry]) -> None:
        """Write a batch, however often that takes to try."""
        while self._sink is not None:
            try:
                for lost in self._sink.write(batch):
                    self._drop(lost, "it cannot be written")
            except OSError as error:
                if not self.trouble:
                    logger.error("decisions cannot be written: %s", error)
                self.trouble = str(error)
                if self._closing is not None and time.monotonic() > self._closing:
                    for entry in batch:
                        self._drop(entry, "the disk takes nothing")
                    return
                time.sleep(RETRY_S)
            else:
                if self.trouble:
                    logger.warning("decisions can be written again; lost: %s", dict(self.dropped))
                self.trouble = ""
                return

    def _drop(self, entry: Entry, why: str) -> None:
        self.dropped[entry.kind] += 1
        total = self.dropped.total()
        if total & (total - 1) == 0:  # 1, 2, 4, 8, …: a full disk must not fill the log as well
            logger.warning("%d rows lost so far: %s", total, why)
        if isinstance(entry, Kept):
            entry.done()
        if isinstance(entry, Said):
            entry.done(StoreAwayError(f"feedback cannot be kept now: {why}; send it again"))

"""The engine of the collection stage: asks many cells at once and journals what comes back.

A call is noted on disk before it goes out, and its answer is on disk before it counts. A run that
was killed therefore loses only the calls that were in flight: the next run asks for those again,
under the same idempotency key, and for nothing else that was answered.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from routewright.collect.bill import most_usd
from routewright.collect.budget import Budget
from routewright.collect.cells import Cell, Key, idempotency_key, request_body
from routewright.collect.commits import Commits
from routewright.collect.lanes import Job, Lane, Terms
from routewright.collect.order import arrange
from routewright.collect.pace import Pace, jittered
from routewright.collect.retries import MAX_SENT_BACK, Retries
from routewright.collect.rows import Known, Unsure
from routewright.collect.states import answered, failed
from routewright.collect.tally import Tally
from routewright.data.journal import Journal
from routewright.errors import (
    DataError,
    RequestError,
    RoutewrightError,
    UpstreamAccountError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
)
from routewright.protocols import Completion, Provider
from routewright.types import Answer

PATIENCE_S = 600.0  # an account that has taken nothing for so long is given up for this run


class Run:
    """One run over missing cells; make a new one for each.

    Args:
        providers: by name; each cell's model names its provider.
        journal: open for writing.
        terms: how to ask.
        budget: what may be spent; what earlier runs spent belongs in it.
        tried: cells that earlier runs tried in vain, with the calls that may have been charged.
        known: what each model's answers have shown so far.
        on_answer: told of each answer after it is on disk.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        journal: Journal,
        *,
        terms: Terms | None = None,
        budget: Budget | None = None,
        tried: Mapping[Key, Unsure] | None = None,
        known: Mapping[str, Known] | None = None,
        on_answer: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        self.tally = Tally()
        self.lanes: dict[str, Lane] = {}
        self._providers = providers
        self._journal = journal
        self._terms = terms or Terms()
        self._collection = self._terms.collection or secrets.token_hex(8)
        self._budget = budget or Budget()
        self._tried = tried or {}
        self._known = known or {}
        self._on_answer = on_answer
        self._commits = Commits(journal)
        self._retries = Retries()
        self._draw = random.Random()
        self._changed = asyncio.Event()
        self._stopping = False
        self._error: RoutewrightError | None = None

    async def ask(self, cells: Iterable[Cell]) -> Tally:
        """Ask for every cell; each ends in one state, or is left unasked when the run stops.

        Raises:
            RoutewrightError: what made it stop was no upstream's failure: weights that are
                missing, a disk that takes no more. What was answered is on disk.
        """
        total = self._line_up(cells)
        try:
            async with asyncio.TaskGroup() as calls:
                await self._send_on(calls)
            await self._close_notes()
        finally:
            await self._commits.aclose()
        self.tally.unasked = total - self.tally.ended - self.tally.unrecorded
        if self._error is not None:
            raise self._error
        return self.tally

    def stop(self, why: str) -> None:
        """Send nothing more; calls in flight are waited for, because they are paid for."""
        if why not in self.tally.stopped:
            self.tally.stopped += (why,)
        self._stopping = True
        self._changed.set()

    @property
    def in_flight(self) -> int:
        """Calls that are out."""
        return sum(lane.pace.in_flight for lane in self.lanes.values())

    def _line_up(self, cells: Iterable[Cell]) -> int:
        by_account: dict[str, list[Cell]] = {}
        for cell in cells:
            by_account.setdefault(self._terms.account(cell.model), []).append(cell)
        for name, own in by_account.items():
            pace = Pace(self._terms.concurrency.get(name, 1))
            self.lanes[name] = Lane(name, pace, self._jobs(own))
        return sum(map(len, by_account.values()))

    def _jobs(self, cells: Sequence[Cell]) -> Iterator[Job]:
        for group in arrange(cells):
            first, *others = (self._job(cell, group.shared) for cell in group.cells)
            first.followers = others
            yield first

    def _job(self, cell: Cell, shared: int) -> Job:
        return Job(
            cell,
            most_usd=most_usd(cell, self._known.get(cell.model.name)),
            unsure=self._tried.get(cell.key, Unsure()),
            tried=cell.key in self._tried,
            shared=shared,
        )

    async def _send_on(self, calls: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time
        lanes = list(self.lanes.values())
        while not self._stopping:
            self._changed.clear()
            now = clock()
            sent = 0
            for lane in lanes:
                while (job := self._next(lane, now)) is not None:
                    calls.create_task(self._call(lane, job, lane.pace.enter(now)))
                    sent += 1
            if not sent and not any(lane.busy for lane in lanes):
                waiting = [job for lane in lanes if (job := lane.head()) is not None]
                if not waiting:
                    return
                if not any(self._budget.admits(job.most_usd) for job in waiting):
                    self.stop(f"the budget of ${self._budget.limit_usd:g} has no room for a call")
                    return
            resume = [lane.pace.resume_at - now for lane in lanes if lane.head() is not None]
            try:
                async with asyncio.timeout(
                    min((wait for wait in resume if wait > 0), default=None)
                ):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _next(self, lane: Lane, now: float) -> Job | None:
        job = lane.head()
        if job is None or not lane.pace.room(now) or not self._budget.admits(job.most_usd):
            return None
        self._budget.reserve(job.most_usd)
        return lane.queue.popleft()

    async def _call(self, lane: Lane, job: Job, window: int) -> None:
        """One attempt; its slot is free again when what came of it is on disk."""
        spent_usd = 0.0
        before = job.unsure
        try:
            answer = await self._attempt(lane, job, window)
            if answer is not None:
                spent_usd = answer.cost_usd
                await self._record(lane, job, answer)
        except OSError as error:
            self._disk_failed(error)
        finally:
            lost = job.unsure.most_usd - before.most_usd
            self._budget.settle(job.most_usd, spent_usd, lost)
            lane.pace.leave()
            self._changed.set()

    async def _attempt(self, lane: Lane, job: Job, window: int) -> Answer | None:
        """The cell's answer, or None where it is to be asked again or was not asked."""
        cell = job.cell
        if not job.noted:
            await self._commits.sent((*cell.key, job.most_usd))
            job.noted = True
        self._watch_disk()
        if self._stopping:
            lane.queue.appendleft(job)
            return None
        job.attempts += 1
        self.tally.calls += 1
        clock = asyncio.get_running_loop().time
        try:
            done = await self._complete(cell, job.shared)
        except UpstreamLimitError as error:
            lane.pace.slow_down(window, error.retry_after_s, clock())
            self.tally.sent_back += 1
            job.attempts -= 1
            job.sent_back += 1
            self._watch_patience(lane, error)
            if job.sent_back >= MAX_SENT_BACK:
                return failed(cell, str(error), job.unsure)
            self._again(lane, job, 0.0)
            return None
        except RequestError as error:  # refused for what it asks: asking again would not help
            lane.pace.accepted(clock())
            return failed(cell, str(error), job.unsure)
        except UpstreamAccountError as error:
            self._give_up(lane, str(error))
            return failed(cell, str(error), job.unsure)
        except UpstreamError as error:
            return self._missed(lane, job, error)
        except RoutewrightError as error:
            # The caller's own to put right: one cell's reason is every cell's.
            self._error = self._error or error
            self.stop(str(error))
            lane.queue.appendleft(job)
            return None
        lane.pace.accepted(clock())
        self._retries.calls += 1
        return answered(cell, done, job.unsure)

    async def _complete(self, cell: Cell, shared: int) -> Completion:
        provider = self._providers[cell.model.provider]
        complete = provider.complete
        if self._terms.stream:
            from routewright.providers.completion import complete_streamed

            complete = partial(complete_streamed, provider)
        try:
            # The provider has its own limits; this one holds whatever the bytes do.
            async with asyncio.timeout(self._terms.timeout_s):
                return await complete(
                    cell.model,
                    request_body(cell.prompt, cell.sample, self._terms.temperature),
                    cache_prefix=shared,
                    idempotency_key=idempotency_key(self._collection, cell),
                )
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"{provider.name}: no whole answer in {self._terms.timeout_s:g} s"
            ) from error

    def _missed(self, lane: Lane, job: Job, error: UpstreamError) -> Answer | None:
        now = asyncio.get_running_loop().time()
        if not job.tried:
            # A cell that always fails tells nothing of the account; many that never did do.
            lane.pace.missed(now)
        job.tried = True
        self._retries.calls += job.attempts == 1
        if error.maybe_paid:
            job.unsure += Unsure(1, job.most_usd)
            job.noted = False
        self._watch_patience(lane, error)
        if self._stopping or not self._retries.take(job.attempts):
            return failed(job.cell, str(error), job.unsure)
        self.tally.retries += 1
        self._again(lane, job, jittered(job.attempts, self._draw))
        return None

    def _again(self, lane: Lane, job: Job, wait_s: float) -> None:
        """Put a job back to the front of its line after a while."""

        def back() -> None:
            lane.resting.discard(job)
            lane.queue.appendleft(job)
            self._changed.set()

        lane.resting.add(job)
        asyncio.get_running_loop().call_later(wait_s, back)

    async def _record(self, lane: Lane, job: Job, answer: Answer) -> None:
        try:
            await self._commits.answer(answer)
        except OSError:
            self.tally.unrecorded += answer.cost_usd > 0
            raise
        # The prefix is in the provider's cache now, if it is to be there at all.
        lane.queue.extendleft(reversed(job.followers))
        job.followers = ()
        self.tally.add(answer, job.cell.model)
        self._watch_disk()
        self._on_answer(answer)

    def _watch_patience(self, lane: Lane, error: UpstreamError) -> None:
        silent_s = lane.pace.silent_s(asyncio.get_running_loop().time())
        if silent_s > max(PATIENCE_S, 3 * self._terms.timeout_s):
            self._give_up(lane, f"nothing accepted for {silent_s:.0f} s (last: {error})")

    def _give_up(self, lane: Lane, why: str) -> None:
        """Leave what waits for an account unasked; the others go on."""
        reason = f"{lane.name}: {why}"
        if reason not in self.tally.stopped:
            self.tally.stopped += (reason,)
        lane.closed = True

    async def _close_notes(self) -> None:
        """Take back what was noted as going out and did not go: it cannot have been charged."""
        left = [job for lane in self.lanes.values() for job in (*lane.queue, *lane.resting)]
        rows = [failed(job.cell, "the run stopped", job.unsure) for job in left if job.noted]
        try:
            await asyncio.gather(*map(self._commits.answer, rows))
        except OSError as error:
            self._disk_failed(error)

    def _watch_disk(self) -> None:
        if self._journal.full:
            self.stop("the disk is full; what was under way is recorded")

    def _disk_failed(self, error: OSError) -> None:
        self._error = self._error or DataError(
            f"{self._journal.path}: cannot be written ({error.strerror}); what was answered "
            "before is kept. Make room and run the same command to go on"
        )
        self.stop("the disk takes no more")


async def collect(
    cells: Sequence[Cell],
    providers: Mapping[str, Provider],
    journal: Journal,
    *,
    concurrency: Mapping[str, int] | None = None,
    on_answer: Callable[[Answer], None] = lambda _: None,
) -> list[Answer]:
    """Ask for every cell and journal every answer; ``Run`` keeps none of them in memory.

    Args:
        cells: what to ask; ``missing_cells`` gives what a folder lacks.
        providers: by name; each cell's model names its provider.
        journal: open for writing.
        concurrency: the most calls in flight, by provider name; 1 where not given.
        on_answer: told of each answer after it is on disk.

    Returns:
        The answers of this run in order of arrival; failed calls are among them and are asked
        again by the next run.
    """
    answers: list[Answer] = []

    def keep(answer: Answer) -> None:
        answers.append(answer)
        on_answer(answer)

    run = Run(providers, journal, terms=Terms(concurrency=concurrency or {}), on_answer=keep)
    await run.ask(cells)
    return answers

"""Several workers on one port, and the parent that keeps them alive.

The parent binds one socket a worker and address, and keeps them: the kernel spreads connections
over them, and those that wait for a worker that died wait for its successor. Where that one is made
to wait for long, its sockets stop listening, and new connections go to its siblings. Workers are
forked, so that the code is in memory once. They share nothing else: each has its own artefact, view
of the upstreams' health, its own retry budget and bound on requests.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

logger = logging.getLogger(__name__)

STABLE_S = 10.0  # a worker that died younger than this is followed by another only after a pause
FIRST_PAUSE_S = 1.0
MOST_PAUSE_S = 30.0
BACKLOG = 1024  # connections that wait until they are taken

_STOP = (signal.SIGTERM, signal.SIGINT)
_HEARD = (*_STOP, signal.SIGHUP, signal.SIGCHLD)

Listeners = Sequence[socket.socket]
Work = Callable[[Listeners, Callable[[], None], int], int]
"""What a worker does with its listeners: calls back when it is ready, ends when the descriptor
reads its end, for then the parent is gone, and returns its exit code."""


@dataclass
class _Worker:
    listeners: Listeners
    pid: int = 0
    ready_fd: int = -1
    ready: bool = False
    born: float = 0.0
    pause_s: float = 0.0
    again_at: float | None = None

    def deafen(self) -> None:
        """Take no connections, but keep the addresses."""
        for listener in self.listeners:
            # Linux goes back from listening to bound; where a system refuses, callers wait.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RD)

    def hear(self) -> None:
        """Take connections again."""
        for listener in self.listeners:
            listener.listen(BACKLOG)

    def close(self) -> None:
        """Let go of its sockets."""
        for listener in self.listeners:
            listener.close()


class Workers:
    """Keeps one worker a listener running until told to stop.

    SIGTERM and SIGINT are passed on as SIGTERM, a second one too; so is SIGHUP. A worker that
    ends unasked is replaced, at once if it had lived for a while. One that ends before all were
    ready for the first time ends everything: what it met, its successors would meet.

    Args:
        listeners: those of each worker; the parent keeps them.
        work: what each worker does; it runs in a process of its own.
        on_ready: called once, when every worker is ready.
        on_death: called with the process id of each worker that has ended.
    """

    def __init__(
        self,
        listeners: Sequence[Listeners],
        work: Work,
        on_ready: Callable[[], None],
        on_death: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._workers = [_Worker(each) for each in listeners]
        self._work = work
        self._on_ready = on_ready
        self._on_death = on_death
        self._announced = False
        self._stopping = False
        self._code = 0
        self._ears = selectors.DefaultSelector()

    def run(self) -> int:
        """Run until every worker has ended after a signal; 0, or the exit code that ended it."""
        heard, told = socket.socketpair()
        alive, self._life = os.pipe()  # its end is the workers' sign that the parent is gone
        self._alive = alive
        for end in (heard, told):
            end.setblocking(False)
        for number in _HEARD:
            signal.signal(number, _nothing)
        signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        self._ears.register(heard, selectors.EVENT_READ)
        for worker in self._workers:
            self._fork(worker)
        while any(worker.pid or worker.again_at is not None for worker in self._workers):
            for key, _ in self._ears.select(self._pause_s()):
                if key.fileobj is heard:
                    self._hear(heard.recv(4096))
                else:
                    self._greet(key.data)
            self._reap()
        return self._code

    def _fork(self, worker: _Worker) -> None:
        if worker.pause_s > FIRST_PAUSE_S:
            worker.hear()
        ready, say = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become(worker, ready, say)
        os.close(say)
        worker.pid, worker.ready, worker.ready_fd = pid, False, ready
        worker.born, worker.again_at = time.monotonic(), None
        self._ears.register(ready, selectors.EVENT_READ, worker)

    def _become(self, worker: _Worker, ready: int, say: int) -> None:
        """The worker's life; it never returns into the parent's code."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*_STOP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            # Until the worker listens to it, a wish to reload must not end it.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.setpgid(
                0, 0
            )  # or a terminal's Ctrl-C would be heard twice: the second stops at once
            os.close(self._life)
            os.close(ready)
            for other in self._workers:
                if other is not worker:
                    other.close()
                if other.ready_fd >= 0:
                    os.close(other.ready_fd)
            code = self._work(worker.listeners, lambda: _say(say), self._alive)
        except BaseException:
            logger.exception("a worker failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _greet(self, worker: _Worker) -> None:
        """A worker is ready, or has ended without having been."""
        worker.ready = bool(os.read(worker.ready_fd, 1))
        self._forget(worker)
        if not self._announced and all(w.ready for w in self._workers):
            self._announced = True
            self._on_ready()

    def _hear(self, numbers: bytes) -> None:
        for number in numbers:
            if number in _STOP:
                self._stopping = True
                for worker in self._workers:
                    worker.close()
                    worker.again_at = None
                self._tell(signal.SIGTERM)
            elif number == signal.SIGHUP:
                self._tell(signal.SIGHUP)

    def _tell(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, number)

    def _reap(self) -> None:
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._bury(worker, os.waitstatus_to_exitcode(status))
            if worker.again_at is not None and worker.again_at <= time.monotonic():
                self._fork(worker)

    def _bury(self, worker: _Worker, code: int) -> None:
        pid, worker.pid = worker.pid, 0
        self._forget(worker)
        self._on_death(pid)
        if self._stopping:
            self._code = self._code or abs(code)
        elif not self._announced:
            self._code, self._stopping = abs(code) or 1, True
            self._tell(signal.SIGTERM)
        else:
            now = time.monotonic()
            young = now - worker.born < STABLE_S
            worker.pause_s = min(max(2 * worker.pause_s, FIRST_PAUSE_S), MOST_PAUSE_S) * young
            worker.again_at = now + worker.pause_s
            if worker.pause_s > FIRST_PAUSE_S:  # a second's wait is better than a refusal
                worker.deafen()
            logger.error(
                "worker %d ended with %d; another follows in %g s", pid, code, worker.pause_s
            )

    def _forget(self, worker: _Worker) -> None:
        if worker.ready_fd >= 0:
            self._ears.unregister(worker.ready_fd)
            os.close(worker.ready_fd)
            worker.ready_fd = -1

    def _pause_s(self) -> float | None:
        dues = [w.again_at for w in self._workers if w.again_at is not None]
        return max(min(dues) - time.monotonic(), 0.0) if dues else None


def _say(ready: int) -> None:
    with contextlib.suppress(OSError):  # the parent may be gone
        os.write(ready, b"1")
    os.close(ready)


def _nothing(number: int, frame: object) -> None:
    """Heard through the wake-up descriptor; a handler must stand for that."""

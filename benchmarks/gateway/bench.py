"""One working folder: the fake upstream, the load, and the gateways that run between them."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.gateway.artefact import make, texts
from benchmarks.gateway.gateways import Gateway, free_port
from benchmarks.gateway.processes import Started, busy_s

RIG = Path(__file__).parent / "rig"
READY_S = 180.0
DRAIN_S = 120.0  # the load itself waits for 90 s


class TroubleError(Exception):
    """A gateway that cannot be measured, and why."""


@dataclass(frozen=True)
class Point:
    """What is sent: so many clients, whole answers or streams of so many events."""

    clients: int
    streamed: bool
    seconds: float = 3.0
    events: int = 32
    gap_us: int = 20_000


class Load(msgspec.Struct, frozen=True):
    """What the load generator told, and what it cost; see ``rig/load.c``.

    ``gateway_s``, ``rig_s`` and ``others_s`` are seconds of CPU: of the gateway's processes, of
    load and upstream, and of everything else on the machine. ``calls`` is how many reached the
    upstream.
    """

    begun: int
    answered: int
    refused: int
    left: int
    broken: int
    took_s: float
    cpu_s: float
    first_p50_us: float
    first_p99_us: float
    last_p50_us: float
    last_p99_us: float
    gateway_s: float = 0.0
    rig_s: float = 0.0
    others_s: float = 0.0
    calls: int = 0

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of the gateway a request."""
        return 1000 * self.gateway_s / max(self.answered, 1)

    @property
    def errors(self) -> int:
        """Requests that were not answered by 200, whole."""
        return self.refused + self.broken


class Counts(msgspec.Struct, frozen=True):
    """What the fake upstream counted since it started; see ``rig/upstream.c``."""

    whole: int
    streams: int
    failed: int
    cut: int
    open: int
    cpu_s: float

    @property
    def calls(self) -> int:
        """All calls."""
        return self.whole + self.streams + self.failed


class Bench:
    """The rig, built, with its upstream running; see ``bench``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "asked.jsonl"  # the upstream's
        self._running: dict[str, Started] = {}
        if not shutil.which("gcc"):
            raise TroubleError("gcc is not installed; benchmarks/gateway/rivals.sh nginx brings it")
        for name in ("upstream", "load"):
            source = str(RIG / f"{name}.c")
            subprocess.run(["gcc", "-O2", "-o", str(folder / name), source], check=True)  # noqa: S607
        self.upstream: Started | None = None

    @property
    def artefact(self) -> Path:
        """The router that decides; trained when it is first asked for."""
        make(self.folder / "artefact")
        return self.folder / "artefact"

    def begin(self, *, logged: bool = False) -> None:
        """Start the upstream; ``logged`` makes it write down whom it gave tokens."""
        command = [str(self.folder / "upstream"), str(self.port), *[str(self.log)] * logged]
        self.upstream = self._running["upstream"] = Started(
            command, self.folder / "upstream.log", {}
        )
        for _ in range(200):
            with contextlib.suppress(OSError):
                self.set(32, 20_000)
                return
            time.sleep(0.02)
        raise TroubleError(f"the fake upstream did not start: {self.upstream.last_words()}")

    def set(self, events: int, gap_us: int) -> Counts:
        """Set how many events a stream has and what lies between two; what was counted so far."""
        url = f"http://127.0.0.1:{self.port}/set/{events}/{gap_us}"
        request = urllib.request.Request(url, method="PUT")
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return msgspec.json.decode(answer.read(), type=Counts)

    def start(self, gateway: Gateway, name: str = "") -> tuple[Started, int, float]:
        """Start a gateway; it, its port, and the seconds until its first answer was there.

        Raises:
            TroubleError: it ended, or gives no answer; with the end of its log.
        """
        name = name or gateway.name
        began = time.monotonic()
        try:
            process = Started(gateway.command, self.folder / f"{name}.log", gateway.env)
        except OSError as error:
            raise TroubleError(f"cannot be run ({error}); install it again by rivals.sh") from error
        self._running[name] = process
        body = self.bodies(gateway, streamed=False).read_bytes().partition(b"\n")[0]
        why = "nothing"
        while process.alive and time.monotonic() - began < READY_S:
            port = gateway.port or _port_of(process)
            if port:
                try:
                    _ask(gateway, port, body)
                    return process, port, time.monotonic() - began
                except OSError as error:
                    why = str(error)
            time.sleep(0.01)
        state = f"gave no answer in {READY_S:.0f} s ({why})" if process.alive else "ended"
        words = process.last_words()
        self.end(name)
        raise TroubleError(f"{state}; its log ends:\n{words}")

    def end(self, name: str) -> int | None:
        """End a gateway by the name it was started under; its exit code."""
        return self._running.pop(name).end()

    def end_all(self) -> None:
        """End whatever runs."""
        for name in reversed(list(self._running)):
            self.end(name)

    def bodies(self, gateway: Gateway, *, streamed: bool) -> Path:
        """A file of 3,000 different requests of about 1.2 kB."""
        safe = gateway.model.replace(":", "-")
        path = self.folder / f"bodies-{safe}-{'streamed' if streamed else 'whole'}.jsonl"
        if not path.exists():
            lines = (
                json.dumps(request(gateway.model, text, streamed=streamed))
                for text in texts(3_000, 1_000, 5)
            )
            path.write_text("\n".join(lines) + "\n")
        return path

    def load(self, gateway: Gateway, port: int, process: Started | None, point: Point) -> Load:
        """One measurement; every request that began is waited for, and its CPU counted.

        Raises:
            TroubleError: the gateway cannot be reached any more, or answers nothing.
        """
        command = self.command(gateway, port, clients=point.clients, seconds=point.seconds)
        command.append(str(self.bodies(gateway, streamed=point.streamed)))
        counted = self.set(point.events, point.gap_us)
        before, busy = self._cpu(process), busy_s()
        own = resource.getrusage(resource.RUSAGE_SELF)
        said = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=point.seconds + DRAIN_S
        )
        if said.returncode:
            raise TroubleError(f"cannot be reached any more ({said.stderr.strip()})")
        told = msgspec.json.decode(said.stdout, type=Load)
        if not told.answered:
            raise TroubleError(f"answered none of {told.begun} requests")
        spent = self._cpu(process) - before
        now = resource.getrusage(resource.RUSAGE_SELF)
        runner = now.ru_utime + now.ru_stime - own.ru_utime - own.ru_stime
        worked = busy_s() - busy
        after = self.set(point.events, point.gap_us)
        rig = after.cpu_s - counted.cpu_s + told.cpu_s
        return msgspec.structs.replace(
            told,
            gateway_s=spent,
            rig_s=rig,
            others_s=max(worked - spent - rig - runner, 0.0),
            calls=after.calls - counted.calls,
        )

    def command(self, gateway: Gateway, port: int, *, clients: int, seconds: float) -> list[str]:
        """The load generator's command line, but for the bodies."""
        options = ["-c", str(clients), "-s", str(seconds)]
        headers = [word for header in gateway.headers for word in ("-H", header)]
        return [str(self.folder / "load"), *options, *headers, str(port), gateway.path]

    @staticmethod
    def _cpu(process: Started | None) -> float:
        return process.cpu_s() if process is not None else 0.0


@contextlib.contextmanager
def bench(*, logged: bool = False, folder: Path | None = None) -> Generator[Bench]:
    """A bench in a folder, a temporary one if none is given; at the end nothing of it runs on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateways-")))
        folder.mkdir(parents=True, exist_ok=True)
        made = Bench(folder)
        stack.callback(made.end_all)
        made.begin(logged=logged)
        yield made


def request(model: str, text: str, *, streamed: bool) -> dict[str, Any]:
    """The body of a chat request."""
    system = {"role": "system", "content": "You are a helpful assistant."}
    asked: Sequence[Any] = [system, {"role": "user", "content": text}]
    body: dict[str, Any] = {"model": model, "messages": asked, "max_tokens": 300}
    return body | ({"stream": True} if streamed else {})


def _port_of(process: Started) -> int:
    found = re.search(r"^port (\d+)$", process.log.read_text(errors="replace"), re.MULTILINE)
    return int(found[1]) if found else 0


def _ask(gateway: Gateway, port: int, body: bytes) -> None:
    """Raises OSError unless an answer comes through."""
    headers = dict(header.split(": ", 1) for header in gateway.headers)
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{gateway.path}",
        body,
        {"content-type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
            if b"choices" not in answer.read():
                raise OSError("an answer without choices")
    except urllib.error.HTTPError as error:
        with error:
            raise OSError(f"{error.code}: {error.read(300)!r}") from error

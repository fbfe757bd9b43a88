"""An upstream in a process of its own that fails in every way it can, and logs what it charged.

    with faulty_upstream(log, faults=True) as url: ...

Which fault a call meets is drawn from its cell and its attempt, so that two runs meet the same.
Every request is a line in the log before anything is answered; so is every charge.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

# What an attempt meets, in percent; the rest is served. CHARGED ones cost their caller.
FAULTS = {
    "limit_seconds": 0.4,
    "limit_date": 0.3,
    "limit_bare": 0.8,
    "status_500": 3.0,
    "half_open": 0.7,
    "hang": 0.7,
    "drip": 0.7,
    "html": 2.0,
    "not_an_object": 1.0,
    "no_choices": 1.0,
    "cut": 2.0,
    "reset": 2.0,
    "no_usage": 2.0,
    "negative_usage": 1.5,
    "text_usage": 1.5,
    "huge_usage": 1.0,
}
CHARGED = frozenset(FAULTS) - {
    "limit_seconds",
    "limit_date",
    "limit_bare",
    "status_500",
    "half_open",
}
ODD_USAGE: dict[str, Any] = {
    "no_usage": None,
    "negative_usage": {"prompt_tokens": -5, "completion_tokens": 3},
    "text_usage": {"prompt_tokens": "many", "completion_tokens": "few"},
    "huge_usage": {"prompt_tokens": 10**12, "completion_tokens": 10**12},
}
# What a cell is, in percent; the rest is an ordinary answer.
FATES = {"truncated": 4, "refused": 3, "empty": 2, "bad_request": 1, "down": 1, "black_hole": 0.5}


@dataclass(frozen=True)
class Settings:
    """How the upstream behaves."""

    log: Path
    faults: bool = False
    forget: bool = False  # does not honour Idempotency-Key
    latency_s: float = 0.0
    seed: int = 0
    times: bool = False  # say in the log when each call came, in seconds


class Charges:
    """What the upstream knows of its callers: attempts by cell, and answers by key."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.attempts: Counter[str] = Counter()
        self.paid: set[str] = set()
        self.file = os.open(settings.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, **row: Any) -> None:
        os.write(self.file, json.dumps(row).encode() + b"\n")

    def charge(self, cell: str, key: str, tokens: tuple[int, int]) -> None:
        if key and not self.settings.forget:
            if key in self.paid:
                return
            self.paid.add(key)
        self.note(charged=cell, tokens=tokens)


class Connection(asyncio.Protocol):
    """One keep-alive connection, spoken by hand so that it can end anywhere."""

    def __init__(self, charges: Charges) -> None:
        self.charges = charges
        self.settings = charges.settings
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.decode().split("\r\n")[1:])
        }
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        self.serve(json.loads(rest[:length]), headers.get("idempotency-key", ""))

    def serve(self, body: dict[str, Any], key: str) -> None:
        prompt = body["messages"][-1]["content"]
        cell = f"{prompt}|{body['model']}|{body.get('seed', 0)}"
        attempt = self.charges.attempts[cell]
        self.charges.attempts[cell] += 1
        fate, fault = "", ""
        if self.settings.faults:
            fate = drawn(f"{self.settings.seed} {cell}", FATES)
            fault = drawn(f"{self.settings.seed} {cell} {attempt}", FAULTS)
        fault = {"down": "status_500", "black_hole": "hang"}.get(fate, fault)
        when = {"at": asyncio.get_running_loop().time()} if self.settings.times else {}
        self.charges.note(asked=cell, fault=fault or fate, key=key, **when)
        if fate == "bad_request" and not fault.startswith("limit"):
            self.later(400, {"error": {"message": "this prompt is not served"}})
            return
        usage = tokens_of(prompt)
        if not fault or fault in CHARGED:
            self.charges.charge(cell, key, usage)
        answer = completion(body, fate, usage)
        if fault in ("cut", "reset"):
            self.end(fault, answer)
        elif fault == "drip":
            self.drip(response(200, json.dumps(answer).encode()), 0)
        elif fault not in ("half_open", "hang"):  # those the caller's own deadline has to end
            self.later(*reply(fault, answer))

    def end(self, fault: str, answer: dict[str, Any]) -> None:
        """Break off: with an end before the body's, or with a reset."""
        if fault == "cut":
            self.transport.write(response(200, json.dumps(answer).encode())[:-20])
            self.transport.close()
            return
        raw: socket.socket = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def later(self, status: int, body: Any, *headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        asyncio.get_running_loop().call_later(
            self.settings.latency_s, self.transport.write, response(status, data, *headers)
        )

    def drip(self, data: bytes, at: int) -> None:
        if at < len(data) and not self.transport.is_closing():
            self.transport.write(data[at : at + 1])
            asyncio.get_running_loop().call_later(0.25, self.drip, data, at + 1)


def reply(fault: str, answer: dict[str, Any]) -> tuple[Any, ...]:
    """Status, body and headers of a whole response."""
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    slower = {"error": {"message": "slow down"}}
    known: dict[str, tuple[Any, ...]] = {
        "limit_seconds": (429, slower, "retry-after: 1"),
        "limit_date": (429, slower, f"retry-after: {at}"),
        "limit_bare": (429, slower),
        "status_500": (500, {"error": {"message": "scripted failure"}}),
        "html": (200, b"<html>busy</html>"),
        "not_an_object": (200, b'["fine"]'),
        "no_choices": (200, {**answer, "choices": []}),
    }
    usage = ODD_USAGE.get(fault, answer["usage"])
    return known.get(fault, (200, {**answer, "usage": usage}))


def drawn(what: str, shares: dict[str, float]) -> str:
    """One of the names by its share in percent, "" for the rest; the same for the same words."""
    at = random.Random(what).random() * 100
    for name, share in shares.items():
        at -= share
        if at < 0:
            return name
    return ""


def tokens_of(prompt: str) -> tuple[int, int]:
    return len(prompt) // 4 + 3, 5 + len(prompt) % 7


def completion(body: dict[str, Any], fate: str, usage: tuple[int, int]) -> dict[str, Any]:
    finish = {"truncated": "length", "refused": "content_filter"}.get(fate, "stop")
    text = "" if fate in ("empty", "refused") else f"{body['model']}: answer of some words"
    return {
        "id": "chatcmpl-faulty",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]},
    }


def response(status: int, data: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", "content-type: application/json", *headers]
    return "\r\n".join([*lines, f"content-length: {len(data)}", "", ""]).encode() + data


@contextmanager
def faulty_upstream(log: Path, *options: str) -> Generator[str]:
    """Start the process and give its base URL; options are the command line's."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.faulty", "--log", str(log), *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        assert process.stdin is not None
        process.stdin.close()  # which ends it


def read_log(log: Path, start: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The log's rows from a byte on, and where they end."""
    with log.open("rb") as file:
        file.seek(start)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], start + len(whole)


def charges_of(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """How often each cell was charged."""
    return Counter(row["charged"] for row in rows if "charged" in row)


async def serve(settings: Settings) -> None:
    charges = Charges(settings)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(charges), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    gone = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), gone.set)  # its end: whoever started it is gone
    await gone.wait()
    os._exit(0)  # what hangs here hangs on purpose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--forget", action="store_true")
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", action="store_true")
    asyncio.run(serve(Settings(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()

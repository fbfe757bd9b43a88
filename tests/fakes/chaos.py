"""An upstream in a process of its own that does what a tag in the prompt says, to the byte.

    with Chaos() as chaos:
        ... ask for "[[cut at=2 how=rst]] hello" at chaos.url ...
        chaos.calls()   # what it saw: one entry a call, with connection, tag and how it ended

Tags: ``say n=5 gap=0.01 size=8192``, ``tools`` (a tool call in pieces), ``status code=500
after=7``, ``cut at=K how=fin|rst|half|chunk|proper`` (after K events; half: in the middle of the
next event's JSON, chunk: in the middle of its HTTP chunk, proper: with HTTP's own end), ``hang
at=K`` (-1: before the headers), ``drip gap=1`` (one byte at a time), ``raw kind=…`` (``GARBAGE``
below), ``bomb``, ``endless``, ``refusing`` (an endless 400), ``headers`` and ``bye gap=0.001``
(closes the connection that long after a whole answer). Without one it answers properly. A word
``who=…`` in the tag is repeated in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

TAG = re.compile(r"\[\[(\w+)((?: \w+=[^\s\]]+)*)\]\]")
DONE = b"data: [DONE]\n\n"


def chunk(choices: list[Any], **more: Any) -> bytes:
    """One event of a stream."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    return b"data: %b\n\n" % json.dumps({**head, "choices": choices, **more}).encode()


def delta(content: dict[str, Any], finish: str | None = None) -> bytes:
    """An event with a piece of the first choice."""
    return chunk([{"index": 0, "delta": content, "finish_reason": finish}])


USAGE = chunk([], usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})


def words(n: int, size: int = 0) -> list[bytes]:
    """A whole stream of n words: role, words, reason, usage, end; ``size`` bytes more a word."""
    more = "x" * size
    said = [delta({"content": f"word{k} {more}"}) for k in range(n)]
    return [delta({"role": "assistant", "content": ""}), *said, delta({}, "stop"), USAGE, DONE]


def tools() -> list[bytes]:
    """A whole stream of one tool call whose arguments come in pieces."""
    first = {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": a}} for a in ('{"a', '": 1', ', "b": ', "2}")]
    calls = [delta({"tool_calls": [call]}) for call in (first, *pieces)]
    return [delta({"role": "assistant"}), *calls, delta({}, "tool_calls"), USAGE, DONE]


def _whole() -> dict[str, Any]:
    message = {"role": "assistant", "content": "fine"}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def _frame(megabytes: int) -> bytes:
    return b"".join([words(1)[0], delta({"content": "x" * (megabytes << 20)}), *words(0)[1:]])


SSE, JSON = b"text/event-stream", b"application/json"
# By kind: content type, body, and whether it is to be understood all the same.
GARBAGE: dict[str, tuple[bytes, Callable[[], bytes], bool]] = {
    "html": (b"text/html", lambda: b"<html><body>login</body></html>", False),
    "truncated": (JSON, lambda: json.dumps(_whole()).encode()[:-30], False),
    "array": (JSON, lambda: b"[1, 2]", False),
    "error": (JSON, lambda: b'{"error": {"message": "overloaded", "type": "x"}}', False),
    "nothing": (JSON, lambda: b"", False),
    "nan": (JSON, lambda: b'{"choices": NaN}', False),
    "latin": (JSON, lambda: b'{"choices": "\xff\xfe"}', False),
    "deep": (JSON, lambda: b"[" * 100_000, False),
    "ctype": (b"text/plain", lambda: json.dumps(_whole()).encode(), True),
    "sse_error": (SSE, lambda: words(1)[0] + b'data: {"error": {"message": "gone"}}\n\n', False),
    "sse_html": (SSE, lambda: b"<html></html>", False),
    "sse_nothing": (SSE, lambda: b"", False),
    "sse_comments": (SSE, lambda: b": ping\n\n".join([b"", *words(2)]), True),
    "sse_crlf": (SSE, lambda: b"".join(words(2)).replace(b"\n", b"\r\n"), True),
    "sse_bom": (SSE, lambda: b"\xef\xbb\xbf" + b"".join(words(2)), True),
    "sse_lines": (
        SSE,
        lambda: b"".join(words(2)).replace(b', "choices"', b',\ndata: "choices"'),
        True,
    ),
    "sse_no_index": (SSE, lambda: b"".join(words(2)).replace(b'"index": 0, ', b""), True),
    "sse_empty_first": (SSE, lambda: chunk([]) + b"".join(words(2)), True),
    "sse_same_index": (
        SSE,
        lambda: chunk([{"index": 0, "delta": {"content": "a"}}] * 2) + b"".join(words(1)),
        True,
    ),
    "sse_3mb": (SSE, lambda: _frame(3), True),
    "sse_5mb": (SSE, lambda: _frame(5), False),
}


class Chaos:
    """The process; ``calls`` reads its log."""

    def __enter__(self) -> Chaos:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "calls.jsonl"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.chaos", str(self._log)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.url = f"http://127.0.0.1:{self._process.stdout.readline().strip()}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def calls(self) -> list[dict[str, Any]]:
        """Every call that has ended: ``conn``, ``tag``, ``who``, ``ended`` (``whole``, ``cut``,
        ``left`` by the caller) and ``at``, in seconds of this machine's monotonic clock.
        """
        return [call for call in self._noted() if "ended" in call]

    @property
    def open_calls(self) -> int:
        """How many calls have begun and not ended."""
        return sum(-1 if "ended" in call else 1 for call in self._noted())

    def _noted(self) -> list[dict[str, Any]]:
        lines = self._log.read_text().splitlines(keepends=True) if self._log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]


class _Server:
    def __init__(self, log: Path) -> None:
        self._log = log.open("a", buffering=1)
        self._connections = 0

    async def run(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        connection = self._connections
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._call(connection, reader, writer):
                pass
        writer.close()

    async def _call(
        self, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        found = re.search(r"content-length: (\d+)", head)
        request = json.loads(await reader.readexactly(int(found[1]) if found else 0))
        kind, given = _tag(str(request["messages"][-1]["content"]))
        note = {"conn": connection, "tag": kind, "who": given.get("who", "")}
        self._log.write(json.dumps(note) + "\n")
        note["ended"] = "left"
        try:
            note["ended"] = await _act(kind, given, bool(request.get("stream")), reader, writer)
        finally:
            note["at"] = time.monotonic()
            self._log.write(json.dumps(note) + "\n")
        return note["ended"] == "whole"


def _tag(text: str) -> tuple[str, dict[str, str]]:
    found = TAG.search(text)
    if not found:
        return "say", {}
    return found[1], dict(pair.split("=", 1) for pair in found[2].split())


async def _more_comes(reader: asyncio.StreamReader, within_s: float) -> bool:
    """Whether a server that closes an idle connection then has something to read first."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not reader._buffer:
                await reader._wait_for_data("bye")
    return bool(reader._buffer)


async def _act(
    kind: str,
    given: dict[str, str],
    stream: bool,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> str:
    """Do as told; how it ended."""
    at, gap = int(given.get("at", -1)), float(given.get("gap", 0))
    events = (
        tools()
        if given.get("of") == "tools" or kind == "tools"
        else words(int(given.get("n", 3)), int(given.get("size", 0)))
    )
    if kind == "status":
        told = b"retry-after: %b\r\n" % given["after"].encode() if "after" in given else b""
        body = b'{"error": {"message": "scripted"}}'
        await _whole_reply(writer, body, JSON, int(given["code"]), told)
    elif kind == "raw":
        content_type, make, _ = GARBAGE[given["kind"]]
        await _whole_reply(writer, make(), content_type)
    elif kind == "bomb":
        await _whole_reply(writer, _bomb(), JSON, 200, b"content-encoding: gzip\r\n")
    elif kind in ("endless", "refusing"):
        status = b"200 OK" if kind == "endless" else b"400 No"
        writer.write(b"HTTP/1.1 %b\r\ncontent-type: application/json\r\n\r\n" % status)
        while not reader.at_eof():
            writer.write(b" " * 65536)
            await writer.drain()
    elif kind == "headers":
        many = b"".join(b"x-%d: y\r\n" % n for n in range(10_000))
        await _whole_reply(writer, json.dumps(_whole()).encode(), JSON, 200, many)
    elif kind == "bye":  # closes an idle connection, without a word, just when it may be reused
        await _whole_reply(writer, json.dumps(_whole()).encode(), JSON)
        return "whole" if await _more_comes(reader, gap) else "cut"
    elif kind == "hang" and at < 0:
        await reader.read()
        raise ConnectionError
    elif not stream and kind in ("say", "tools"):
        await _unless_left(asyncio.sleep(gap), reader)
        await _whole_reply(writer, json.dumps(_whole()).encode(), JSON)
    else:
        return await _stream(kind, given.get("how", "fin"), at, gap, events, reader, writer)
    return "whole"


@cache
def _bomb() -> bytes:
    return gzip.compress(b"\0" * (100 << 20))


async def _stream(
    kind: str,
    how: str,
    at: int,
    gap: float,
    events: list[bytes],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> str:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
    writer.write(b"transfer-encoding: chunked\r\n\r\n")
    sent = b"".join(events) if kind == "drip" else b""
    pieces = [sent[k : k + 1] for k in range(len(sent))] or (events[:at] if at >= 0 else events)
    for piece in pieces:
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        if gap:
            await _unless_left(asyncio.sleep(gap), reader)
    if kind == "hang":
        await reader.read()
        raise ConnectionError
    if kind != "cut":
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return "whole"
    rest = events[at] if at < len(events) else b""
    if how == "half":
        writer.write(b"%x\r\n%b\r\n" % (len(rest) // 2, rest[: len(rest) // 2]))
    elif how == "chunk":
        writer.write(b"%x\r\n%b" % (len(rest), rest[: len(rest) // 2]))
    elif how == "proper":  # HTTP says that it is whole; the events say that it is not
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    if how == "rst":
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return "cut"


async def _unless_left(waiting: Any, reader: asyncio.StreamReader) -> None:
    """Wait, unless the caller leaves first, as it does not while it speaks HTTP to the end."""
    wait, left = asyncio.ensure_future(waiting), asyncio.ensure_future(reader.read(1))
    await asyncio.wait({wait, left}, return_when=asyncio.FIRST_COMPLETED)
    gone = left.done()
    for task in (wait, left):
        task.cancel()
    await asyncio.gather(wait, left, return_exceptions=True)
    if gone:
        raise ConnectionError


async def _whole_reply(
    writer: asyncio.StreamWriter,
    body: bytes,
    content_type: bytes,
    status: int = 200,
    more: bytes = b"",
) -> None:
    writer.write(
        b"HTTP/1.1 %d Scripted\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n%b"
        % (status, content_type, len(body), more, body)
    )
    await writer.drain()


if __name__ == "__main__":
    asyncio.run(_Server(Path(sys.argv[1])).run())

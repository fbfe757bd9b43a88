"""A scripted OpenAI-compatible upstream: a real HTTP server on loopback that fails as told.

    with Upstream() as upstream:
        upstream.script["cheap"] = [Refuse(500), Say("fine")]   # one step a call, the last stays

It speaks HTTP by hand, so that it can break off anywhere, with a proper end or a reset.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Say:
    """Answer properly: the text in pieces, then usage; ``gap_s`` lies between two events."""

    text: str = "fine"
    prompt_tokens: int = 10
    completion_tokens: int = 5
    gap_s: float = 0.0


@dataclass(frozen=True)
class Refuse:
    """Answer with a status and an OpenAI error object."""

    status: int = 500
    message: str = "scripted failure"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Cut:
    """Stream this many events, then break off: with an end (FIN) or a reset (RST)."""

    after_events: int
    reset: bool = False


@dataclass(frozen=True)
class Hang:
    """Send nothing (``after_events`` None) or the first events, then only hold the connection."""

    after_events: int | None = None


@dataclass(frozen=True)
class Raw:
    """Send these bytes as the body of a 200, whatever was asked."""

    body: bytes
    content_type: str = "application/json"


Step = Say | Refuse | Cut | Hang | Raw


@dataclass
class Upstream:
    """The server, in a thread of its own; its fields tell what it saw."""

    script: dict[str, Sequence[Step]] = field(default_factory=dict)
    says: dict[str, Callable[[dict[str, Any]], Step]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    left_hanging: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    port: int = 0
    keeps: bool = False  # connections, after a whole answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def asked(self, model: str) -> int:
        """How often a model was called."""
        return sum(request["model"] == model for request in self.requests)

    def __enter__(self) -> Upstream:
        up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(up)), daemon=True)
        self._thread.start()
        assert up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self, up: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        up.set()
        await self._stop.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while isinstance(await self._answer(reader, writer), Say | Refuse | Raw) and self.keeps:
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.release()
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Step:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        request = json.loads(await reader.readexactly(int(headers["content-length"])))
        model = request.get("model", "")  # Gemini's is in the path
        says = self.says.get(model)
        step = says(request) if says else self._next_step(model)
        self.requests.append(request)
        self.headers.append(headers)
        self.arrived.release()
        match step:
            case Refuse():
                body = {"error": {"message": step.message, "type": "scripted", "code": None}}
                await self._send(writer, json.dumps(body).encode(), step.status, step.headers)
            case Raw():
                await self._send(writer, step.body, 200, (("content-type", step.content_type),))
            case Say() if head[0].split(" ")[1].endswith("/embeddings"):
                await self._send(writer, json.dumps(_vectors(request)).encode())
            case Say() if not request.get("stream"):
                await asyncio.sleep(step.gap_s)
                await self._send(writer, json.dumps(_completion(request, step)).encode())
            case Hang():
                try:
                    await self._stream(reader, writer, request, step)
                except ConnectionError:  # the caller closed while events were under way
                    self.left_hanging.release()
                    raise
            case _:
                await self._stream(reader, writer, request, step)
        return step

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        body: bytes,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),),
    ) -> None:
        lines = [
            f"HTTP/1.1 {status} Scripted",
            f"content-length: {len(body)}",
            *(() if self.keeps else ("connection: close",)),
        ]
        lines += [f"{name}: {value}" for name, value in headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    def _next_step(self, model: str) -> Step:
        steps = list(self.script.get(model) or [Say()])
        if len(steps) > 1:
            self.script[model] = steps[1:]
        return steps[0]

    async def _stream(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: dict[str, Any],
        step: Say | Cut | Hang,
    ) -> None:
        if not (isinstance(step, Hang) and step.after_events is None):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
            writer.write(b"transfer-encoding: chunked\r\n\r\n")
            say = step if isinstance(step, Say) else Say("one two three")
            most = None if isinstance(step, Say) else step.after_events
            for event in _events(request, say)[:most]:
                writer.write(b"%x\r\n%b\r\n" % (len(event), event))
                await writer.drain()
                await asyncio.sleep(say.gap_s)
        if isinstance(step, Hang):
            await reader.read()  # returns when the caller closes
            self.left.release()
            self.left_hanging.release()
        elif isinstance(step, Cut):
            if step.reset:
                raw: socket.socket = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            writer.write(b"0\r\n\r\n")
            await writer.drain()


def _usage(step: Say) -> dict[str, int]:
    return {
        "prompt_tokens": step.prompt_tokens,
        "completion_tokens": step.completion_tokens,
        "total_tokens": step.prompt_tokens + step.completion_tokens,
    }


def _completion(request: dict[str, Any], step: Say) -> dict[str, Any]:
    message = {"role": "assistant", "content": step.text}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{request['model']}-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(step),
    }


def _vectors(request: dict[str, Any]) -> dict[str, Any]:
    """A vector for each text, or for each list of tokens."""
    given = request["input"]
    one = not isinstance(given, list) or not given or isinstance(given[0], int)
    data = [
        {"object": "embedding", "index": at, "embedding": [0.1, -0.2]}
        for at in range(1 if one else len(given))
    ]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "data": data, "model": f"{request['model']}-2026", "usage": usage}


def _events(request: dict[str, Any], step: Say) -> list[bytes]:
    def chunk(choices: list[Any], **more: Any) -> bytes:
        head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1}
        told = {**head, "model": f"{request['model']}-2026", "choices": choices, **more}
        return b"data: %b\n\n" % json.dumps(told).encode()

    def delta(content: dict[str, Any], finish: str | None = None) -> bytes:
        return chunk([{"index": 0, "delta": content, "finish_reason": finish}])

    pieces = [piece + " " for piece in step.text.split(" ")]
    pieces[-1] = pieces[-1].removesuffix(" ")
    events = [delta({"role": "assistant", "content": ""})]
    events += [delta({"content": piece}) for piece in pieces]
    events.append(delta({}, "stop"))
    if (request.get("stream_options") or {}).get("include_usage"):
        events.append(chunk([], usage=_usage(step)))
    return [*events, b"data: [DONE]\n\n"]

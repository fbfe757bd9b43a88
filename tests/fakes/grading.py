"""An upstream that answers and judges, knows what it charged, and honours Idempotency-Key.

    with GradingUpstream(latency_s=0.05, judge="grader") as upstream: ...

It runs in a thread, speaks HTTP through asyncio, and says the same to the same words always.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class GradingUpstream:
    """``asked`` and ``charged`` count by ``<last message>|<model>``; a judge's by a digest."""

    latency_s: float = 0.0
    judge: str = "grader"
    asked: Counter[str] = field(default_factory=Counter[str])
    charged: Counter[str] = field(default_factory=Counter[str])
    keys: set[str] = field(default_factory=set[str])
    answered: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> GradingUpstream:
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
        tasks: set[asyncio.Task[Any]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                while True:
                    await self._answer(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # the caller is gone, or this server is to end
            finally:
                writer.close()
                tasks.discard(task)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        up.set()
        await self._stop.wait()
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = {k: v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        request = json.loads(await reader.readexactly(int(headers["content-length"])))
        words = request["messages"][-1]["content"]
        digest = hashlib.sha256(words.encode()).hexdigest()
        judging = request["model"] == self.judge
        cell = f"{digest if judging else words}|{request['model']}"
        self.asked[cell] += 1
        key = headers.get("idempotency-key", "")
        if not key or key not in self.keys:
            self.keys.add(key)
            self.charged[cell] += 1
        await asyncio.sleep(self.latency_s)
        mark = int(digest, 16) % 6
        text = f"Reason: digest {digest[:8]}\nScore: {mark}" if judging else f"{digest[:6]}: {mark}"
        body = json.dumps(
            {
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": text},
                    }
                ],
                "usage": {"prompt_tokens": 7, "completion_tokens": 3 + mark},
            }
        ).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        self.answered += 1

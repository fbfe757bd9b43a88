"""A stream that is poured tells what one that is iterated tells, however it comes and is taken."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.config import Timeouts
from routewright.errors import UpstreamError
from routewright.providers.connection import Connection, _whole_chunks
from routewright.providers.openai import _AsTheyAre
from routewright.providers.response import BUFFER_BYTES, Response
from routewright.providers.stream import HttpStream
from routewright.types import Model
from tests.fakes.transport import Taking

WORDS = [b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % n for n in range(4)]
WORDS.append(b'data: {"choices":[{"delta":{"content":"4"}}],"usage":null}\n\n')
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = b"".join([*WORDS, USAGE, DONE])
MODEL = Model(name="m", provider="up")


class Source:
    """A connection's side; ``calls`` are what the reader asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None: ...

    def linger(self) -> None:
        self.calls.append("linger")

    def drop(self) -> None:
        self.calls.append("drop")


def opened() -> tuple[HttpStream, Response, Source]:
    source = Source()
    response = Response("up", source)
    reader = _AsTheyAre("up")
    return HttpStream(response, "up", reader, MODEL, 0.0, skips=reader.skips), response, source


async def arrive(response: Response, pieces: list[bytes], failure: Exception | None) -> None:
    for piece in pieces:
        if piece:
            response.add(piece)
            response.wake()
        await asyncio.sleep(0)
    response.end(failure)


class Kept:
    """Takes events that pass as they came; ``chunks`` are those that came with their frames."""

    def __init__(self, take: Callable[[bytes], bool]) -> None:
        self.write = take
        self.chunks: list[bytes] = []

    def pass_on(self, chunks: bytes) -> bool:
        self.chunks.append(chunks)
        return self.write(b"".join(_whole_chunks(chunks)))


async def poured(
    pieces: list[bytes],
    wanted: list[bool],
    failure: Exception | None = None,
    *,
    together: bool = False,
):
    """The events, and how the stream ended; ``wanted`` is what the taker says in turn.

    ``together``: who takes them is content with several at once, where they hold words alone.
    """
    stream, response, _ = opened()
    got: list[bytes] = []
    says = iter(wanted)

    def take(event: bytes) -> bool:
        got.append(event)
        return next(says, True)

    arriving = asyncio.create_task(arrive(response, pieces, failure))
    untouched = Kept(take) if together else None
    try:
        while not await stream.pour(take, untouched):
            pass
        ended = ""
    except UpstreamError as error:
        ended = str(error)
    await arriving
    return got, ended, stream.usage


async def iterated(pieces: list[bytes], failure: Exception | None = None):
    stream, response, _ = opened()
    got: list[bytes] = []
    arriving = asyncio.create_task(arrive(response, pieces, failure))
    try:
        async for event in stream:
            got.append(event)
        ended = ""
    except UpstreamError as error:
        ended = str(error)
    await arriving
    return got, ended, stream.usage


@given(
    st.integers(1, len(WHOLE)),
    st.lists(st.integers(0, len(WHOLE)), max_size=8),
    st.lists(st.booleans(), max_size=10),
    st.sampled_from([None, UpstreamError("up: the answer broke off")]),
)
def test_pouring_and_iterating_tell_the_same(end, cuts, wanted, failure):
    body = WHOLE[:end]
    at = [0, *sorted(min(cut, end) for cut in cuts), end]
    pieces = [body[a:b] for a, b in itertools.pairwise(at)]

    async def both():
        return await poured(pieces, wanted, failure), await iterated(pieces, failure)

    first, second = asyncio.run(both())
    assert first == second
    assert (first[1] == "") == (end == len(WHOLE))


@given(
    st.integers(1, len(WHOLE)),
    st.lists(st.integers(0, len(WHOLE)), max_size=8),
    st.lists(st.booleans(), max_size=10),
)
def test_what_is_passed_on_together_is_the_same_to_the_byte(end, cuts, wanted):
    body = WHOLE[:end]
    at = [0, *sorted(min(cut, end) for cut in cuts), end]
    pieces = [body[a:b] for a, b in itertools.pairwise(at)]

    async def both():
        return await poured(pieces, wanted, together=True), await iterated(pieces)

    first, second = asyncio.run(both())
    assert b"".join(first[0]) == b"".join(second[0])
    assert first[1:] == second[1:]


HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def framed(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


async def over_a_connection(pieces: list[bytes], wanted: list[bool], *, untouched: bool):
    """What a client is told of an answer that comes in such pieces over a connection, and how it
    ended; with what of it passed in its frames."""
    connection = Connection("up", Timeouts(), lambda _: None, lambda _: None)
    connection.connection_made(Taking())
    response = connection.send(b"", b"", streamed=True)
    reader = _AsTheyAre("up")
    stream = HttpStream(response, "up", reader, MODEL, 0.0, skips=reader.skips)
    got: list[bytes] = []
    says = iter(wanted)

    def take(event: bytes) -> bool:
        got.append(event)
        return next(says, True)

    async def arrive() -> None:
        for piece in pieces:
            if connection._response is not None:
                connection.data_received(piece)
            await asyncio.sleep(0)
        if connection._response is not None:
            connection.connection_lost(None)

    taker = Kept(take)
    arriving = asyncio.create_task(arrive())
    try:
        while not await stream.pour(take, taker if untouched else None):
            pass
        ended = ""
    except UpstreamError as error:
        ended = str(error)
    await arriving
    connection._stop_timer()
    return b"".join(got), ended, stream.usage, taker.chunks


EVENTS = [*WORDS, WORDS[0] + WORDS[1], WORDS[2][:9], WORDS[2][9:], USAGE, *WORDS, DONE]
CHUNKED = b"".join(framed(event) for event in EVENTS) + b"0\r\n\r\n"
ENDS = [0, *itertools.accumulate(len(framed(event)) for event in EVENTS)]


@given(
    st.integers(1, len(CHUNKED)),
    st.lists(st.sampled_from(ENDS) | st.integers(0, len(CHUNKED)), max_size=16),
    st.lists(st.booleans(), max_size=10),
)
def test_chunks_that_pass_in_their_frames_tell_the_same(end, cuts, wanted):
    at = [0, *sorted(min(cut, end) for cut in cuts), end]
    pieces = [HEAD, *(piece for a, b in itertools.pairwise(at) if (piece := CHUNKED[a:b]))]

    async def both():
        return [
            await over_a_connection(pieces, wanted, untouched=untouched)
            for untouched in (True, False)
        ]

    first, second = asyncio.run(both())
    assert first[:3] == second[:3]
    assert second[3] == []


async def test_words_pass_in_the_frames_in_which_they_came():
    """All but the first, which tells where the parser stands, and those that mean something."""
    words = [framed(word) for word in WORDS]
    pieces = [HEAD, *words, words[0] + words[1], framed(USAGE), words[2], framed(DONE)]
    told, ended, _, chunks = await over_a_connection(pieces, [], untouched=True)
    assert chunks == [*words[1:], words[0] + words[1], words[2]]
    assert told == b"".join([*WORDS, WORDS[0], WORDS[1], USAGE, WORDS[2], DONE])
    assert ended == ""


@pytest.mark.parametrize(
    "event",
    [USAGE, DONE, b'data: {"error":{"message":"no"}}\n\n', b'data: {"usage":null,"usage":{}}\n\n'],
)
def test_an_event_that_matters_is_never_skipped(event):
    assert not _AsTheyAre("up").skips(WORDS[0] + event)
    assert _AsTheyAre("up").skips(b"".join(WORDS))


def test_without_a_terminal_event_the_reason_matters():
    event = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    assert not _AsTheyAre("up", ends_in_done=False).skips(event)
    assert _AsTheyAre("up").skips(event)


async def test_events_are_taken_in_the_step_in_which_they_come():
    stream, response, source = opened()
    got: list[bytes] = []

    def take(event: bytes) -> bool:
        got.append(event)
        return True

    pouring = asyncio.create_task(stream.pour(take))
    await asyncio.sleep(0)
    for word in WORDS:
        response.add(word)
        response.wake()
        assert got[-1] == word  # nothing else has run meanwhile
    response.add(DONE)
    response.wake()
    assert await pouring
    assert source.calls == ["linger"]


async def test_a_taker_that_wants_no_more_makes_the_upstream_wait():
    stream, response, source = opened()
    pouring = asyncio.create_task(stream.pour(lambda event: False))
    await asyncio.sleep(0)
    response.add(WORDS[0])
    response.wake()
    assert await pouring is False
    response.add(b"x" * (BUFFER_BYTES + 1))
    response.wake()
    assert source.calls == ["pause"]


async def test_what_the_taker_raises_ends_the_stream():
    stream, response, source = opened()

    def take(event: bytes) -> bool:
        raise ZeroDivisionError("scripted")

    pouring = asyncio.create_task(stream.pour(take))
    await asyncio.sleep(0)
    response.add(WORDS[0])
    response.wake()
    with pytest.raises(ZeroDivisionError):
        await pouring
    await stream.aclose()
    assert source.calls == ["drop"]


async def test_who_pours_and_is_cancelled_drops_the_upstream():
    stream, _, source = opened()
    pouring = asyncio.create_task(stream.pour(lambda event: True))
    await asyncio.sleep(0)
    pouring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pouring
    assert source.calls == ["drop"]

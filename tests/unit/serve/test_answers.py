"""Where cached answers are kept: memory that is bounded, and Redis that may fail."""

from __future__ import annotations

from routewright.serve.answers import Entry, MemoryAnswers

DAY_S = 86_400.0


async def test_memory_is_bounded_and_the_least_used_goes_first():
    answers = MemoryAnswers(10_000, DAY_S)
    for name in (b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h", b"i"):
        answers.put(name, Entry((b"x" * 500,), 0.0))
    assert await answers.get(b"a") is not None
    for number in range(5):
        answers.put(b"%d" % number, Entry((b"x" * 200,), 0.0))
        assert answers.size_bytes <= 10_000
    assert await answers.get(b"b") is None
    assert await answers.get(b"a") is not None


def test_memory_counts_what_it_holds():
    answers = MemoryAnswers(10_000, DAY_S)
    for _ in range(3):
        answers.put(b"a", Entry((b"x" * 1000,), 0.0))
    assert answers.size_bytes == Entry((b"x" * 1000,), 0.0).size_bytes


async def test_an_answer_is_given_for_as_long_as_is_said():
    now = [0.0]
    answers = MemoryAnswers(10_000, 10, lambda: now[0])
    answers.put(b"a", Entry((b"x",), 0.0))
    now[0] = 9.9
    assert await answers.get(b"a") is not None
    now[0] = 10.0
    assert await answers.get(b"a") is None
    assert (len(answers), answers.size_bytes) == (0, 0)

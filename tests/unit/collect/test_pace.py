"""Calls in flight: grow while accepted, halve once a window, wait as long as was asked."""

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from routewright.collect.pace import BREAK_AFTER, MAX_WAIT_S, START, Pace, jittered


def fill(pace, now=0.0):
    """Send as many calls as there is room for; the window each was sent in."""
    windows = []
    while pace.room(now):
        windows.append(pace.enter(now))
    return windows


def accept(pace, windows, now=0.0):
    for _ in windows:
        pace.accepted(now)
        pace.leave()


def test_it_doubles_every_round_trip_until_the_ceiling():
    pace = Pace(ceiling=50)
    sizes = []
    for _ in range(6):
        windows = fill(pace)
        sizes.append(len(windows))
        accept(pace, windows)
    assert sizes == [4, 8, 16, 32, 50, 50]


def test_a_burst_of_429_halves_once():
    pace = Pace(ceiling=64)
    while len(windows := fill(pace)) < 64:
        accept(pace, windows)
    for window in windows:
        pace.slow_down(window, None, 0.0)
        pace.leave()
    assert pace.limit == 32
    assert pace.halved == 1


def test_after_a_halving_it_grows_by_one_a_round_trip():
    pace = Pace(ceiling=64, limit=16)
    pace.limit = 16.0
    windows = fill(pace)
    pace.slow_down(windows[0], 0.0, 0.0)
    for _ in windows:
        pace.leave()
    sizes = []
    for _ in range(4):
        windows = fill(pace)
        sizes.append(len(windows))
        accept(pace, windows)
    assert sizes[0] == 8
    assert all(1 >= later - earlier >= 0 for earlier, later in pairwise(sizes))
    assert sizes[-1] > 8


def test_nothing_is_sent_before_the_time_that_was_asked_for():
    pace = Pace(ceiling=8)
    (window, *_) = fill(pace, now=100.0)
    pace.slow_down(window, 7.0, 100.0)
    for _ in range(4):
        pace.leave()
    assert not pace.room(106.9)
    assert pace.room(107.0)


def test_a_call_sent_back_later_may_still_lengthen_the_wait():
    pace = Pace(ceiling=8)
    first, second, *_ = fill(pace)
    pace.slow_down(first, 1.0, 0.0)
    pace.slow_down(second, 3.0, 0.0)
    assert pace.limit == START / 2
    assert pace.resume_at == 3.0


def test_an_absurd_wait_is_cut_to_a_minute():
    pace = Pace(ceiling=8)
    pace.slow_down(pace.enter(0.0), 86_400.0, 0.0)
    assert pace.resume_at == MAX_WAIT_S


def test_an_account_that_only_fails_is_left_with_one_call():
    pace = Pace(ceiling=100, draw=random.Random(1))
    for _ in range(BREAK_AFTER):
        pace.missed(0.0)
    assert int(pace.limit) == 1
    assert pace.resume_at > 0.0


def test_an_unused_limit_does_not_grow():
    pace = Pace(ceiling=100)
    pace.limit = 50.0
    for _ in range(20):
        accept(pace, [pace.enter(0.0)])
    assert pace.limit == 50.0


@given(st.lists(st.sampled_from(["ok", "limit", "miss"]), max_size=300), st.integers(1, 40))
def test_it_is_never_above_the_ceiling_and_never_stuck(events, ceiling):
    pace = Pace(ceiling, draw=random.Random(0))
    now = 0.0
    for event in events:
        now = max(now, pace.resume_at)
        assert pace.room(now), "with nothing in flight and the wait over there is always room"
        window = pace.enter(now)
        if event == "ok":
            pace.accepted(now)
        elif event == "limit":
            pace.slow_down(window, None, now)
        else:
            pace.missed(now)
        pace.leave()
        assert 1 <= pace.limit <= ceiling


def test_waits_are_jittered_over_their_whole_range():
    draw = random.Random(0)
    waits = [jittered(3, draw) for _ in range(500)]
    assert min(waits) < 0.2
    assert 3.8 < max(waits) <= 4.0

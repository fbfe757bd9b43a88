"""Pauses, breakers, the retry budget and the bound on requests at once, by injected clocks."""

from __future__ import annotations

import asyncio

import pytest

from routewright.errors import OverloadedError
from routewright.serve.health import FAILURES, WHOLE_ACCOUNT, Health, Target
from routewright.serve.limits import RETRY_BURST, Admission, RetryBudget

CHEAP, STRONG = Target("acme", "cheap"), Target("acme", "strong")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("asked_s", "kept_s"), [(7.0, 7.0), (0.25, 0.25), (3600.0, 60.0), (None, 5.0)]
)
def test_an_account_cools_for_as_long_as_it_asks_within_reason(asked_s, kept_s):
    """F-02, F-15: every model of the account, by the clock that never jumps."""
    clock = Clock()
    health = Health(clock)
    health.cool("acme", asked_s)
    for target in (CHEAP, STRONG):
        pause = health.pause(target)
        assert pause is not None
        assert pause.why == "cooling"
        assert pause.wait_s == pytest.approx(kept_s)
    assert health.pause(Target("other", "cheap")) is None
    clock.now += kept_s
    assert health.pause(CHEAP) is None


def test_a_shorter_wish_does_not_end_a_longer_pause():
    clock = Clock()
    health = Health(clock)
    health.cool("acme", 30)
    health.cool("acme", 1)
    clock.now += 29
    assert health.pause(CHEAP) is not None


def test_cooling_says_nothing_of_failures():
    """F-02: the breaker is neutral to 429."""
    clock = Clock()
    health = Health(clock)
    for _ in range(FAILURES - 1):
        health.failed(CHEAP)
    health.cool("acme", 0)
    assert health.open() == ()
    health.failed(CHEAP)
    assert health.open() == (CHEAP,)


def test_an_open_breaker_lets_one_probe_through_every_five_seconds():
    """F-03: also where a probe never reports, which must not leave it stuck."""
    clock = Clock()
    health = Health(clock)
    for _ in range(FAILURES):
        health.failed(CHEAP)
    let_through = 0
    for _ in range(6000):  # 60 s
        clock.now += 0.01
        let_through += health.admit(CHEAP) is None
    assert let_through == 11 or let_through == 12
    assert health.admit(STRONG) is None


def test_a_probe_that_succeeds_closes_the_breaker_and_one_that_fails_does_not():
    clock = Clock()
    health = Health(clock)
    for _ in range(FAILURES):
        health.failed(CHEAP)
    clock.now += 5
    assert health.admit(CHEAP) is None
    health.failed(CHEAP)
    assert health.pause(CHEAP) is not None
    clock.now += 5
    assert health.admit(CHEAP) is None
    health.succeeded(CHEAP)
    assert all(health.admit(CHEAP) is None for _ in range(10))


def test_an_upstream_that_breaks_every_stream_opens_its_breaker():
    """F-07: that each of them began well does not hide it."""
    health = Health(Clock())
    for _ in range(FAILURES):
        health.began(CHEAP)
        health.failed(CHEAP)
    assert health.open() == (CHEAP,)


def test_an_endpoint_that_cannot_be_reached_is_left_alone_with_all_its_models():
    """F-04: and found again by a call to any of them."""
    clock = Clock()
    health = Health(clock)
    for _ in range(FAILURES):
        health.failed(Target("acme", WHOLE_ACCOUNT))
    assert health.pause(CHEAP) is not None
    assert health.pause(STRONG) is not None
    assert health.pause(Target("other", "cheap")) is None
    clock.now += 5
    assert health.admit(STRONG) is None
    assert health.admit(CHEAP) is not None  # one probe for the account, not one a model
    health.succeeded(STRONG)
    assert health.admit(CHEAP) is None


def test_second_calls_are_a_tenth_of_the_first_and_a_small_floor():
    """F-03: over a minute at 100 requests a second, every one of which would retry."""
    clock = Clock()
    budget = RetryBudget(clock)
    second = 0
    for _ in range(6000):
        clock.now += 0.01
        budget.earn()
        second += budget.spend()
    assert 600 <= second <= 600 + RETRY_BURST + 60 * 0.5


def test_a_quiet_gateway_can_always_fall_back():
    clock = Clock()
    budget = RetryBudget(clock)
    for _ in range(100):
        clock.now += 2
        budget.earn()
        assert budget.spend()


async def test_beyond_the_bound_a_short_queue_waits_and_the_rest_is_refused():
    """D-12, L-04: the bound is on requests, so that memory and time have one too."""
    admission = Admission(16)
    for _ in range(16):
        await admission.enter()
    queued = [asyncio.create_task(admission.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError) as refused:
        await admission.enter()
    assert refused.value.retry_after_s >= 1
    admission.leave()
    await queued[0]
    with pytest.raises(OverloadedError):  # its turn does not come in time
        await queued[1]
    assert (admission.running, admission.waiting) == (16, 0)
    for _ in range(16):
        admission.leave()
    await admission.enter()


async def test_a_client_that_leaves_the_queue_leaves_no_slot_taken():
    """F-09: in the queue."""
    admission = Admission(1)
    await admission.enter()
    queued = asyncio.create_task(admission.enter())
    await asyncio.sleep(0)
    queued.cancel()
    await asyncio.gather(queued, return_exceptions=True)
    admission.leave()
    await admission.enter()
    assert (admission.running, admission.waiting) == (1, 0)

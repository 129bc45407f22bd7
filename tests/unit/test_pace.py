"""The pace: never more than the rate and a burst, whatever the clock does; and how it follows a carrier's refusals."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from gateway.carriers.pace import BURST_S, HOLD_S, MIN_RATE_PER_S, Pace


def run(pace: Pace, clock: Clock, seconds: float, *, step: float = 0.001, limit_per_s: float | None = None) -> int:
    """Send as fast as the pace allows; a carrier with a limit refuses what is beyond it. Returns what was accepted."""
    accepted = 0
    bucket = 0.0
    end = clock.seconds() + seconds
    while clock.seconds() < end:
        clock.advance(step)
        now = clock.seconds()
        allowed = min(pace.available(now), 10_000)
        pace.take(allowed)
        taken = allowed
        if limit_per_s is not None:
            bucket = min(limit_per_s * 0.1, bucket + limit_per_s * step)
            taken = min(allowed, int(bucket))
            bucket -= taken
        if taken:
            pace.accepted(taken, now)
            accepted += taken
        if taken < allowed:
            pace.throttled(now)
    return accepted


@given(
    st.floats(0.2, 5000.0),
    st.lists(st.tuples(st.floats(0.0, 0.5), st.integers(0, 1000)), min_size=1, max_size=60),
)
def test_no_stretch_of_time_sees_more_than_rate_and_burst(rate: float, steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    pace = Pace(rate, clock.seconds())
    left: list[tuple[float, int]] = []
    for seconds, wanted in steps:
        clock.advance(seconds)
        count = min(wanted, pace.available(clock.seconds()))
        pace.take(count)
        left.append((clock.seconds(), count))
    burst = max(1.0, rate * BURST_S)
    for first in range(len(left)):
        total = 0
        for at, count in left[first:]:
            total += count
            assert total <= burst + rate * (at - left[first][0]) + 1e-6


@pytest.mark.parametrize("rate", [1.0, 10.0, 100.0, 1000.0])
def test_a_contract_is_used_to_the_full(rate: float) -> None:
    clock = Clock()
    pace = Pace(rate, 0.0)
    run(pace, clock, 2.0)
    assert run(pace, clock, 10.0) == pytest.approx(10.0 * rate, rel=0.02, abs=1.0)


@pytest.mark.parametrize("rate", [0.5, 3.0, 100.0, 4000.0])
def test_who_waits_as_long_as_told_may_send(rate: float) -> None:
    clock = Clock()
    pace = Pace(rate, 0.0)
    for _ in range(20):
        clock.advance(pace.wait_s() * 1.0001)
        allowed = pace.available(clock.seconds())
        assert allowed >= 1
        pace.take(allowed)


def test_waiting_is_never_for_nothing() -> None:
    # A timer of no length, over and over, would take the whole processor.
    clock = Clock()
    pace = Pace(100.0, 0.0)
    clock.advance(10.0)
    pace.available(clock.seconds())
    assert pace.wait_s() >= 0.001


def test_clock_that_jumps_back_neither_stops_nor_floods() -> None:
    pace = Pace(100.0, 1000.0)
    assert pace.available(1001.0) == 5
    pace.take(5)
    assert pace.available(400.0) == 0
    assert pace.available(400.015) == 1
    pace.take(1)
    # Not 60,000 for the ten minutes that it jumped.
    assert pace.available(1000.0) == 5


@given(st.lists(st.tuples(st.floats(-100.0, 1.0), st.integers(0, 100)), max_size=50))
def test_no_jump_of_the_clock_gives_more_than_a_burst_at_once(steps: list[tuple[float, int]]) -> None:
    now = 1e6
    pace = Pace(100.0, now)
    for jump, wanted in steps:
        now += jump
        allowed = pace.available(now)
        assert 0 <= allowed <= 5
        pace.take(min(wanted, allowed))


def test_without_a_contract_a_willing_carrier_gets_all_soon() -> None:
    clock = Clock()
    pace = Pace(None, 0.0)
    run(pace, clock, 1.0)
    assert pace.available(clock.seconds()) >= 1000


def test_idle_time_proves_nothing_about_a_carrier() -> None:
    clock = Clock()
    pace = Pace(None, 0.0)
    started = pace.rate_per_s
    for _ in range(1000):
        clock.advance(0.1)
        pace.available(clock.seconds())
    assert pace.rate_per_s == started


@pytest.mark.parametrize("limit", [50.0, 1000.0])
def test_rate_settles_at_what_a_carrier_accepts(limit: float) -> None:
    clock = Clock()
    pace = Pace(None, 0.0)
    run(pace, clock, 10.0, limit_per_s=limit)
    assert run(pace, clock, 10.0, limit_per_s=limit) >= 0.95 * 10.0 * limit


def test_contract_is_not_exceeded_by_learning() -> None:
    clock = Clock()
    pace = Pace(200.0, 0.0)
    run(pace, clock, 5.0, limit_per_s=100.0)
    assert pace.rate_per_s < 200.0
    assert run(pace, clock, 60.0) <= 200.0 * 60.0 + 10
    assert pace.rate_per_s == 200.0


def test_refusals_of_what_was_on_its_way_cut_the_rate_once() -> None:
    clock = Clock()
    pace = Pace(1000.0, 0.0)
    run(pace, clock, 5.0)
    pace.throttled(clock.seconds())
    rate = pace.rate_per_s
    for _ in range(20):
        clock.advance(HOLD_S / 25)
        pace.throttled(clock.seconds())
    assert pace.rate_per_s == rate


def test_endless_refusals_leave_a_trickle() -> None:
    clock = Clock()
    pace = Pace(1000.0, 0.0)
    for _ in range(200):
        clock.advance(HOLD_S)
        pace.throttled(clock.seconds())
    assert pace.rate_per_s == MIN_RATE_PER_S
    clock.advance(1.0)
    assert pace.available(clock.seconds()) >= 1


def test_rate_grows_again_after_a_refusal() -> None:
    clock = Clock()
    pace = Pace(1000.0, 0.0)
    run(pace, clock, 10.0, limit_per_s=400.0)
    rates = [pace.rate_per_s]
    for _ in range(10):
        run(pace, clock, 1.0)
        rates.append(pace.rate_per_s)
    assert all(earlier <= later for earlier, later in pairwise(rates))
    assert rates[-1] > 1.2 * rates[0]


def test_full_congestion_slows_and_no_congestion_does_not() -> None:
    clock = Clock()
    pace = Pace(1000.0, 0.0)
    run(pace, clock, 2.0)
    pace.congested(50, clock.seconds())
    assert pace.rate_per_s == 1000.0
    pace.congested(100, clock.seconds())
    assert pace.rate_per_s == pytest.approx(900.0)

"""The sandbox's clock: stepped, set, sped up, never backwards."""

import pytest

from engine.errors import ConfigurationError
from engine.sandbox.clock import FrozenClock, SandboxClock, wall_clock_ms
from engine.timeframes import parse_utc

START = parse_utc("2025-07-01T12:00")


class RealTime:
    """What measures the time that really passes, moved by hand."""

    def __init__(self):
        self.ms = 5_000

    def __call__(self):
        return self.ms


def test_a_clock_without_speed_stands_until_it_is_stepped():
    real = RealTime()
    clock = SandboxClock(START, real_ms=real)
    real.ms += 60_000
    assert clock() == START
    assert clock.step(1_500) == START + 1_500
    assert clock.set(START + 60_000) == clock() == START + 60_000


def test_a_clock_runs_at_its_speed_from_where_it_stands():
    real = RealTime()
    clock = SandboxClock(START, speed=60, real_ms=real)
    real.ms += 1_000
    assert clock() == START + 60_000
    clock.run(0.5)
    real.ms += 1_000
    assert clock() == START + 60_500
    clock.step(500)
    real.ms += 1_000
    assert clock() == START + 61_500
    clock.run(0)
    real.ms += 1_000
    assert (clock(), clock.speed) == (START + 61_500, 0)


def test_a_clock_does_not_go_back():
    clock = SandboxClock(START)
    for back in (lambda: clock.step(-1), lambda: clock.set(START - 1)):
        with pytest.raises(ConfigurationError, match="cannot go back"):
            back()
    with pytest.raises(ConfigurationError, match="past the year 9998"):
        clock.step(10**18)
    assert clock() == START


@pytest.mark.parametrize("speed", [-1.0, 1e7, float("inf"), float("nan")])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(ConfigurationError, match="speed"):
        SandboxClock(START, speed=speed)
    with pytest.raises(ConfigurationError, match="speed"):
        SandboxClock(START).run(speed)


def test_a_frozen_clock_stands_still_and_the_wall_clock_does_not():
    clock = FrozenClock(START)
    assert (clock(), clock()) == (START, START)
    assert wall_clock_ms() > parse_utc("2025-01-01")

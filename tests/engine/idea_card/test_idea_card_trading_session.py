"""Which closes lie in a trading session."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.idea_card.trading_session import WEEKDAYS, TradingSession
from engine.timeframes import parse_utc


def allowed(session: TradingSession, *moments: str) -> list[bool]:
    # 1 January 2024 was a Monday
    closes = np.array([parse_utc(f"2024-01-{moment}") for moment in moments], dtype=np.int64)
    return session.entries_allowed(closes).tolist()


def test_the_start_is_inside_and_the_end_is_not():
    session = TradingSession(start="08:00", end="20:00")
    moments = ["01T07:59:59.999", "01T08:00", "01T19:59:59.999", "01T20:00", "02T00:00"]
    assert allowed(session, *moments) == [False, True, True, False, False]


def test_only_on_its_weekdays():
    session = TradingSession(start="08:00", end="20:00", weekdays=["mon", "sun"])
    # Monday, Tuesday, Saturday, Sunday, Monday
    assert allowed(session, "01T12:00", "02T12:00", "06T12:00", "07T12:00", "08T12:00") == [
        True,
        False,
        False,
        True,
        True,
    ]


def test_over_midnight_the_day_is_the_one_it_starts_on():
    session = TradingSession(start="22:00", end="06:00", weekdays=["fri"])
    moments = {
        "05T05:59": False,  # the end of Thursday's
        "05T21:59": False,
        "05T22:00": True,  # Friday evening
        "06T00:00": True,  # Saturday, of Friday's session
        "06T05:59": True,
        "06T06:00": False,
        "06T22:00": False,
    }
    assert allowed(session, *moments) == list(moments.values())


def test_over_the_week_end_too():
    session = TradingSession(start="22:00", end="06:00", weekdays=["sun"])
    assert allowed(session, "07T23:00", "08T03:00", "01T03:00", "09T03:00") == [True, True, True, False]


def test_until_midnight():
    # the bar that closes at midnight closes on the next day, outside
    session = TradingSession(start="20:00", end="24:00", weekdays=["mon"])
    assert allowed(session, "01T20:00", "01T23:45", "02T00:00") == [True, True, False]
    assert session == TradingSession(start="20:00", end="00:00", weekdays=["mon"])


def test_the_whole_of_some_days():
    session = TradingSession(start="00:00", end="24:00", weekdays=["tue", "mon"])
    assert allowed(session, "01T00:00", "02T23:59", "03T00:00") == [True, True, False]
    assert session.weekdays == ("mon", "tue")


minutes = st.integers(0, 24 * 60 - 1)


@given(minutes, minutes, st.sets(st.sampled_from(WEEKDAYS), min_size=1), st.integers(0, 2_000_000_000_000))
def test_a_session_is_the_minutes_after_its_starts(start, end, weekdays, ts):
    if start == end:
        return
    session = TradingSession(
        start=f"{start // 60:02}:{start % 60:02}",
        end=f"{end // 60:02}:{end % 60:02}",
        weekdays=list(weekdays),
    )
    # counted in another way: some session has started and not ended, looking back a day
    length = (end - start) % (24 * 60)
    minute = ts // 60_000
    day = minute // (24 * 60)
    expected = any(
        WEEKDAYS[(each + 3) % 7] in weekdays and 0 <= minute - (each * 24 * 60 + start) < length
        for each in (day - 1, day)
    )
    assert session.entries_allowed(np.array([ts])).tolist() == [expected]


@pytest.mark.parametrize("count", [0, 3])
def test_one_answer_for_each_close(count):
    answers = TradingSession(start="08:00", end="20:00").entries_allowed(np.zeros(count, np.int64))
    assert answers.dtype == np.bool_
    assert answers.shape == (count,)

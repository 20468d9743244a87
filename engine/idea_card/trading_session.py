"""When a card may open positions: hours of the day and days of the week, in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args, override

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field

from engine.idea_card.base import CardPart
from engine.idea_card.findings import Finding
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS

type Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday.__value__)

MIDNIGHT = "24:00"
"""The end of a day, as the end of a session; the start of one is 00:00."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_THURSDAY = 3  # 1 January 1970, counted from Monday = 0


def _time_of_day(value: Any) -> Any:
    if isinstance(value, str) and _TIME.fullmatch(value):
        return value
    way_out = 'write hours and minutes, as in "08:00"'
    raise Finding((), "is not a time of day", way_out, value).as_error()


def _end_of_session(value: Any) -> Any:
    return MIDNIGHT if value in (MIDNIGHT, "00:00") else _time_of_day(value)


def _in_order(weekdays: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
    return tuple(sorted(weekdays, key=WEEKDAYS.index))


class TradingSession(CardPart):
    """Hours and weekdays in which positions are opened; `start` is inside, `end` is not.

    What counts is the time a bar closes, which is when its signal is seen. A session whose end is before its
    start runs over midnight and belongs to the weekday on which it starts.
    """

    start: Annotated[
        str, BeforeValidator(_time_of_day), Field(json_schema_extra={"pattern": f"^({_TIME.pattern})$"})
    ]
    """First moment, UTC, as in "08:00"."""
    end: Annotated[
        str,
        BeforeValidator(_end_of_session),
        Field(json_schema_extra={"pattern": f"^({_TIME.pattern}|{MIDNIGHT})$"}),
    ]
    """First moment after it, UTC, as in "20:00"; before start for a session over midnight, "24:00" for the
    end of the day."""
    weekdays: Annotated[tuple[Weekday, ...], Field(strict=False, min_length=1), AfterValidator(_in_order)] = (
        WEEKDAYS
    )
    """Days on which the session starts; leave it out for every day."""
    close_outside: bool = False
    """Whether an open position is closed at the session's end; else only entries keep to it."""

    def entries_allowed(self, ts_close: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether a decision at each close may open a position.

        Parameters
        ----------
        ts_close : int64[n]
            When the bars close, in epoch milliseconds.

        Returns
        -------
        bool[n]
        """
        starts_on = np.array([day in self.weekdays for day in WEEKDAYS])
        time = ts_close % DAY_MS
        weekday = (ts_close // DAY_MS + _THURSDAY) % 7
        start, end = _milliseconds(self.start), _milliseconds(self.end)
        if start < end:
            allowed: NDArray[np.bool_] = (time >= start) & (time < end) & starts_on[weekday]
            return allowed
        allowed = (time >= start) & starts_on[weekday] | (time < end) & starts_on[weekday - 1]
        return allowed

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        start, end, weekdays = block.get("start"), block.get("end"), block.get("weekdays")
        if start is not None and start == end:
            yield Finding(
                ("end",),
                "is the same as start",
                f'for the whole day write start: "00:00" and end: "{MIDNIGHT}"',
                end,
            )
        if isinstance(weekdays, list):
            for position, day in enumerate(weekdays):
                if day in weekdays[:position]:
                    yield Finding(("weekdays", position), "is there twice", "name each day once", day)


def _milliseconds(time: str) -> int:
    return int(time[:2]) * HOUR_MS + int(time[3:]) * MINUTE_MS

"""Candle arithmetic: the one place that knows how long a bar is and where it starts.

Times are UTC epoch milliseconds (int). A bar is keyed by `ts_open`; it is closed at
`ts_close = ts_open + ms` and visible from that moment on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum

from engine.errors import ConfigurationError

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# 1 January 1970 was a Thursday; Bybit's weekly candles start on Monday 00:00 UTC.
_MONDAY_OFFSET_MS = 4 * DAY_MS


class Timeframe(Enum):
    """A candle length Bybit serves. The value is the name used in cards, partitions and file names.

    The month is left out on purpose: it has no fixed length, so bar arithmetic does not hold for it.
    """

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H12 = "12h"
    D1 = "1d"
    W1 = "1w"

    @classmethod
    def parse(cls, name: str) -> Timeframe:
        """Return the timeframe called `name` ("15m", "4h").

        Raises
        ------
        ConfigurationError
            If there is no such timeframe.
        """
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(member.value for member in cls)
            raise ConfigurationError(f"{name!r} is not a timeframe", way_out=f"use one of {known}") from None

    @classmethod
    def from_bybit(cls, code: str) -> Timeframe:
        """Return the timeframe of Bybit's interval code ("15", "240", "D")."""
        for member in cls:
            if member.bybit_code == code:
                return member
        raise ConfigurationError(f"{code!r} is not a Bybit interval", way_out="use 1, 3, 5, 15 … 720, D or W")

    @property
    def ms(self) -> int:
        """Length in milliseconds."""
        return _LENGTH_MS[self]

    @property
    def bybit_code(self) -> str:
        """The `interval` parameter of Bybit's kline endpoints."""
        return {"1d": "D", "1w": "W"}.get(self.value, str(self.ms // MINUTE_MS))

    def floor(self, ts_ms: int) -> int:
        """Return `ts_open` of the bar that contains `ts_ms`."""
        offset = _MONDAY_OFFSET_MS if self is Timeframe.W1 else 0
        return (ts_ms - offset) // self.ms * self.ms + offset

    def close(self, ts_open: int) -> int:
        """Return the moment the bar that opened at `ts_open` is closed and becomes visible."""
        return ts_open + self.ms

    def last_closed(self, now_ms: int) -> int:
        """Return `ts_open` of the newest bar that is closed at `now_ms`."""
        return self.floor(now_ms) - self.ms

    def is_aligned(self, ts_ms: int) -> bool:
        """Whether a bar opens exactly at `ts_ms`."""
        return self.floor(ts_ms) == ts_ms

    def bars_between(self, start_ms: int, end_ms: int) -> int:
        """Return how many bars open in [start_ms, end_ms); both ends are rounded up to the grid."""
        first, last = (self.floor(edge + self.ms - 1) for edge in (start_ms, end_ms))
        return max(0, (last - first) // self.ms)

    def bars_per_year(self) -> float:
        """Return bars in a year of 365.25 days of a market that never closes; used to annualise."""
        return 365.25 * DAY_MS / self.ms

    def __lt__(self, other: Timeframe) -> bool:
        return self.ms < other.ms

    def __le__(self, other: Timeframe) -> bool:
        return self.ms <= other.ms

    def __str__(self) -> str:
        return self.value


_UNIT_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
_LENGTH_MS = {member: int(member.value[:-1]) * _UNIT_MS[member.value[-1]] for member in Timeframe}

DURATION_PATTERN = r"[1-9][0-9]{0,5}[mhdw]"
"""How a duration is written: minutes, hours, days or weeks, as in 90m, 4h, 2d, 1w."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_duration(text: object) -> int:
    """Return the milliseconds of a duration as "90m", "4h", "2d" or "1w".

    Raises
    ------
    ConfigurationError
        If `text` is not such a duration.
    """
    if not isinstance(text, str) or not re.fullmatch(DURATION_PATTERN, text):
        raise ConfigurationError(
            f"{text!r} is not a duration",
            way_out="write minutes, hours, days or weeks, as in 90m, 4h, 2d or 1w",
        )
    return int(text[:-1]) * _UNIT_MS[text[-1]]


def parse_utc(text: str) -> int:
    """Return the epoch milliseconds of an ISO date or date-time; without an offset it is taken as UTC.

    Raises
    ------
    ConfigurationError
        If `text` is not such a date.
    """
    try:
        if not _DATE.match(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is not a date", way_out="write it as 2025-06-15 or 2025-06-15T12:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def format_utc(ts_ms: int) -> str:
    """Return `ts_ms` as "2025-06-15 12:00:00" (UTC); milliseconds are shown where there are any."""
    moment = datetime.fromtimestamp(ts_ms / 1000, tz=UTC)
    return moment.isoformat(sep=" ", timespec="milliseconds" if ts_ms % 1000 else "seconds")[:-6]

"""How old a partition's newest candle may be."""

from __future__ import annotations

from engine.timeframes import MINUTE_MS, Timeframe

# A close is seen within half a minute, a run is started, and one that was busy is waited for.
GRACE_MS = 15 * MINUTE_MS


def is_fresh(last_ts_open: int, timeframe: Timeframe, now_ms: int) -> bool:
    """Return whether every candle is there that closed `GRACE_MS` ago or earlier.

    Parameters
    ----------
    last_ts_open : int
        Open of the newest candle that is stored.
    timeframe : Timeframe
        Its length.
    now_ms : int
        The present.
    """
    return last_ts_open >= timeframe.last_closed(now_ms - GRACE_MS)


def lag_minutes(last_ts_open: int, timeframe: Timeframe, now_ms: int) -> float:
    """Return the minutes since the newest stored candle closed."""
    return (now_ms - timeframe.close(last_ts_open)) / MINUTE_MS

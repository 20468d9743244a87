"""A run by calendar and by what ended its trades: tables beside the single figures."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.metrics.calendar import Period, period_of, period_returns, start_of
from engine.metrics.trades import profit_factor, win_rate_pct
from engine.timeframes import DAY_MS, HOUR_MS

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

UNTAGGED = "(none)"
"""How trades whose entry rule has no tag are called."""


class TradeGroup(Enum):
    """What trades can be grouped by; the hour and the weekday are those of the entry, in UTC.

    What a trade is ended by is the tag of its exit rule, or else its exit reason.
    """

    HOUR = "hour"
    WEEKDAY = "weekday"
    EXIT_REASON = "exit_reason"
    ENTRY_TAG = "entry_tag"
    ENDED_BY = "ended_by"
    DIRECTION = "direction"
    SYMBOL = "symbol"


def returns_by_period(
    equity: pd.DataFrame, trades: pd.DataFrame, period: Period, *, starting_equity_usdt: float
) -> pd.DataFrame:
    """Return what each period of a run came to.

    See `period_returns`; a period in which no bar closes has no row. Trades count where they were closed.

    Parameters
    ----------
    equity : DataFrame
        With `ts_close` (UTC milliseconds, ascending) and `equity_usdt`.
    trades : DataFrame
        With `ts_exit` and `net_pnl_usdt`.
    period : Period
    starting_equity_usdt : float

    Returns
    -------
    DataFrame
        ts_start int64 (UTC ms), net_pnl_usdt, return_pct float64 (NaN once the equity before it is zero or
        less), trades, won int64.
    """
    found = period_returns(equity, period, starting_equity_usdt=starting_equity_usdt)
    closed_in = period_of(trades["ts_exit"].to_numpy(np.int64) - 1, period)
    place = np.searchsorted(found.numbers, closed_in)
    net = trades["net_pnl_usdt"].to_numpy(np.float64)
    return pd.DataFrame(
        {
            "ts_start": start_of(found.numbers, period),
            "net_pnl_usdt": found.net_pnl_usdt,
            "return_pct": found.return_pct,
            "trades": np.bincount(place, minlength=len(found.numbers)).astype(np.int64),
            "won": np.bincount(place[net > 0], minlength=len(found.numbers)).astype(np.int64),
        }
    )


def trades_by(trades: pd.DataFrame, group: TradeGroup) -> pd.DataFrame:
    """Return the trades of a run by `group`, in the group's own order; a group without trades has no row.

    Parameters
    ----------
    trades : DataFrame
        As a backtest gives it. Only a portfolio's has a symbol.
    group : TradeGroup

    Returns
    -------
    DataFrame
        The group (its name as the column's), trades int64, win_rate_pct, net_pnl_usdt, expectancy_usdt,
        profit_factor float64 (NaN where no trade lost).
    """
    named = _LABELS.get(group)
    labels = trades[group.value].to_numpy(object) if named is None else named(trades)
    net = trades["net_pnl_usdt"].to_numpy(np.float64)
    rows = [
        (label, len(of), win_rate_pct(of), float(of.sum()), float(of.mean()), profit_factor(of))
        for label in sorted(set(labels.tolist()))
        for of in [net[labels == label]]
    ]
    names = ("trades", "win_rate_pct", "net_pnl_usdt", "expectancy_usdt", "profit_factor")
    table = pd.DataFrame(rows, columns=[group.value, *names])
    if group is TradeGroup.WEEKDAY:
        table[group.value] = [WEEKDAYS[number] for number in table[group.value]]
    return table


def _hour(trades: pd.DataFrame) -> NDArray[Any]:
    return trades["ts_entry"].to_numpy(np.int64) % DAY_MS // HOUR_MS


def _weekday(trades: pd.DataFrame) -> NDArray[Any]:
    # 1 January 1970 was a Thursday
    return (trades["ts_entry"].to_numpy(np.int64) // DAY_MS + 3) % 7


def _entry_tag(trades: pd.DataFrame) -> NDArray[Any]:
    tags = trades["entry_tag"].to_numpy(object)
    return np.where(tags != "", tags, UNTAGGED)


def _ended_by(trades: pd.DataFrame) -> NDArray[Any]:
    tags, reasons = trades["exit_tag"].to_numpy(object), trades["exit_reason"].to_numpy(object)
    return np.where(tags != "", tags, reasons)


_LABELS: dict[TradeGroup, Callable[[pd.DataFrame], NDArray[Any]]] = {
    TradeGroup.HOUR: _hour,
    TradeGroup.WEEKDAY: _weekday,
    TradeGroup.ENTRY_TAG: _entry_tag,
    TradeGroup.ENDED_BY: _ended_by,
}

"""Statistics of the closed trades, in net PnL: after fees, slippage and funding.

A trade with a net PnL of exactly zero is neither won nor lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.metrics.described import Better, Unit, described
from engine.metrics.distribution import is_constant

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class TradeMetrics:
    """How many trades, how they ended and what they were worth; long and short apart."""

    family: ClassVar[str] = "Trades"

    trades: int = described("Trades", Unit.COUNT, Better.NEITHER, "Closed trades.")
    long_trades: int = described("Long trades", Unit.COUNT, Better.NEITHER, "Closed long trades.")
    short_trades: int = described("Short trades", Unit.COUNT, Better.NEITHER, "Closed short trades.")
    win_rate_pct: float = described(
        "Win rate", Unit.PERCENT, Better.HIGHER, "Share of the trades with a net PnL above zero."
    )
    long_win_rate_pct: float = described(
        "Win rate, long", Unit.PERCENT, Better.HIGHER, "Share of the long trades that won."
    )
    short_win_rate_pct: float = described(
        "Win rate, short", Unit.PERCENT, Better.HIGHER, "Share of the short trades that won."
    )
    gross_pnl_usdt: float = described(
        "PnL before fees and funding",
        Unit.USDT,
        Better.HIGHER,
        "Sum of the price gains at the filled prices, which slippage has already moved.",
    )
    long_net_pnl_usdt: float = described(
        "Net PnL, long", Unit.USDT, Better.HIGHER, "Sum of the net PnL of the long trades."
    )
    short_net_pnl_usdt: float = described(
        "Net PnL, short", Unit.USDT, Better.HIGHER, "Sum of the net PnL of the short trades."
    )
    profit_factor: float = described(
        "Profit factor", Unit.RATIO, Better.HIGHER, "Sum won over sum lost; not defined without a loss."
    )
    payoff_ratio: float = described(
        "Payoff ratio", Unit.RATIO, Better.HIGHER, "Average win over average loss."
    )
    expectancy_usdt: float = described("Expectancy", Unit.USDT, Better.HIGHER, "Average net PnL of a trade.")
    expectancy_r: float = described(
        "Expectancy in R", Unit.RATIO, Better.HIGHER, "Average R multiple of the trades that had a stop."
    )
    average_win_usdt: float = described(
        "Average win", Unit.USDT, Better.HIGHER, "Average net PnL of the trades that won."
    )
    average_loss_usdt: float = described(
        "Average loss", Unit.USDT, Better.HIGHER, "Average net PnL of the trades that lost (negative)."
    )
    best_trade_usdt: float = described("Best trade", Unit.USDT, Better.HIGHER, "Highest net PnL of a trade.")
    worst_trade_usdt: float = described("Worst trade", Unit.USDT, Better.HIGHER, "Lowest net PnL of a trade.")
    average_mae_usdt: float = described(
        "Average adverse excursion",
        Unit.USDT,
        Better.NEITHER,
        "Average of the worst unrealised PnL reached while a trade was open.",
    )
    average_mfe_usdt: float = described(
        "Average favourable excursion",
        Unit.USDT,
        Better.NEITHER,
        "Average of the best unrealised PnL reached while a trade was open.",
    )
    sqn: float = described(
        "System quality number",
        Unit.RATIO,
        Better.HIGHER,
        "Mean net PnL over its standard deviation, times the root of the number of trades.",
    )
    kelly_pct: float = described(
        "Kelly criterion",
        Unit.PERCENT,
        Better.HIGHER,
        "Share of the capital to risk if win rate and payoff ratio held for ever.",
    )
    largest_adverse_excursion_usdt: float = described(
        "Largest adverse excursion", Unit.USDT, Better.HIGHER, "Worst unrealised PnL of any trade."
    )
    largest_favourable_excursion_usdt: float = described(
        "Largest favourable excursion", Unit.USDT, Better.HIGHER, "Best unrealised PnL of any trade."
    )
    average_bars_held: float = described(
        "Average holding time", Unit.BARS, Better.NEITHER, "Mean bars from entry to exit."
    )
    median_bars_held: float = described(
        "Median holding time", Unit.BARS, Better.NEITHER, "Median bars from entry to exit."
    )
    average_bars_won: float = described(
        "Average holding time, won", Unit.BARS, Better.NEITHER, "Mean bars of the trades that won."
    )
    average_bars_lost: float = described(
        "Average holding time, lost", Unit.BARS, Better.NEITHER, "Mean bars of the trades that lost."
    )
    most_bars_held: float = described(
        "Longest holding time", Unit.BARS, Better.NEITHER, "Most bars of any trade."
    )
    longest_winning_streak: int = described(
        "Longest winning streak", Unit.COUNT, Better.HIGHER, "Most trades won in a row."
    )
    longest_losing_streak: int = described(
        "Longest losing streak", Unit.COUNT, Better.LOWER, "Most trades lost in a row."
    )


def trade_metrics(trades: pd.DataFrame) -> TradeMetrics:
    """Return the family of a trades frame, in order of entry. Without trades the averages are NaN."""
    net = _column(trades, "net_pnl_usdt")
    is_long = (trades["direction"] == "long").to_numpy(dtype=bool)
    is_short = ~is_long
    won, lost = net[net > 0], net[net < 0]
    r_multiples = _column(trades, "r_multiple")
    held = _column(trades, "bars_held")
    mae, mfe = _column(trades, "mae_usdt"), _column(trades, "mfe_usdt")
    return TradeMetrics(
        trades=len(net),
        long_trades=int(is_long.sum()),
        short_trades=int(is_short.sum()),
        win_rate_pct=win_rate_pct(net),
        long_win_rate_pct=win_rate_pct(net[is_long]),
        short_win_rate_pct=win_rate_pct(net[is_short]),
        gross_pnl_usdt=float(_column(trades, "gross_pnl_usdt").sum()),
        long_net_pnl_usdt=float(net[is_long].sum()),
        short_net_pnl_usdt=float(net[is_short].sum()),
        profit_factor=profit_factor(net),
        payoff_ratio=payoff_ratio(net),
        expectancy_usdt=_mean(net),
        expectancy_r=_mean(r_multiples[np.isfinite(r_multiples)]),
        average_win_usdt=_mean(won),
        average_loss_usdt=_mean(lost),
        best_trade_usdt=float(net.max()) if len(net) else math.nan,
        worst_trade_usdt=float(net.min()) if len(net) else math.nan,
        average_mae_usdt=_mean(mae),
        average_mfe_usdt=_mean(mfe),
        sqn=sqn(net),
        kelly_pct=kelly_pct(net),
        largest_adverse_excursion_usdt=float(mae.min()) if len(mae) else math.nan,
        largest_favourable_excursion_usdt=float(mfe.max()) if len(mfe) else math.nan,
        average_bars_held=_mean(held),
        median_bars_held=float(np.median(held)) if len(held) else math.nan,
        average_bars_won=_mean(held[net > 0]),
        average_bars_lost=_mean(held[net < 0]),
        most_bars_held=float(held.max()) if len(held) else math.nan,
        longest_winning_streak=longest_streak(net > 0),
        longest_losing_streak=longest_streak(net < 0),
    )


def win_rate_pct(net_pnl: NDArray[np.float64]) -> float:
    """Return `trades with net PnL > 0 / trades` in percent; NaN without trades."""
    return float((net_pnl > 0).mean()) * 100 if len(net_pnl) else math.nan


def profit_factor(net_pnl: NDArray[np.float64]) -> float:
    """Return `sum of net PnL > 0 / -(sum of net PnL < 0)`.

    NaN where no trade lost: the quotient has no value then, and a large number in its place would read
    as evidence.
    """
    lost = -float(net_pnl[net_pnl < 0].sum())
    return float(net_pnl[net_pnl > 0].sum()) / lost if lost > 0 else math.nan


def payoff_ratio(net_pnl: NDArray[np.float64]) -> float:
    """Return `average win / -(average loss)`; NaN unless there is at least one of each."""
    won, lost = net_pnl[net_pnl > 0], net_pnl[net_pnl < 0]
    return float(won.mean() / -lost.mean()) if len(won) and len(lost) else math.nan


def sqn(net_pnl: NDArray[np.float64]) -> float:
    """Return `mean(p) / std(p, ddof=1) * sqrt(trades)` of the net PnL; NaN without a spread.

    Source: Van Tharp, who takes R multiples of at most 100 trades. Money is taken here, as trades without a
    stop have no R, and all trades, so the figure grows with their number.
    """
    if is_constant(net_pnl):
        return math.nan
    return float(net_pnl.mean() / net_pnl.std(ddof=1)) * math.sqrt(len(net_pnl))


def kelly_pct(net_pnl: NDArray[np.float64]) -> float:
    """Return `w - (1 - w) / payoff ratio` in percent, with w the share of the trades that won (Kelly, 1956).

    NaN where the payoff ratio is not defined. Below zero: nothing should be risked.
    """
    won = float((net_pnl > 0).mean()) if len(net_pnl) else math.nan
    return (won - (1 - won) / payoff_ratio(net_pnl)) * 100


def longest_streak(outcome: NDArray[np.bool_]) -> int:
    """Return the longest run of True."""
    edges = np.diff(np.concatenate(([False], outcome, [False])).astype(np.int8))
    lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    return int(lengths.max(initial=0))


def _column(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    # An empty frame may carry object columns
    return frame[name].to_numpy(dtype=np.float64)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan

"""What a run of a portfolio leaves behind: one wallet's curve and books, and what each member did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from upath import UPath

from engine.backtest.artifacts import read_files
from engine.backtest.result import RunCounters
from engine.metrics.compute import Metrics, compute_metrics
from engine.timeframes import Timeframe


@dataclass(frozen=True)
class MemberResult:
    """One card on one symbol, as a member of a portfolio.

    Attributes
    ----------
    member : int
        Its place in the order of priority, from 0; the `member` of the frames.
    bars, filled_bars : int
        Its exec bars that were run, and those of them the exchange did not have.
    trades, liquidations, ambiguous_trades : int
    win_rate_pct, profit_factor : float or None
        As the metrics of these names; None where they are not defined.
    gross_pnl_usdt, fees_usdt, funding_usdt, slippage_usdt, net_pnl_usdt : float
        Sums over its trades.
    contribution_pct : float
        Its net PnL in percent of the starting equity: over all members these add up to the net return.
    rejected_orders : mapping of str to int
        Its orders refused or ended unfilled, by reason.
    """

    member: int
    card_id: str
    card_version: str
    system_hash: str
    symbol: str
    data_fingerprint: str
    window: tuple[int, int]
    bars: int
    filled_bars: int
    trades: int
    win_rate_pct: float | None
    profit_factor: float | None
    gross_pnl_usdt: float
    fees_usdt: float
    funding_usdt: float
    slippage_usdt: float
    net_pnl_usdt: float
    contribution_pct: float
    liquidations: int
    ambiguous_trades: int
    rejected_orders: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class PortfolioResult:
    """Several cards and symbols on one wallet.

    Attributes
    ----------
    run_id : str
        Hash of the members in their order, the starting equity and the most positions: the same id means the
        same bytes.
    window : tuple of int
        First ts_open and last ts_close of any member.
    max_open_positions : int or None
        None: as many as there are members.
    members : tuple of MemberResult
        In the order of priority.
    counters : RunCounters
        Of the wallet: `bars` are the times at which any member has a bar, `bars_in_market` those that closed
        with a position, `filled_bars` those at which a member's bar was filled.
    trades, fills, funding : DataFrame
        The columns of `engine.backtest.frames` after `member`; bars are that member's.
    equity : DataFrame
        A row per time: ts_close, equity_usdt, basket (buying and holding all symbols in equal parts, 1 at the
        first close), exposure_usdt (value of all positions), open_positions, used_margin_usdt.
    """

    run_id: str
    engine_version: str
    exec_timeframe: Timeframe
    window: tuple[int, int]
    starting_equity_usdt: float
    final_equity_usdt: float
    max_open_positions: int | None
    members: tuple[MemberResult, ...]
    counters: RunCounters
    trades: pd.DataFrame
    fills: pd.DataFrame
    equity: pd.DataFrame
    funding: pd.DataFrame

    def trades_of(self, member: int) -> pd.DataFrame:
        """Return the trades of one member."""
        return self.trades[self.trades["member"] == member].reset_index(drop=True)

    def fills_of(self, member: int) -> pd.DataFrame:
        """Return the fills of one member."""
        return self.fills[self.fills["member"] == member].reset_index(drop=True)

    def summary(self) -> dict[str, Any]:
        """Return everything but the frames, as plain data that JSON can hold."""
        return {
            "run_id": self.run_id,
            "engine_version": self.engine_version,
            "exec_timeframe": str(self.exec_timeframe),
            "window": list(self.window),
            "starting_equity_usdt": self.starting_equity_usdt,
            "final_equity_usdt": self.final_equity_usdt,
            "max_open_positions": self.max_open_positions,
            "members": [asdict(member) for member in self.members],
            "counters": asdict(self.counters),
        }

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any], frames: Mapping[str, pd.DataFrame]) -> PortfolioResult:
        """Return the result that `summary` and the frames (by name) describe."""
        fields: dict[str, Any] = {**summary, **frames}
        fields["exec_timeframe"] = Timeframe.parse(fields["exec_timeframe"])
        fields["window"] = tuple(fields["window"])
        fields["members"] = tuple(
            MemberResult(**{**member, "window": tuple(member["window"])}) for member in fields["members"]
        )
        fields["counters"] = RunCounters(**fields["counters"])
        return cls(**fields)


def read_portfolio(folder: UPath) -> PortfolioResult:
    """Return the result in `folder`, after holding every file against the manifest.

    `engine.backtest.artifacts.write_artifacts` writes it.

    Raises
    ------
    DataNotFound, CorruptData
        As `engine.backtest.artifacts.read_files` does.
    """
    return PortfolioResult.from_summary(*read_files(folder))


def measure_portfolio(result: PortfolioResult) -> Metrics:
    """Return every metric of the wallet; see `engine.metrics.compute`.

    Leverage is the value of all positions over the equity, buy and hold is the basket, and time in the market
    is the share of the closes at which any position was open.
    """
    equity = result.equity
    as_one_position = pd.DataFrame(
        {
            "ts_close": equity["ts_close"],
            "equity_usdt": equity["equity_usdt"],
            "close": equity["basket"],
            "position_size": equity["exposure_usdt"] / equity["basket"],
            "used_margin_usdt": equity["used_margin_usdt"],
        }
    )
    metrics = compute_metrics(
        as_one_position,
        result.trades,
        result.fills,
        result.funding,
        starting_equity_usdt=result.starting_equity_usdt,
        bars_per_year=result.exec_timeframe.bars_per_year(),
        counters=result.counters,
    )
    # the sum over trades that are held side by side would count a bar several times
    in_market = float(np.mean(equity["open_positions"].to_numpy() > 0)) * 100
    return replace(metrics, time_in_market_pct=in_market)

"""What a run leaves behind, as frames people and metrics read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from engine.backtest.detail_report import DetailReport
from engine.timeframes import Timeframe


@dataclass(frozen=True)
class RunCounters:
    """Plain counts of a run.

    Attributes
    ----------
    bars, bars_in_market, filled_bars : int
        Exec bars run, those that closed with a position, and those the exchange did not have.
    ambiguous_trades, liquidations : int
    capped_entries, partial_entries : int
        Entries cut down to what the balance or the card's caps allow, and those filled in part because of the
        bar's volume.
    partial_liquidations : int
        Steps down a risk tier; `liquidations` are positions taken over whole.
    rejected_orders : mapping of str to int
        Orders refused or ended unfilled, by reason; reasons that did not occur are left out.
    stopped_early : str or None
        Why the run ended before its data did.
    stopped_at : int or None
        Close of the bar it ended at, UTC ms.
    """

    bars: int
    bars_in_market: int
    filled_bars: int
    ambiguous_trades: int
    liquidations: int
    capped_entries: int
    rejected_orders: Mapping[str, int]
    stopped_early: str | None
    stopped_at: int | None
    partial_entries: int = 0
    partial_liquidations: int = 0


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """One card over one symbol's history.

    Attributes
    ----------
    run_id : str
        Hash of system hash, data fingerprint and window: the same id means the same bytes.
    trades, fills, equity, funding : DataFrame
        Columns are listed in `engine.backtest.frames`.
    detail : DetailReport or None
        What the detail timeframe changed; None for a card without one.
    """

    run_id: str
    system_hash: str
    data_fingerprint: str
    engine_version: str
    card_id: str
    card_version: str
    symbol: str
    exec_timeframe: Timeframe
    window: tuple[int, int]
    starting_equity_usdt: float
    final_equity_usdt: float
    counters: RunCounters
    trades: pd.DataFrame
    fills: pd.DataFrame
    equity: pd.DataFrame
    funding: pd.DataFrame
    detail: DetailReport | None = None

    def summary(self) -> dict[str, Any]:
        """Return everything but the frames, as plain data that JSON can hold."""
        detail = {} if self.detail is None else {"detail": self.detail.to_plain()}
        return {
            "run_id": self.run_id,
            "system_hash": self.system_hash,
            "data_fingerprint": self.data_fingerprint,
            "engine_version": self.engine_version,
            "card_id": self.card_id,
            "card_version": self.card_version,
            "symbol": self.symbol,
            "exec_timeframe": str(self.exec_timeframe),
            "window": list(self.window),
            "starting_equity_usdt": self.starting_equity_usdt,
            "final_equity_usdt": self.final_equity_usdt,
            "counters": asdict(self.counters),
            **detail,
        }

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any], frames: Mapping[str, pd.DataFrame]) -> BacktestResult:
        """Return the result that `summary` and the frames (by name) describe."""
        fields: dict[str, Any] = {**summary, **frames}
        fields["exec_timeframe"] = Timeframe.parse(fields["exec_timeframe"])
        fields["window"] = tuple(fields["window"])
        fields["counters"] = RunCounters(**fields["counters"])
        if "detail" in fields:
            fields["detail"] = DetailReport.from_plain(fields["detail"])
        return cls(**fields)

"""What finer bars changed: the same card on the same market, without them and with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.backtest.prepare import PreparedFrame
from engine.sim.detail import DetailBars
from engine.sim.records import Records
from engine.sim.simulate import SimulationOutput, simulate
from engine.sim.simulate_detailed import simulate_detailed
from engine.timeframes import Timeframe


@dataclass(frozen=True)
class DetailReport:
    """A run on the finer bars inside its exec bars, beside the same run on the exec bars alone.

    Attributes
    ----------
    timeframe : Timeframe
        Of the finer bars.
    covered_bars : int
        Exec bars that ran on their finer bars; any other has some missing, or filled over a gap.
    covered_pct : float
        Of all exec bars of the run.
    trades_without, trades_with : int
    ambiguous_without, ambiguous_with : int
        Trades in which a stop and a target were in range of one bar, or the like, and the bad end was taken.
    changed_trades : int
        Trades entered in the same exec bar on the same side in both runs, with another entry or exit price,
        another exit bar or another exit reason.
    net_pnl_without_usdt, net_pnl_with_usdt : float
    """

    timeframe: Timeframe
    covered_bars: int
    covered_pct: float
    trades_without: int
    trades_with: int
    ambiguous_without: int
    ambiguous_with: int
    changed_trades: int
    net_pnl_without_usdt: float
    net_pnl_with_usdt: float

    @property
    def net_pnl_difference_usdt(self) -> float:
        """What the finer bars added to the net PnL."""
        return self.net_pnl_with_usdt - self.net_pnl_without_usdt

    def to_plain(self) -> dict[str, Any]:
        """Return the report as plain data that JSON can hold."""
        difference = {"net_pnl_difference_usdt": self.net_pnl_difference_usdt}
        return {**asdict(self), "timeframe": str(self.timeframe), **difference}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> DetailReport:
        """Return the report that `to_plain` wrote."""
        fields = {name: plain[name] for name in cls.__dataclass_fields__}
        return cls(**fields | {"timeframe": Timeframe.parse(plain["timeframe"])})


def simulated(prepared: PreparedFrame, *, book: bool = True) -> SimulationOutput:
    """Run a prepared card with the driver it needs, on finer bars where it has them.

    Parameters
    ----------
    prepared : PreparedFrame
    book : bool
        As for `simulate`.

    Raises
    ------
    SimulationError
        If the signals do not belong to the bars.
    StrategyError
        If the card's strategy in Python fails.
    """
    return _driven(prepared, prepared.detail, book=book)


def compared(prepared: PreparedFrame, output: SimulationOutput) -> DetailReport | None:
    """Run a prepared card a second time on its exec bars alone, and return what its finer bars changed.

    Parameters
    ----------
    prepared : PreparedFrame
    output : SimulationOutput
        Of `simulated`.

    Returns
    -------
    DetailReport or None
        None where the card has no detail timeframe.
    """
    detail, timeframe = prepared.detail, prepared.plan.card.timeframes.detail
    if detail is None or timeframe is None:
        return None
    plain = _driven(prepared, None, book=False)
    starting_equity = float(prepared.plan.card.account.starting_equity_usdt)
    covered = int((detail.first[: output.bars] >= 0).sum())
    return DetailReport(
        timeframe=timeframe,
        covered_bars=covered,
        covered_pct=covered / output.bars * 100.0,
        trades_without=len(plain.trades),
        trades_with=len(output.trades),
        ambiguous_without=int(plain.trades.ambiguous.sum()),
        ambiguous_with=int(output.trades.ambiguous.sum()),
        changed_trades=_changed(plain.trades, output.trades),
        net_pnl_without_usdt=float(plain.equity[-1]) - starting_equity,
        net_pnl_with_usdt=float(output.equity[-1]) - starting_equity,
    )


def _driven(prepared: PreparedFrame, detail: DetailBars | None, *, book: bool) -> SimulationOutput:
    """Run a prepared card on finer bars, or on its exec bars alone, by the driver it needs."""
    if prepared.plan.strategy is not None:
        # most runs do without this driver, and a new process is to begin quickly
        from engine.backtest.strategy_run import run_strategy

        return run_strategy(prepared, detail=detail)
    terms = (
        prepared.signals,
        prepared.funding,
        prepared.contract,
        prepared.tiers,
        prepared.plan.card.account.starting_equity_usdt,
    )
    if detail is None:
        return simulate(prepared.bars, *terms, book=book)
    return simulate_detailed(detail, *terms, book=book)


def _changed(before: Records, after: Records) -> int:
    # Decisions are taken at exec closes, so an exec bar begins one trade at most.
    began_then, began_now = (2 * trades.entry_bar + (trades.direction > 0) for trades in (before, after))
    _, then, now = np.intersect1d(began_then, began_now, return_indices=True)
    ends = ("entry_price", "exit_price", "exit_bar", "reason")
    differ = np.zeros(len(now), np.bool_)
    for name in ends:
        differ |= before[name][then] != after[name][now]
    return int(differ.sum())

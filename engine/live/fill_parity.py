"""How a real exchange filled, next to how the backtest would have: prices, latency, and what only one has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import pandas as pd

from engine.live.journal import JournalEntry, JournalKind
from engine.live.leg_fills import ENTRY, FUNDING

_END = "end_of_data"


@dataclass(frozen=True)
class RunTrade:
    """A trade as the journal has it: averages over its fills; None where it is still open."""

    bar: int
    direction: int
    entry_ms: int
    entry_price: float
    exit_price: float | None = None
    exit_reason: str | None = None


@dataclass(frozen=True)
class TradeGap:
    """A trade that both have.

    Attributes
    ----------
    bar : int
        The exec bar of its entry, counted from the run's first.
    entry_bps : float
        How much worse the run's entry price is, in basis points of the price; below 0 it is better.
    exit_bps : float or None
        The same of the exit, where both left for the same reason.
    latency_ms : int
        From the open of that bar, which is the close the entry was decided at, to the run's first fill.
    reasons : (str, str) or None
        Why each left, where that differs.
    """

    bar: int
    entry_bps: float
    exit_bps: float | None
    latency_ms: int
    reasons: tuple[str, str] | None


@dataclass(frozen=True)
class FillComparison:
    """The trades of a run and of its replay.

    Attributes
    ----------
    gaps : tuple of TradeGap
    only_run, only_replay : tuple of str
        Trades that one of them has, each with why, as far as the journal tells.
    """

    gaps: tuple[TradeGap, ...]
    only_run: tuple[str, ...]
    only_replay: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Return the figures: means in basis points, the median latency in ms."""
        exits = [gap.exit_bps for gap in self.gaps if gap.exit_bps is not None]
        return {
            "matched": len(self.gaps),
            "only_run": len(self.only_run),
            "only_replay": len(self.only_replay),
            "mean_entry_bps": fmean(gap.entry_bps for gap in self.gaps) if self.gaps else None,
            "mean_exit_bps": fmean(exits) if exits else None,
            "median_latency_ms": median(gap.latency_ms for gap in self.gaps) if self.gaps else None,
            "left_otherwise": sum(gap.reasons is not None for gap in self.gaps),
        }


def run_trades(entries: Sequence[JournalEntry], first_open: int, bar_ms: int) -> list[RunTrade]:
    """Return the trades in the fills of one leg, in their order."""
    trades: list[RunTrade] = []
    held = entered = left = 0.0
    value_in = value_out = 0.0
    for entry in entries:
        data = entry.data
        if entry.kind is not JournalKind.FILL or data["reason"] == FUNDING:
            continue
        price, size, ts = float(data["price"]), float(data["size"]), int(data["ts_ms"])
        if data["reason"] == ENTRY:
            if held <= 0.0:
                direction = 1 if data["side"] == "buy" else -1
                trades.append(RunTrade((ts - first_open) // bar_ms, direction, ts, price))
                entered = value_in = left = value_out = 0.0
            held += size
            entered += size
            value_in += size * price
            last = trades[-1]
            trades[-1] = RunTrade(last.bar, last.direction, last.entry_ms, value_in / entered)
        elif trades:
            held -= size
            left += size
            value_out += size * price
            last = trades[-1]
            trades[-1] = RunTrade(
                last.bar, last.direction, last.entry_ms, last.entry_price, value_out / left, data["reason"]
            )
            held = 0.0 if held < 1e-12 else held
    return trades


def compare_fills(
    trades: Sequence[RunTrade],
    replay: pd.DataFrame,
    refusals: Mapping[int, str],
    late: Mapping[int, int],
    first_open: int,
    bar_ms: int,
    bars: int,
) -> FillComparison:
    """Hold the trades of a run against those of its replay.

    Parameters
    ----------
    trades : sequence of RunTrade
    replay : DataFrame
        The trades of the backtest.
    refusals : mapping of int to str
        Why an entry decided at a close was refused.
    late : mapping of int to int
        By how many milliseconds a close was decided late, where it was.
    first_open, bar_ms, bars : int
        The grid of bars, and how many there are: what came after them is not compared.
    """
    ours = {trade.bar: trade for trade in trades if trade.bar < bars}
    gaps, only_replay = [], []
    for row in replay.to_dict("records"):
        bar = int(row["entry_bar"])
        trade = ours.pop(bar, None)
        ts_close = first_open + bar * bar_ms
        if trade is None:
            why = refusals.get(ts_close) or (
                f"decided {late[ts_close] / 1000:.0f} s late" if ts_close in late else "its position differed"
            )
            only_replay.append(f"entry in bar {bar} at {row['entry_price']}: {why}")
            continue
        gaps.append(_gap(trade, row, ts_close))
    only_run = [f"entry in bar {trade.bar} at {trade.entry_price}" for trade in ours.values()]
    return FillComparison(tuple(gaps), tuple(only_run), tuple(only_replay))


def _gap(trade: RunTrade, row: Mapping[Any, Any], ts_close: int) -> TradeGap:
    reason = str(row["exit_reason"])
    same = trade.exit_reason == reason
    exit_bps = None
    if same and trade.exit_price is not None:
        exit_bps = -_worse_bps(trade.direction, trade.exit_price, float(row["exit_price"]))
    ended = trade.exit_reason is not None and reason != _END
    return TradeGap(
        bar=trade.bar,
        entry_bps=_worse_bps(trade.direction, trade.entry_price, float(row["entry_price"])),
        exit_bps=exit_bps,
        latency_ms=trade.entry_ms - ts_close,
        reasons=None if same or not ended else (str(trade.exit_reason), reason),
    )


def _worse_bps(direction: int, run: float, replay: float) -> float:
    """Return how much more was paid for what was bought, in basis points."""
    return 1e4 * direction * (run - replay) / replay

"""What cards decide at a close: the backtest's own rules over what the run has seen so far.

There is no second way to compute an indicator or a rule here. `engine.backtest.decisions` is asked for the
bars in question, over arrays that start where the run's warm-up started and end with the bars that have
closed. What it says of a bar depends on that bar and those before it only, so that it is the same, to the
bit, whether the bar is the newest or one of thousands that are looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from engine.backtest.decisions import decisions
from engine.backtest.history import History, Window
from engine.errors import DataError
from engine.live.market import SymbolMarket
from engine.sim.market import BarSignals, FundingEvents
from engine.sim.records import Floats
from engine.strategies.card_plan import CardPlan
from engine.timeframes import format_utc


@dataclass(frozen=True, eq=False, slots=True)
class Decision:
    """What a card's rules say at one close.

    Attributes
    ----------
    ts_close : int
        Epoch milliseconds.
    bits : int
        The `SignalBit`s that hold.
    levels : float64[k, 1]
        The features its orders look at and those that name its signals, as `BarSignals` has them.
    """

    ts_close: int
    bits: int
    levels: Floats

    def to_plain(self) -> dict[str, Any]:
        """Return it as a line of a journal; `from_plain` gives it back to the bit."""
        return {"ts_close": self.ts_close, "bits": self.bits, "levels": self.levels[:, 0].tolist()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the decision that `to_plain` described."""
        levels = np.array([float(level) for level in plain["levels"]], np.float64).reshape(-1, 1)
        return cls(int(plain["ts_close"]), int(plain["bits"]), levels)

    def says(self, other: Decision) -> bool:
        """Whether the other one is the same, to the bit."""
        return (
            self.ts_close == other.ts_close
            and self.bits == other.bits
            and np.array_equal(self.levels, other.levels, equal_nan=True)
        )


def signals_between(plan: CardPlan, history: History, first_open: int, ts_close: int) -> BarSignals:
    """Return the signals of the bars that open from `first_open` on and have closed by `ts_close`.

    Raises
    ------
    DataError
        If there is no such bar, or the history is too short for the card's warm-up.
    """
    timeframe = plan.card.timeframes.exec
    bars = history.bars(timeframe)
    first, after = np.searchsorted(bars.ts_open, (first_open, ts_close - timeframe.ms + 1))
    if first >= after:
        raise DataError(
            f"card {plan.card.id}: no {timeframe} bar of {history.symbol} has closed by "
            f"{format_utc(ts_close)} since {format_utc(first_open)}",
            way_out="decide when a bar has closed",
        )
    rows = slice(int(first), int(after))
    return decisions(plan, history, Window(rows, bars.cut(rows), FundingEvents.none()))


def decision_at(plan: CardPlan, history: History, ts_close: int) -> Decision:
    """Return what the card decides at a close that `history` ends with. Raises as `signals_between` does."""
    found = signals_between(plan, history, ts_close - plan.card.timeframes.exec.ms, ts_close)
    return Decision(ts_close, int(found.bits[-1]), np.ascontiguousarray(found.features[:, -1:]))


def refuse_unready(plan: CardPlan, market: SymbolMarket, ts_close: int) -> None:
    """Refuse a card that could not decide at a close already past.

    Raises
    ------
    DataError
        If the symbol's history is too short, or what the card looks at is not known of it.
    """
    history = market.history(ts_close)
    decision_at(plan, history, plan.card.timeframes.exec.floor(ts_close))
    for timeframe, name in sorted(plan.inputs()):
        if not np.isfinite(history.column(timeframe, name)).any():
            raise DataError(
                f"card {plan.card.id} looks at {name} on {timeframe}, and none is known of {market.symbol}",
                way_out="leave it out of the card, or run it on another symbol",
            )

"""The small three-timeframe case of this folder with some of its values free."""

from __future__ import annotations

from backtest_case import CARD, candles, funding, hourly, instrument

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.backtest.prepare import funding_from_frame
from engine.backtest.sweep_history import SweepHistory
from engine.idea_card.load import space_from_text
from engine.idea_card.parameter_space import ParameterSpace
from engine.timeframes import Timeframe

BLOCKS = """
parameters:
  fast: {default: 5, min: 3, max: 7, step: 2}
  slow: {default: 12, values: [6, 12]}
  stop: {default: 2.0, min: 1, max: 4, log: 3}
parameter_constraints: [[fast, "<", slow]]
"""
FREE = (
    CARD.replace("params: {length: 5}", "params: {length: {param: fast}}")
    .replace("params: {length: 12}", "params: {length: {param: slow}}")
    .replace("value: 2.0, feature: atr", "value: {param: stop}, feature: atr")
)
SETS = 15
"""Of 3 * 2 * 3, less the three with fast 7 and slow 6."""


def space(text: str = FREE + BLOCKS) -> ParameterSpace:
    """Return the card with its parameters."""
    return space_from_text(text, "free.yaml")


def history(**window: int) -> SweepHistory:
    """Return the case's market, with nothing computed yet."""
    frame = candles()
    return SweepHistory(
        History(
            "BTCUSDT",
            {Timeframe.M15: Candles.from_frame(frame), Timeframe.H1: Candles.from_frame(hourly(frame))},
            funding_from_frame(funding(frame)),
            instrument(),
        ),
        **window,
    )

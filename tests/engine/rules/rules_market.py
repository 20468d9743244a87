"""A hand-made market for the tests of this folder: three timeframes, columns given bar by bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.errors import CardError, CardProblem
from engine.idea_card.signal_rules import SignalRules
from engine.market_data.price_columns import price_column
from engine.rules.compile import evaluate
from engine.rules.names import NameTable
from engine.rules.nodes import Condition
from engine.rules.parse import parse_signal_rules
from engine.timeframes import Timeframe

MIDNIGHT = 1_704_067_200_000  # 2024-01-01T00:00Z, a Monday
EXEC_BARS_IN = {"exec": 1, "mtf": 2, "htf": 4}
TIMEFRAMES = {"exec": Timeframe.M15, "mtf": Timeframe.M30, "htf": Timeframe.H1}

NAMES = NameTable(
    features={"fast": ("",), "slow": ("",), "mid": ("",), "bands": ("lower", "upper"), "trend": ("",)},
    feature_roles={"fast": "exec", "slow": "exec", "mid": "mtf", "bands": "mtf", "trend": "htf"},
    roles=TIMEFRAMES,
)


class Market:
    """A column source over lists of a timeframe's own bars; shows the last closed bar, as the design says."""

    def __init__(self, exec_bars: int, columns: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
        self.exec_bars = exec_bars
        self._columns = columns

    def column(self, name: str, role: str, offset: int) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # the histories hold infinities on purpose
            own = price_column(self._columns[role], name)
        values = np.full(self.exec_bars, np.nan)
        for bar in range(self.exec_bars):
            index = (bar + 1) // EXEC_BARS_IN[role] - 1 - offset
            if 0 <= index < len(own):
                values[bar] = own[index]
        return values

    def closes(self, role: str) -> np.ndarray:
        """All bars of a timeframe that have closed since midnight."""
        bars = self.exec_bars // EXEC_BARS_IN[role]
        return MIDNIGHT + TIMEFRAMES[role].ms * np.arange(1, bars + 1)

    def visible_from(self, role: str) -> np.ndarray:
        return np.arange(1, len(self.closes(role)) + 1) * EXEC_BARS_IN[role] - 1


def exec_market(**columns: Sequence[float]) -> Market:
    """Return a market of exec bars only; the columns must be of one length."""
    [length] = {len(values) for values in columns.values()}
    return Market(length, {"exec": columns})


def tree(raw: Any) -> Condition:
    """Return the tree of one condition."""
    condition = parse_signal_rules(SignalRules(entry_long=raw), NAMES).entry_long
    assert condition is not None
    return condition


def problems_of(raw: Any) -> tuple[CardProblem, ...]:
    """Return what is wrong with a condition."""
    try:
        tree(raw)
    except CardError as error:
        return error.problems
    return ()


def truth(raw: Any, market: Market) -> list[bool]:
    """Return where a condition holds."""
    held = evaluate(tree(raw), market)
    assert held.dtype == np.bool_
    assert held.shape == (market.exec_bars,)
    return held.tolist()

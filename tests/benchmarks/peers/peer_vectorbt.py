"""vectorbt by its low-level calls, its fastest way: `peer_vectorbt.py MARKET.npz rust|numba`."""

from __future__ import annotations

import sys

import numpy as np
from peer_common import (
    FAST,
    QUANTITY,
    SETTLED_BAR,
    SLOW,
    STARTING_EQUITY,
    STOP,
    TAKER_RATE,
    TARGET,
    crosses,
    market,
    report,
)
from vectorbt.generic import dispatch as generic
from vectorbt.portfolio import dispatch as portfolio
from vectorbt.portfolio.enums import OppositeEntryMode, StopEntryPrice
from vectorbt.records import dispatch as records
from vectorbt.returns import dispatch as returns

ENGINE = sys.argv[2]
COLUMNS = {name: values[:, None] for name, values in market().items()}
COUNT = len(COLUMNS["close"])
FEES, SIZE = np.array([[TAKER_RATE]]), np.array([[QUANTITY]])
GROUP_LENS, INIT_CASH = np.array([1]), np.array([STARTING_EQUITY])
CALL_SEQ = portfolio.build_call_seq((COUNT, 1), GROUP_LENS, engine="numba")
NO_STOP = np.array([[np.nan]])


def run(stop: np.ndarray, target: np.ndarray, use_stops: bool) -> int:
    """Run the strategy and return its settled trades."""
    close = COLUMNS["close"]
    fast, slow = (generic.ewm_mean(close, span, engine=ENGINE)[:, 0] for span in (FAST, SLOW))
    up, down = crosses(fast, slow)
    entries, exits = np.zeros((COUNT, 1), np.bool_), np.zeros((COUNT, 1), np.bool_)
    entries[1:, 0], exits[1:, 0] = up[:-1], down[:-1]  # decided at a close, filled at the next open
    orders, _ = portfolio.simulate_from_signals(
        (COUNT, 1),
        GROUP_LENS,
        INIT_CASH,
        CALL_SEQ,
        long_entries=entries,
        long_exits=exits,
        short_entries=np.array([[False]]),
        short_exits=np.array([[False]]),
        size=SIZE,
        price=COLUMNS["open"],
        fees=FEES,
        upon_opposite_entry=np.array([[OppositeEntryMode.Close]]),
        open=COLUMNS["open"],
        high=COLUMNS["high"],
        low=COLUMNS["low"],
        close=close,
        sl_stop=stop,
        tp_stop=target,
        stop_entry_price=np.array([[StopEntryPrice.FillPrice]]),
        use_stops=use_stops,
        engine=ENGINE,
    )
    column_map = records.col_map(orders["col"], 1, engine=ENGINE)
    flow = portfolio.asset_flow((COUNT, 1), orders, column_map, 2, engine=ENGINE)
    cash_flow = portfolio.cash_flow((COUNT, 1), orders, column_map, False, engine=ENGINE)
    cash = portfolio.cash(cash_flow, INIT_CASH, engine=ENGINE)
    held = portfolio.asset_value(close, portfolio.assets(flow, engine=ENGINE), engine=ENGINE)
    value = portfolio.value(cash, held, engine=ENGINE)
    changes = returns.returns(value, INIT_CASH, engine=ENGINE)
    returns.max_drawdown(changes, engine=ENGINE)
    returns.sharpe_ratio(changes, 525_600.0, engine=ENGINE)
    trades = portfolio.get_exit_trades(orders, close, column_map, engine=ENGINE)
    return int((trades["entry_idx"] >= SETTLED_BAR).sum())


report(
    {
        "W1": lambda: run(NO_STOP, NO_STOP, False),
        "W2": lambda: run(np.array([[STOP]]), np.array([[TARGET]]), True),
    },
    repeats=9,
)

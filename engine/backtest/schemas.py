"""Pandera schemas of what a run leaves behind: the books must agree with each other, row by row.

A check is named by a sentence that says what must hold, as in `engine.market_data.schemas`, whose `validate`
turns a failure into a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pandas as pd
import pandera.pandas as pa

from engine.backtest.frames import FILL_COLUMNS, TRADE_COLUMNS
from engine.backtest.result import BacktestResult
from engine.market_data.schemas import validate
from engine.metrics.compute import FAMILIES, Metrics
from engine.metrics.described import Unit
from engine.sim.state import FillReason

# Nothing but rounding in the last place may come between two ways to the same amount.
_ROUNDING = 1e-9

_REASONS = [reason.name.lower() for reason in FillReason]
_WORDS = {
    "direction": ["long", "short"],
    "exit_reason": _REASONS,
    "side": ["buy", "sell"],
    "liquidity": ["taker", "maker"],
    "reason": _REASONS,
}
_TAGS = {"entry_tag", "exit_tag", "tag"}
_WHOLE = {"trade_id", "ts", "ts_entry", "ts_exit", "ts_close", "bar", "entry_bar", "exit_bar", "bars_held"}
_ABOVE_ZERO = {"entry_price", "exit_price", "price", "size", "notional_usdt", "close", "mark_price"}
_NOT_BELOW_ZERO = {"slippage_usdt", "initial_margin_usdt", "used_margin_usdt"}
_MAY_BE_MISSING = {"stop_price", "target_price", "liquidation_price", "r_multiple"}


def check_result(result: BacktestResult) -> None:
    """Hold every frame of a run against its schema.

    Raises
    ------
    SchemaViolation
        Naming the frame, the sentences that do not hold and the first rows.
    """
    for name, frame, schema in result_frames(result):
        validate(frame, schema, name)


def result_frames(result: BacktestResult) -> Iterator[tuple[str, pd.DataFrame, pa.DataFrameSchema]]:
    """Give the name of each frame of a run, the frame and its schema."""
    of = f"of {result.card_id} on {result.symbol} {result.exec_timeframe}"
    yield f"trades {of}", result.trades, TRADES
    yield f"fills {of}", result.fills, FILLS
    yield f"funding {of}", result.funding, FUNDING_PAYMENTS
    yield f"equity {of}", result.equity, EQUITY


def metrics_frame(metrics: Metrics) -> pd.DataFrame:
    """Return the figures of a run as a frame of one row, for `METRICS`."""
    return pd.DataFrame({field.name: [float(getattr(metrics, field.name))] for field in _FIGURES})


def _column(name: str, *, signed: bool = False) -> pa.Column:
    if name in _WORDS:
        words = _WORDS[name]
        return pa.Column(str, pa.Check.isin(words, error=f"{name} is one of {', '.join(words)}"))
    if name in _TAGS:
        said = f"{name} is small letters, digits and _, or nothing"
        return pa.Column(str, pa.Check.str_matches(r"^([a-z][a-z0-9_]*)?$", error=said))
    if name in _WHOLE:
        return pa.Column("int64", pa.Check(lambda values: values >= 0, error=f"{name} is not below 0"))
    if name == "ambiguous":
        return pa.Column("bool")
    checks = [pa.Check(np.isfinite, error=f"{name} is finite")]
    if name in _ABOVE_ZERO and not signed:
        checks.append(pa.Check(lambda values: values > 0, error=f"{name} is above 0"))
    if name in _NOT_BELOW_ZERO:
        checks.append(pa.Check(lambda values: values >= 0, error=f"{name} is not below 0"))
    return pa.Column("float64", checks, nullable=name in _MAY_BE_MISSING)


def _same(left: pd.Series, right: pd.Series) -> pd.Series:
    scale = np.maximum(1.0, np.maximum(left.abs(), right.abs()))
    same: pd.Series = (left - right).abs() <= _ROUNDING * scale
    return same


def _in_order(column: str) -> pa.Check:
    return pa.Check(
        lambda frame: frame[column].diff().fillna(0) >= 0, error=f"{column} does not go back from row to row"
    )


def _net(trades: pd.DataFrame) -> pd.Series:
    return trades["gross_pnl_usdt"] - trades["fees_usdt"] + trades["funding_usdt"]


def _moved(trades: pd.DataFrame) -> pd.Series:
    side = trades["direction"].map({"long": 1.0, "short": -1.0}).astype("float64")
    moved: pd.Series = side * trades["size"] * (trades["exit_price"] - trades["entry_price"])
    return moved


TRADES = pa.DataFrameSchema(
    {name: _column(name) for name in TRADE_COLUMNS},
    checks=[
        pa.Check(
            lambda trades: trades["ts_entry"] <= trades["ts_exit"], error="ts_entry is not after ts_exit"
        ),
        pa.Check(
            lambda trades: trades["entry_bar"] <= trades["exit_bar"], error="entry_bar is not after exit_bar"
        ),
        pa.Check(
            lambda trades: trades["mae_usdt"] <= trades["mfe_usdt"], error="mae_usdt is not above mfe_usdt"
        ),
        pa.Check(
            lambda trades: _same(trades["notional_usdt"], trades["entry_price"] * trades["size"]),
            error="notional_usdt is entry_price times size",
        ),
        pa.Check(
            lambda trades: _same(trades["gross_pnl_usdt"], _moved(trades)),
            error="gross_pnl_usdt is size times the way from entry_price to exit_price, by direction",
        ),
        pa.Check(
            lambda trades: _same(trades["net_pnl_usdt"], _net(trades)),
            error="net_pnl_usdt is gross_pnl_usdt less fees_usdt plus funding_usdt",
        ),
        pa.Check(
            lambda trades: (trades["exit_tag"] == "") | (trades["exit_reason"] == "signal"),
            error="exit_tag is empty unless exit_reason is signal",
        ),
        pa.Check(lambda trades: ~trades["trade_id"].duplicated(), error="trade_id is there once"),
        _in_order("ts_exit"),
    ],
    strict=True,
    ordered=True,
    name="trades",
)
"""Closed trades, in the order in which they ended."""

FILLS = pa.DataFrameSchema(
    {name: _column(name) for name in FILL_COLUMNS},
    checks=[_in_order("ts")],
    strict=True,
    ordered=True,
    name="fills",
)
"""Fills in the order in which they happened."""

FUNDING_PAYMENTS = pa.DataFrameSchema(
    {
        "ts": _column("ts"),
        "trade_id": _column("trade_id"),
        "size": _column("size", signed=True),
        "mark_price": _column("mark_price"),
        "funding_rate": _column("funding_rate"),
        "amount_usdt": _column("amount_usdt"),
    },
    checks=[
        pa.Check(
            lambda paid: _same(
                paid["amount_usdt"], -paid["size"] * paid["mark_price"] * paid["funding_rate"]
            ),
            error="amount_usdt is size times mark_price times funding_rate, paid where that is above 0",
        ),
        _in_order("ts"),
    ],
    strict=True,
    ordered=True,
    name="funding_payments",
)
"""Funding paid (below 0) and received, at the times it was settled."""

EQUITY = pa.DataFrameSchema(
    {
        "ts_close": _column("ts_close"),
        "equity_usdt": _column("equity_usdt"),
        "close": _column("close"),
        "position_size": _column("position_size", signed=True),
        "used_margin_usdt": _column("used_margin_usdt"),
    },
    checks=[
        pa.Check(lambda equity: len(equity) > 0, error="there is at least one row"),
        pa.Check(
            lambda equity: (
                bool(equity["ts_close"].diff().iloc[1:].nunique() <= 1)
                and bool((equity["ts_close"].diff().iloc[1:] > 0).all())
            ),
            error="ts_close rises by one bar from row to row",
        ),
        pa.Check(
            lambda equity: (equity["position_size"] != 0) | (equity["used_margin_usdt"] == 0),
            error="used_margin_usdt is 0 where position_size is 0",
        ),
    ],
    strict=True,
    ordered=True,
    name="equity",
)
"""The account at the close of each exec bar."""

_FIGURES = [field for family in FAMILIES for field in fields(family)]
_NOT_INFINITE = {
    field.name: pa.Check(lambda values: ~np.isinf(values), error=f"{field.name} is not infinite")
    for field in _FIGURES
}
_COUNTED = {
    field.name: pa.Check(
        lambda values: (values >= 0) & (values % 1 == 0), error=f"{field.name} is a whole number from 0 on"
    )
    for field in _FIGURES
    if field.metadata["unit"] is Unit.COUNT
}

METRICS = pa.DataFrameSchema(
    {
        name: pa.Column("float64", [check, *([_COUNTED[name]] if name in _COUNTED else [])], nullable=True)
        for name, check in _NOT_INFINITE.items()
    },
    strict=True,
    ordered=True,
    name="metrics",
)
"""The figures of a run, one row; what is not defined is missing."""

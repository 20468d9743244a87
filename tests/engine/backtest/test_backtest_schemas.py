"""The schemas of a run hold for every run, and catch books that do not agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from backtest_case import CARD, plan, prepared

from engine.backtest.engine import BacktestEngine
from engine.backtest.result import BacktestResult
from engine.backtest.schemas import check_result
from engine.errors import SchemaViolation


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    return BacktestEngine().run(prepared())


def test_a_run_holds_to_its_schemas(result: BacktestResult):
    check_result(result)


def test_a_run_without_trades_holds_too(result: BacktestResult):
    frames = {name: getattr(result, name).iloc[:0] for name in ("trades", "fills", "funding")}
    check_result(replace(result, **frames))


def changed(frame: pd.DataFrame, column: str, change: Callable[[pd.Series], pd.Series]) -> pd.DataFrame:
    """Change one row of a column."""
    values = frame[column].copy()
    values.iloc[3] = change(values).iloc[3]
    return frame.assign(**{column: values})


@pytest.mark.parametrize(
    ("frame", "column", "change", "told"),
    [
        ("trades", "net_pnl_usdt", lambda v: v + 0.01, "net_pnl_usdt is gross_pnl_usdt less fees_usdt"),
        ("trades", "exit_price", lambda v: v * 1.001, "gross_pnl_usdt is size times the way"),
        ("trades", "size", lambda v: -v, "size is above 0"),
        ("trades", "exit_reason", lambda v: v + "!", "exit_reason is one of"),
        ("trades", "ts_exit", lambda v: v * 0, "ts_entry is not after ts_exit"),
        ("trades", "trade_id", lambda v: v.shift(fill_value=0), "trade_id is there once"),
        ("fills", "price", lambda v: v * float("nan"), "price"),
        ("fills", "ts", lambda v: v * 0, "ts does not go back"),
        ("funding", "amount_usdt", lambda v: -v, "amount_usdt is size times mark_price"),
        ("equity", "ts_close", lambda v: v + 1, "ts_close rises by one bar"),
        ("equity", "used_margin_usdt", lambda v: v + 1, "used_margin_usdt is 0 where position_size is 0"),
        ("equity", "equity_usdt", lambda v: v * float("inf"), "equity_usdt is finite"),
    ],
)
def test_one_wrong_value_is_found(result: BacktestResult, frame, column, change, told):
    wrong = changed(getattr(result, frame), column, change)
    with pytest.raises(SchemaViolation, match=f"{frame} of cross on BTCUSDT 15m") as caught:
        check_result(replace(result, **{frame: wrong}))
    assert told in str(caught.value)


@pytest.mark.parametrize("frame", ["trades", "fills", "funding", "equity"])
def test_a_column_more_or_less_is_found(result: BacktestResult, frame: str):
    whole = getattr(result, frame)
    for wrong in (whole.iloc[:, :-1], whole.assign(other=1.0)):
        with pytest.raises(SchemaViolation):
            check_result(replace(result, **{frame: wrong}))


HALF_THE_ACCOUNT = "sizing: {model: percent_equity, equity_pct: 50}"


def test_runs_that_are_liquidated_hold_too():
    card = (
        CARD.replace("leverage: 5", "leverage: 50")
        .replace("stop_loss: {type: atr_multiple, value: 2.0, feature: atr}", "stop_loss: null")
        .replace("take_profit: {type: rr_ratio, value: 2.0}", "take_profit: null")
        .replace("sizing: {model: risk_based, risk_pct: 1.0}", HALF_THE_ACCOUNT)
        .replace("exit_long: [[fast, cross_below, slow]]", "exit_long: null")
        .replace("exit_short: [[fast, cross_above, slow]]", "exit_short: null")
    )
    result = BacktestEngine().run(prepared(card=plan(card)))
    assert result.counters.liquidations > 0
    check_result(result)

"""A card with a detail timeframe: from frames and from the store to a result that says what it changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from backtest_case import CARD, START_MS, funding, hourly, instrument, plan
from upath import UPath

from engine.backtest.artifacts import read_artifacts, write_artifacts
from engine.backtest.engine import BacktestEngine
from engine.backtest.measure import evaluate
from engine.backtest.prepare import PreparedFrame, prepare
from engine.backtest.result import BacktestResult
from engine.backtest.schemas import check_result
from engine.errors import DataError, SimulationError
from engine.features.builder import FeatureFrameBuilder
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe

MINUTES, QUARTERS = 15 * 1200, 1200
DETAILED = CARD.replace("{exec: 15m, htf: 1h}", "{exec: 15m, htf: 1h, detail: 1m}")
# In the market most of the time, and both levels so near that they lie in one bar now and then.
TIGHT = (
    DETAILED.replace(
        "entry_long: [[fast, cross_above, slow], [close@htf", "entry_long: [[fast, '>', slow], [close@htf"
    )
    .replace("{type: atr_multiple, value: 2.0, feature: atr}", "{type: percent, value: 0.15}")
    .replace("{type: rr_ratio, value: 2.0}", "{type: percent, value: 0.15}")
    .replace("{model: risk_based, risk_pct: 1.0}", "{model: fixed_usdt, notional_usdt: 1000}")
)


def minutes(seed: int = 5) -> pd.DataFrame:
    """Return healed 1m candles with a wave in them, so that averages cross."""
    rng = np.random.default_rng(seed)
    wave = 0.02 * np.sin(np.arange(MINUTES) / 375)
    close = np.round(40_000 * np.exp(wave + np.cumsum(rng.normal(0, 0.0006, MINUTES))), 1)
    open_ = np.r_[close[0], close[:-1]]
    wick = np.abs(rng.normal(0, 0.0004, (2, MINUTES)))
    prices = {
        "open": open_,
        "high": np.round(np.maximum(open_, close) * (1 + wick[0]), 1),
        "low": np.round(np.minimum(open_, close) * (1 - wick[1]), 1),
        "close": close,
    }
    return pd.DataFrame(
        {
            "ts_open": START_MS + np.arange(MINUTES) * Timeframe.M1.ms,
            **prices,
            "volume": rng.lognormal(3, 1, MINUTES),
            "turnover": 1.0,
            "is_filled": np.zeros(MINUTES, dtype=bool),
            **{f"mark_{name}": values for name, values in prices.items()},
        }
    )


def quarters(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the 15m candles that 1m candles make."""
    rule = {"open": "first", "high": "max", "low": "min", "close": "last"}
    rules = rule | {"volume": "sum", "turnover": "sum", "is_filled": "max"}
    rules |= {f"mark_{name}": how for name, how in rule.items()}
    starts = frame["ts_open"] // Timeframe.M15.ms * Timeframe.M15.ms
    return frame.groupby(starts).agg(rules).reset_index(names="ts_open")


def prepared(
    card: CardPlan, finer: pd.DataFrame | None, whole: pd.DataFrame | None = None, **window: int
) -> PreparedFrame:
    """Return a card prepared on the quarters that `whole` makes, with the minutes of `finer` inside them."""
    execution = quarters(minutes() if whole is None else whole)
    frames = {
        Timeframe.M15: FeatureFrameBuilder(card.features_of("exec")).build(execution),
        Timeframe.H1: FeatureFrameBuilder(card.features_of("htf")).build(hourly(execution)),
    }
    if finer is not None:
        frames[Timeframe.M1] = FeatureFrameBuilder({}).build(finer)
    return prepare(card, "BTCUSDT", frames, funding(execution), instrument(), **window)


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    """The tight card on all of its minutes."""
    return BacktestEngine().run(prepared(plan(TIGHT), minutes()))


def test_the_result_says_what_the_finer_bars_changed(result: BacktestResult) -> None:
    check_result(result)
    report = result.detail
    assert report is not None
    assert (report.timeframe, report.covered_bars, report.covered_pct) == (Timeframe.M1, QUARTERS, 100.0)
    # what a card without a detail timeframe does on the same candles is what is compared with
    plain = BacktestEngine().run(prepared(plan(TIGHT.replace(", detail: 1m", "")), None))
    assert plain.detail is None
    assert (report.trades_without, report.trades_with) == (len(plain.trades), len(result.trades))
    assert report.ambiguous_without == plain.counters.ambiguous_trades > 0
    assert report.ambiguous_with == result.counters.ambiguous_trades < report.ambiguous_without
    assert report.net_pnl_without_usdt == pytest.approx(plain.trades["net_pnl_usdt"].sum())
    assert report.net_pnl_with_usdt == pytest.approx(result.trades["net_pnl_usdt"].sum())
    ends = ["direction", "entry_price", "exit_price", "exit_bar", "exit_reason"]
    both = plain.trades.merge(result.trades, on=["entry_bar", "direction"], suffixes=("", "_with"))
    changed = sum((both[name] != both[f"{name}_with"]) for name in ends[1:]) > 0
    assert report.changed_trades == changed.sum() > 0
    # decided at the same closes
    assert result.equity["ts_close"].tolist() == plain.equity["ts_close"].tolist()


def test_the_report_survives_the_artifacts(result: BacktestResult, tmp_path: Path) -> None:
    write_artifacts(result, UPath(tmp_path))
    assert read_artifacts(UPath(tmp_path)).detail == result.detail


def test_a_card_without_detail_says_nothing_of_it() -> None:
    plain = BacktestEngine().run(prepared(plan(CARD), None))
    assert "detail" not in plain.summary()


def test_a_sweep_measures_on_the_finer_bars(result: BacktestResult) -> None:
    measured = evaluate(prepared(plan(TIGHT), minutes()))
    assert measured.trades == len(result.trades)
    assert measured.ambiguous_trades == result.counters.ambiguous_trades


def test_minutes_that_are_missing_are_counted_not_refused() -> None:
    later = minutes().iloc[15 * 600 + 1 :].reset_index(drop=True)
    run = BacktestEngine().run(prepared(plan(TIGHT), later))
    assert run.detail is not None
    assert (run.detail.covered_bars, run.detail.covered_pct) == (599, 599 / 1200 * 100)
    # filled minutes are not run on either
    filled = minutes()
    filled.loc[100, "is_filled"] = True
    run = BacktestEngine().run(prepared(plan(TIGHT), filled))
    assert run.detail is not None
    assert run.detail.covered_bars == 1199
    # nor those without a mark price
    markless = minutes()
    markless.loc[[31, 32, 33, 700], [f"mark_{name}" for name in ("open", "high", "low", "close")]] = np.nan
    run = BacktestEngine().run(prepared(plan(TIGHT), markless))
    assert run.detail is not None
    assert run.detail.covered_bars == 1198


def test_a_missing_detail_frame_is_named() -> None:
    with pytest.raises(DataError, match="no feature frame of 1m"):
        prepared(plan(DETAILED), None)


def test_minutes_of_another_market_are_refused() -> None:
    with pytest.raises(SimulationError, match="is not what its 15 finer bars of 60 s make"):
        prepared(plan(DETAILED), minutes(seed=6), minutes(seed=5))


def test_the_fingerprint_is_of_the_finer_candles_too() -> None:
    same = prepared(plan(DETAILED), minutes())
    assert same.data_fingerprint == prepared(plan(DETAILED), minutes()).data_fingerprint
    # a wick inside the quarter's range changes no quarter
    other = minutes()
    at = int(other["high"].iloc[15:30].idxmin())
    other.loc[at, "high"] = other["high"].iloc[15:30].max()
    assert quarters(other).equals(quarters(minutes()))
    assert prepared(plan(DETAILED), other).data_fingerprint != same.data_fingerprint


def test_the_window_is_cut_on_the_exec_bars() -> None:
    whole = minutes()
    start = START_MS + 300 * Timeframe.M15.ms
    cut = prepared(plan(TIGHT), whole, start_ms=start, end_ms=start + 100 * Timeframe.M15.ms)
    run = BacktestEngine().run(cut)
    assert run.detail is not None
    assert (run.counters.bars, run.detail.covered_bars) == (100, 100)
    assert run.fills["ts"].between(start, start + 100 * Timeframe.M15.ms).all()

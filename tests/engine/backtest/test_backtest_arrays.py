"""From arrays: the same run as from frames, shared between cards, refused where the data do not cover it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from backtest_case import CARD, START_MS, candles, funding, hourly, instrument, plan, prepared

from engine.backtest.candles import Candles
from engine.backtest.detail_report import simulated
from engine.backtest.engine import BacktestEngine
from engine.backtest.history import History
from engine.backtest.measure import evaluate, evaluate_all, measure
from engine.backtest.prepare import PreparedFrame, funding_from_frame, prepare_arrays, prepare_history
from engine.errors import DataError, DataNotFound, SimulationError
from engine.sim.state import SignalBit
from engine.strategies.card_plan import CardPlan
from engine.timeframes import DAY_MS, HOUR_MS, Timeframe

MARKS = ("mark_open", "mark_high", "mark_low", "mark_close")
ENTRIES = SignalBit.ENTER_LONG | SignalBit.ENTER_SHORT
EXITS = SignalBit.EXIT_LONG | SignalBit.EXIT_SHORT
TWO_LEVELS = CARD.replace(
    "take_profit: {type: rr_ratio, value: 2.0}",
    "take_profit: {type: atr_multiple, value: 3.0, feature: hour_atr}",
).replace("signal_rules:", "  hour_atr: {indicator: atr, params: {length: 5}, tf: htf}\nsignal_rules:")


def from_arrays(
    frame: pd.DataFrame | None = None, card: CardPlan | None = None, **window: int
) -> PreparedFrame:
    """Return the case of `prepared`, from arrays."""
    frame = candles() if frame is None else frame
    given = {Timeframe.M15: Candles.from_frame(frame), Timeframe.H1: Candles.from_frame(hourly(frame))}
    events = funding_from_frame(funding(frame))
    return prepare_arrays(card or plan(), "BTCUSDT", given, events, instrument(), **window)


def history(frame: pd.DataFrame | None = None) -> History:
    """Return the history of the case."""
    return from_arrays(frame).history


@pytest.mark.parametrize("text", [CARD, TWO_LEVELS])
def test_frames_and_arrays_give_the_same_run_to_the_bit(text: str) -> None:
    card = plan(text)
    window = {"start_ms": START_MS + 300 * Timeframe.M15.ms, "end_ms": START_MS + 900 * Timeframe.M15.ms}
    for limits in ({}, window):
        frames, arrays = prepared(card=card, **limits), from_arrays(card=card, **limits)
        assert arrays.signals.bits.tobytes() == frames.signals.bits.tobytes()
        assert arrays.signals.features.tobytes() == frames.signals.features.tobytes()
        assert arrays.signals.features.shape == (len(card.level_references), len(arrays.bars))
        runs = [BacktestEngine().run(each) for each in (frames, arrays)]
        assert runs[0].summary() == runs[1].summary()
        for name in ("trades", "fills", "equity", "funding"):
            pd.testing.assert_frame_equal(getattr(runs[0], name), getattr(runs[1], name), check_exact=True)


def test_a_level_of_a_higher_timeframe_is_its_last_closed_value() -> None:
    case = from_arrays(card=plan(TWO_LEVELS))
    [feature] = [each for name, each in case.plan.card.features.items() if name == "hour_atr"]
    hours = case.history.feature(Timeframe.H1, feature)[""]
    atr, hour_atr = case.signals.features
    # bar 40 is the first of the eleventh hour, so the last closed hour is number 9; bar 43 closes number 10
    assert [hour_atr[40], hour_atr[43]] == [hours[9], hours[10]]
    assert atr[40] == case.history.feature(Timeframe.M15, case.plan.card.features["atr"])[""][40]


@pytest.mark.parametrize("text", [CARD, CARD.replace("leverage: 5", "leverage: 80"), TWO_LEVELS])
def test_basic_metrics_have_the_values_of_the_full_ones(text: str) -> None:
    case = from_arrays(card=plan(text))
    basic = evaluate(case)
    full = measure(BacktestEngine().run(case))
    assert basic.trades > 10
    for field in fields(basic):
        assert getattr(basic, field.name) == pytest.approx(getattr(full, field.name), rel=1e-12, abs=1e-12), (
            field.name
        )


def test_basic_metrics_of_a_run_without_trades() -> None:
    never = plan(CARD.replace('[close@htf, ">", trend]', '[close, "<", 0]').replace(
        '[close@htf, "<", trend]', '[close, "<", 0]'
    ))  # fmt: skip
    basic = evaluate(from_arrays(card=never))
    assert (basic.trades, basic.net_return_pct, basic.max_drawdown_pct) == (0, 0.0, 0.0)
    assert np.isnan([basic.sharpe, basic.sortino, basic.win_rate_pct, basic.profit_factor]).all()


def test_cards_over_one_history_get_what_each_gets_alone_on_any_thread() -> None:
    shared = history()
    texts = [
        CARD.replace("value: 2.0, feature", f"value: {stop}, feature").replace(
            "length: 12", f"length: {slow}"
        )
        for stop in (1.5, 2.0, 2.5)
        for slow in (12, 20, 30)
    ] + [TWO_LEVELS, CARD.replace("fast:", "rapid:").replace("fast,", "rapid,")]
    plans = [plan(text) for text in texts]
    alone = [evaluate(from_arrays(card=card)) for card in plans]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda card: evaluate(prepare_history(card, shared)), plans * 3))
    assert together == alone * 3
    # fast, atr, trend, hour_atr, and slow in three lengths: what a card calls them does not matter
    assert shared.features_computed == 7


def test_what_a_history_hands_out_cannot_be_changed() -> None:
    case = from_arrays()
    for array in (case.bars.close, case.signals.bits, case.signals.features, case.funding.ts):
        with pytest.raises(ValueError, match="read-only"):
            array[..., 0] = 1


def test_the_fingerprint_is_of_what_a_run_looks_at() -> None:
    known = history().data_fingerprint
    assert history().data_fingerprint == known == prepared().data_fingerprint
    frame = candles()
    for name in ("ts_open", "open", "high", "volume", "is_filled", *MARKS):
        changed = candles()
        if name == "ts_open":
            changed[name] += 4 * Timeframe.H1.ms
        elif name == "is_filled":
            changed.loc[7, name] = True
        elif name.endswith(("open", "close")):
            changed.loc[7, name] = (frame.loc[7, name] + frame.loc[7, name.replace("open", "low")]) / 2
            changed.loc[7, name] = (
                min(changed.loc[7, name], frame.loc[7, name.replace("open", "high")]) - 1e-7
            )
        elif name == "mark_low":
            changed.loc[7, name] -= 0.1
        else:
            changed.loc[7, name] += 0.1
        assert history(changed).data_fingerprint != known, name
    fewer = History("BTCUSDT", history().candles, funding_from_frame(funding(frame).iloc[1:]), instrument())
    assert fewer.data_fingerprint != known


def test_without_mark_klines_the_last_price_stands_in() -> None:
    frame = candles()
    frame[list(MARKS)] = np.nan
    missing = _case(frame)
    assert not missing.bars.has_marks
    given = {
        timeframe: replace(each, mark_open=None, mark_high=None, mark_low=None, mark_close=None)
        for timeframe, each in history().candles.items()
    }
    bare = prepare_arrays(plan(), "BTCUSDT", given, missing.history.funding, instrument())
    assert bare.bars.mark_low is bare.bars.low
    # the marks of the case are its prices
    expected = BacktestEngine().run(from_arrays()).trades
    assert BacktestEngine().run(missing).trades.equals(expected)
    assert BacktestEngine().run(bare).trades.equals(expected)


def test_a_single_missing_mark_kline_is_bridged_and_filled_bars_have_none() -> None:
    frame = candles()
    frame.loc[100, list(MARKS)] = np.nan
    frame.loc[200:206, list(MARKS)] = np.nan
    frame.loc[200:206, "is_filled"] = True
    for name in ("open", "high", "low", "close"):
        frame[name] += 1.0
    bars = _case(frame).bars
    assert bars.mark_close[100] == frame["close"][100]
    assert bars.mark_close[101] == frame["close"][101] - 1.0


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (slice(0, 1), "from 2024-01-01 00:00:00 to 2024-01-01 00:15:00"),
        (slice(500, 501), "from 2024-01-06 05:00:00 to 2024-01-06 05:15:00"),
        (slice(600, 1199), "from 2024-01-07 06:00:00 to 2024-01-13 11:45:00"),
    ],
)
def test_mark_klines_that_do_not_cover_the_window_are_refused(gone: slice, message: str) -> None:
    frame = candles()
    frame.loc[gone, list(MARKS)] = np.nan
    with pytest.raises(
        DataError, match=f"BTCUSDT: the mark klines of 15m do not cover the window: .*{message}"
    ):
        _case(frame)


def test_mark_klines_need_to_cover_the_window_only() -> None:
    frame = candles()
    frame.loc[:299, list(MARKS)] = np.nan
    assert _case(frame, start_ms=START_MS + 300 * Timeframe.M15.ms).bars.has_marks
    # a window without any is as if there were none at all
    assert len(_case(frame, end_ms=START_MS + 300 * Timeframe.M15.ms).bars) == 300


def _case(frame: pd.DataFrame, **window: int) -> PreparedFrame:
    hours = candles()
    given = {Timeframe.M15: Candles.from_frame(frame), Timeframe.H1: Candles.from_frame(hourly(hours))}
    events = funding_from_frame(funding(hours))
    return prepare_arrays(plan(), "BTCUSDT", given, events, instrument(), **window)


def test_bad_candles_of_any_timeframe_are_refused_with_time_and_value() -> None:
    bad = candles()
    bad.loc[5, "close"] = np.nan
    with pytest.raises(SimulationError, match=r"bar 5 \(2024-01-01 01:15:00 UTC\): close nan"):
        _case(bad)
    good = history().candles
    events = funding_from_frame(funding(candles()))
    hours = replace(good[Timeframe.H1], low=np.negative(good[Timeframe.H1].low))
    with pytest.raises(SimulationError, match=r"bar 0 \(2024-01-01 00:00:00 UTC\): low -"):
        prepare_arrays(plan(), "BTCUSDT", good | {Timeframe.H1: hours}, events, instrument())
    early = replace(good[Timeframe.H1], ts_open=good[Timeframe.H1].ts_open - 60_000)
    with pytest.raises(DataError, match="no such bar opens at 2023-12-31 23:59:00"):
        prepare_arrays(plan(), "BTCUSDT", good | {Timeframe.H1: early}, events, instrument())
    none = Candles(np.empty(0, np.int64), *(np.empty(0) for _ in range(5)))
    with pytest.raises(DataError, match="no 15m candles to run on"):
        prepare_arrays(plan(), "BTCUSDT", good | {Timeframe.M15: none}, events, instrument())
    with pytest.raises(DataNotFound, match="it has bars from 2024-01-01 00:00:00 to 2024-01-13"):
        prepare_arrays(plan(), "BTCUSDT", good, events, instrument(), end_ms=START_MS)


SESSION = (
    'position_policy: {trading_session: {start: "08:00", end: "12:00", weekdays: [mon, tue, wed, thu, fri]}, '
)


def test_entries_keep_to_the_trading_session() -> None:
    inside = from_arrays(card=plan(CARD.replace("position_policy: {", SESSION)))
    free = from_arrays()
    closes = inside.bars.ts_open + inside.bars.bar_ms
    # 1 January 2024 was a Monday
    is_open = (closes % DAY_MS >= 8 * HOUR_MS) & (closes % DAY_MS < 12 * HOUR_MS) & (
        (closes - START_MS) // DAY_MS % 7 < 5
    )  # fmt: skip
    assert 0 < is_open.sum() < len(is_open)
    assert np.array_equal(inside.signals.bits[is_open], free.signals.bits[is_open])
    assert np.array_equal(inside.signals.bits[~is_open], free.signals.bits[~is_open] & ~ENTRIES)
    trades = BacktestEngine().run(inside).trades
    assert len(trades) > 3
    assert set((trades["ts_entry"] % DAY_MS) // HOUR_MS) <= {8, 9, 10, 11}


def test_a_session_that_closes_positions_signals_both_exits_outside() -> None:
    text = CARD.replace("position_policy: {", SESSION.replace("]}", "], close_outside: true}"))
    case = from_arrays(card=plan(text))
    bits, closes = case.signals.bits, case.bars.ts_open + case.bars.bar_ms
    warm = 31
    outside = (closes % DAY_MS < 8 * HOUR_MS) | (closes % DAY_MS >= 12 * HOUR_MS)
    assert (bits[warm:][outside[warm:]] == EXITS).all()
    assert not bits[:warm].any()
    trades = BacktestEngine().run(case).trades
    assert (trades["ts_exit"] % DAY_MS <= 12 * HOUR_MS).all()


def test_cards_side_by_side_get_what_each_gets_alone() -> None:
    shared = history()
    texts = [
        CARD,
        CARD.replace("length: 5}", "length: 2}"),
        CARD.replace("leverage: 5", "leverage: 80"),
        TWO_LEVELS,
    ]
    cases = [prepare_history(plan(text), shared) for text in texts * 5]
    together = evaluate_all(cases)
    assert together == [evaluate(case) for case in cases]
    books = [simulated(case) for case in cases]
    assert [each.trades for each in together] == [len(output.trades) for output in books]
    assert [each.fees_usdt for each in together] == [float(output.fills.fee.sum()) for output in books]
    assert len({each.net_return_pct for each in together}) > 2

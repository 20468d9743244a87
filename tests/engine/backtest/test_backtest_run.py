"""A whole card over candles: what comes out, the same every time, and without a look ahead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from backtest_case import CARD, START_MS, candles, funding, hourly, instrument, plan, prepared
from upath import UPath

from engine.backtest.artifacts import read_artifacts, write_artifacts
from engine.backtest.engine import BacktestEngine
from engine.backtest.frames import FILL_COLUMNS, TRADE_COLUMNS
from engine.backtest.measure import measure
from engine.backtest.prepare import prepare
from engine.backtest.schemas import check_result
from engine.errors import CorruptData, DataError, DataNotFound, SimulationError
from engine.features.builder import FeatureFrameBuilder
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe


@pytest.fixture(scope="module")
def result():
    return BacktestEngine().run(prepared())


def test_the_case_trades(result) -> None:
    assert len(result.trades) > 10
    assert set(result.trades["direction"]) == {"long", "short"}
    assert len(result.funding) > 0


def test_columns_are_the_documented_ones(result) -> None:
    assert tuple(result.trades.columns) == TRADE_COLUMNS
    assert tuple(result.fills.columns) == FILL_COLUMNS
    assert len(result.equity) == 1200


def test_equity_ends_where_the_trades_say(result) -> None:
    trades = result.trades
    expected = 10_000 + trades["net_pnl_usdt"].sum()
    assert result.final_equity_usdt == pytest.approx(expected, rel=1e-12)
    assert result.equity["equity_usdt"].iloc[-1] == result.final_equity_usdt
    net = trades["gross_pnl_usdt"] - trades["fees_usdt"] + trades["funding_usdt"]
    assert np.allclose(trades["net_pnl_usdt"], net, rtol=1e-12)
    assert result.fills["fee_usdt"].sum() == pytest.approx(trades["fees_usdt"].sum())
    assert result.funding["amount_usdt"].sum() == pytest.approx(trades["funding_usdt"].sum())


def test_excursions_include_the_exit_bar(result) -> None:
    # pitfall 16: a trade stopped out has seen at least the loss it took
    trades = result.trades
    slack = 1e-9 * trades["notional_usdt"]
    assert (trades["mae_usdt"] <= np.minimum(0, trades["gross_pnl_usdt"]) + slack).all()
    assert (trades["mfe_usdt"] >= np.maximum(0, trades["gross_pnl_usdt"]) - slack).all()


def test_exits_inside_a_bar_carry_its_close_as_time(result) -> None:
    # pitfall 17: the exit time was the bar's open, before the trigger
    stopped = result.trades[result.trades["exit_reason"] == "stop_loss"]
    opens = START_MS + stopped["exit_bar"] * Timeframe.M15.ms
    assert ((stopped["ts_exit"] == opens + Timeframe.M15.ms) | (stopped["ts_exit"] == opens)).all()
    assert (stopped["ts_exit"] == opens + Timeframe.M15.ms).any()


def test_entries_follow_the_rules_bar_by_bar(result) -> None:
    # a naive reading of the card, without the rules engine
    frame = candles()
    fast, slow = (frame["close"].ewm(span=n, adjust=False).mean() for n in (5, 12))
    hours = hourly(frame)
    trend = hours["close"].ewm(span=8, adjust=False).mean()
    for trade in result.trades.itertuples():
        decided = trade.entry_bar - 1
        long = trade.direction == "long"
        # EMA seeds differ between definitions, so only bars far from the start are compared closely
        if decided < 150:
            continue
        now, before = fast[decided] - slow[decided], fast[decided - 1] - slow[decided - 1]
        assert (now > 0 >= before) if long else (now < 0 <= before)
        ts_close = frame["ts_open"][decided] + Timeframe.M15.ms
        hour = int(np.searchsorted(hours["ts_open"] + HOUR_MS, ts_close, side="right")) - 1
        assert (hours["close"][hour] > trend[hour]) == long
        assert trade.ts_entry == ts_close


def test_no_decision_before_the_warm_up_is_over() -> None:
    case = prepared()
    # the slowest is the 1h average of 8 bars, first known at the close of the eighth hour: bar 31
    warm = 8 * 4 - 1
    assert case.plan.warmup_bars("htf") == 7
    assert not case.signals.bits[:warm].any()


def test_the_future_does_not_change_the_past(result) -> None:
    frame = candles()
    for cut in (400, 777, 1000):
        shorter = BacktestEngine().run(prepared(frame.iloc[:cut].reset_index(drop=True)))
        done = result.trades[result.trades["exit_bar"] < cut - 1]
        pd.testing.assert_frame_equal(shorter.trades.iloc[: len(done)], done)
        whole = result.equity["equity_usdt"].to_numpy()[: cut - 1]
        assert np.array_equal(shorter.equity["equity_usdt"].to_numpy()[: cut - 1], whole)


def test_a_window_trades_inside_it_and_warms_up_before() -> None:
    start = START_MS + 300 * Timeframe.M15.ms
    end = START_MS + 900 * Timeframe.M15.ms
    windowed = BacktestEngine().run(prepared(start_ms=start, end_ms=end))
    assert windowed.window == (start, end)
    assert windowed.counters.bars == 600
    assert windowed.trades["ts_entry"].min() > start
    assert windowed.run_id != BacktestEngine().run(prepared()).run_id


def test_same_run_same_bytes_in_another_process(result, tmp_path: Path) -> None:
    here = write_artifacts(result, UPath(tmp_path / "here"))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from backtest_case import prepared\n"
        "from engine.backtest.artifacts import write_artifacts\n"
        "from engine.backtest.engine import BacktestEngine\n"
        "from upath import UPath\n"
        "write_artifacts(BacktestEngine().run(prepared()), UPath(sys.argv[2]))\n"
    )
    folder = Path(__file__).parent
    subprocess.run([sys.executable, "-c", script, str(folder), str(tmp_path / "there")], check=True)
    for name in (*here, "manifest.json"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_artifacts_come_back_as_they_were(result, tmp_path: Path) -> None:
    write_artifacts(result, UPath(tmp_path))
    again = read_artifacts(UPath(tmp_path))
    assert again.summary() == result.summary()
    for name in ("trades", "fills", "equity", "funding"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(result, name))


def test_a_run_without_trades_has_typed_empty_frames(tmp_path: Path) -> None:
    never = plan(
        CARD.replace('[close@htf, ">", trend]', '[close, "<", 0]').replace(
            '[close@htf, "<", trend]', '[close, "<", 0]'
        )
    )
    idle = BacktestEngine().run(prepared(card=never))
    assert len(idle.trades) == 0
    assert idle.final_equity_usdt == 10_000
    write_artifacts(idle, UPath(tmp_path))
    pd.testing.assert_frame_equal(read_artifacts(UPath(tmp_path)).trades, idle.trades)


def test_changed_or_missing_artifacts_are_refused(result, tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match="no finished run"):
        read_artifacts(UPath(tmp_path))
    write_artifacts(result, UPath(tmp_path))
    trades = tmp_path / "trades.parquet"
    trades.write_bytes(trades.read_bytes()[:-20])
    with pytest.raises(CorruptData, match=r"trades\.parquet"):
        read_artifacts(UPath(tmp_path))
    trades.unlink()
    with pytest.raises(CorruptData, match=r"trades\.parquet"):
        read_artifacts(UPath(tmp_path))
    for not_a_manifest in ("[]", "{}", "no JSON"):
        (tmp_path / "manifest.json").write_text(not_a_manifest)
        with pytest.raises(CorruptData, match=r"manifest\.json"):
            read_artifacts(UPath(tmp_path))


def test_artifacts_live_on_any_filesystem(result) -> None:
    folder = UPath("memory://runs/one")
    write_artifacts(result, folder)
    assert read_artifacts(folder).run_id == result.run_id


def test_every_input_changes_the_run_id() -> None:
    base = prepared()
    ids = {BacktestEngine().run(base).run_id}
    changed = candles()
    changed.loc[5, "volume"] += 1
    ids.add(BacktestEngine().run(prepared(changed)).run_id)
    ids.add(BacktestEngine().run(prepared(card=plan(CARD.replace("leverage: 5", "leverage: 4")))).run_id)
    ids.add(BacktestEngine().run(prepared(end_ms=base.window[1] - 15 * MINUTE_MS)).run_id)
    assert len(ids) == 4


def _frames(frame: pd.DataFrame) -> dict[Timeframe, pd.DataFrame]:
    card = plan()
    return {
        Timeframe.M15: FeatureFrameBuilder(card.features_of("exec")).build(frame),
        Timeframe.H1: FeatureFrameBuilder(card.features_of("htf")).build(hourly(frame)),
    }


def test_bad_inputs_are_refused_by_name() -> None:
    frame = candles()
    frames, events = _frames(frame), funding(frame)
    with pytest.raises(DataError, match="BTCUSDT has no feature frame of 1h"):
        prepare(plan(), "BTCUSDT", {Timeframe.M15: frames[Timeframe.M15]}, events, instrument())
    with pytest.raises(DataNotFound, match="no bars in the window asked for; it has bars from 2024-01-01"):
        prepare(plan(), "BTCUSDT", frames, events, instrument(), start_ms=START_MS + 10**11)
    with pytest.raises(DataError, match="funding is known from 2024-01-03"):
        prepare(plan(), "BTCUSDT", frames, events.iloc[6:], instrument())
    with pytest.raises(DataError, match="funding is known not at all"):
        prepare(plan(), "BTCUSDT", frames, events.iloc[:0], instrument())
    with pytest.raises(DataError, match="too little data for the warm-up of BTCUSDT"):
        prepare(plan(), "BTCUSDT", frames, events, instrument(), end_ms=START_MS + 20 * 15 * MINUTE_MS)
    ended = {**frames, Timeframe.H1: frames[Timeframe.H1].iloc[:-1]}
    with pytest.raises(DataError, match="the 1h bars of BTCUSDT end at 2024-01-13 11:00:00"):
        prepare(plan(), "BTCUSDT", ended, events, instrument())
    high = plan(CARD.replace("leverage: 5", "leverage: 101"))
    with pytest.raises(SimulationError, match="leverage is 101, and BTCUSDT allows at most 100"):
        prepare(high, "BTCUSDT", frames, events, instrument())


def test_a_run_that_ends_early_says_where_and_why_and_is_complete_up_to_there(tmp_path: Path) -> None:
    # all of the equity as margin at 100x: the first fall of half a percent takes it
    reckless = CARD.replace("leverage: 5", "leverage: 100").replace(
        "sizing: {model: risk_based, risk_pct: 1.0}", "sizing: {model: percent_equity, equity_pct: 100}"
    )
    reckless = reckless.replace("type: atr_multiple, value: 2.0, feature: atr", "type: percent, value: 50.0")
    reckless = reckless.replace("min_trade_notional_usdt: 10", "min_trade_notional_usdt: 10000")
    case = prepared(card=plan(reckless))
    ended = BacktestEngine().run(case)
    counters = ended.counters
    assert counters.stopped_early == "below_min_trade"
    assert 0 < counters.bars < len(case.bars)
    assert (
        counters.stopped_at == ended.equity["ts_close"].iloc[-1] == START_MS + counters.bars * 15 * MINUTE_MS
    )
    assert len(ended.equity) == counters.bars
    assert ended.trades["exit_reason"].iloc[-1] == "liquidation"
    assert ended.trades["exit_bar"].iloc[-1] == counters.bars - 1
    # less than the margin of the smallest order is left
    assert 0 <= ended.final_equity_usdt < 10_000 / 100
    assert ended.final_equity_usdt == pytest.approx(10_000 + ended.trades["net_pnl_usdt"].sum(), abs=1e-6)
    # what was done until then is what the same run does with the history cut there
    cut = BacktestEngine().run(prepared(card=plan(reckless), end_ms=counters.stopped_at))
    pd.testing.assert_frame_equal(cut.trades, ended.trades)
    pd.testing.assert_frame_equal(cut.equity, ended.equity)
    check_result(ended)
    write_artifacts(ended, UPath(tmp_path))
    again = read_artifacts(UPath(tmp_path))
    assert again.counters == counters
    pd.testing.assert_frame_equal(again.equity, ended.equity)
    assert measure(again).to_plain() == measure(ended).to_plain()

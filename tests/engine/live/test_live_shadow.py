"""Shadow runs end to end: the backtest's fills, crashes at any moment, outages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from live_case import Trial, plan_named

from engine.errors import ConfigurationError, CorruptData, DataError, ExchangeError
from engine.live.evidence import evidence_of, parities
from engine.live.journal import JournalKind, read_journal
from engine.live.parity import SeenRun, compare_shadow
from engine.sandbox.faults import FaultPlan, RetCode, Scripted
from engine.strategies.card_plan import load_plan
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe

QUARTER_MS = 15 * MINUTE_MS


def entries(run, *kinds):
    return [entry for entry in read_journal(run.folder.journal_path).entries if entry.kind in kinds]


def records(run):
    return [
        (leg.plan.card.id, leg.symbol, leg.next_close, leg.exchange.fills.tolist(), leg.exchange.ledger)
        for leg in run.runner.legs
    ]


def test_a_day_in_shadow_is_the_backtests_day(tmp_path):
    plans = [plan_named("trend_pullback"), plan_named("band_reversion")]
    with Trial(tmp_path) as trial, trial.open(plans, ["BTCUSDT"]) as run:
        for _ in range(24):
            trial.clock.step(HOUR_MS)
            run.runner.catch_up(trial.clock())
    legs = list(parities(run.folder, plans))
    assert [(leg.card_id, leg.bars) for leg in legs] == [("trend_pullback", 96), ("band_reversion", 96)]
    assert [str(difference) for leg in legs for difference in leg.differences] == []
    assert sum(len(leg.result.fills) for leg in legs) > 0
    # each was decided five minutes late or more: live nothing would have been sent then
    evidence = evidence_of(legs[0], run.folder.path.name)
    assert (evidence.closes, evidence.decision_differences, evidence.fill_differences) == (96, 0, 0)
    assert evidence.decisions_compared == 0


def test_a_crash_at_any_line_of_the_journal_comes_to_the_same_state(tmp_path):
    plans = [plan_named("dip_ladder")]
    with Trial(tmp_path / "whole") as trial:
        with trial.open(plans, ["BTCUSDT"]) as run:
            for _ in range(30):
                trial.clock.step(HOUR_MS)
                run.runner.catch_up(trial.clock())
            whole = records(run)
        journal = run.folder.journal_path
        lines = journal.read_bytes().splitlines(keepends=True)
        decided = [entry.data for entry in entries(run, JournalKind.DECISION)]
        for kept in range(0, len(lines), 17):
            # with the next line half-way on the disk
            journal.write_bytes(b"".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2])
            with trial.open(plans, ["BTCUSDT"]) as again:
                again.runner.catch_up(trial.clock())
            assert records(again) == whole
            assert [entry.data for entry in entries(again, JournalKind.DECISION)] == decided
            assert len(entries(again, JournalKind.FILL)) == len(whole[0][3])


def test_candles_of_the_stream_and_of_rest_make_one_run(tmp_path):
    plans = [plan_named("trend_pullback")]
    with Trial(tmp_path) as trial, trial.open(plans, ["BTCUSDT"]) as run:
        for step in range(48):
            trial.clock.step(QUARTER_MS)
            closed = [
                t for t in (Timeframe.M15, Timeframe.H1, Timeframe.H4) if trial.clock() % t.ms < QUARTER_MS
            ]
            if step % 7 == 3:
                run.runner.catch_up(trial.clock())
            elif step % 7 != 2:  # nothing is heard, and made good for later
                for timeframe in reversed(closed):
                    candle = trial.candle("BTCUSDT", timeframe, timeframe.last_closed(trial.clock()))
                    run.runner.take(candle, trial.clock())
                    run.runner.take(candle, trial.clock())
        run.runner.catch_up(trial.clock())
    [leg] = parities(run.folder, plans)
    # a lost candle that the next one of the stream steps over is filled flat, as the backtest over it has it
    assert (leg.bars, leg.differences) == (48, ())


def test_nothing_is_decided_before_the_marks_are_known(tmp_path):
    plans = [plan_named("band_reversion")]
    with Trial(tmp_path) as trial, trial.open(plans, ["BTCUSDT"]) as run:
        trial.clock.step(QUARTER_MS)
        trial.server.put_in_force(
            FaultPlan(
                scripted=(Scripted(RetCode(10001), "/v5/market/mark-price-kline", tuple(range(1, 50))),)
            )
        )
        candle = trial.candle("BTCUSDT", Timeframe.M15, Timeframe.M15.last_closed(trial.clock()))
        with pytest.raises(ExchangeError):
            run.runner.take(candle, trial.clock())
        assert entries(run, JournalKind.CANDLE, JournalKind.DECISION) == []
        trial.server.put_in_force(FaultPlan())
        run.runner.catch_up(trial.clock())
        assert len(entries(run, JournalKind.DECISION)) == 1


def test_a_candle_that_is_none_is_refused_before_it_is_written(tmp_path):
    plans = [plan_named("band_reversion")]
    with Trial(tmp_path) as trial, trial.open(plans, ["BTCUSDT"]) as run:
        trial.clock.step(QUARTER_MS)
        candle = trial.candle("BTCUSDT", Timeframe.M15, Timeframe.M15.last_closed(trial.clock()))
        for wrong in (
            replace(candle, high=candle.low - 1.0),
            replace(candle, close=float("nan")),
            replace(candle, low=-1.0),
            replace(candle, volume=-1.0),
            replace(candle, ts_open=candle.ts_open + 1),
        ):
            with pytest.raises(ExchangeError, match="candle"):
                run.runner.take(wrong, trial.clock())
        assert entries(run, JournalKind.CANDLE) == []
        run.runner.take(candle, trial.clock())
        assert len(entries(run, JournalKind.CANDLE)) == 1


def test_a_month_with_outages_agrees_with_the_backtest(tmp_path):
    plans = [plan_named("channel_breakout"), plan_named("momentum")]
    rng = np.random.default_rng(5)
    with Trial(tmp_path) as trial:
        run = trial.open(plans, ["BTCUSDT"])
        end = trial.clock() + 30 * DAY_MS
        while trial.clock() < end:
            # nothing is heard for hours, or a day; now and then the process dies
            trial.clock.step(int(rng.choice([4, 4, 4, 5, 8, 24])) * HOUR_MS)
            if rng.random() < 0.06:
                run.journal.close()
                run = trial.open(plans, ["BTCUSDT"])
            run.runner.catch_up(trial.clock())
        run.journal.close()
    legs = list(parities(run.folder, plans))
    assert [str(difference) for leg in legs for difference in leg.differences] == []
    assert all(leg.bars >= 30 * 24 for leg in legs)
    assert sum(len(leg.result.trades) for leg in legs) > 3


def test_a_run_that_was_tampered_with_shows(tmp_path):
    plans = [plan_named("band_reversion")]
    with Trial(tmp_path) as trial:
        with trial.open(plans, ["BTCUSDT"]) as run:
            trial.clock.step(6 * HOUR_MS)
            run.runner.catch_up(trial.clock())
        journal = run.folder.journal_path
        sound = journal.read_text()
        [decided, *_] = [line for line in sound.splitlines() if '"kind":"decision"' in line]
        other = decided.replace('"bits":', '"bits":1')
        journal.write_text(sound.replace(decided, other))
        parity = compare_shadow(SeenRun.read(run.folder), plans[0], "BTCUSDT")
        assert parity.differences[0].what == "decision"
        journal.write_text(sound.replace('"equity_usdt":10000.0', '"equity_usdt":10001.0', 1))
        with pytest.raises(CorruptData):
            trial.open(plans, ["BTCUSDT"])
        # a decision of a close that was never decided
        journal.write_text(sound.replace(decided, ""))
        with pytest.raises(CorruptData):
            trial.open(plans, ["BTCUSDT"])


def test_what_cannot_run_is_refused_at_the_start(tmp_path):
    python = load_plan(plan_path())
    card = plan_named("band_reversion")
    with Trial(tmp_path) as trial:
        with pytest.raises(ConfigurationError, match="Python"):
            trial.open([python])
        with pytest.raises(ConfigurationError, match="does not trade"):
            trial.open([card], ["DOGEUSDT"])
        with pytest.raises(ConfigurationError, match="twice"):
            trial.open([card, card])
        with pytest.raises(ConfigurationError):
            trial.folder([])
        with (
            trial.folder([card]).alone(),
            pytest.raises(ConfigurationError, match="already"),
            trial.folder([card]).alone(),
        ):
            raise AssertionError("two processes have the run")
        assert not list(tmp_path.glob("shadow/.*"))


def plan_path():
    from live_case import CARDS

    return CARDS / "python" / "trend_pullback_python.yaml"


def test_decisions_that_do_not_follow_are_refused(tmp_path):
    plans = [plan_named("band_reversion")]
    with Trial(tmp_path) as trial, trial.open(plans, ["BTCUSDT"]) as run:
        trial.clock.step(QUARTER_MS)
        run.runner.catch_up(trial.clock())
        [leg] = run.runner.legs
        with pytest.raises(DataError, match="decides at"):
            leg.advance(leg.last.decision)

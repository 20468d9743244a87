"""Gates on stored market data: each on a small set that has the defect, and on one that has not."""

import numpy as np
import pandas as pd
import pytest

from engine.gates.base import Severity
from engine.gates.market_candles import (
    AggregateGate,
    CandleHolesGate,
    MarkAgainstLastGate,
    OpenAtCloseGate,
    PriceJumpGate,
    compare_aggregate,
)
from engine.gates.market_catalogue import MARKET_GATES, judge_market
from engine.gates.market_evidence import MarketEvidence
from engine.gates.market_funding import FundingSpacingGate, missing_events
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe, parse_utc

M1, M5, M15, H1, W1 = Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.W1
START = parse_utc("2024-01-01")


def walk(bars, timeframe=M1, *, first=START, seed=1):
    """Candles on Bybit's pattern: each opens where the one before closed."""
    rng = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(rng.integers(-3, 4, bars)) / 10, 1)
    opened = np.r_[100.0, close[:-1]]
    return pd.DataFrame(
        {
            "ts_open": first + timeframe.ms * np.arange(bars),
            "open": opened,
            "high": np.maximum(opened, close) + 0.1,
            "low": np.minimum(opened, close) - 0.2,
            "close": close,
            "volume": rng.integers(0, 50, bars) / 10,
        }
    )


def summed(fine, timeframe):
    """The candles of a longer timeframe, added up candle by candle."""
    rows = []
    for ts in sorted({timeframe.floor(ts) for ts in fine["ts_open"]}):
        part = fine[(fine["ts_open"] >= ts) & (fine["ts_open"] < ts + timeframe.ms)]
        ends = (part["open"].iloc[0], part["high"].max(), part["low"].min(), part["close"].iloc[-1])
        rows.append((ts, *ends, part["volume"].sum()))
    return pd.DataFrame(rows, columns=list(fine.columns))


def candles_only(frame, timeframe=M1):
    return MarketEvidence("BTCUSDT", {timeframe: frame})


def funding(*steps_hours):
    times = START + np.cumsum([0, *steps_hours]) * HOUR_MS
    frame = pd.DataFrame({"ts": times.astype(np.int64), "funding_rate": 0.0001})
    return MarketEvidence("WIFUSDT", funding=frame)


def test_every_gate_passes_what_is_in_order():
    fine = walk(600)
    marks = fine.drop(columns="volume")
    frames = {M1: fine, M5: summed(fine, M5), M15: summed(fine, M15)}
    whole = MarketEvidence("BTCUSDT", frames, {M1: marks}, funding(8, 8, 8, 4, 4, 1, 1).funding)
    results = judge_market(whole)
    assert [result.gate for result in results if not result.passed] == []
    assert len(results) == len({gate.name for gate in MARKET_GATES}) == 6


def test_nothing_stored_passes_every_gate():
    assert all(result.passed for result in judge_market(MarketEvidence("BTCUSDT")))


def test_candles_with_hundreds_of_holes_are_refused_and_the_longest_are_named_first():
    """Of the kind of the defective one-minute set: single minutes missing all over, some runs."""
    frame = walk(2000).drop(index=[*range(50, 1950, 19), 1001, 1002, 1003])
    result = CandleHolesGate().run(candles_only(frame))
    # 100 minutes from 50 to 1931; 1000 is one of them and the run begins there
    assert result.summary == "BTCUSDT 1m: 103 of 2000 candles missing in 100 hole(s)"
    assert result.blocks
    assert result.observed == pytest.approx(103 / 2000)
    whole, longest, *_, more = result.violations
    assert whole.where == "BTCUSDT 1m, 2024-01-01 00:00:00 to 2024-01-02 09:19:00"
    assert whole.how_much == "5.150%, allowed are 0.100%"
    assert longest.where == "BTCUSDT 1m at 2024-01-01 16:40:00"
    assert longest.how_much == "4 candle(s), to 2024-01-01 16:43:00"
    assert more.how_much == "91 more"
    assert all(violation.remedy for violation in result.violations)


def test_a_few_missing_candles_are_told_and_let_through():
    result = CandleHolesGate().run(candles_only(walk(2000).drop(index=7)))
    assert result.passed
    assert result.summary == "BTCUSDT 1m: 1 of 2000 candles missing in 1 hole(s)"


def test_holes_of_the_mark_klines_count_too():
    result = CandleHolesGate().run(MarketEvidence("BTCUSDT", marks={M1: walk(20).drop(index=[3, 4])}))
    assert result.violations[1].where == "mark BTCUSDT 1m at 2024-01-01 00:03:00"


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
def test_a_candle_that_is_not_the_sum_of_its_parts_is_refused(column):
    fine = walk(60)
    coarse = summed(fine, M15)
    coarse.loc[2, column] += 0.1
    result = AggregateGate().run(MarketEvidence("BTCUSDT", {M1: fine, M15: coarse}))
    (violation,) = result.violations
    assert violation.where == "BTCUSDT 15m from 1m at 2024-01-01 00:30:00"
    assert violation.what.startswith(f"{column} is ")
    assert violation.how_much == "+0.1"
    assert (result.observed, result.summary) == (1.0, "1 of 4 candles differ")


def test_prices_are_compared_exactly_and_volume_up_to_the_rounding_of_sums():
    fine = walk(30)
    coarse = summed(fine, M15)
    coarse.loc[0, "volume"] *= 1 + 1e-12
    assert AggregateGate().run(MarketEvidence("BTCUSDT", {M1: fine, M15: coarse})).passed
    coarse.loc[0, "close"] *= 1 + 1e-12
    assert not AggregateGate().run(MarketEvidence("BTCUSDT", {M1: fine, M15: coarse})).passed


def test_a_candle_with_a_part_missing_is_not_compared():
    fine = walk(60)
    coarse = summed(fine, M15).assign(high=999.0)
    pairs = compare_aggregate(fine.drop(index=20), coarse, M1, M15)
    assert ((pairs["ts_open"] - START) // M15.ms).tolist() == [0, 2, 3]


def test_each_timeframe_is_compared_with_the_next_finer_that_divides_it():
    fine = walk(180)
    wrong = summed(fine, H1)
    wrong["low"] -= 1
    frames = {M1: fine, M15: summed(fine, M15), H1: wrong}
    result = AggregateGate().run(MarketEvidence("BTCUSDT", frames))
    assert {violation.where[:19] for violation in result.violations} == {"BTCUSDT 1h from 15m"}


def test_weeks_are_added_up_from_monday():
    days = walk(14, Timeframe.D1)  # 1 January 2024 was a Monday
    assert len(compare_aggregate(days, summed(days, W1), Timeframe.D1, W1)) == 2
    assert AggregateGate().run(MarketEvidence("BTCUSDT", {Timeframe.D1: days, W1: summed(days, W1)})).passed


def test_an_open_away_from_the_close_before_is_warned_of_but_not_across_a_hole():
    frame = walk(20)
    frame.loc[5, ["open", "high"]] = frame["close"].iloc[4] * 1.01, 200.0
    result = OpenAtCloseGate().run(candles_only(frame))
    assert result.severity is Severity.WARN
    assert [violation.where for violation in result.violations] == ["BTCUSDT 1m at 2024-01-01 00:05:00"]
    assert result.violations[0].how_much == "+1.000%, allowed are 0.500%"
    assert result.summary == "1 of 19 candles open elsewhere"
    assert OpenAtCloseGate().run(candles_only(frame.drop(index=4))).passed


@pytest.mark.parametrize("column", ["high", "close"])
def test_a_price_ten_times_too_high_is_a_jump(column):
    frame = walk(20)
    for name in {column, "high"}:
        frame.loc[7, name] = frame["close"].iloc[6] * 10
    result = PriceJumpGate().run(candles_only(frame))
    assert not result.passed
    assert result.violations[0].where == "BTCUSDT 1m at 2024-01-01 00:07:00"
    assert "allowed is 1.49" in result.violations[0].how_much


def test_a_wick_to_nearly_nothing_is_a_jump():
    frame = walk(20)
    frame.loc[3, "low"] = 0.01
    assert len(PriceJumpGate().run(candles_only(frame)).violations) == 1


def test_days_may_move_twice_as_far_as_shorter_candles():
    frame = walk(3)
    frame.loc[2, ["close", "high"]] = frame["close"].iloc[1] * 1.8
    assert not PriceJumpGate().run(candles_only(frame)).passed
    days = frame.assign(ts_open=START + np.arange(3) * Timeframe.D1.ms)
    assert PriceJumpGate().run(candles_only(days, Timeframe.D1)).passed


def test_marks_of_another_unit_are_warned_of():
    frame = walk(10)
    marks = frame.drop(columns="volume")
    marks.loc[4, "close"] *= 1.05
    result = MarkAgainstLastGate().run(MarketEvidence("BTCUSDT", {M1: frame}, {M1: marks}))
    (violation,) = result.violations
    assert violation.where == "BTCUSDT 1m at 2024-01-01 00:04:00"
    assert violation.how_much == "+5.000%, allowed are 3.000%"
    assert result.summary == "10 closes compared, 5.000% apart at most"


def test_funding_pages_that_are_missing_are_told_with_their_number():
    """Of the kind of the defective funding set: the pages of 200 between two that are there."""
    result = FundingSpacingGate().run(funding(*[8] * 5, 144, *[8] * 3, *[4] * 5, 804, *[4] * 5))
    assert result.blocks
    first, second = result.violations
    assert (first.where, first.how_much) == (
        "funding WIFUSDT at 2024-01-02 16:00:00",
        "144 h, about 17 event(s) missing",
    )
    assert second.how_much == "804 h, about 200 event(s) missing"
    assert result.observed == 217.0


def test_funding_is_not_assumed_every_8_hours():
    """Mistake 24: the interval differs by symbol and changes over time."""
    for steps in ([1] * 20, [4] * 20, [8] * 5 + [4] * 5 + [1] * 5 + [2] * 3 + [8] * 4):
        assert FundingSpacingGate().run(funding(*steps)).passed


def test_one_event_missing_from_a_short_interval_is_seen():
    result = FundingSpacingGate().run(funding(4, 4, 8, 4, 4))
    assert result.violations[0].how_much == "8 h, about 1 event(s) missing"


def test_a_funding_stamp_beside_the_hour_is_told():
    evidence = funding(8, 8, 8)
    evidence.funding.loc[2, "ts"] += 30 * MINUTE_MS
    result = FundingSpacingGate().run(evidence)
    assert any("whole interval" in violation.what for violation in result.violations)


@pytest.mark.parametrize(
    ("steps", "missing"),
    [
        ([], []),
        ([8], [0]),
        ([16], [1]),
        ([8, 24, 8], [0, 2, 0]),
        ([4, 8, 8], [0, 0, 0]),
        ([2, 4, 2], [0, 1, 0]),
    ],
)
def test_missing_events_by_hand(steps, missing):
    assert missing_events(np.array(steps, np.int64) * HOUR_MS).tolist() == missing

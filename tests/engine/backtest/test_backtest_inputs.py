"""Funding, open interest and marks as inputs: joined at the close, paid for by cards that look at them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from backtest_case import CARD, START_MS, candles, funding, hourly, instrument, plan

from engine.backtest.candles import Candles
from engine.backtest.engine import BacktestEngine
from engine.backtest.history import History
from engine.backtest.prepare import funding_from_frame, prepare, prepare_history
from engine.errors import DataError
from engine.features.builder import FeatureFrameBuilder
from engine.features.inputs import BarInputs, Stamped
from engine.timeframes import HOUR_MS, Timeframe

NAN = np.nan
NAMES_INTEREST = CARD.replace(
    "features:", "features:\n  crowd: {indicator: ema, params: {length: 3}, source: open_interest, tf: htf}"
).replace('[close@htf, ">", trend]', '[open_interest@htf, ">", crowd], [funding_rate, "<", 0.01]')
NAMES_MARK = CARD.replace('[close@htf, ">", trend]', '[mark_close, ">", 1]')


def interest(values: np.ndarray | None = None) -> pd.DataFrame:
    """Return open interest every hour, the first an hour after the first candle."""
    ts = START_MS + np.arange(1, 301) * HOUR_MS
    wave = 50_000 * np.exp(0.1 * np.sin(np.arange(300) / 7))
    return pd.DataFrame({"ts": ts, "open_interest": wave if values is None else values})


def of_arrays(open_interest: pd.DataFrame | None, frame: pd.DataFrame | None = None) -> History:
    """Return the case's history, as the way from the store makes it."""
    frame = candles() if frame is None else frame
    ask = None
    if open_interest is not None:

        def ask() -> Stamped:
            return Stamped(open_interest["ts"].to_numpy(), open_interest["open_interest"].to_numpy())

    return History(
        "BTCUSDT",
        {Timeframe.M15: Candles.from_frame(frame), Timeframe.H1: Candles.from_frame(hourly(candles()))},
        funding_from_frame(funding(frame)),
        instrument(),
        open_interest=ask,
    )


def test_what_is_stamped_at_a_close_is_known_there_and_nothing_later_is():
    bars = BarInputs(
        bar_ms=100,
        candles={"ts_open": np.array([1000, 1100, 1200, 1300])},
        funding=Stamped(np.array([1150, 1200, 1201]), np.array([0.5, 0.25, 4.0])),
        open_interest=lambda: Stamped(np.array([1100, 1299, 1401]), np.array([50.0, 60.0, 70.0])),
    )
    # the events of 1150 and 1200 are both known when the second bar closes, at 1200
    np.testing.assert_array_equal(bars["funding_rate"], [NAN, 0.25, 4.0, 4.0])
    # what was settled before the first known event nobody knows
    np.testing.assert_array_equal(bars["funding_settled"], [NAN, NAN, 4.0, 0.0])
    np.testing.assert_array_equal(bars["open_interest"], [50.0, 50.0, 60.0, 60.0])
    np.testing.assert_array_equal(bars["open_interest_change"], [NAN, 0.0, 20.0, 0.0])
    np.testing.assert_array_equal(bars["mark_close"], [NAN] * 4)


def test_an_event_at_the_open_belongs_to_the_bar_before():
    bars = BarInputs(
        bar_ms=100,
        candles={"ts_open": np.array([1000, 1100])},
        funding=Stamped(np.array([1000, 1100]), np.array([0.5, 0.25])),
    )
    np.testing.assert_array_equal(bars["funding_rate"], [0.25, 0.25])
    np.testing.assert_array_equal(bars["funding_settled"], [0.25, 0.0])


def test_both_ways_to_a_run_give_the_same_to_the_bit():
    card, frame = plan(NAMES_INTEREST), candles()
    direct = BacktestEngine().run(prepare_history(card, of_arrays(interest())))
    frames = {
        timeframe: FeatureFrameBuilder(
            card.features_of(role), inputs=[name for _, name in card.inputs(role)]
        ).build(of, funding=funding(frame), open_interest=interest())
        for role, timeframe, of in (
            ("exec", Timeframe.M15, frame),
            ("htf", Timeframe.H1, hourly(frame)),
        )
    }
    framed = BacktestEngine().run(prepare(card, "BTCUSDT", frames, funding(frame), instrument()))
    assert len(direct.trades) > 3
    assert direct.run_id == framed.run_id
    pd.testing.assert_frame_equal(direct.trades, framed.trades)
    assert "open_interest" in frames[Timeframe.H1]
    assert "open_interest" not in frames[Timeframe.M15]


def test_the_fingerprint_covers_what_a_card_names_and_nothing_else():
    changed = interest()
    changed.loc[200, "open_interest"] += 1.0
    first, second = of_arrays(interest()), of_arrays(changed)
    names_none, names_it = plan(), plan(NAMES_INTEREST)
    assert names_none.inputs() == frozenset()
    assert first.fingerprint_with(names_none.inputs()) == first.data_fingerprint
    assert first.data_fingerprint == second.data_fingerprint == of_arrays(None).data_fingerprint
    assert first.fingerprint_with(names_it.inputs()) != second.fingerprint_with(names_it.inputs())


def test_where_mark_klines_are_missing_is_part_of_what_a_card_on_marks_saw():
    marks = [f"mark_{name}" for name in ("open", "high", "low", "close")]
    # the last price stands in for a missing mark, so the bars of both are equal
    whole, holed = candles(), candles()
    holed.loc[700, marks] = np.nan
    first, second = of_arrays(None, whole), of_arrays(None, holed)
    assert first.data_fingerprint == second.data_fingerprint
    inputs = plan(NAMES_MARK).inputs()
    assert first.fingerprint_with(inputs) != second.fingerprint_with(inputs)
    assert np.isnan(second.column(Timeframe.M15, "mark_close")[700])


def test_open_interest_is_asked_for_once_and_only_by_a_card_that_names_it():
    asked = []

    def ask() -> Stamped:
        asked.append(1)
        return Stamped(interest()["ts"].to_numpy(), interest()["open_interest"].to_numpy())

    frame = candles()
    history = History(
        "BTCUSDT",
        {Timeframe.M15: Candles.from_frame(frame), Timeframe.H1: Candles.from_frame(hourly(frame))},
        funding_from_frame(funding(frame)),
        instrument(),
        open_interest=ask,
    )
    BacktestEngine().run(prepare_history(plan(), history))
    assert not asked
    for _ in range(2):
        BacktestEngine().run(prepare_history(plan(NAMES_INTEREST), history))
    assert len(asked) == 1


def test_a_card_on_open_interest_nobody_knows_is_refused():
    never = pd.DataFrame({"ts": np.empty(0, np.int64), "open_interest": np.empty(0)})
    with pytest.raises(DataError, match="looks at open_interest on 1h, and none is known"):
        prepare_history(plan(NAMES_INTEREST), of_arrays(never))


@pytest.mark.parametrize(("indicator", "refused"), [("ema", True), ("sma", False)])
def test_a_hole_in_the_marks_stops_what_would_have_no_value_after_it(indicator, refused):
    text = NAMES_MARK.replace(
        "features:",
        f"features:\n  fair: {{indicator: {indicator}, params: {{length: 4}}, source: mark_close, tf: exec}}",
        1,
    )
    holed = candles()
    holed.loc[700, [f"mark_{name}" for name in ("open", "high", "low", "close")]] = np.nan
    prepare_history(plan(text), of_arrays(None))
    if refused:
        with pytest.raises(DataError, match=r"fair remembers all bars .* no mark kline at 2024-01-08 07:00"):
            prepare_history(plan(text), of_arrays(None, holed))
    else:
        prepare_history(plan(text), of_arrays(None, holed))


def test_later_events_change_nothing_before_them():
    card = plan(NAMES_INTEREST)
    altered = interest()
    altered.loc[150:, "open_interest"] = 1e9 / altered.loc[150:, "open_interest"]
    bits = [prepare_history(card, of_arrays(each)).signals.bits for each in (interest(), altered)]
    # row 150 is stamped 151 hours after the start, at the close of the 604th quarter of an hour
    np.testing.assert_array_equal(bits[0][:603], bits[1][:603])
    assert (bits[0] != bits[1]).any()

"""Windows, sequences, scores and setups in a whole run: warm-up, look-ahead, and what they read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from backtest_case import CARD, START_MS, candles, funding, hourly, instrument, plan

from engine.backtest.prepare import PreparedFrame, prepare
from engine.features.builder import FeatureFrameBuilder
from engine.strategies.card_plan import CardPlan
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe

RULES = """signal_rules:
  setups:
    dip: {occurred_within: {when: [close, "<", "low[4]"], duration: 3h, tf: exec}}
    rising: {holds_for: {when: [close@htf, ">", "close@htf[2]"], bars: 3, tf: htf}}
    turn:
      sequence:
        steps: [{setup: dip}, [close, ">", {max: ["high[1]", "high[2]"]}]]
        within: {bars: 12, tf: exec}
  entry_long:
    score:
      weights:
        - {weight: 2, when: {setup: turn}}
        - {weight: 1, when: {setup: rising}}
        - {weight: -1, when: [hour, in, [0, 1, 2]]}
      at_least: 2
  exit_long: {count_true: {when: [close, "<", open], bars: 8, tf: exec, at_least: 6}}
"""


def card() -> CardPlan:
    """Return the card of the case with these rules, and no features."""
    features, rules, policy = (
        CARD.index(f"{key}:") for key in ("features", "signal_rules", "position_policy")
    )
    assert features < rules < policy
    text = f"{CARD[:features]}features: {{}}\n{RULES}{CARD[policy:]}".replace("long_short", "long_only")
    return plan(text.replace("{type: atr_multiple, value: 2.0, feature: atr}", "{type: percent, value: 1.0}"))


def prepared(frame: pd.DataFrame) -> PreparedFrame:
    found = card()
    frames = {
        Timeframe.M15: FeatureFrameBuilder({}).build(frame),
        Timeframe.H1: FeatureFrameBuilder({}).build(hourly(frame)),
    }
    return prepare(found, "BTCUSDT", frames, funding(candles()), instrument())


def bits(run: PreparedFrame) -> pd.Series:
    return pd.Series(run.signals.bits, index=run.bars.ts_open)


def test_the_warm_up_of_a_card_covers_its_windows():
    # exec: 12 bars of the sequence, 11 of the window in it, 4 of the offset; or 7 and nothing
    assert card().warmup_bars("exec") == 12 + 11 + 4
    # three hourly closes, the last up to an hour ago, and two hours back
    assert card().warmup_bars("htf") == 3 + 2


def test_there_are_signals_and_none_before_the_warm_up():
    signals = bits(prepared(candles()))
    assert len(set(signals)) > 1
    assert np.count_nonzero(signals) > 20
    first = signals.index[np.flatnonzero(signals)[0]]
    assert first >= START_MS + 27 * 15 * MINUTE_MS


@pytest.mark.parametrize("hours", [1, 2, 7, 50])
def test_a_later_start_changes_nothing_after_the_warm_up(hours):
    whole = bits(prepared(candles()))
    frame = candles()
    late = bits(prepared(frame[frame["ts_open"] >= START_MS + hours * HOUR_MS].reset_index(drop=True)))
    warm = late.iloc[27:]
    assert warm.equals(whole[warm.index])
    assert (late.iloc[:27] == 0).all()


@pytest.mark.parametrize("bars", [100, 101, 102, 103, 700])
def test_an_earlier_end_changes_nothing_before_it(bars):
    whole = bits(prepared(candles()))
    cut = bits(prepared(candles()[:bars]))
    assert cut.equals(whole[cut.index])

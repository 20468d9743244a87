"""Mistakes of a predecessor in its rules, by their numbers in the list of them; each once, on its own.

Mistakes 9 and 12 have a part in the features, which is tried there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.errors import SimulationError
from engine.features.builder import FeatureFrameBuilder
from engine.idea_card.features import SOURCES, FeatureSpec
from engine.idea_card.signal_rules import SignalRules
from engine.rules.compile import evaluate
from engine.rules.names import NameTable
from engine.rules.parse import parse_signal_rules
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe

START = 1_704_067_200_000  # 2024-01-01T00:00Z
M1, M5, M15, H1 = Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1
SWINGS = FeatureSpec(indicator="swing", params={"left": 1, "right": 1}, tf="htf")
STRUCTURE = FeatureSpec(indicator="market_structure", params={"left": 1, "right": 1}, tf="htf")


def held(raw: Any, names: NameTable, feeds: MultiTFFeedStore) -> np.ndarray:
    """Return when a condition holds, in minutes after the start."""
    condition = parse_signal_rules(SignalRules(entry_long=raw), names).entry_long
    assert condition is not None
    return (feeds.closes("exec")[evaluate(condition, feeds)] - START) // MINUTE_MS


def bars(timeframe: Timeframe, count: int, **columns: Any) -> FeedStore:
    opens = START + np.arange(count) * timeframe.ms
    return FeedStore(timeframe, pd.DataFrame({"ts_open": opens, **columns}))


def table(roles: dict[str, Timeframe], **outputs: tuple[str, ...]) -> NameTable:
    return NameTable(outputs, dict.fromkeys(outputs, "htf"), roles)


@pytest.mark.parametrize("role", ["exec", "mtf", "htf"])
@pytest.mark.parametrize("name", SOURCES)
def test_9_every_name_of_the_market_is_its_own_on_every_timeframe(name, role):
    """Every input source but close was routed to close."""
    stored = [each for each in SOURCES if each not in ("hl2", "hlc3", "ohlc4")]
    roles = {"exec": M5, "mtf": M15, "htf": H1}
    feeds = MultiTFFeedStore(
        {
            at: bars(timeframe, 24, **{each: 100.0 * row + column for column, each in enumerate(stored)})
            for row, (at, timeframe) in enumerate(roles.items())
        }
    )
    prices = {each: 100.0 * list(roles).index(role) + column for column, each in enumerate(stored)}
    means = {
        "hl2": ("high", "low"),
        "hlc3": ("high", "low", "close"),
        "ohlc4": ("open", "high", "low", "close"),
    }
    parts = means.get(name, (name,))
    wanted = sum(prices[part] for part in parts) / len(parts)
    first = roles[role].ms // MINUTE_MS
    assert held([f"{name}@{role}", "==", wanted], table(roles), feeds).tolist() == list(range(first, 121, 5))


@pytest.mark.parametrize("execution", [M1, M5, M15])
@pytest.mark.parametrize("length", [{"bars": 3}, {"duration": "45m"}])
def test_10_a_window_counts_its_timeframes_own_bars_whoever_asks(execution, length):
    """`holds_for 3` on 15m read three 1-minute bars in one place and the bars 0, 15 and 30 in another."""
    # four closes in a row above 10, at 30, 45, 60 and 75 minutes
    quarter = bars(M15, 8, close=[9.0, 11.0, 12.0, 11.0, 13.0, 9.0, 9.0, 9.0])
    count = 120 * MINUTE_MS // execution.ms
    role = "exec" if execution is M15 else "mtf"
    feeds = {"exec": bars(execution, count, close=10.0), "mtf": quarter}
    if execution is M15:
        feeds = {"exec": quarter}
    raw = {"holds_for": {"when": [f"close@{role}", ">", 10], **length, "tf": role}}
    roles = {at: feed.timeframe for at, feed in feeds.items()}
    # the third of them closes at 60, the first below 10 at 90
    step = execution.ms // MINUTE_MS
    assert held(raw, table(roles), MultiTFFeedStore(feeds)).tolist() == list(range(60, 90, step))


def test_10_a_window_of_exec_bars_reads_each_of_them():
    """Three minutes are three minutes in a row, and not every fifteenth."""
    closes = np.full(60, 9.0)
    closes[[0, 15, 30]] = 11.0
    closes[40:44] = 11.0
    raw = {"holds_for": {"when": ["close", ">", 10], "bars": 3, "tf": "exec"}}
    feeds = MultiTFFeedStore({"exec": bars(M1, 60, close=closes)})
    assert held(raw, table({"exec": M1}), feeds).tolist() == [43, 44]


def hours(highs: list[float]) -> pd.DataFrame:
    """Return hourly candles of given highs, closing in the middle between high and low."""
    high = np.array(highs)
    prices = {"open": high - 1.0, "high": high, "low": high - 2.0, "close": high - 1.0}
    marks = {f"mark_{name}": values for name, values in prices.items()}
    opens = START + np.arange(len(high)) * HOUR_MS
    return pd.DataFrame({"ts_open": opens, **prices, "volume": 1.0, "is_filled": False, **marks})


def with_feature(candles: pd.DataFrame, name: str, feature: FeatureSpec) -> MultiTFFeedStore:
    """Return feeds of the feature's hourly frame and of quarters of an hour with the hours' prices."""
    frame = FeatureFrameBuilder({name: feature}).build(candles)
    quarters = {each: np.repeat(candles[each].to_numpy(), 4) for each in ("open", "high", "low", "close")}
    return MultiTFFeedStore({"exec": bars(M15, 4 * len(candles), **quarters), "htf": FeedStore(H1, frame)})


def test_11_the_offset_of_a_swing_level_counts_back_in_its_own_bars():
    """The offset of a structure was ignored: crossing a swing level compared a value with itself."""
    # swings at 15 (known when the hour after it has closed, at hour 3) and at 18 (known at hour 6)
    feeds = with_feature(hours([12, 15, 13, 14, 18, 16, 16.5, 17, 19]), "swings", SWINGS)
    names = table({"exec": M15, "htf": H1}, swings=("high", "low", "high_age", "low_age"))
    levels = feeds.feed("htf").column("swings.high")
    assert levels[2:6].tolist() == [15, 15, 15, 18]
    moved = held(["swings.high", ">", "swings.high[1]"], names, feeds)
    # higher than an hour before, during the whole hour in which 18 is the newest level
    assert moved.tolist() == [6 * 60, 6 * 60 + 15, 6 * 60 + 30, 6 * 60 + 45]
    assert held(["swings.high", "==", "swings.high[1]"], names, feeds)[:4].tolist() == [240, 255, 270, 285]
    # the close of the hour that reaches 18 is 17, above the level of one hour before
    crossed = held(["close@htf", "cross_above", "swings.high[1]"], names, feeds)
    assert crossed.tolist()[0] == 5 * 60


def test_12_the_state_of_a_higher_timeframe_reaches_the_exec_bars():
    """A higher timeframe's text field came back as missing."""
    candles = hours([10, 12, 11, 13, 12, 15, 14, 16, 15, 17, 16, 18, 14, 12, 10, 11, 8, 9, 6, 7, 4, 5])
    feeds = with_feature(candles, "structure", STRUCTURE)
    names = table({"exec": M15, "htf": H1}, structure=("trend", "bos", "choch", "level"))
    own = feeds.feed("htf").column("structure.trend")
    assert {1.0, -1.0} <= set(own[np.isfinite(own)])
    for state in (1, -1):
        found = held(["structure.trend", "==", state], names, feeds)
        hours_of_state = np.flatnonzero(own == state) + 1
        within = hours_of_state[hours_of_state < len(candles)]
        expected = [60 * hour + quarter for hour in within for quarter in (0, 15, 30, 45)]
        last = [60 * len(candles)] if own[-1] == state else []
        assert found.tolist() == expected + last


def test_12_text_is_refused_with_a_word():
    feeds = MultiTFFeedStore({"exec": bars(M15, 2, close=1.0), "htf": bars(H1, 1, trend="up", close=1.0)})
    with pytest.raises(SimulationError, match="is text and has no value"):
        held(["trend", "==", 1], table({"exec": M15, "htf": H1}, trend=("",)), feeds)


def test_13_nothing_is_decided_inside_a_bar():
    """Rules were evaluated every minute inside a bar whose indicators had not closed."""
    closes = np.array([10.0, 10.0, 10.0, 20.0, 10.0, 10.0, 10.0, 10.0])
    raw = {"any": [["close@htf", ">", 15], ["close", ">", 15]]}
    names = table({"exec": M15, "htf": H1})
    first = MultiTFFeedStore({"exec": bars(M15, 8, close=closes), "htf": bars(H1, 2, close=[20.0, 10.0])})
    # one verdict a bar; the hour counts from its close on, the exec bar at its own
    assert held(raw, names, first).tolist() == [60, 75, 90, 105]
    # what the second hour will close at changes nothing before it has
    other = MultiTFFeedStore({"exec": bars(M15, 8, close=closes), "htf": bars(H1, 2, close=[20.0, 99.0])})
    assert held(raw, names, other).tolist() == [60, 75, 90, 105, 120]

"""Bars, funding events and signals that are none do not get in; the message has time and value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sim_market import MINUTE

from engine.errors import SimulationError
from engine.sim.market import BarSignals, FundingEvents, MarketBars

# more than one block of the compiled passes
COUNT = 2500


def columns(**changes: Any) -> dict[str, Any]:
    """Return the columns of a sound market with one value per name put at bar 1700."""
    prices = {"open": 100.0, "high": 102.0, "low": 98.0, "close": 101.0}
    made: dict[str, Any] = {"ts_open": np.arange(COUNT) * MINUTE, "volume": np.full(COUNT, 5.0)}
    for name, value in prices.items():
        made |= {name: np.full(COUNT, value), f"mark_{name}": np.full(COUNT, value + 1)}
    for name, value in changes.items():
        made[name][1700] = value
    return made | {"bar_ms": MINUTE, "is_filled": np.zeros(COUNT, bool)}


def test_a_sound_market_gets_in_and_cannot_be_changed_any_more() -> None:
    given = columns(volume=0.0)
    bars = MarketBars(**given)
    assert len(bars) == COUNT
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0] = 1.0
    assert np.shares_memory(bars.close, given["close"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"open": np.nan}, "open nan is not a price above 0"),
        ({"high": np.nan}, "high nan is not a price above 0"),
        ({"low": -1.0}, r"low -1\.0 is not a price above 0"),
        ({"close": 0.0}, r"close 0\.0 is not a price above 0"),
        ({"high": np.inf}, "high inf is infinite"),
        ({"open": np.inf, "high": np.inf}, "open inf is infinite"),
        ({"high": 100.5}, r"high 100\.5 is below close 101\.0"),
        ({"high": 97.0, "open": 96.0, "close": 96.5}, r"high 97\.0 is below low 98\.0"),
        ({"low": 100.5}, r"low 100\.5 is above open 100\.0"),
        ({"mark_open": np.nan}, "mark_open nan is not a price above 0"),
        ({"mark_low": -2.0}, r"mark_low -2\.0 is not a price above 0"),
        ({"mark_high": 1.0}, r"mark_high 1\.0 is below mark_close 102\.0"),
        ({"volume": np.nan}, "volume nan is not a finite number from 0 on"),
        ({"volume": -0.5}, r"volume -0\.5 is not a finite number from 0 on"),
        ({"volume": np.inf}, "volume inf is not a finite number from 0 on"),
        ({"ts_open": 1699 * MINUTE}, "ts_open 101940000 is not after the bar before"),
        ({"ts_open": 1698 * MINUTE}, "which opens at 1970-01-02 04:19:00"),
        ({"ts_open": 1700 * MINUTE + 1}, "is 60001 ms after the bar before, and a bar has 60000"),
    ],
)
def test_a_bar_that_is_none_is_refused_with_time_and_value(changes: dict[str, float], message: str) -> None:
    with pytest.raises(SimulationError, match=message) as refused:
        MarketBars(**columns(**changes))
    assert "bar 1700 (1970-01-02 04:" in str(refused.value)


@pytest.mark.parametrize("bar", [0, 1, 1023, 1024, 1025, COUNT - 1])
def test_the_first_and_the_last_bar_are_looked_at_too(bar: int) -> None:
    given = columns()
    given["low"][bar] = np.nan
    with pytest.raises(SimulationError, match=rf"bar {bar} .*low nan"):
        MarketBars(**given)


def test_the_first_of_several_bad_bars_is_named() -> None:
    given = columns(volume=-1.0)
    given["ts_open"][1600] += 1
    given["mark_close"][1650] = np.nan
    with pytest.raises(SimulationError, match=r"bar 1600 "):
        MarketBars(**given)


def test_holes_between_bars_get_in() -> None:
    given = columns()
    given["ts_open"][1700:] += 5 * MINUTE
    assert len(MarketBars(**given)) == COUNT


def test_columns_of_unequal_length_are_refused() -> None:
    given = columns() | {"volume": np.ones(COUNT - 1)}
    with pytest.raises(SimulationError, match=f"volume has {COUNT - 1} bars, ts_open {COUNT}"):
        MarketBars(**given)


@pytest.mark.parametrize(
    ("ts", "rate", "price", "message"),
    [
        ([5, 9, 8], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], r"event 2 .* out of order: the one before is of 1970"),
        ([5, 9, 9], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], r"event 2 .* out of order"),
        ([5, 6, 9], [0.0, np.nan, 0.0], [1.0, 1.0, 1.0], r"event 1 .*rate nan is not a finite number"),
        ([5, 6, 9], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0], r"event 2 .*mark price 0\.0 is not a finite price"),
        ([5, 6, 9], [0.0, 0.0, 0.0], [np.inf, 1.0, 1.0], r"event 0 .*mark price inf is not a finite price"),
    ],
)
def test_a_funding_event_that_is_none_is_refused(
    ts: list[int], rate: list[float], price: list[float], message: str
) -> None:
    with pytest.raises(SimulationError, match=message):
        FundingEvents(np.array(ts), np.array(rate), np.array(price))


def test_features_must_be_as_long_as_the_signals() -> None:
    with pytest.raises(SimulationError, match=r"3 signals, and features of shape \(1, 2\)"):
        BarSignals(np.zeros(3, np.int8), np.zeros((1, 2)))

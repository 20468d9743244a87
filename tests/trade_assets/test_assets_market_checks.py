"""The checks on stored market data: what they say of a partition in order, and of one that is not."""

import numpy as np
import pandas as pd
import pytest

from engine.errors import GateRefused
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe, parse_utc
from trade_assets.market_checks import funding_spacing, next_finer, plausible_prices, timeframes_agree
from trade_assets.partitions import Partition

HERE = Partition("BTCUSDT", Timeframe.H1)
START = parse_utc("2024-01-01")


def flat(bars=24):
    prices = dict.fromkeys(("open", "high", "low", "close"), np.full(bars, 100.0))
    return pd.DataFrame({"ts_open": START + HOUR_MS * np.arange(bars), **prices})


def events(*hours):
    return pd.DataFrame({"ts": [START + hour * HOUR_MS for hour in hours], "funding_rate": 0.0001})


def test_prices_in_order_pass():
    verdict = plausible_prices(HERE, flat(), flat())
    assert (verdict.check, verdict.passed) == ("plausible_prices", True)
    assert "24 closes compared" in verdict.description


def test_a_mark_far_from_the_price_is_shown_with_what_to_do():
    marks = flat()
    marks.loc[3, "close"] = 120.0
    verdict = plausible_prices(HERE, flat(), marks)
    assert not verdict.passed
    (record,) = verdict.metadata["violations"].records
    assert record.data["where"] == "BTCUSDT 1h at 2024-01-01 03:00:00"
    assert record.data["what to do"]


def test_a_funding_event_that_is_missing_refuses_the_partition():
    assert funding_spacing(HERE, events(0, 8, 16, 20, 24)).passed
    with pytest.raises(GateRefused, match=r"about 2 missing in 1 hole"):
        funding_spacing(HERE, events(0, 8, 32, 40))


def test_candles_that_their_parts_do_not_add_up_to_are_refused():
    quarters = flat(96).assign(volume=1.0)
    quarters["ts_open"] = START + 15 * MINUTE_MS * np.arange(96)
    hours = flat().assign(volume=4.0)
    parts = (Timeframe.M15, quarters)
    assert timeframes_agree(HERE, hours, parts).description == "0 of 24 candles differ"
    assert timeframes_agree(HERE, hours, None).passed
    hours.loc[3, "high"] = 101.0
    with pytest.raises(GateRefused, match=r"1 of 24 candles differ") as refused:
        timeframes_agree(HERE, hours, parts)
    assert "2024-01-01 03:00:00: high is 101, its parts make 100" in str(refused.value)


def test_the_next_finer_timeframe_is_the_largest_that_divides():
    every = [Timeframe.M1, Timeframe.M3, Timeframe.M5, Timeframe.M15, Timeframe.H1]
    assert next_finer(Timeframe.H1, every) is Timeframe.M15
    assert next_finer(Timeframe.M5, every) is Timeframe.M1
    assert next_finer(Timeframe.M1, every) is None

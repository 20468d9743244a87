"""The checks on stored market data: what they say of a partition in order, and of one that is not."""

import numpy as np
import pandas as pd

from engine.timeframes import HOUR_MS, Timeframe, parse_utc
from trade_assets.market_checks import funding_spacing, plausible_prices
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


def test_a_funding_event_that_is_missing_is_shown():
    assert funding_spacing(HERE, events(0, 8, 16, 20, 24)).passed
    verdict = funding_spacing(HERE, events(0, 8, 32, 40))
    assert not verdict.passed
    assert "about 2 missing in 1 hole(s)" in verdict.description

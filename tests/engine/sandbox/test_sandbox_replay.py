"""The replay market: recorded files served as they are, never ahead of the clock, refused when defective."""

import pandas as pd
import pytest

from engine.errors import ConfigurationError, CorruptData, DataError
from engine.sandbox.protocol import RowWindow
from engine.sandbox.replay import ReplayMarket
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe, parse_utc

START = parse_utc("2024-03-01")
EVERYTHING = RowWindow(0, parse_utc("2030-01-01"), 10**9)


def candles(step_ms, closes, start=START):
    """Candles whose open is the close before, one above and one below for high and low, volume 2."""
    opens = [100.0, *closes[:-1]]
    return pd.DataFrame(
        {
            "ts_open": [start + bar * step_ms for bar in range(len(closes))],
            "open": opens,
            "high": [max(pair) + 1 for pair in zip(opens, closes, strict=True)],
            "low": [min(pair) - 1 for pair in zip(opens, closes, strict=True)],
            "close": closes,
            "volume": [2.0] * len(closes),
        }
    )


@pytest.fixture
def folder(tmp_path):
    """Three hours of BTCUSDT in 1h and 15m candles, with marks, funding and open interest."""
    folder = tmp_path / "recorded"
    folder.mkdir()
    hours = candles(HOUR_MS, [104.0, 108.0, 112.0])
    quarters = candles(15 * MINUTE_MS, [float(101 + bar) for bar in range(12)])
    hours.to_parquet(folder / "BTCUSDT_1h.parquet")
    quarters.to_parquet(folder / "BTCUSDT_15m.parquet")
    hours.drop(columns="volume").to_parquet(folder / "mark_BTCUSDT_1h.parquet")
    funding = pd.DataFrame({"ts": [START, START + 2 * HOUR_MS], "funding_rate": [0.0001, -0.00002]})
    funding.to_parquet(folder / "funding_BTCUSDT.parquet")
    interest = {"ts": [START + hour * HOUR_MS for hour in range(5)], "open_interest": [10.0, 11, 12, 13, 14]}
    pd.DataFrame(interest).to_parquet(folder / "oi_BTCUSDT_1h.parquet")
    return folder


def test_files_are_served_as_they_are(folder):
    market = ReplayMarket(folder)
    now = START + 3 * HOUR_MS
    served = market.klines("BTCUSDT", Timeframe.H1, EVERYTHING, now)
    recorded = pd.read_parquet(folder / "BTCUSDT_1h.parquet")
    pd.testing.assert_frame_equal(served.drop(columns="turnover"), recorded, check_exact=True)
    pd.testing.assert_frame_equal(
        market.mark_klines("BTCUSDT", Timeframe.H1, EVERYTHING, now),
        pd.read_parquet(folder / "mark_BTCUSDT_1h.parquet"),
        check_exact=True,
    )
    assert market.funding("BTCUSDT", EVERYTHING, now)["funding_rate"].tolist() == [0.0001, -0.00002]


def test_turnover_is_volume_at_the_average_of_the_four_prices(folder):
    first = ReplayMarket(folder).klines("BTCUSDT", Timeframe.H1, EVERYTHING, START + 3 * HOUR_MS).iloc[0]
    # open 100, high 105, low 99, close 104: average 102, volume 2
    assert first["turnover"] == 204.0


def test_the_default_clock_stands_where_the_first_series_ends(folder):
    assert ReplayMarket(folder).last_common_close_ms == START + 3 * HOUR_MS
    candles(4 * HOUR_MS, [104.0, 108.0]).to_parquet(folder / "ETHUSDT_4h.parquet")
    assert ReplayMarket(folder).last_common_close_ms == START + 3 * HOUR_MS
    candles(HOUR_MS, [104.0]).to_parquet(folder / "SOLUSDT_1h.parquet")
    assert ReplayMarket(folder).last_common_close_ms == START + HOUR_MS


def test_the_forming_bar_is_made_of_finer_candles_and_not_of_the_future(folder):
    market = ReplayMarket(folder)
    # at 01:40 the hour that opened at 01:00 has two closed quarters: 104 -> 105 -> 106
    now = START + HOUR_MS + 40 * MINUTE_MS
    served = market.klines("BTCUSDT", Timeframe.H1, EVERYTHING, now)
    assert served["ts_open"].tolist() == [START, START + HOUR_MS]
    forming = served.iloc[-1]
    assert (forming["open"], forming["high"], forming["low"], forming["close"]) == (
        104.0,
        107.0,
        103.0,
        106.0,
    )
    assert forming["volume"] == 4.0


def test_the_forming_bar_of_the_finest_file_is_flat_at_its_open(folder):
    market = ReplayMarket(folder)
    now = START + 20 * MINUTE_MS
    quarter = market.klines("BTCUSDT", Timeframe.M15, EVERYTHING, now).iloc[-1]
    assert quarter["ts_open"] == START + 15 * MINUTE_MS
    assert quarter[["open", "high", "low", "close"]].tolist() == [101.0] * 4
    assert quarter["volume"] == 0
    mark = market.mark_klines("BTCUSDT", Timeframe.H1, EVERYTHING, now).iloc[-1]
    assert mark[["open", "high", "low", "close"]].tolist() == [100.0] * 4


def test_nothing_beyond_the_clock_is_served(folder):
    market = ReplayMarket(folder)
    now = START + 90 * MINUTE_MS
    assert market.funding("BTCUSDT", EVERYTHING, now)["ts"].tolist() == [START]
    interest = market.open_interest("BTCUSDT", Timeframe.H1, EVERYTHING, now)
    assert interest["ts"].tolist() == [START, START + HOUR_MS]
    assert market.klines("BTCUSDT", Timeframe.H1, EVERYTHING, START - 1).empty


def test_longer_open_interest_is_sampled_from_the_recorded_one(folder):
    market = ReplayMarket(folder)
    sampled = market.open_interest("BTCUSDT", Timeframe.H4, EVERYTHING, START + 5 * HOUR_MS)
    assert sampled["open_interest"].tolist() == [10.0, 14.0]
    assert market.open_interest("BTCUSDT", Timeframe.M15, EVERYTHING, START + 5 * HOUR_MS).empty


def test_a_file_that_is_missing_is_an_empty_list(folder):
    for name in ("mark_BTCUSDT_1h", "funding_BTCUSDT", "oi_BTCUSDT_1h"):
        (folder / f"{name}.parquet").unlink()
    market = ReplayMarket(folder)
    now = START + 3 * HOUR_MS
    assert market.mark_klines("BTCUSDT", Timeframe.H1, EVERYTHING, now).empty
    assert market.mark_klines("BTCUSDT", Timeframe.M15, EVERYTHING, now).empty
    assert market.klines("BTCUSDT", Timeframe.D1, EVERYTHING, now).empty
    assert market.funding("BTCUSDT", EVERYTHING, now).empty
    assert market.open_interest("BTCUSDT", Timeframe.H1, EVERYTHING, now).empty


def test_a_hole_in_a_file_stays_a_hole(folder):
    gappy = candles(HOUR_MS, [104.0, 108.0, 112.0]).drop(index=1)
    gappy.to_parquet(folder / "BTCUSDT_1h.parquet")
    served = ReplayMarket(folder).klines(
        "BTCUSDT", Timeframe.H1, RowWindow(0, START + 9 * HOUR_MS, 2), START + 3 * HOUR_MS
    )
    # two rows are wanted, and two there are, whatever lies between them
    assert served["ts_open"].tolist() == [START, START + 2 * HOUR_MS]


def test_the_identity_names_the_folder_and_its_content(folder):
    first = ReplayMarket(folder)
    assert first.identity.startswith("sandbox:replay:recorded:")
    assert not first.is_generated
    assert ReplayMarket(folder).identity == first.identity
    candles(HOUR_MS, [104.0, 108.0, 113.0]).to_parquet(folder / "BTCUSDT_1h.parquet")
    assert ReplayMarket(folder).identity != first.identity


def test_only_symbols_with_candles_are_listed(folder):
    pd.DataFrame({"ts": [START], "funding_rate": [0.0001]}).to_parquet(folder / "funding_SOLUSDT.parquet")
    assert list(ReplayMarket(folder).instruments) == ["BTCUSDT"]


def test_a_folder_that_cannot_be_replayed_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no folder .*absent"):
        ReplayMarket(tmp_path / "absent")
    with pytest.raises(ConfigurationError, match="holds no candles") as refused:
        ReplayMarket(tmp_path)
    assert "SYMBOL_TF.parquet" in refused.value.way_out


def test_a_torn_file_is_named(folder):
    path = folder / "BTCUSDT_15m.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CorruptData, match=r"BTCUSDT_15m\.parquet cannot be read"):
        ReplayMarket(folder)
    path.write_text("ts_open,open\n")
    with pytest.raises(CorruptData, match=r"BTCUSDT_15m\.parquet"):
        ReplayMarket(folder)


@pytest.mark.parametrize(
    "name",
    [
        "prices.parquet",
        "BTCUSDT.parquet",
        "funding_BTCUSDT_1h.parquet",
        "mark_BTCUSDT.parquet",
        "BTCUSDT_7m.parquet",
    ],
)
def test_a_file_whose_name_says_nothing_is_refused(folder, name):
    candles(HOUR_MS, [104.0]).to_parquet(folder / name)
    with pytest.raises(DataError, match=name):
        ReplayMarket(folder)


def test_a_symbol_without_rules_is_refused_with_a_way_out(folder):
    candles(HOUR_MS, [104.0]).to_parquet(folder / "GAPPYUSDT_1h.parquet")
    with pytest.raises(DataError, match="no trading rules for GAPPYUSDT") as refused:
        ReplayMarket(folder)
    assert "BTCUSDT" in refused.value.way_out


def broken(column, row, value):
    """Three good hours with one value changed."""
    frame = candles(HOUR_MS, [104.0, 108.0, 112.0])
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (candles(HOUR_MS, [104.0]).drop(columns="volume"), "column volume is missing"),
        (candles(HOUR_MS, [104.0]).iloc[:0], "holds no rows"),
        (candles(HOUR_MS, [104.0, 108.0]).iloc[::-1], "row 1 .*not later"),
        (broken("ts_open", 2, START + HOUR_MS), "row 2 .*not later"),
        (broken("ts_open", 1, START + HOUR_MS + 1), "row 1 .*1h grid"),
        (broken("close", 1, float("nan")), "row 1 .*cannot be right"),
        (broken("high", 2, 1.0), "row 2 .*cannot be right"),
        (broken("low", 0, 103.0), "row 0 .*cannot be right"),
        (broken("low", 0, -1.0), "row 0 .*cannot be right"),
        (broken("volume", 0, -1.0), "row 0 .*cannot be right"),
        (candles(HOUR_MS, [104.0]).astype({"open": str}), "column open is"),
        (candles(HOUR_MS, [104.0]).astype({"ts_open": float}), "column ts_open is float64"),
        (candles(HOUR_MS // 1000, [104.0], start=START // 1000), "milliseconds, not seconds"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_row(folder, frame, named):
    frame.to_parquet(folder / "BTCUSDT_1h.parquet")
    with pytest.raises(DataError, match=rf"BTCUSDT_1h\.parquet.*{named}"):
        ReplayMarket(folder)

"""Files of others and our own: what is read, by hand, and that an export read back is what was stored."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from market_data_frames import START, candles, events, marks, store_in_memory
from pyarrow import feather

from engine.errors import ConfigurationError, CorruptData, DataError
from engine.market_data.files.bybit_mt4 import read_bybit_mt4
from engine.market_data.files.bybit_trades import read_bybit_trades
from engine.market_data.files.freqtrade import read_freqtrade, write_freqtrade
from engine.market_data.files.layout import file_name, read_layout, write_layout
from engine.market_data.files.plain import PlainMapping, TimeUnit, read_plain
from engine.market_data.importing import IMPORTED_IDENTITY
from engine.market_data.journal import Action
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, parse_utc

M1, M5, H1, D1 = Timeframe.M1, Timeframe.M5, Timeframe.H1, Timeframe.D1
OHLCV = Series(SeriesKind.OHLCV, "BTCUSDT", H1)
# Bybit's header; only four of the columns are looked at, the last is in recent files only.
TRADES = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional,RPI"
)


@pytest.fixture
def store():
    with store_in_memory() as opened:
        yield opened


def trade_dump(folder, trades, day="2024-01-01", *, header=TRADES):
    """A day's dump of (seconds into the day, size, price)."""
    first = parse_utc(day) / 1000
    lines = [
        f"{first + at:.4f},BTCUSDT,Buy,{size},{price},ZeroPlusTick,d6b9-{n},1e9,{size},{size * price},0"
        for n, (at, size, price) in enumerate(trades)
    ]
    path = folder / f"BTCUSDT{day}.csv.gz"
    path.write_bytes(gzip.compress("\n".join([header, *lines, ""]).encode()))
    return path


def plain_csv(folder, text, name="export.csv"):
    path = folder / name
    path.write_text(text)
    return path


def mapping(**changes):
    given = {
        "kind": SeriesKind.OHLCV,
        "symbol": "BTCUSDT",
        "timeframe": H1,
        "time_unit": TimeUnit.ISO,
        "time_zone": "UTC",
    }
    return PlainMapping(**{**given, **changes})


# --- trade dumps


def test_trades_become_candles_as_worked_out_by_hand(tmp_path):
    path = trade_dump(tmp_path, [(0.5, 1, 100.0), (59.9999, 2, 103.0), (60.0, 4, 101.0), (200, 1, 99.0)])
    (reading,) = read_bybit_trades([path], [M1])
    assert reading.series == Series(SeriesKind.OHLCV, "BTCUSDT", M1)
    assert len(reading.frame) == 1440
    rows = reading.frame.head(5).drop(columns="ts_open").to_numpy().tolist()
    assert rows == [
        [100.0, 103.0, 100.0, 103.0, 3.0, 306.0],
        [101.0, 101.0, 101.0, 101.0, 4.0, 404.0],
        [101.0, 101.0, 101.0, 101.0, 0.0, 0.0],  # nobody traded: flat at the close before
        [99.0, 99.0, 99.0, 99.0, 1.0, 99.0],
        [99.0, 99.0, 99.0, 99.0, 0.0, 0.0],
    ]
    assert reading.frame["ts_open"].tolist() == [START + n * MINUTE_MS for n in range(1440)]


def test_a_dump_in_falling_order_is_put_in_order(tmp_path):
    path = trade_dump(tmp_path, [(70, 1, 5.0), (59, 1, 4.0), (10, 1, 3.0), (0, 1, 2.0)])
    (reading,) = read_bybit_trades([path], [M1])
    assert reading.frame.iloc[0][["open", "high", "low", "close"]].tolist() == [2.0, 4.0, 2.0, 4.0]


def test_the_order_of_the_file_holds_inside_a_moment(tmp_path):
    path = trade_dump(tmp_path, [(0, 1, 2.0), (0, 1, 9.0), (0, 1, 4.0)])
    (reading,) = read_bybit_trades([path], [M1])
    assert reading.frame.iloc[0][["open", "close"]].tolist() == [2.0, 4.0]


def test_longer_candles_are_made_over_days_that_follow_and_only_if_they_are_whole(tmp_path):
    paths = [
        trade_dump(tmp_path, [(3600, 1, 10.0), (86_399, 1, 12.0)], "2024-01-01"),
        trade_dump(tmp_path, [(0, 1, 11.0)], "2024-01-02"),
        trade_dump(tmp_path, [(0, 1, 20.0)], "2024-01-04"),
    ]
    days = [each.frame for each in read_bybit_trades(paths, [D1])]
    # nothing was traded in the first hour of the 1st, so that day is not whole
    assert [frame["ts_open"].tolist() for frame in days] == [[START + DAY_MS], [START + 3 * DAY_MS]]
    assert days[0].iloc[0][["open", "high", "low", "close", "volume"]].tolist() == [11.0] * 4 + [1.0]
    assert read_bybit_trades(paths, [Timeframe.W1]) == []


def test_candles_of_trades_add_up_between_timeframes(tmp_path):
    rng = np.random.default_rng(3)
    at = np.sort(rng.uniform(0, 86_400, 3000))
    path = trade_dump(
        tmp_path, [(s, int(q), float(p)) for s, q, p in zip(at, at % 7 + 1, 100 + at % 3, strict=True)]
    )
    minutes, hours = read_bybit_trades([path], [M1, H1])
    whole = minutes.frame[minutes.frame["ts_open"] >= hours.frame["ts_open"].iloc[0]]
    grouped = whole.groupby(whole["ts_open"] // HOUR_MS)
    assert grouped["high"].max().tolist() == hours.frame["high"].tolist()
    assert grouped["volume"].sum().tolist() == hours.frame["volume"].tolist()


@pytest.mark.parametrize(
    ("trades", "told"),
    [
        ([(0, 1, 5.0), (90_000, 1, 5.0)], r"row 2: the trade at .* is not of the day its name says"),
        ([(0, 1, 5.0), (1, -1, 5.0)], r"row 2: a trade of size -1"),
    ],
)
def test_trades_that_cannot_be_are_refused_with_their_row(tmp_path, trades, told):
    with pytest.raises(DataError, match=told):
        read_bybit_trades([trade_dump(tmp_path, trades)], [M1])


def test_a_dump_that_is_torn_misnamed_or_lacks_a_column_is_refused(tmp_path):
    with pytest.raises(DataError, match="which symbol and day"):
        read_bybit_trades([plain_csv(tmp_path, "x", "trades.csv")], [M1])
    torn = trade_dump(tmp_path, [(0, 1, 5.0)] * 100)
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(CorruptData, match="cannot be read"):
        read_bybit_trades([torn], [M1])
    with pytest.raises(DataError, match="foreignNotional"):
        read_bybit_trades([trade_dump(tmp_path, [], header=TRADES.replace("foreignNotional", "worth"))], [M1])
    letters = trade_dump(tmp_path, [(0, 1, 5.0)])
    letters.write_bytes(gzip.compress(gzip.decompress(letters.read_bytes()).replace(b",5.0,", b",five,")))
    with pytest.raises(DataError, match=r"line 2.*five"):
        read_bybit_trades([letters], [M1])


# --- MetaTrader 4 dumps


def mt4(folder, rows, name="BTCUSDT_1_2024-01-01_2024-01-31.csv.gz"):
    path = folder / name
    path.write_bytes(gzip.compress("".join(f"{row}\n" for row in rows).encode()))
    return path


def test_the_clock_of_mt4_dumps_is_three_hours_ahead(tmp_path):
    (reading,) = read_bybit_mt4([mt4(tmp_path, ["2024.01.01 03:00,10,14,8,12,5"])])
    assert reading.series == Series(SeriesKind.OHLCV, "BTCUSDT", M1)
    row = reading.frame.iloc[0]
    assert row["ts_open"] == START
    assert row[["open", "high", "low", "close", "volume"]].tolist() == [10.0, 14.0, 8.0, 12.0, 5.0]
    assert row["turnover"] == 5 * (10 + 14 + 8 + 12) / 4
    assert "UTC+3 h" in reading.note
    (by_another_clock,) = read_bybit_mt4(reading.paths, utc_offset_hours=0)
    assert by_another_clock.frame["ts_open"].iloc[0] == START + 3 * HOUR_MS


def test_of_the_minute_that_two_months_have_the_later_month_s_is_taken(tmp_path):
    january = mt4(tmp_path, ["2024.01.31 23:59,10,10,10,10,1", "2024.02.01 00:00,10,10,10,10,1"])
    february = mt4(
        tmp_path,
        ["2024.02.01 00:00,10,11,10,11,7", "2024.02.01 00:01,11,11,11,11,1"],
        "BTCUSDT_1_2024-02-01_2024-02-29.csv.gz",
    )
    (reading,) = read_bybit_mt4([february, january])
    assert reading.frame["volume"].tolist() == [1.0, 7.0, 1.0]
    assert "1 row(s) in two files, 1 with other values" in reading.note


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("2024-01-01 03:00,1,1,1,1,1", "row 2: the time is '2024-01-01 03:00'"),
        ("2024.01.01 03:00,1,1,1", "line 2"),
        ("2024.01.01 03:00,1,1,high,1,1", "high"),
    ],
)
def test_an_mt4_line_that_cannot_be_read_is_named(tmp_path, row, told):
    with pytest.raises(DataError, match=told):
        read_bybit_mt4([mt4(tmp_path, ["2024.01.01 02:59,1,1,1,1,1", row])])


def test_an_mt4_file_of_another_name_or_interval_is_refused(tmp_path):
    with pytest.raises(DataError, match="which symbol and timeframe"):
        read_bybit_mt4([mt4(tmp_path, [], "january.csv.gz")])
    with pytest.raises(DataError, match="not a Bybit interval"):
        read_bybit_mt4([mt4(tmp_path, [], "BTCUSDT_7_2024-01-01_2024-01-31.csv.gz")])


# --- freqtrade


@pytest.mark.parametrize(
    ("series", "frame"),
    [
        (OHLCV, candles(50)),
        (Series(SeriesKind.MARK, "BTCUSDT", H1), marks(50)),
        (Series(SeriesKind.INDEX, "BTCUSDT", H1), marks(50)),
        (Series(SeriesKind.FUNDING, "BTCUSDT"), events([START, START + HOUR_MS, START + 5 * HOUR_MS])),
    ],
    ids=["candles", "marks", "index", "funding"],
)
def test_what_is_written_for_freqtrade_is_read_back_the_same(tmp_path, series, frame):
    path = write_freqtrade(tmp_path, series, frame)
    (reading,) = read_freqtrade([path])
    assert reading.series == series
    kept = [name for name in frame.columns if name != "turnover"]
    pd.testing.assert_frame_equal(reading.frame[kept], frame[kept])


def test_freqtrade_has_no_place_for_open_interest_and_no_name_for_other_coins(tmp_path):
    interest = Series(SeriesKind.OPEN_INTEREST, "BTCUSDT")
    assert write_freqtrade(tmp_path, interest, events([START], 1.0, "open_interest")) is None
    with pytest.raises(ConfigurationError, match="BTCPERP"):
        write_freqtrade(tmp_path, Series(SeriesKind.OHLCV, "BTCPERP", H1), candles(1))


def test_freqtrade_names_pairs_as_it_does(tmp_path):
    series = Series(SeriesKind.OHLCV, "1000PEPEUSDT", Timeframe.M15)
    path = write_freqtrade(tmp_path, series, candles(1, timeframe=Timeframe.M15))
    assert path.name == "1000PEPE_USDT_USDT-15m-futures.feather"
    table = feather.read_feather(path)
    assert list(table.columns) == ["date", "open", "high", "low", "close", "volume"]
    assert str(table["date"].iloc[0]) == "2024-01-01 00:00:00+00:00"


@pytest.mark.parametrize("packed", [False, True])
def test_freqtrade_json_is_read(tmp_path, packed):
    rows = json.dumps([[START, 10, 14, 8, 12, 5], [START + HOUR_MS, 12, 12, 12, 12, 0.5]]).encode()
    path = tmp_path / f"BTC_USDT_USDT-1h-futures.json{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(rows) if packed else rows)
    (reading,) = read_freqtrade([path])
    assert reading.frame["ts_open"].tolist() == [START, START + HOUR_MS]
    assert reading.frame["volume"].tolist() == [5.0, 0.5]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[[1, 2]]", "row 1"),
        (b"{}", "not a list"),
        (b"[[1,", "cannot be read as JSON"),
        (json.dumps([[START // 1000, 1, 1, 1, 1, 1]]).encode(), "not between 2009 and 2100"),
        (json.dumps([[START, 1, 1, 1, 1, 1], [START, "x", 1, 1, 1, 1]]).encode(), "row 2: open is 'x'"),
    ],
)
def test_freqtrade_json_that_cannot_be_is_refused(tmp_path, content, told):
    path = tmp_path / "BTC_USDT_USDT-1h-futures.json"
    path.write_bytes(content)
    with pytest.raises((DataError, CorruptData), match=told):
        read_freqtrade([path])


def test_a_freqtrade_file_of_spot_or_of_another_name_is_refused(tmp_path):
    for name in ("BTC_USDT-1h.feather", "BTC_USD_BTC-1h-futures.feather"):
        path = tmp_path / name
        path.write_bytes(b"")
        with pytest.raises(DataError, match="which perpetual"):
            read_freqtrade([path])
    path = tmp_path / "BTC_USDT_USDT-1h-futures.feather"
    path.write_bytes(b"nothing")
    with pytest.raises(CorruptData, match="feather"):
        read_freqtrade([path])


# --- plain files


def test_a_csv_is_read_as_its_mapping_says(tmp_path):
    path = plain_csv(tmp_path, "When,O,H,L,C,Vol,extra\n2024-01-01 01:00,10,14,8,12,5,x\n")
    columns = {"ts_open": "When", "open": "O", "high": "H", "low": "L", "close": "C", "volume": "Vol"}
    (reading,) = read_plain([path], mapping(columns=columns, time_zone="Europe/Berlin"))
    assert reading.frame.to_numpy().tolist() == [[START, 10.0, 14.0, 8.0, 12.0, 5.0, 55.0]]
    assert "turnover is estimated" in reading.note


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("s", "1704067200"),
        ("s", "1704067200.5"),
        ("ms", "1704067200123"),
        ("us", "1704067200123456"),
        ("ns", "1704067200123456789"),
        ("iso", "2024-01-01T00:00:00Z"),
        ("iso", "2024-01-01T05:30:00+05:30"),
    ],
)
def test_times_are_read_in_their_unit(tmp_path, unit, text):
    path = plain_csv(tmp_path, f"ts,funding_rate\n{text},0.0001\n")
    asked = mapping(kind=SeriesKind.FUNDING, timeframe=None, time_unit=TimeUnit(unit))
    (reading,) = read_plain([path], asked)
    assert reading.frame["ts"].iloc[0] // 1000 == START // 1000
    assert reading.frame["ts"].iloc[0] % 1000 == {"1704067200.5": 500}.get(text, 123 if "123" in text else 0)


def test_a_parquet_file_is_read_as_its_mapping_says(tmp_path):
    frame = candles(5).rename(columns={"ts_open": "time"})
    frame["time"] *= 1000
    frame.to_parquet(tmp_path / "export.parquet")
    asked = mapping(columns={"ts_open": "time"}, time_unit=TimeUnit.MICROSECONDS)
    (reading,) = read_plain([tmp_path / "export.parquet"], asked)
    pd.testing.assert_frame_equal(reading.frame, candles(5))
    assert reading.note == ""


@pytest.mark.parametrize(
    ("text", "changes", "told"),
    [
        ("ts_open,open,high,low,close\n", {}, "no column 'volume'"),
        ("ts_open,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\nsoon,1,1,1,1,1\n", {}, "row 2: 'soon'"),
        ("ts_open,open,high,low,close,volume\n2024-01-01,1,1,1,1\n", {}, "line 2"),
        ("ts_open,open,high,low,close,volume\n2024-01-01,1,1,one,1,1\n", {}, "one"),
        (
            "ts_open,open,high,low,close,volume\n1704067200,1,1,1,1,1\n",
            {"time_unit": TimeUnit.MILLISECONDS},
            "not between 2009 and 2100",
        ),
        (
            "ts_open,open,high,low,close,volume\n2024-03-31 02:30,1,1,1,1,1\n",
            {"time_zone": "Europe/Berlin"},
            "not a moment of the clock of Europe/Berlin",
        ),
        ("ts_open,open,high,low,close,volume\n", {"time_zone": "Mars/North"}, "no time zone 'Mars/North'"),
        ("ts_open,open,high,low,close,volume\n", {"columns": {"price": "x"}}, "no column 'price'"),
        ("ts_open,open,high,low,close,volume\n", {"timeframe": None}, "candles need a timeframe"),
        ("ts,funding_rate\n", {"kind": SeriesKind.FUNDING}, "has no timeframe"),
    ],
)
def test_a_plain_file_that_is_not_as_said_is_refused(tmp_path, text, changes, told):
    with pytest.raises((DataError, ConfigurationError), match=told):
        read_plain([plain_csv(tmp_path, text)], mapping(**changes))


# --- our own layout


@pytest.mark.parametrize(
    ("series", "frame", "name"),
    [
        (OHLCV, candles(50), "BTCUSDT_1h.parquet"),
        (Series(SeriesKind.MARK, "BTCUSDT", H1), marks(50), "mark_BTCUSDT_1h.parquet"),
        (Series(SeriesKind.INDEX, "BTCUSDT", M5), marks(5, timeframe=M5), "index_BTCUSDT_5m.parquet"),
        (Series(SeriesKind.FUNDING, "BTCUSDT"), events([START, START + 1]), "funding_BTCUSDT.parquet"),
        (
            Series(SeriesKind.OPEN_INTEREST, "BTCUSDT"),
            events([START], 5.5, "open_interest"),
            "oi_BTCUSDT_1h.parquet",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_export_is_read_back_exactly(store, tmp_path, series, frame, name):
    store.import_reading(read_layout([write_layout(tmp_path, series, frame)])[0], "layout", 1)
    assert file_name(series) == name
    again = tmp_path / "again"
    again.mkdir()
    (reading,) = read_layout([write_layout(again, series, store.read_series(series))])
    assert reading.series == series
    pd.testing.assert_frame_equal(reading.frame, frame)


def test_a_file_of_the_layout_with_another_name_or_time_is_refused(tmp_path):
    candles(2).to_parquet(tmp_path / "bitcoin.parquet")
    with pytest.raises(DataError, match="does not say what is in it"):
        read_layout([tmp_path / "bitcoin.parquet"])
    candles(2).astype({"ts_open": "datetime64[ms]"}).to_parquet(tmp_path / "BTCUSDT_1h.parquet")
    with pytest.raises(DataError, match="not UTC milliseconds"):
        read_layout([tmp_path / "BTCUSDT_1h.parquet"])


# --- into the store


def test_an_import_says_whose_rows_they_are_and_notes_the_file(store, tmp_path):
    (reading,) = read_layout([write_layout(tmp_path, OHLCV, candles(5))])
    done = store.import_reading(reading, "layout", 77)
    assert (done.rows, done.new, done.revised, done.quarantined) == (5, 5, 0, 0)
    assert store.source_identity() == IMPORTED_IDENTITY
    (entry,) = store.journal()
    assert (entry.action, entry.at_ms, entry.rows) == (Action.IMPORTED, 77, 5)
    assert entry.note.startswith("layout: BTCUSDT_1h.parquet (sha256 ")
    again = store.import_reading(reading, "layout", 78)
    assert (again.new, again.revised) == (0, 0)
    assert len(store.read_ohlcv("BTCUSDT", H1)) == 5


def test_bad_rows_of_a_file_are_put_into_quarantine(store, tmp_path):
    bad = candles(5)
    bad.loc[2, "high"] = 1.0
    (reading,) = read_layout([write_layout(tmp_path, OHLCV, bad)])
    assert store.import_reading(reading, "layout", 1).quarantined == 1
    assert store.ohlcv_span("BTCUSDT", H1).rows == 4


def test_imported_and_synced_rows_never_share_a_database(store, tmp_path):
    (reading,) = read_layout([write_layout(tmp_path, OHLCV, candles(5))])
    store.claim_source("bybit:mainnet")
    with pytest.raises(ConfigurationError, match="bybit:mainnet"):
        store.import_reading(reading, "layout", 1)
    assert store.coverage().empty


def test_no_exchange_can_go_on_with_imported_rows(store, tmp_path):
    store.import_reading(read_layout([write_layout(tmp_path, OHLCV, candles(5))])[0], "layout", 1)
    with pytest.raises(ConfigurationError, match="import:files"):
        store.sync_status("bybit:mainnet", "BTCUSDT", [OHLCV])

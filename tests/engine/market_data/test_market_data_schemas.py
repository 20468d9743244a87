import numpy as np
import pandas as pd
import pytest
from market_data_frames import START, candles, events, marks

from engine.errors import SchemaViolation
from engine.market_data.healing import heal
from engine.market_data.schemas import (
    FUNDING_EVENTS,
    HEALED_OHLCV,
    MARK_KLINES,
    OPEN_INTEREST,
    RAW_FUNDING,
    RAW_OHLCV,
    schema_failures,
    validate,
)
from engine.timeframes import HOUR_MS, Timeframe

H1 = Timeframe.H1


def broken(frame, row, column, value):
    changed = frame.copy()
    changed.loc[row, column] = value
    return changed


def sentences(schema, frame):
    return schema_failures(schema, frame)["check"].tolist()


@pytest.mark.parametrize("timeframe", list(Timeframe), ids=str)
def test_candles_on_their_grid_pass_with_and_without_holes(timeframe):
    frame = candles(20, first=timeframe.floor(START), timeframe=timeframe)
    assert schema_failures(RAW_OHLCV(timeframe), frame).empty
    assert validate(frame.drop(index=[3, 4]), RAW_OHLCV(timeframe), "raw")["volume"].sum() == 201.0


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("high", 102.9, "high is not below open or close"),
        ("low", 102.1, "low is not above open or close"),
        ("low", -1.0, "low is above 0"),
        ("open", np.nan, "open has no missing value"),
        ("high", np.inf, "high is finite"),
        ("volume", -0.5, "volume is not below 0"),
        ("turnover", np.nan, "turnover has no missing value"),
        ("ts_open", START + 2 * HOUR_MS + 1, "ts_open is on the grid of 1h"),
        ("ts_open", START + HOUR_MS, "ts_open rises from row to row"),
        ("ts_open", START, "ts_open rises from row to row"),
    ],
)
def test_each_fault_of_a_raw_candle_is_caught_where_it_is(column, value, sentence):
    frame = broken(candles(6), 2, column, value)
    failures = schema_failures(RAW_OHLCV(H1), frame)
    hit = failures[failures["check"] == sentence]
    assert 2 in hit["row"].tolist()


def test_no_rows_is_a_failure_of_candles_and_not_of_the_rest():
    assert sentences(RAW_OHLCV(H1), candles(0)) == ["there is at least one row"]
    assert sentences(MARK_KLINES(H1), marks(0)) == []
    assert sentences(RAW_FUNDING, events([])) == []


def test_a_missing_and_a_foreign_column_are_named():
    assert "every column is there" in sentences(RAW_OHLCV(H1), candles(3).drop(columns="turnover"))
    assert sentences(RAW_OHLCV(H1), candles(3).assign(extra=1.0)) == ["there is no other column"]


def test_a_dtype_that_is_not_the_contract_is_named():
    found = sentences(RAW_OHLCV(H1), candles(3).astype({"volume": "float32"}))
    assert found == ["volume has dtype('float64')"]


def test_the_message_names_check_rows_times_values_and_count():
    frame = candles(10)
    frame.loc[[1, 4, 5, 7, 8], "volume"] = -3.0
    frame.loc[6, "high"] = 1.0
    with pytest.raises(SchemaViolation) as caught:
        validate(frame, RAW_OHLCV(H1), "ohlcv BTCUSDT 1h")
    message = str(caught.value)
    assert "ohlcv BTCUSDT 1h" in message
    assert "6 failure(s)" in message
    assert "row 1 2024-01-01 01:00:00 volume -3.0" in message
    assert "and 2 more" in message
    assert "row 6 2024-01-01 06:00:00 high 1.0, open 106.0, close 107.0" in message


def test_failures_are_a_table_with_one_line_per_row_and_check():
    frame = broken(candles(4), 2, "low", np.nan)
    failures = schema_failures(RAW_OHLCV(H1), frame.set_index(pd.Index([9, 8, 7, 6])))
    assert failures.to_dict("records") == [
        {
            "check": "low has no missing value",
            "row": 2,
            "time_utc": "2024-01-01 02:00:00",
            "value": "low nan",
        }
    ]
    assert schema_failures(RAW_OHLCV(H1), candles(4)).columns.tolist() == list(failures.columns)


def healed(missing=(3, 4), bars=10):
    return heal(candles(bars).drop(index=list(missing)), marks(bars), H1).frame


def test_healed_candles_pass_up_to_the_share_that_is_allowed():
    assert schema_failures(HEALED_OHLCV(H1, 0.2), healed()).empty
    failures = schema_failures(HEALED_OHLCV(H1, 0.19), healed())
    assert failures["check"].tolist() == ["is_filled in at most 19.00% of the rows"]
    assert failures["value"].tolist() == ["is_filled in 2 of 10 rows"]


@pytest.mark.parametrize(
    ("row", "column", "value", "sentence"),
    [
        (4, "volume", 1.0, "where is_filled, high equals low and volume is 0"),
        (4, "high", 150.0, "where is_filled, high equals low and volume is 0"),
        (7, "mark_high", 1.0, "mark_high is not below mark_open or mark_close"),
        (7, "mark_low", np.nan, "mark_open, mark_high, mark_low, mark_close are all there or all missing"),
        (7, "mark_open", 0.0, "mark_open is above 0"),
        (7, "close", np.nan, "close has no missing value"),
    ],
)
def test_each_fault_of_a_healed_candle_is_caught_where_it_is(row, column, value, sentence):
    failures = schema_failures(HEALED_OHLCV(H1, 0.5), broken(healed(), row, column, value))
    assert row in failures[failures["check"] == sentence]["row"].tolist()


def test_a_hole_that_is_left_is_caught_after_healing():
    holed = healed().drop(index=6).reset_index(drop=True)
    failures = schema_failures(HEALED_OHLCV(H1, 0.5), holed)
    assert failures[["check", "row"]].to_numpy().tolist() == [
        ["ts_open is one candle (1h) after the one before", 6]
    ]


def test_candles_without_any_mark_pass():
    frame = heal(candles(5), marks(0), H1).frame
    assert schema_failures(HEALED_OHLCV(H1, 0.0), frame).empty


def test_funding_events_need_a_price_and_its_source():
    frame = events([START, START + HOUR_MS]).assign(mark_price=100.0, price_source="mark")
    assert schema_failures(FUNDING_EVENTS, frame).empty
    assert sentences(FUNDING_EVENTS, broken(frame, 1, "mark_price", 0.0)) == ["mark_price is above 0"]
    assert sentences(FUNDING_EVENTS, broken(frame, 1, "price_source", "index")) == [
        "price_source is mark or last"
    ]
    assert sentences(FUNDING_EVENTS, broken(frame, 0, "funding_rate", 5.5)) == [
        "funding_rate is a fraction, between -1 and 1"
    ]


def test_events_must_rise_and_open_interest_is_not_negative():
    assert sentences(RAW_FUNDING, events([START, START])) == ["ts rises from row to row"]
    interest = events([START], -1.0, "open_interest")
    assert sentences(OPEN_INTEREST, interest) == ["open_interest is not below 0"]


def test_a_schema_survives_a_trip_through_parquet(tmp_path):
    events_frame = events([START]).assign(mark_price=1.0, price_source="last")
    for name, frame, schema in (
        ("healed", healed(), HEALED_OHLCV(H1, 0.5)),
        ("events", events_frame, FUNDING_EVENTS),
    ):
        frame.to_parquet(tmp_path / name)
        assert schema_failures(schema, pd.read_parquet(tmp_path / name)).empty

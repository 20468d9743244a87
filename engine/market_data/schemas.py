"""Pandera schemas of market data, and what a frame that breaks one is told.

A check is named by a sentence that says what must hold. The columns the sentence names are what a failure
shows the values of.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pandera.pandas as pa

from engine.errors import SchemaViolation
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import Timeframe, format_utc

# Bybit serves a candle for every period a contract trades, so even one filled candle in a hundred means that
# the exchange was down for days or that the sync is broken: no result over such data should be believed.
MAX_FILLED_SHARE = 0.01

_SHOWN_FAILURES = 3
_FAILURE_COLUMNS = ("check", "row", "time_utc", "value")


def RAW_OHLCV(timeframe: Timeframe) -> pa.DataFrameSchema:  # noqa: N802 - a schema, like its neighbours
    """Candles as synced: at least one, on the grid of `timeframe`, rising, consistent; may have holes."""
    return pa.DataFrameSchema(
        {
            "ts_open": _candle_times(timeframe),
            **_prices(""),
            "volume": _amount("volume"),
            "turnover": _amount("turnover"),
        },
        checks=[_has_rows(), *_candle_shape("")],
        strict=True,
        ordered=True,
        name="raw_ohlcv",
    )


def MARK_KLINES(timeframe: Timeframe) -> pa.DataFrameSchema:  # noqa: N802 - a schema, like its neighbours
    """Mark klines as synced: on the grid, rising, consistent; may be none."""
    return pa.DataFrameSchema(
        {"ts_open": _candle_times(timeframe), **_prices("")},
        checks=_candle_shape(""),
        strict=True,
        ordered=True,
        name="mark_klines",
    )


def HEALED_OHLCV(  # noqa: N802 - a schema, like its neighbours
    timeframe: Timeframe, max_filled_share: float
) -> pa.DataFrameSchema:
    """Candles after healing: one per period, filled ones flat and without volume, and not too many of them.

    Parameters
    ----------
    timeframe : Timeframe
        Length of a candle.
    max_filled_share : float
        The largest share of filled candles that is let through, 0 to 1.
    """
    marks = ("mark_open", "mark_high", "mark_low", "mark_close")
    return pa.DataFrameSchema(
        {
            "ts_open": pa.Column(
                "int64",
                checks=[
                    _on_grid(timeframe),
                    pa.Check(
                        lambda times: _step_is(times, lambda step: step == timeframe.ms),
                        error=f"ts_open is one candle ({timeframe}) after the one before",
                    ),
                ],
            ),
            **_prices(""),
            "volume": _amount("volume"),
            "turnover": _amount("turnover"),
            "is_filled": pa.Column("bool"),
            **_prices("mark_", nullable=True),
        },
        checks=[
            _has_rows(),
            *_candle_shape(""),
            *_candle_shape("mark_"),
            pa.Check(
                lambda bars: ~bars["is_filled"] | ((bars["high"] == bars["low"]) & (bars["volume"] == 0)),
                error="where is_filled, high equals low and volume is 0",
            ),
            pa.Check(
                lambda bars: bars[list(marks)].notna().sum(axis=1).isin([0, len(marks)]),
                error=f"{', '.join(marks)} are all there or all missing",
            ),
            pa.Check(
                lambda bars: bool(bars["is_filled"].mean() <= max_filled_share) if len(bars) else True,
                error=f"is_filled in at most {max_filled_share:.2%} of the rows",
            ),
        ],
        strict=True,
        ordered=True,
        name="healed_ohlcv",
    )


def series_schema(series: Series) -> pa.DataFrameSchema:
    """Return the schema of the stored rows of `series`."""
    if series.timeframe is not None:
        by_kind = {SeriesKind.OHLCV: RAW_OHLCV, SeriesKind.MARK: MARK_KLINES}
        return by_kind[series.kind](series.timeframe)
    return {SeriesKind.FUNDING: RAW_FUNDING, SeriesKind.OPEN_INTEREST: OPEN_INTEREST}[series.kind]


def schema_failures(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """Return every failure of `frame` against `schema`, one row each, empty if it holds.

    Returns
    -------
    DataFrame
        check (the sentence that does not hold), row (position in `frame`, <NA> for a failure of the whole
        frame), time_utc (of that row), value (of the columns concerned). In the order of rows per check.
    """
    numbered = frame.reset_index(drop=True)
    try:
        schema.validate(numbered, lazy=True)
    except pa.errors.SchemaErrors as errors:
        found = [_failures_of(error, numbered) for error in errors.schema_errors]
        return pd.concat(found, ignore_index=True)
    return _failure_frame("", [], [], [])


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema, name: str) -> pd.DataFrame:
    """Return `frame` if it holds to `schema`.

    Parameters
    ----------
    name : str
        What the frame is, for the message ("ohlcv BTCUSDT 15m").

    Raises
    ------
    SchemaViolation
        Naming each check that fails, how often, and the first rows with their time and values.
    """
    failures = schema_failures(schema, frame)
    if failures.empty:
        return frame
    lines = [
        f"  - not so: {check}{_described(rows)}" for check, rows in failures.groupby("check", sort=False)
    ]
    raise SchemaViolation(
        f"{name} breaks its schema {schema.name}, {len(failures)} failure(s):\n" + "\n".join(lines),
        way_out="look at these rows at their source and fetch them again; nothing was written",
    )


def _described(failures: pd.DataFrame) -> str:
    shown = []
    for _, failure in failures.head(_SHOWN_FAILURES).iterrows():
        row = "" if pd.isna(failure["row"]) else f"row {failure['row']}"
        shown.append(" ".join(part for part in (row, failure["time_utc"], failure["value"]) if part))
    more = len(failures) - len(shown)
    text = "; ".join(part for part in shown if part) + (f"; and {more} more" if more else "")
    return f" ({text})" if text else ""


def _failures_of(error: pa.errors.SchemaError, frame: pd.DataFrame) -> pd.DataFrame:
    column = error.schema.name if isinstance(error.schema, pa.Column) else None
    check = _sentence(error, column)
    named = [column] if column else [name for name in re.findall(r"\w+", check) if name in frame.columns]
    cases = error.failure_cases
    if not isinstance(cases, pd.DataFrame) or cases["index"].isna().any():
        value = cases["failure_case"].iloc[0] if isinstance(cases, pd.DataFrame) else cases
        if isinstance(value, bool | np.bool_):  # a check of the whole frame: say how often a flag is up
            flags = [name for name in named if frame[name].dtype == np.bool_]
            value = ", ".join(f"{name} in {frame[name].sum()} of {len(frame)} rows" for name in flags)
        return _failure_frame(check, [None], [""], [str(value)])
    rows = sorted(cases["index"].unique())
    values = frame.loc[rows, list(dict.fromkeys(named))]
    shown = [
        ", ".join(f"{name} {value}" for name, value in zip(values.columns, row, strict=True))
        for row in values.itertuples(index=False)
    ]
    return _failure_frame(check, rows, [_time_of(frame, row) for row in rows], shown)


def _sentence(error: pa.errors.SchemaError, column: str | None) -> str:
    if isinstance(error.check, pa.Check):
        return str(error.check.error or error.check.name)
    own_checks = {
        "column_in_dataframe": "every column is there",
        "column_in_schema": "there is no other column",
        "column_ordered": "the columns are in order",
        "not_nullable": f"{column} has no missing value",
    }
    return own_checks.get(str(error.check), f"{column} has {error.check}")


def _failure_frame(check: str, rows: list[int | None], times: list[str], values: list[str]) -> pd.DataFrame:
    columns = ([check] * len(rows), pd.array(rows, dtype="Int64"), times, values)
    return pd.DataFrame(dict(zip(_FAILURE_COLUMNS, columns, strict=True)))


def _time_of(frame: pd.DataFrame, row: int) -> str:
    for name in ("ts_open", "ts"):
        if name in frame.columns and frame[name].dtype == np.int64:
            return format_utc(int(frame[name].to_numpy()[row]))
    return ""


def _step_is(times: pd.Series, holds: Callable[[pd.Series], pd.Series]) -> pd.Series:
    first = pd.Series(True, index=times.index[:1])
    return pd.concat([first, holds(times.diff().iloc[1:])])


def _rising(column: str) -> pa.Check:
    return pa.Check(
        lambda times: _step_is(times, lambda step: step > 0), error=f"{column} rises from row to row"
    )


def _on_grid(timeframe: Timeframe) -> pa.Check:
    remainder = timeframe.floor(0) % timeframe.ms
    return pa.Check(
        lambda times: times % timeframe.ms == remainder, error=f"ts_open is on the grid of {timeframe}"
    )


def _candle_times(timeframe: Timeframe) -> pa.Column:
    return pa.Column("int64", checks=[_on_grid(timeframe), _rising("ts_open")])


def _finite(column: str) -> pa.Check:
    return pa.Check(np.isfinite, error=f"{column} is finite")


def _prices(prefix: str, *, nullable: bool = False) -> dict[str, pa.Column]:
    names = [f"{prefix}{part}" for part in ("open", "high", "low", "close")]
    return {
        name: pa.Column(
            "float64",
            checks=[_finite(name), pa.Check(lambda price: price > 0, error=f"{name} is above 0")],
            nullable=nullable,
        )
        for name in names
    }


def _amount(column: str) -> pa.Column:
    return pa.Column(
        "float64",
        checks=[_finite(column), pa.Check(lambda amount: amount >= 0, error=f"{column} is not below 0")],
    )


def _candle_shape(prefix: str) -> list[pa.Check]:
    opened, high, low, close = (f"{prefix}{part}" for part in ("open", "high", "low", "close"))
    # Written as "not below", so that a missing price is left to the check that looks for it.
    return [
        pa.Check(
            lambda bars: ~(bars[high] < bars[[opened, close]].max(axis=1)),
            error=f"{high} is not below {opened} or {close}",
        ),
        pa.Check(
            lambda bars: ~(bars[low] > bars[[opened, close]].min(axis=1)),
            error=f"{low} is not above {opened} or {close}",
        ),
    ]


def _has_rows() -> pa.Check:
    return pa.Check(lambda frame: len(frame) > 0, error="there is at least one row")


_EVENT_TIMES = pa.Column("int64", checks=[_rising("ts")])
_FUNDING_RATE = pa.Column(
    "float64",
    checks=[
        _finite("funding_rate"),
        pa.Check(lambda rate: rate.abs() < 1, error="funding_rate is a fraction, between -1 and 1"),
    ],
)

RAW_FUNDING = pa.DataFrameSchema(
    {"ts": _EVENT_TIMES, "funding_rate": _FUNDING_RATE}, strict=True, ordered=True, name="raw_funding"
)
"""Funding events as synced, at their real times; no spacing is assumed."""

OPEN_INTEREST = pa.DataFrameSchema(
    {"ts": _EVENT_TIMES, "open_interest": _amount("open_interest")},
    strict=True,
    ordered=True,
    name="open_interest",
)
"""Open interest as synced."""

FUNDING_EVENTS = pa.DataFrameSchema(
    {
        "ts": _EVENT_TIMES,
        "funding_rate": _FUNDING_RATE,
        "mark_price": pa.Column(
            "float64",
            checks=[
                _finite("mark_price"),
                pa.Check(lambda price: price > 0, error="mark_price is above 0"),
            ],
        ),
        "price_source": pa.Column(
            str, checks=[pa.Check.isin(["mark", "last"], error="price_source is mark or last")]
        ),
    },
    strict=True,
    ordered=True,
    name="funding_events",
)
"""Funding events with the price each was settled at."""

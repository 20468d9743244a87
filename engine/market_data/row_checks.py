"""What must hold of a row before it is stored: the tables' CHECKs, said once for whole columns.

The tables have the same CHECKs as a last resort; they refuse a whole insert and cannot name the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.market_data.tables import Series, SeriesKind

type Columns = Mapping[str, npt.NDArray[Any]]
type Flags = npt.NDArray[np.bool_]

REPEATED = "two different rows were given for this time"


def broken_rows(series: Series, rows: Columns) -> list[tuple[str, Flags]]:
    """Return each rule that rows of `series` break, in words, with the rows that break it.

    Parameters
    ----------
    series : Series
        Whose rows they are.
    rows : mapping of str to ndarray
        The columns of the kind: int64 times, float64 values.

    Returns
    -------
    list of (str, ndarray of bool)
        Empty if every rule holds. A row that breaks several rules is flagged by each.
    """
    return [(rule, ~holds) for rule, holds in _rules(series, rows) if not holds.all()]


def _rules(series: Series, rows: Columns) -> Iterator[tuple[str, Flags]]:
    values = [rows[name] for name in series.kind.value_columns]
    finite = np.isfinite(values[0])
    for column in values[1:]:
        finite &= np.isfinite(column)
    yield "every value is a finite number", finite
    # A comparison with NaN is false without a word; "or not finite" leaves such a row to the rule above.
    strange = ~finite
    if series.timeframe is not None:
        yield from _candle_rules(rows, strange)
        remainder = series.timeframe.floor(0) % series.timeframe.ms
        yield (
            f"ts_open is on the grid of {series.timeframe}",
            rows["ts_open"] % series.timeframe.ms == remainder,
        )
    if series.kind is SeriesKind.OHLCV:
        yield (
            "volume and turnover are not below 0",
            ((rows["volume"] >= 0) & (rows["turnover"] >= 0)) | strange,
        )
    if series.kind is SeriesKind.FUNDING:
        yield "funding_rate is a fraction, between -1 and 1", (np.abs(rows["funding_rate"]) < 1) | strange
    if series.kind is SeriesKind.OPEN_INTEREST:
        yield "open_interest is not below 0", (rows["open_interest"] >= 0) | strange


def _candle_rules(rows: Columns, strange: Flags) -> Iterator[tuple[str, Flags]]:
    opened, high, low, close = (rows[name] for name in ("open", "high", "low", "close"))
    yield (
        "every price is above 0",
        (np.minimum(np.minimum(opened, high), np.minimum(low, close)) > 0) | strange,
    )
    yield "high is not below open or close", (high >= np.maximum(opened, close)) | strange
    yield "low is not above open or close", (low <= np.minimum(opened, close)) | strange

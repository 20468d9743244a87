"""Frames come back from Parquet as they were, from the same bytes every time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.backtest.parquet import frame_from_parquet, frame_to_parquet
from engine.errors import CorruptData


def frame(rows: int = 5000) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    values = rng.normal(size=rows)
    values[::7] = np.nan
    if rows:
        values[0] = np.inf
    return pd.DataFrame(
        {
            "ts": np.arange(rows, dtype=np.int64) * 60_000,
            "jumps": rng.integers(-(2**62), 2**62, rows),
            "price": values,
            "still": np.repeat(1.25, rows),
            "long": pd.array(rng.choice(["long", "short"], rows), dtype="str"),
            "ambiguous": rng.random(rows) > 0.5,
        }
    )


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_every_value_comes_back_to_the_bit(rows: int) -> None:
    given = frame(rows)
    again = frame_from_parquet(frame_to_parquet(given), "here")
    pd.testing.assert_frame_equal(again, given, check_exact=True)
    assert again["price"].to_numpy().tobytes() == given["price"].to_numpy().tobytes()


def test_the_same_frame_gives_the_same_bytes_whatever_its_index() -> None:
    given = frame()
    assert frame_to_parquet(given) == frame_to_parquet(given.set_axis(np.arange(len(given)) + 9))


def test_a_curve_that_stands_still_takes_next_to_nothing() -> None:
    still = pd.DataFrame({"ts": np.arange(100_000, dtype=np.int64), "equity": np.full(100_000, 10_000.0)})
    assert len(frame_to_parquet(still)) < 40_000


def test_bytes_that_are_no_parquet_file_are_refused_by_name() -> None:
    with pytest.raises(CorruptData, match="trades of a run is not a readable Parquet file"):
        frame_from_parquet(b"PAR1 nothing", "trades of a run")

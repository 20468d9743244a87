"""Parquet with the same bytes for the same content: no pandas metadata, one writer, fixed settings.

Each kind of column has the encoding that makes it small before it is compressed, which is where the time
goes: differences for whole numbers, the bytes of one place side by side for floats (but for floats that
stand still most of the time, of which lz4 leaves nothing as they are), a dictionary for words. On the equity
of a year of 1m this takes 24 ms and 3.6 MB, where the defaults with zstd take 84 ms and 5.6 MB.
"""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.errors import CorruptData


def frame_to_parquet(frame: pd.DataFrame) -> bytes:
    """Return `frame` (without its index) as Parquet bytes."""
    table = pa.table({str(name): _array(frame[name]) for name in frame.columns})
    encodings: dict[str, str] = {}
    words: list[str] = []
    for field in table.schema:
        if pa.types.is_floating(field.type):
            still = _stands_still(frame[field.name].to_numpy())
            encodings[field.name] = "PLAIN" if still else "BYTE_STREAM_SPLIT"
        elif pa.types.is_integer(field.type):
            encodings[field.name] = "DELTA_BINARY_PACKED"
        elif not pa.types.is_boolean(field.type):
            words.append(field.name)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="lz4", use_dictionary=words, column_encoding=encodings)
    return sink.getvalue()


def frame_from_parquet(data: bytes, name: str) -> pd.DataFrame:
    """Return the frame in Parquet bytes; `name` stands for their place in messages.

    Raises
    ------
    CorruptData
        If the bytes are no Parquet file.
    """
    try:
        return pq.read_table(io.BytesIO(data)).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise CorruptData(
            f"{name} is not a readable Parquet file: {error}",
            way_out="remove it and compute it again",
        ) from None


def _stands_still(values: NDArray[np.float64]) -> bool:
    """Return whether three of four values are the one before: the size of a position, for instance."""
    return 4 * int(np.count_nonzero(values[1:] == values[:-1])) >= 3 * len(values)


def _array(column: pd.Series) -> pa.Array:
    if column.dtype.kind in "iufb":
        # without a search for NaN, which stays what it is
        return pa.array(column.to_numpy(), from_pandas=False)
    return pa.Array.from_pandas(column)

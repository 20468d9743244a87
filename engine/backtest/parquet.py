"""Parquet with the same bytes for the same content: no pandas metadata, one writer, fixed settings."""

from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import CorruptData


def frame_to_parquet(frame: pd.DataFrame) -> bytes:
    """Return `frame` (without its index) as Parquet bytes."""
    sink = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, sink, compression="zstd")
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

"""The hash of everything a run looks at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from engine.hashing import hash_of, sha256_hex
from engine.market_data.instruments import InstrumentRules
from engine.sim.market import FundingEvents, MarketBars
from engine.timeframes import Timeframe

_PRICES = ("open", "high", "low", "close", "volume")
_MARKS = ("mark_open", "mark_high", "mark_low", "mark_close")


def fingerprint_of(
    bars: Mapping[Timeframe, MarketBars], funding: FundingEvents, instrument: InstrumentRules
) -> str:
    """Return the hash of bars (not of features), funding events and the exchange's rules.

    Two fingerprints are equal where every number is equal to the bit. Columns are hashed side by side, on as
    many cores as there are: this is the most a short run spends its time on.
    """
    columns: dict[str, Any] = {}
    for timeframe, of in bars.items():
        names = (*_PRICES, *_MARKS) if of.has_marks else _PRICES
        columns |= {f"{timeframe} {name}": getattr(of, name) for name in names}
        if not _is_regular(of):
            columns[f"{timeframe} ts_open"] = of.ts_open
        if of.is_filled.any():
            columns[f"{timeframe} is_filled"] = of.is_filled
    columns |= {f"funding {name}": getattr(funding, name) for name in ("ts", "rate", "mark_price")}
    with ThreadPoolExecutor(min(len(columns), os.cpu_count() or 1)) as pool:
        hashes = dict(zip(columns, pool.map(_hash_of_array, columns.values()), strict=True))
    spans = {str(timeframe): [int(of.ts_open[0]), len(of)] for timeframe, of in bars.items()}
    return hash_of({"columns": hashes, "bars": spans, "instrument": instrument.fingerprint()})


def with_columns(fingerprint: str, columns: Mapping[str, Any]) -> str:
    """Return the hash of a fingerprint and of arrays beside what it covers."""
    hashes = {name: _hash_of_array(values) for name, values in columns.items()}
    return hash_of({"data": fingerprint, "inputs": hashes})


def _is_regular(bars: MarketBars) -> bool:
    # times rise by whole bars, so without holes the first and the last say all
    return int(bars.ts_open[-1] - bars.ts_open[0]) == (len(bars) - 1) * bars.bar_ms


def _hash_of_array(values: Any) -> str:
    little_endian = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return sha256_hex(little_endian.view(np.uint8).data)

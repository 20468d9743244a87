"""Returns by calendar month."""

from __future__ import annotations

import numpy as np
import pandas as pd


def monthly_returns(equity: pd.DataFrame, *, starting_equity_usdt: float) -> pd.DataFrame:
    """Return the return of each UTC month: columns year int64, month int64 (1 to 12), return_pct float64.

    `E(month end) / E(month end before) - 1`; the first month is measured against the starting equity. A
    bar that closes at 00:00 on the first belongs to the month that ends there. The first and last month may
    be partial. NaN once the equity before it is zero or less.

    Parameters
    ----------
    equity : DataFrame
        With `ts_close` (UTC milliseconds, ascending) and `equity_usdt`.
    """
    moments = pd.to_datetime(equity["ts_close"].to_numpy(dtype=np.int64) - 1, unit="ms", utc=True)
    months = np.asarray(moments.year * 12 + moments.month - 1, dtype=np.int64)
    last_bars = np.flatnonzero(np.diff(months, append=months[-1:] + 1))
    ends = equity["equity_usdt"].to_numpy(dtype=np.float64)[last_bars]
    before = np.concatenate(([starting_equity_usdt], ends))[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.where(before > 0, ends / before - 1, np.nan) * 100
    return pd.DataFrame(
        {"year": months[last_bars] // 12, "month": months[last_bars] % 12 + 1, "return_pct": returns}
    )

"""The prices a card can name: the stored columns of a candle and the means made of them.

Features (as a source) and rules (as an operand) both read these; the formulas stand here once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

STORED_PRICES = ("open", "high", "low", "close", "volume")

# name -> the columns whose plain mean it is
DERIVED_PRICES: Mapping[str, tuple[str, ...]] = {
    "hl2": ("high", "low"),
    "hlc3": ("high", "low", "close"),
    "ohlc4": ("open", "high", "low", "close"),
}

PRICE_NAMES = STORED_PRICES + tuple(DERIVED_PRICES)


def price_column(columns: Mapping[str, Any] | pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return the price called `name` of the candles in `columns`.

    Parameters
    ----------
    columns : mapping of str to one-dimensional array-like
        The stored columns; a DataFrame will do.
    name : str
        One of `PRICE_NAMES`, or any other column there is.

    Returns
    -------
    ndarray of float64
        Contiguous, one value per candle. May share memory with `columns`.
    """
    parts = DERIVED_PRICES.get(name, (name,))
    total = np.ascontiguousarray(columns[parts[0]], dtype=np.float64)
    if len(parts) == 1:
        return total
    for part in parts[1:]:
        total = total + np.asarray(columns[part], dtype=np.float64)
    return total / len(parts)

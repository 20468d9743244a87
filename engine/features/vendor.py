"""The doors to the two libraries that compute indicators for us.

pandas-ta is imported in this file and nowhere else, when it is first needed (about a second). Its default
is to use TA-Lib where TA-Lib happens to be installed, and for 30 of 151 functions that changes the values,
so it is called with `talib=False`. That is not enough for every function: hma, kc, adx, atr inside
supertrend, stochrsi, coppock, pvt, ao and others call their parts with the default. Only functions that do
not may be used through here (the catalogue's tests run each with TA-Lib hidden from pandas-ta).
"""

from __future__ import annotations

import numpy as np

from engine.features.spec import FloatArray


def talib_pattern(function: str, *candles: FloatArray) -> FloatArray:
    """Return where TA-Lib's candle pattern `function` is found: 100, -100 or 0; NaN where a price is NaN.

    Parameters
    ----------
    function : str
        TA-Lib's name, in capitals.
    *candles : ndarray of float64
        open, high, low and close.
    """
    import talib

    found = np.asarray(getattr(talib, function)(*candles), dtype=np.float64)
    for prices in candles:
        found[np.isnan(prices)] = np.nan
    return found


def pandas_ta_native(function: str, *columns: FloatArray, **params: float) -> FloatArray:
    """Return what pandas-ta's own code for `function` gives.

    Where the series is too short pandas-ta returns nothing; that is all NaN here.
    """
    import pandas as pd
    import pandas_ta

    series = (pd.Series(values) for values in columns)
    result = getattr(pandas_ta, function)(*series, talib=False, **params)
    if result is None:
        return np.full(columns[0].size, np.nan)
    values: FloatArray = result.to_numpy(np.float64, copy=True)
    return values

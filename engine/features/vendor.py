"""The doors to the two libraries that compute indicators for us.

pandas-ta is imported in this file and nowhere else, when it is first needed (about a second). Its default
is to use TA-Lib where TA-Lib happens to be installed, and for 30 of 151 functions that changes the values,
so it is called with `talib=False`. That is not enough for every function: hma, kc, adx, atr inside
supertrend, stochrsi, coppock, pvt, ao and others call their parts with the default. Only functions that do
not may be used through here (the catalogue's tests run each with TA-Lib hidden from pandas-ta).
"""

from __future__ import annotations

from typing import cast

import numpy as np

from engine.features.spec import FloatArray


def talib_call(function: str, *inputs: FloatArray, **params: float) -> FloatArray | tuple[FloatArray, ...]:
    """Return what TA-Lib's `function` gives; NaN where it gives nothing yet.

    Parameters
    ----------
    function : str
        TA-Lib's name, in capitals.
    *inputs : ndarray of float64
        In TA-Lib's order. Leading NaN is passed over; what comes after a later NaN is NaN.
    **params : float
        TA-Lib's own parameter names.
    """
    import talib

    return cast("FloatArray | tuple[FloatArray, ...]", getattr(talib, function)(*inputs, **params))


def talib_single(function: str, *inputs: FloatArray, **params: float) -> FloatArray:
    """Return what a TA-Lib function with a single output gives."""
    return cast(FloatArray, talib_call(function, *inputs, **params))


def pandas_ta_native(function: str, values: FloatArray, **params: float) -> FloatArray:
    """Return what pandas-ta's own code for `function` gives on one series.

    Where the series is too short pandas-ta returns nothing; that is all NaN here.
    """
    import pandas as pd
    import pandas_ta

    result = getattr(pandas_ta, function)(pd.Series(values), talib=False, **params)
    return np.full(values.size, np.nan) if result is None else result.to_numpy(np.float64, copy=True)

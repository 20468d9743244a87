"""Market structure: swings, breaks, gaps and blocks. The definitions are ours; each entry says what it means.

A swing is confirmed `right` bars after it was made, and nothing of it is known before. Levels are NaN while
there is none, which makes every condition on them false.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.features import recursions
from engine.features.arithmetic import ratio
from engine.features.kernels import structure
from engine.features.spec import (
    FloatArray,
    Implementation,
    IndicatorSpec,
    Memory,
    ParamKind,
    ParamSpec,
    multiple,
    window,
)


def _new(like: FloatArray, count: int) -> tuple[FloatArray, ...]:
    return tuple(np.empty(like.size) for _ in range(count))


def _missing_where(rows: NDArray[np.bool_], outputs: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
    # a bar without prices is no bar on which nothing happened
    for output in outputs:
        output[rows] = np.nan
    return outputs


def _swing(high: FloatArray, low: FloatArray, *, left: int, right: int) -> tuple[FloatArray, ...]:
    outputs = _new(high, 4)
    structure.swings(high, low, left, right, *outputs)
    return outputs


def _breaks(
    high: FloatArray, low: FloatArray, close: FloatArray, *, left: int, right: int
) -> tuple[FloatArray, ...]:
    outputs = _new(high, 4)
    structure.breaks(high, low, close, left, right, *outputs)
    return _missing_where(np.isnan(high + low + close), outputs)


def _sweep(
    high: FloatArray, low: FloatArray, close: FloatArray, *, left: int, right: int
) -> tuple[FloatArray, ...]:
    outputs = _new(high, 2)
    structure.sweeps(high, low, close, left, right, *outputs)
    return _missing_where(np.isnan(high + low + close), outputs)


def _leg(
    high: FloatArray, low: FloatArray, left: int, right: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    top, bottom, top_age, bottom_age = _swing(high, low, left=left, right=right)
    # the younger end is where the leg goes to
    direction = np.where(top_age <= bottom_age, 1.0, -1.0)
    direction[np.isnan(top_age) | np.isnan(bottom_age)] = np.nan
    return bottom, top, direction


def _fib(
    high: FloatArray, low: FloatArray, *, left: int, right: int, ratio: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    bottom, top, direction = _leg(high, low, left, right)
    end = np.where(direction > 0.0, top, bottom)
    top -= bottom
    top *= direction
    top *= ratio
    return end - top, np.add(end, top, out=end), direction


def _premium_discount(
    high: FloatArray, low: FloatArray, *, left: int, right: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    bottom, top, _ = _leg(high, low, left, right)
    quarter = top - bottom
    quarter /= 4.0
    bottom += quarter
    top -= quarter
    quarter += bottom
    return bottom, quarter, top


def displacement(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    usual: FloatArray,
    *,
    body: float,
    wick: float,
) -> tuple[FloatArray, FloatArray]:
    """Return the direction of bars whose body is at least `body` times `usual` (else 0), and the quotient."""
    moved, spread = close - open_, high - low
    size = np.abs(moved)
    share = ratio(size, usual, 0.0)
    far = (share >= body) & (spread - size <= wick * spread)
    return np.where(np.isnan(share), np.nan, far * np.sign(moved)), share


def _displacement(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    *,
    length: int,
    body: float,
    wick: float,
) -> tuple[FloatArray, FloatArray]:
    usual = recursions.average_true_range(high, low, close, length)
    return displacement(open_, high, low, close, usual, body=body, wick=wick)


def _order_block(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    *,
    length: int,
    body: float,
    wick: float,
    lookback: int,
) -> tuple[FloatArray, ...]:
    displaced, _ = _displacement(open_, high, low, close, length=length, body=body, wick=wick)
    outputs = _new(close, 4)
    structure.order_blocks(open_, close, displaced, lookback, 1.0, *outputs[:2])
    structure.order_blocks(open_, close, displaced, lookback, -1.0, *outputs[2:])
    return outputs


def _fvg(high: FloatArray, low: FloatArray) -> tuple[FloatArray, ...]:
    outputs = _new(high, 6)
    structure.gaps(high, low, 1.0, *outputs[:3])
    structure.gaps(high, low, -1.0, *outputs[3:])
    return outputs


_SIDES = (window("left", 1, 500), window("right", 1, 500))
_WICK = ParamSpec("wick", ParamKind.FLOAT, 0.0, 1.0)

ENTRIES = (
    IndicatorSpec(
        name="swing",
        definition=(
            "The last swing high (a high above those of `left` bars before and `right` after it, equal ones "
            "are none) and the last swing low, each from the bar that confirmed it on, `right` bars later; "
            "high_age and low_age say how many bars ago they were."
        ),
        published="Bill Williams's fractals, of any width; TradingView ta.pivothigh, ta.pivotlow kept.",
        implementation=Implementation.OURS,
        compute=_swing,
        inputs=("high", "low"),
        params=_SIDES,
        warmup=lambda p: p["left"] + p["right"],
        memory=Memory.FADING,
        outputs=("high", "low", "high_age", "low_age"),
        sparse=True,
    ),
    IndicatorSpec(
        name="market_structure",
        definition=(
            "A close beyond the last swing high or low (see `swing`) breaks it, once. bos is 1 or -1 on a "
            "bar that breaks upwards or downwards with the trend or without one, choch on one that breaks "
            "against it, else 0; trend is the direction of the last break, 0 before the first; level is "
            "what it broke."
        ),
        published="Ours, after the usual reading of break of structure and change of character.",
        implementation=Implementation.OURS,
        compute=_breaks,
        inputs=("high", "low", "close"),
        params=_SIDES,
        warmup=lambda p: p["left"] + p["right"],
        memory=Memory.FADING,
        outputs=("trend", "bos", "choch", "level"),
        sparse=True,
    ),
    IndicatorSpec(
        name="liquidity_sweep",
        definition=(
            "sweep is 1 on a bar that trades under the last swing low and closes above it, -1 on one that "
            "trades over the last swing high and closes below it, else 0; level is that of the last sweep. A "
            "swing counts once."
        ),
        published="Ours, after the usual reading.",
        implementation=Implementation.OURS,
        compute=_sweep,
        inputs=("high", "low", "close"),
        params=_SIDES,
        warmup=lambda p: p["left"] + p["right"],
        memory=Memory.FADING,
        outputs=("sweep", "level"),
        sparse=True,
    ),
    IndicatorSpec(
        name="fib",
        definition=(
            "On the leg between the last swing low and swing high, towards the younger: retracement = its "
            "end less ratio * its height, extension = its end and ratio * its height beyond; direction 1 or "
            "-1."
        ),
        published="Common definition, on the legs of `swing`.",
        implementation=Implementation.OURS,
        compute=_fib,
        inputs=("high", "low"),
        params=(*_SIDES, multiple("ratio", 0.0, 10.0)),
        warmup=lambda p: p["left"] + p["right"],
        memory=Memory.FADING,
        outputs=("retracement", "extension", "direction"),
        sparse=True,
    ),
    IndicatorSpec(
        name="premium_discount",
        definition=(
            "Between the last swing low and swing high: a quarter above the low (discount below it), the "
            "middle, and a quarter below the high (premium above it)."
        ),
        published="Ours, after the usual reading, on the legs of `swing`.",
        implementation=Implementation.OURS,
        compute=_premium_discount,
        inputs=("high", "low"),
        params=_SIDES,
        warmup=lambda p: p["left"] + p["right"],
        memory=Memory.FADING,
        outputs=("discount", "equilibrium", "premium"),
        sparse=True,
    ),
    IndicatorSpec(
        name="displacement",
        definition=(
            "direction is 1 or -1 on a bar whose body is at least body * ATR(length) and whose wicks are at "
            "most the share `wick` of its range, else 0; ratio = body of the bar / ATR."
        ),
        published="Ours, after the usual reading.",
        implementation=Implementation.OURS,
        compute=_displacement,
        inputs=("open", "high", "low", "close"),
        params=(window(), multiple("body"), _WICK),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
        outputs=("direction", "ratio"),
    ),
    IndicatorSpec(
        name="order_block",
        definition=(
            "Body of the last falling candle, among `lookback`, before the last `displacement` upwards "
            "(bull_bottom, bull_top), gone when a bar closes below it; and the mirror image."
        ),
        published="Ours, after the usual reading.",
        implementation=Implementation.OURS,
        compute=_order_block,
        inputs=("open", "high", "low", "close"),
        params=(window(), multiple("body"), _WICK, window("lookback", 1, 500)),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
        outputs=("bull_bottom", "bull_top", "bear_bottom", "bear_top"),
        sparse=True,
    ),
    IndicatorSpec(
        name="fvg",
        definition=(
            "The last fair value gap that is still open: from the high of two bars before to the low of a "
            "bar above it (bull_bottom, bull_top), and the share of it that was traded in since; gone when "
            "it is filled; and the mirror image."
        ),
        published="Ours, after the usual reading.",
        implementation=Implementation.OURS,
        compute=_fvg,
        inputs=("high", "low"),
        params=(),
        warmup=lambda _: 2,
        memory=Memory.FADING,
        outputs=("bull_bottom", "bull_top", "bull_filled", "bear_bottom", "bear_top", "bear_filled"),
        sparse=True,
    ),
)

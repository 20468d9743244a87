"""One generated day as 1,440 one-minute candles, drawn between the closes of the daily path.

A block depends on (seed, symbol, day) and the daily path alone, so any day can be made at any time and is
always the same. Prices are whole ticks and volumes whole quantity steps, so that candles of any length add up
to the last digit.
"""

from __future__ import annotations

import math

import numpy as np

from engine.sandbox.candle_rows import CandleRows
from engine.sandbox.catalogue import Instrument
from engine.sandbox.daily_path import DailyPath, Regime
from engine.sandbox.noise import FloatArray, IntArray, Stream, WordArray, exponential, normals, uniform_pairs

MINUTES = 1440

# How busy each hour of the day is (UTC): quiet before the European morning, busiest at the American opening.
_HOURS = np.array(
    [
        *(1.05, 0.95, 0.9, 0.8, 0.75, 0.75, 0.85, 0.95, 1.05, 1.0, 0.95, 1.0),
        *(1.15, 1.4, 1.6, 1.5, 1.3, 1.15, 1.05, 1.05, 1.1, 1.0, 0.95, 0.95),
    ]
)
_SHAPE = np.repeat(_HOURS, 60)
_SHAPE_RMS = math.sqrt(math.fsum(hour * hour for hour in _HOURS.tolist()) / 24.0)

_ACTIVITY_SPREAD = 0.55  # standard deviation of the logarithm of a minute's activity
_PACE_SPREAD = 0.24  # the same of each of the three draws that make an hour's pace
# Root mean square of what activity and pace do to a minute's deviation, so that a day keeps its volatility:
# the mean of exp(s * z) is exp(s * s / 2), for the activity itself and for the square of the pace.
_RESTLESSNESS = math.exp(0.5 * (_ACTIVITY_SPREAD**2 / 2 + 3 * (2 * _PACE_SPREAD) ** 2 / 2))

_DRIFT_BLOCK = 360  # minutes over which a short trend lasts
_SWING = 45  # minutes over which an overreaction dies away
_BASIS_SPAN = 12  # minutes over which the mark price's distance from the last price persists
_USUAL_BASIS = 0.00007  # standard deviation of that distance, a fraction of the price


def minute_block(
    seed: int, instrument: Instrument, path: DailyPath, regime: int, day: int, ts_midnight: int
) -> CandleRows:
    """Return the minutes of `day` (counted from the market's first), which begins at `ts_midnight`."""
    stream = Stream(seed, f"{instrument.symbol}/minutes")
    words = stream.words(day, 5 * MINUTES + 28)
    own, extremes, activity_words, swing_words, basis_words = words[: 5 * MINUTES].reshape(5, MINUTES)
    blocks = normals(words[5 * MINUTES :])
    shared = normals(Stream(seed, "common/minutes").words(day, MINUTES))

    activity = exponential(_ACTIVITY_SPREAD * normals(activity_words))
    pace = _SHAPE * _hourly_pace(blocks[:24]) * _after_jump(path, day)
    volatility = float(path.volatility[day])
    deviation = (volatility / (_SHAPE_RMS * _RESTLESSNESS * math.sqrt(MINUTES))) * pace * np.sqrt(activity)
    share = float(path.common_share[day])
    shock = share * shared + math.sqrt(1.0 - share * share) * normals(own)

    trending = regime != Regime.RANGE
    start = int(path.close_ticks[day])
    finish = int(path.close_ticks[day + 1])
    moves = deviation * shock + _short_trends(blocks[24:28], volatility, trending=trending)
    jumps = _jump_steps(path, day)
    walk = _bridge(moves, deviation, finish / start - 1.0 - float(jumps[-1]))
    relative = walk + jumps + _swings(normals(swing_words), volatility, trending=trending)

    close = np.maximum((start * (1.0 + relative) + 0.5).astype(np.int64), 1)
    close[-1] = finish
    open_ = np.concatenate([[start], close[:-1]])
    reach_up, reach_down = _reach(extremes, deviation * open_)
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)

    volume = _volume(path, day, activity, pace, shock, close, instrument)
    high, low = top + reach_up.astype(np.int64), np.maximum(bottom - reach_down.astype(np.int64), 1)
    mark_open, mark_close = _mark_prices(basis_words, start, close)
    # the mark price is smoothed: its extremes reach out less than the last price's
    mark_top, mark_bottom = np.maximum(mark_open, mark_close), np.minimum(mark_open, mark_close)
    return CandleRows(
        ts_open=ts_midnight + np.arange(MINUTES, dtype=np.int64) * 60_000,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        turnover=volume * (open_ + high + low + close),
        mark_open=mark_open,
        mark_high=mark_top + (0.6 * reach_up).astype(np.int64),
        mark_low=np.maximum(mark_bottom - (0.6 * reach_down).astype(np.int64), 1),
        mark_close=mark_close,
    )


def _hourly_pace(draws: FloatArray) -> FloatArray:
    """Return how fast the market moves in each minute; neighbouring hours resemble each other."""
    smooth = draws + np.roll(draws, 1) + np.roll(draws, 2)
    return np.repeat(exponential(_PACE_SPREAD * smooth), 60)


def _after_jump(path: DailyPath, day: int) -> FloatArray:
    """Return the quickening that follows the day's jumps and dies away over an hour or two."""
    pace = np.ones(MINUTES)
    for jump, minute in zip(path.jump[:, day], path.jump_minute[:, day], strict=True):
        if jump != 0.0:
            age = 1.0 + np.arange(MINUTES - minute) / 25.0
            pace[minute:] += 2.0 / (age * age)
    return pace


def _jump_steps(path: DailyPath, day: int) -> FloatArray:
    """Return what the day's jumps have added up to by each minute, as a return since the open."""
    steps = np.zeros(MINUTES)
    for jump, minute in zip(path.jump[:, day], path.jump_minute[:, day], strict=True):
        steps[minute:] += jump
    return steps


def _short_trends(draws: FloatArray, volatility: float, *, trending: bool) -> FloatArray:
    """Return a small drift per minute, constant over six hours: mild momentum, more of it in a trend."""
    strength = 0.055 if trending else 0.0
    return np.repeat(draws * (strength * volatility / math.sqrt(MINUTES)), _DRIFT_BLOCK)


def _swings(draws: FloatArray, volatility: float, *, trending: bool) -> FloatArray:
    """Return overreactions that come and go within the hour: mild mean reversion, more of it in a range."""
    strength = 0.5 if trending else 0.9
    total = np.cumsum(draws)
    lagged = np.concatenate([np.zeros(_SWING), total[:-_SWING]])
    fade = np.minimum((MINUTES - 1 - np.arange(MINUTES)) / _SWING, 1.0)
    quarter_hour = volatility / math.sqrt(96.0)
    return (total - lagged) * (strength * quarter_hour / math.sqrt(_SWING)) * fade


def _bridge(moves: FloatArray, deviation: FloatArray, target: float) -> FloatArray:
    """Return the running sum of `moves`, led to `target` in proportion to each minute's variance."""
    walk = np.cumsum(moves)
    elapsed = np.cumsum(deviation * deviation)
    return walk + (target - float(walk[-1])) * (elapsed / float(elapsed[-1]))


def _reach(words: WordArray, scale: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how far, in ticks, each minute reaches beyond its open and close, upwards and downwards.

    0.4 standard deviations on average, which is what Brownian motion does within a step.
    """
    up, down = uniform_pairs(words)
    return 1.2 * scale * up * up, 1.2 * scale * down * down


def _volume(
    path: DailyPath,
    day: int,
    activity: FloatArray,
    pace: FloatArray,
    shock: FloatArray,
    close: IntArray,
    instrument: Instrument,
) -> IntArray:
    """Return each minute's volume in quantity steps: it rises with the pace and with the size of the move."""
    turnover = float(path.turnover_usdt[day]) / MINUTES
    usdt = turnover * 0.8 * activity * pace * (0.6 + 0.5 * np.abs(shock))
    steps: IntArray = (usdt * (instrument.ticks_per_unit * instrument.steps_per_unit) / close).astype(
        np.int64
    )
    return steps


def _mark_prices(words: WordArray, start: int, close: IntArray) -> tuple[IntArray, IntArray]:
    """Return the mark price's opens and closes in ticks: near the last price, and equal to it at midnight."""
    total = np.cumsum(normals(words))
    lagged = np.concatenate([np.zeros(_BASIS_SPAN), total[:-_BASIS_SPAN]])
    fade = np.minimum((MINUTES - 1 - np.arange(MINUTES)) / _BASIS_SPAN, 1.0)
    basis = (total - lagged) * (_USUAL_BASIS / math.sqrt(_BASIS_SPAN)) * fade
    mark_close = np.maximum((close * (1.0 + basis) + 0.5).astype(np.int64), 1)
    return np.concatenate([[start], mark_close[:-1]]), mark_close

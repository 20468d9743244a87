"""Lines that follow an oscillator or a price, each value made of the one before."""

from __future__ import annotations

import numpy as np

from engine.features.compiled import Read, Write, kernel


@kernel
def fisher(places: Read, transformed: Write) -> None:
    """Fill Ehlers's Fisher transform of places from -0.5 to 0.5; NaN at the beginning is passed over."""
    smooth, last = 0.0, 0.0
    row = 0
    while row < places.size and np.isnan(places[row]):
        transformed[row] = np.nan
        row += 1
    for now in range(row, places.size):
        smooth = 0.66 * places[now] + 0.67 * smooth
        if smooth > 0.99:
            smooth = 0.999
        elif smooth < -0.99:
            smooth = -0.999
        last = 0.5 * np.log((1.0 + smooth) / (1.0 - smooth)) + 0.5 * last
        transformed[now] = last


@kernel
def trailing(values: Read, distances: Read, lines: Write, directions: Write) -> None:
    """Fill the line that trails `values` at `distances`, and its direction (+1: below them, -1: above).

    The lower line may only rise while the values stay above it, the upper only fall; the direction turns
    where the values cross the line of the bar before, seen from the other side. The first one is +1.
    """
    lower, upper, before_lower, before_upper = np.nan, np.nan, np.nan, np.nan
    direction = 1.0
    for row in range(values.size):
        value, past = values[row], values[row - 1] if row else np.nan
        new_lower, new_upper = value - distances[row], value + distances[row]
        if past > lower and value > lower:
            new_lower = max(new_lower, lower)
        if past < upper and value < upper:
            new_upper = min(new_upper, upper)
        if (value > upper and past <= before_upper) or (value < upper and past >= before_upper):
            direction = 1.0
        elif (value > lower and past <= before_lower) or (value < lower and past >= before_lower):
            direction = -1.0
        before_lower, before_upper, lower, upper = lower, upper, new_lower, new_upper
        lines[row] = lower if direction > 0.0 else upper
        directions[row] = direction if not np.isnan(new_lower) else np.nan


@kernel
def held_place(values: Read, lowest: Read, spread: Read, factor: float, places: Write) -> None:
    """Fill the smoothed place of the values in their range, 0 to 100: the last place where there is no range.

    Each place moves by `factor` from the one before to the newest; NaN at the beginning is passed over.
    """
    place, smooth = 50.0, np.nan
    for row in range(values.size):
        if spread[row] > 0.0:
            place = 100.0 * (values[row] - lowest[row]) / spread[row]
        if np.isnan(spread[row]):
            places[row] = np.nan
            continue
        smooth = place if np.isnan(smooth) else smooth + factor * (place - smooth)
        places[row] = smooth


@kernel
def dynamic(values: Read, start: Read, length: int, average: Write) -> None:
    """Fill McGinley's dynamic: it starts with the first value of `start` and follows `values`."""
    last = np.nan
    for row in range(values.size):
        if np.isnan(last):
            last = start[row]
        else:
            growth = values[row] / last if last != 0.0 else 1.0
            # never past the value, which it would be after a fall to less than half
            last += (values[row] - last) / max(length * growth**4, 1.0)
        average[row] = last


@kernel
def high_low_activator(close: Read, high_mean: Read, low_mean: Read, lines: Write, directions: Write) -> None:
    """Fill the mean low after a close above the mean high of the bar before, the mean high after one below.

    The direction is +1 after the former, -1 after the latter, and the first one is +1.
    """
    direction = 1.0
    for row in range(close.size):
        if row and close[row] > high_mean[row - 1]:
            direction = 1.0
        elif row and close[row] < low_mean[row - 1]:
            direction = -1.0
        lines[row] = low_mean[row] if direction > 0.0 else high_mean[row]
        directions[row] = direction if not np.isnan(high_mean[row] + low_mean[row] + close[row]) else np.nan

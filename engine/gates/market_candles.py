"""Gates on stored candles: whole, joined end to end, equal between timeframes, without impossible moves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.gates.base import GateResult, GateViolation, Severity
from engine.gates.market_evidence import MarketEvidence, MarketGate, at, percent
from engine.timeframes import DAY_MS, Timeframe, format_utc

type Floats = npt.NDArray[np.float64]

_PRICES = ("open", "high", "low", "close")

_REFETCH = "Fetch it again: `trade data heal`. If it is from files, import the missing part."


class CandleHolesGate(MarketGate):
    """Refuse candles of which too many are missing between the first and the last.

    Bybit serves a candle for every period a contract trades, so a hole is a failed sync or a halt of the
    exchange. Half a day of halts in a year of one-minute candles is 0.14 %.
    """

    name = "candle_holes"
    checks = "There is a candle for every period between the first and the last."
    threshold = 0.001
    remedy = _REFETCH

    def run(self, evidence: MarketEvidence) -> GateResult:
        """Return the verdict; what is observed is the largest share of missing candles of a series."""
        violations: list[GateViolation] = []
        told, worst = [], 0.0
        for name, timeframe, frame in evidence.candle_series():
            times = frame["ts_open"].to_numpy()
            steps = np.diff(times)
            holes = np.flatnonzero(steps != timeframe.ms)
            missing = steps[holes] // timeframe.ms - 1
            total = int(missing.sum())
            share = total / (len(times) + total)
            worst = max(worst, share)
            if total:
                of_all = len(times) + total
                told.append(f"{name}: {total} of {of_all} candles missing in {len(holes)} hole(s)")
            if share > self.threshold:
                violations += self._named(name, timeframe, times, holes, missing, share)
        return self.verdict(violations, "; ".join(told) or "no candle is missing", worst)

    def _named(
        self,
        name: str,
        timeframe: Timeframe,
        times: npt.NDArray[np.int64],
        holes: npt.NDArray[np.intp],
        missing: npt.NDArray[np.int64],
        share: float,
    ) -> Iterator[GateViolation]:
        yield GateViolation(
            where=f"{name}, {format_utc(int(times[0]))} to {format_utc(int(times[-1]))}",
            what=f"{int(missing.sum())} candles are missing in {len(holes)} hole(s)",
            how_much=f"{percent(share)}, allowed are {percent(self.threshold)}",
            remedy=self.remedy,
        )
        for hole in holes[np.argsort(-missing, kind="stable")]:
            bars = int(times[hole + 1] - times[hole]) // timeframe.ms - 1
            yield GateViolation(
                where=at(name, int(times[hole]) + timeframe.ms),
                what="a hole between two candles",
                how_much=f"{bars} candle(s), to {format_utc(int(times[hole + 1]) - timeframe.ms)}",
                remedy=self.remedy,
            )


class AggregateGate(MarketGate):
    """Refuse candles that are not what the candles of the next finer timeframe add up to.

    Exact in prices: Bybit makes both from the same trades. Volume is a sum of decimals, so it may differ by
    the rounding of doubles. Only candles whose parts are all there are compared.
    """

    name = "timeframe_aggregate"
    checks = "A candle has the open, high, low, close and volume of the finer candles inside it."
    threshold = 0.0
    volume_tolerance = 1e-9
    remedy = "One of the two is wrong: sync both again, or drop the one that is not the exchange's."

    def run(self, evidence: MarketEvidence) -> GateResult:
        """Return the verdict; what is observed is the number of candles that differ."""
        violations: list[GateViolation] = []
        compared, differing = 0, 0
        for kind, frames in (("", evidence.candles), ("mark ", evidence.marks)):
            stored = [timeframe for timeframe in sorted(frames) if len(frames[timeframe])]
            for at_high, high in enumerate(stored):
                finer = [low for low in stored[:at_high] if high.ms % low.ms == 0]
                if not finer:
                    continue
                low = finer[-1]
                name = f"{kind}{evidence.symbol} {high} from {low}"
                pairs = compare_aggregate(frames[low], frames[high], low, high)
                compared += len(pairs)
                found = self._differences(name, pairs)
                differing += len({place for place, _ in found})
                violations += [violation for _, violation in found]
        return self.verdict(violations, f"{differing} of {compared} candles differ", float(differing))

    def _differences(self, name: str, pairs: pd.DataFrame) -> list[tuple[int, GateViolation]]:
        found = []
        for column in (*_PRICES, "volume"):
            if f"{column}_sum" not in pairs:
                continue
            stored, added = pairs[column].to_numpy(), pairs[f"{column}_sum"].to_numpy()
            slack = self.volume_tolerance * np.abs(stored) if column == "volume" else 0.0
            for row in np.flatnonzero(np.abs(stored - added) > slack):
                place = int(pairs["ts_open"].iloc[row])
                violation = GateViolation(
                    where=at(name, place),
                    what=f"{column} is {stored[row]:.10g}, its parts make {added[row]:.10g}",
                    how_much=f"{stored[row] - added[row]:+.10g}",
                    remedy=self.remedy,
                )
                found.append((place, violation))
        return sorted(found, key=lambda each: each[0])


def compare_aggregate(
    fine: pd.DataFrame, coarse: pd.DataFrame, low: Timeframe, high: Timeframe
) -> pd.DataFrame:
    """Return the candles of `coarse` whose parts are all in `fine`, with what the parts add up to.

    Returns
    -------
    DataFrame
        The columns of `coarse`, and open_sum, high_sum, low_sum, close_sum and, where both have volume,
        volume_sum.
    """
    offset = high.floor(0)
    parts = fine.assign(ts_open=(fine["ts_open"] - offset) // high.ms * high.ms + offset)
    how = {"open": "first", "high": "max", "low": "min", "close": "last"}
    if "volume" in fine and "volume" in coarse:
        how["volume"] = "sum"
    grouped = parts.groupby("ts_open", sort=True)
    added = grouped.agg(how).add_suffix("_sum")
    added = added[grouped.size() == high.ms // low.ms]
    return coarse.merge(added, left_on="ts_open", right_index=True, how="inner").reset_index(drop=True)


class OpenAtCloseGate(MarketGate):
    """Warn of a candle that opens away from the close before it.

    On Bybit's klines the open is the previous close nearly always; over two years of BTCUSDT, ETHUSDT and
    SOLUSDT in four timeframes it was, without an exception.
    """

    name = "open_at_previous_close"
    checks = "A candle opens where the one before closed."
    severity = Severity.WARN
    threshold = 0.005
    remedy = "Look at both candles at the exchange; candles from another venue may do so rightly."

    def run(self, evidence: MarketEvidence) -> GateResult:
        """Return the verdict; what is observed is the largest distance, as a share of the close."""
        violations: list[GateViolation] = []
        worst, differing, compared = 0.0, 0, 0
        for name, timeframe, frame in evidence.candle_series():
            if name.startswith("mark "):
                continue
            times, opened, closed = (frame[c].to_numpy() for c in ("ts_open", "open", "close"))
            adjacent = np.diff(times) == timeframe.ms
            distance = np.where(adjacent, opened[1:] / closed[:-1] - 1, 0.0)
            compared += int(adjacent.sum())
            differing += int((distance != 0).sum())
            worst = max(worst, float(np.abs(distance).max(initial=0.0)))
            for row in _largest_first(np.abs(distance), self.threshold):
                what = f"it opens at {opened[row + 1]:.10g}, the close before was {closed[row]:.10g}"
                how_much = f"{distance[row]:+.3%}, allowed are {percent(self.threshold)}"
                violations.append(GateViolation(at(name, int(times[row + 1])), what, how_much, self.remedy))
        return self.verdict(violations, f"{differing} of {compared} candles open elsewhere", worst)


class PriceJumpGate(MarketGate):
    """Warn of a move no market of this size is known for: a bad tick, a shifted comma, another contract.

    The move is the logarithm of close over the close before, or the length of a wick. The threshold is 0.4,
    a factor of 1.5, and twice that from a day on. In two years of BTCUSDT, ETHUSDT and SOLUSDT the largest
    was 0.32.
    """

    name = "price_jumps"
    checks = "No close and no wick is too far from the price before it."
    severity = Severity.WARN
    threshold = 0.4
    remedy = "Look at the trades of that time: a bad tick is to be fetched again, a real crash may stay."

    def run(self, evidence: MarketEvidence) -> GateResult:
        """Return the verdict; what is observed is the largest move."""
        violations: list[GateViolation] = []
        worst = 0.0
        for name, timeframe, frame in evidence.candle_series():
            limit = self.threshold * (2 if timeframe.ms >= DAY_MS else 1)
            moves = candle_moves(frame)
            worst = max(worst, float(np.abs(moves).max(initial=0.0)))
            times = frame["ts_open"].to_numpy()
            for row in _largest_first(np.abs(moves), limit):
                before = frame["close"].iloc[max(row - 1, 0)]
                prices = ", ".join(f"{part} {frame[part].iloc[row]:.10g}" for part in _PRICES)
                what = f"a jump from {before:.10g} to {prices}"
                how_much = f"a factor of {np.exp(abs(moves[row])):.2f}, allowed is {np.exp(limit):.2f}"
                violations.append(GateViolation(at(name, int(times[row])), what, how_much, self.remedy))
        return self.verdict(violations, f"the largest move is a factor of {np.exp(worst):.2f}", worst)


def candle_moves(frame: pd.DataFrame) -> Floats:
    """Return, for each candle, the largest of its close's move and its wicks, as logarithms.

    A close is compared with the close before, whatever lies between them; the first candle's with its open.
    """
    opened, high, low, close = (np.log(frame[name].to_numpy()) for name in _PRICES)
    before = np.concatenate([opened[:1], close[:-1]])
    upper, lower = high - np.maximum(opened, close), np.minimum(opened, close) - low
    moves: Floats = np.maximum(np.abs(close - before), np.maximum(upper, lower))
    return moves


class MarkAgainstLastGate(MarketGate):
    """Warn of mark prices that are not near the last price at the close: another symbol, unit or time."""

    name = "mark_against_last"
    checks = "The mark price is near the last price at every close."
    severity = Severity.WARN
    threshold = 0.03
    remedy = "Fetch both again. If it stays, liquidations in a backtest at that time are not to be believed."

    def run(self, evidence: MarketEvidence) -> GateResult:
        """Return the verdict; what is observed is the largest distance, as a share of the last price."""
        violations: list[GateViolation] = []
        worst, compared = 0.0, 0
        for timeframe in sorted(evidence.marks):
            if timeframe not in evidence.candles:
                continue
            both = evidence.candles[timeframe][["ts_open", "close"]].merge(
                evidence.marks[timeframe][["ts_open", "close"]], on="ts_open", suffixes=("", "_mark")
            )
            if both.empty:
                continue
            last, mark = both["close"].to_numpy(), both["close_mark"].to_numpy()
            distance = mark / last - 1
            compared += len(both)
            worst = max(worst, float(np.abs(distance).max()))
            for row in _largest_first(np.abs(distance), self.threshold):
                where = at(f"{evidence.symbol} {timeframe}", int(both["ts_open"].iloc[row]))
                what = f"the mark closes at {mark[row]:.10g}, the last price at {last[row]:.10g}"
                how_much = f"{distance[row]:+.3%}, allowed are {percent(self.threshold)}"
                violations.append(GateViolation(where, what, how_much, self.remedy))
        return self.verdict(violations, f"{compared} closes compared, {percent(worst)} apart at most", worst)


def _largest_first(values: Floats, limit: float) -> list[int]:
    above = np.flatnonzero(values > limit)
    return [int(row) for row in above[np.argsort(-values[above], kind="stable")]]

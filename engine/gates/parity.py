"""The gate on parity: what a run reads of an indicator is what the chosen implementation computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from engine.backtest.history import History
from engine.features.builder import compute_feature, feature_warmup
from engine.features.inputs import OPEN_INTEREST_INPUTS
from engine.features.registry import INDICATORS
from engine.features.spec import FloatArray, Implementation
from engine.features.vendor import pandas_ta_native, talib_pattern
from engine.gates.base import Gate, GateResult, GateViolation
from engine.gates.card_run import CardRun
from engine.idea_card.features import SOURCES, FeatureSpec
from engine.timeframes import Timeframe, format_utc


class ParityGate(Gate[CardRun]):
    """Compare each feature of a card with a direct call, and its indicator on every other source as well.

    A direct call goes to the implementation the registry names (pandas-ta's own code, TA-Lib or ours), with
    columns made of the candles here and by nobody else. The values after the warm-up have to be equal to the
    bit, missing ones included.
    """

    name = "parity"
    checks = "Every indicator, on every source, is what its chosen implementation gives when called directly."

    def run(self, evidence: CardRun) -> GateResult:
        """Return the verdict, with the first bar of each feature and source that is not what it should be."""
        history = evidence.history
        found: list[GateViolation] = []
        compared, indicators = 0, set()
        for name, timeframe, feature, is_own in _uses(evidence):
            # what a run reads may have been stored; on the other sources the same way is gone that filled it
            read = (
                history.feature(timeframe, feature)
                if is_own
                else compute_feature(feature, history.inputs(timeframe))
            )
            for (output, values), direct in zip(
                read.items(), _called_directly(history, timeframe, feature), strict=True
            ):
                compared += 1
                indicators.add(feature.indicator)
                bar = _first_difference(values, direct, feature_warmup(feature))
                if bar is not None:
                    at = int(history.bars(timeframe).ts_open[bar])
                    shown = f"{name}{'.' if output else ''}{output}"
                    found.append(
                        _unequal(evidence.where, shown, feature, timeframe, at, values[bar], direct[bar])
                    )
        implementations = sorted({INDICATORS[name].implementation.value for name in indicators})
        summary = f"{len(indicators)} indicators, {compared} series equal a direct call"
        if found:
            summary = f"{len(found)} of {compared} series are not what a direct call gives"
        elif implementations:
            summary += f" ({'; '.join(implementations)})"
        return GateResult(self.name, self.checks, self.severity, summary, tuple(found))


def _uses(run: CardRun) -> Iterator[tuple[str, Timeframe, FeatureSpec, bool]]:
    """Give every feature of the card, then each with every other source, and whether it is the card's own."""
    roles = run.plan.card.timeframes.roles()
    for name, feature in run.plan.card.features.items():
        yield name, roles[feature.tf], feature, True
    known_interest = run.history.open_interest is not None
    for name, feature in run.plan.card.features.items():
        if INDICATORS[feature.indicator].takes_source:
            for source in SOURCES:
                if source != feature.source and (known_interest or source not in OPEN_INTEREST_INPUTS):
                    yield name, roles[feature.tf], feature.model_copy(update={"source": source}), False


def _called_directly(history: History, timeframe: Timeframe, feature: FeatureSpec) -> tuple[FloatArray, ...]:
    entry = INDICATORS[feature.indicator]
    inputs = [_column(history, timeframe, name) for name in entry.columns(feature.source, feature.params)]
    params: Mapping[str, int | float | str] = entry.bind(feature.params)
    match entry.implementation:
        case Implementation.OURS:
            result = entry.compute(*inputs, **params)
        case Implementation.PANDAS_TA:
            result = pandas_ta_native(entry.function, *inputs, **{k: float(v) for k, v in params.items()})
        case Implementation.TALIB:
            result = talib_pattern(entry.function, *inputs)
    return result if isinstance(result, tuple) else (result,)


def _column(history: History, timeframe: Timeframe, name: str) -> FloatArray:
    """Return a price made of the candles; what is joined from events as the history joins it."""
    candles = history.candles[timeframe]
    match name:
        case "open" | "high" | "low" | "close" | "volume":
            prices: FloatArray = getattr(candles, name)
            return prices
        case "hl2":
            return (candles.high + candles.low) / 2
        case "hlc3":
            return (candles.high + candles.low + candles.close) / 3
        case "ohlc4":
            return (candles.open + candles.high + candles.low + candles.close) / 4
    return history.column(timeframe, name)


def _first_difference(values: FloatArray, direct: FloatArray, warmup: int) -> int | None:
    if len(values) != len(direct):
        return min(len(values), len(direct)) - 1
    same = (values == direct) | (np.isnan(values) & np.isnan(direct))
    different = np.flatnonzero(~same[warmup:])
    return int(different[0]) + warmup if len(different) else None


def _unequal(
    where: str, name: str, feature: FeatureSpec, timeframe: Timeframe, at: int, value: float, direct: float
) -> GateViolation:
    on = "" if feature.source is None else f" on {feature.source}"
    chosen = INDICATORS[feature.indicator].implementation.value
    return GateViolation(
        where=f"{where}, {format_utc(at)} on {timeframe}",
        what=f"{name} ({feature.indicator}{on}) is not what {chosen} gives",
        how_much=f"{value:.12g} was read, {direct:.12g} is given",
        remedy="Throw stored features away and make them again; else its route in the registry is wrong.",
    )

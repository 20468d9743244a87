"""The gate on schemas: every frame on the way of a run holds to the schema of its stage."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.backtest.history import History
from engine.backtest.measure import measure
from engine.features.builder import BASE_COLUMNS, FeatureFrameBuilder, feature_columns
from engine.gates.base import Gate, GateResult, GateViolation
from engine.gates.card_run import CardRun
from engine.idea_card.features import FeatureSpec
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.timeframes import Timeframe

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

_SHOWN = 3

_FETCH = "Look at these rows at their source and fetch them again: `trade data heal`."
_HEAL = "Too much is missing, or healing is at fault: `trade data check` says which."
_MAKE = (
    "Throw stored features away and make them again; else the indicator's warm-up in the registry is wrong."
)
_FAULT = "This is a fault of the simulator: keep the run and report it."
_REMEDIES = {
    "raw_ohlcv": _FETCH,
    "mark_klines": _FETCH,
    "raw_funding": _FETCH,
    "healed_ohlcv": _HEAL,
    "funding_events": _FETCH,
    "feature_frame": _MAKE,
} | dict.fromkeys(("trades", "fills", "funding_payments", "equity", "metrics"), _FAULT)


class NamedFrame(NamedTuple):
    """A frame, what it is called and what it has to hold to."""

    name: str
    frame: pd.DataFrame
    schema: pa.DataFrameSchema


class SchemaGate(Gate[tuple[NamedFrame, ...]]):
    """Hold frames against their schemas, all rows and all checks, and tell of each check that fails."""

    name = "schemas"
    checks = "Candles, funding, features, trades, fills, equity and metrics hold to their schemas."

    def run(self, evidence: tuple[NamedFrame, ...]) -> GateResult:
        """Return the verdict, with one violation for each frame and each sentence that does not hold."""
        found = [violation for named in evidence for violation in _broken(named)]
        rows = sum(len(named.frame) for named in evidence)
        summary = f"{len(evidence)} frames, {rows:,} rows"
        return GateResult(self.name, self.checks, self.severity, summary, tuple(found))


def run_frames(run: CardRun) -> tuple[NamedFrame, ...]:
    """Return every frame of a run: what is stored and healed, where that is known, to its metrics.

    Raises
    ------
    DataNotFound, DataError
        As `prepare_history` does.
    """
    return (*_market_frames(run), *_feature_frames(run), *_result_frames(run))


def _market_frames(run: CardRun) -> Iterator[NamedFrame]:
    from engine.market_data.schemas import (
        FUNDING_EVENTS,
        HEALED_OHLCV,
        MARK_KLINES,
        MAX_FILLED_SHARE,
        RAW_FUNDING,
        RAW_OHLCV,
    )

    if run.stored is None:
        return
    symbol, stored = run.history.symbol, run.stored
    for timeframe, candles in stored.candles.items():
        of, marks = f"{symbol} {timeframe}", stored.marks[timeframe]
        yield NamedFrame(f"candles {of}", candles, RAW_OHLCV(timeframe))
        yield NamedFrame(f"mark klines {of}", marks, MARK_KLINES(timeframe))
        healed = heal(candles, marks, timeframe).frame
        yield NamedFrame(f"healed candles {of}", healed, HEALED_OHLCV(timeframe, MAX_FILLED_SHARE))
    yield NamedFrame(f"funding {symbol}", stored.funding, RAW_FUNDING)
    events = price_funding_events(stored.funding, stored.marks, stored.candles[min(stored.candles)])
    yield NamedFrame(f"funding events {symbol}", events, FUNDING_EVENTS)


def _feature_frames(run: CardRun) -> Iterator[NamedFrame]:
    from engine.features.schemas import feature_frame_schema

    plan = run.plan
    for role, timeframe in plan.card.timeframes.roles().items():
        features, inputs = plan.features_of(role), [name for _, name in plan.inputs(role)]
        name = f"features of {plan.card.id} on {run.history.symbol} {timeframe}"
        schema = feature_frame_schema(features, timeframe, inputs)
        yield NamedFrame(name, _feature_frame(run.history, timeframe, features, inputs), schema)


def _feature_frame(
    history: History, timeframe: Timeframe, features: Mapping[str, FeatureSpec], inputs: Collection[str]
) -> pd.DataFrame:
    """Return what a run reads on a timeframe as the frame that `FeatureFrameBuilder` makes."""
    import pandas as pd

    candles = history.candles[timeframe]
    missing, never = np.full(len(candles), np.nan), np.zeros(len(candles), np.bool_)
    columns: dict[str, NDArray[Any]] = {}
    for name in BASE_COLUMNS:
        there = getattr(candles, name)
        columns[name] = there if there is not None else never if name == "is_filled" else missing
    for name in FeatureFrameBuilder(features, inputs).joined:
        columns[name] = history.column(timeframe, name)
    for name, feature in features.items():
        outputs = history.feature(timeframe, feature)
        columns.update(zip(feature_columns(name, feature), outputs.values(), strict=True))
    return pd.DataFrame(columns)


def _result_frames(run: CardRun) -> Iterator[NamedFrame]:
    from engine.backtest.schemas import METRICS, metrics_frame, result_frames

    for named in result_frames(run.result):
        yield NamedFrame(*named)
    yield NamedFrame(f"metrics of {run.where}", metrics_frame(measure(run.result)), METRICS)


def _broken(named: NamedFrame) -> Iterator[GateViolation]:
    from engine.market_data.schemas import schema_failures

    failures = schema_failures(named.schema, named.frame)
    for sentence, rows in failures.groupby("check", sort=False):
        first = rows.iloc[0]
        place = [f"row {first['row']}" if not _is_missing(first["row"]) else "", first["time_utc"]]
        shown = "; ".join(value for value in rows["value"].head(_SHOWN) if value)
        yield GateViolation(
            where=" ".join((named.name, *(part for part in place if part))),
            what=f"not so: {sentence}",
            how_much=f"{len(rows)} row(s)" + (f": {shown}" if shown else ""),
            remedy=_REMEDIES[named.schema.name],
        )


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))

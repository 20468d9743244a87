"""One history that many sets run over: what they share is read, healed and computed once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.backtest.engine import BacktestEngine, run_id
from engine.backtest.measure import measure
from engine.backtest.prepare import PreparedFrame, fingerprint, prepare
from engine.backtest.sweep_results import SetMetrics
from engine.errors import ConfigurationError
from engine.features.builder import BASE_COLUMNS, compute_feature, feature_columns
from engine.idea_card.card import IdeaCard
from engine.idea_card.features import FeatureSpec
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.market_data.instruments import InstrumentRules
from engine.market_data.store import HistoricalDataStore
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe

SWEPT_METRICS = ("net_return_pct", "max_drawdown_pct", "sharpe", "profit_factor", "trades")
"""What a sweep measures of each set, by the names of the catalogue of metrics."""


class SweepHistory:
    """The market of one symbol, and every feature that a set of the sweep has asked for.

    Parameters
    ----------
    symbol : str
    candles : mapping of Timeframe to DataFrame
        Healed candles of each of the card's timeframes.
    funding_events : DataFrame
        ts int64, funding_rate and mark_price float64.
    instrument : InstrumentRules
    start_ms, end_ms : int, optional
        Bars with start_ms <= ts_open < end_ms are traded.
    """

    def __init__(
        self,
        symbol: str,
        candles: Mapping[Timeframe, pd.DataFrame],
        funding_events: pd.DataFrame,
        instrument: InstrumentRules,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> None:
        self._symbol, self._funding, self._instrument = symbol, funding_events, instrument
        self._asked = {"start_ms": start_ms, "end_ms": end_ms}
        self._columns = {
            timeframe: {name: frame[name].to_numpy() for name in BASE_COLUMNS}
            for timeframe, frame in candles.items()
        }
        self.data_fingerprint = fingerprint(candles, funding_events, instrument)
        self._features: dict[tuple[Timeframe, FeatureSpec], dict[str, NDArray[np.float64]]] = {}
        self._lock = threading.Lock()

    @property
    def features_computed(self) -> int:
        """How many distinct features were computed so far."""
        return len(self._features)

    def new_runner(self) -> Self:
        """Return a runner for one thread."""
        return self

    def run_id(self, plan: CardPlan) -> str:
        """Return the id of the run of `plan` over this history."""
        return run_id(self._prepared(plan))

    def metrics(self, plan: CardPlan) -> SetMetrics:
        """Return the swept metrics of `plan` over this history."""
        measured = measure(BacktestEngine().run(self._prepared(plan)))
        return {name: getattr(measured, name) for name in SWEPT_METRICS}

    def _prepared(self, plan: CardPlan) -> PreparedFrame:
        roles = plan.card.timeframes.roles()
        missing = [str(timeframe) for timeframe in roles.values() if timeframe not in self._columns]
        if missing:
            raise ConfigurationError(
                f"card {plan.card.id}: a sweep is over one choice of timeframes, and a set has "
                f"{', '.join(missing)}",
                way_out="write the timeframes out, and sweep a card of each",
            )
        frames = {timeframe: self._frame(plan, role, timeframe) for role, timeframe in roles.items()}
        return prepare(
            plan,
            self._symbol,
            frames,
            self._funding,
            self._instrument,
            data_fingerprint=self.data_fingerprint,
            **self._asked,
        )

    def _frame(self, plan: CardPlan, role: str, timeframe: Timeframe) -> pd.DataFrame:
        filled: dict[str, Any] = dict(self._columns[timeframe])
        for name, feature in plan.features_of(role).items():
            key = timeframe, feature
            with self._lock:
                if key not in self._features:
                    self._features[key] = compute_feature(feature, self._columns[timeframe])
            filled.update(zip(feature_columns(name, feature), self._features[key].values(), strict=True))
        return pd.DataFrame(filled)

    def window(self, plan: CardPlan) -> tuple[int, int]:
        """Return first ts_open and last ts_close of what is traded."""
        return self._prepared(plan).window


def history_from_store(
    card: IdeaCard,
    symbol: str,
    store: HistoricalDataStore,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> SweepHistory:
    """Read and heal what sweeps of `card` run on."""
    candles, marks = {}, {}
    for timeframe in card.timeframes.roles().values():
        raw = store.read_ohlcv(symbol, timeframe, end_ms=end_ms)
        marks[timeframe] = store.read_mark_klines(symbol, timeframe, end_ms=end_ms)
        candles[timeframe] = heal(raw, marks[timeframe], timeframe).frame
    funding = price_funding_events(store.read_funding(symbol), marks, candles[card.timeframes.exec])
    instrument = store.read_instrument(symbol)
    return SweepHistory(symbol, candles, funding, instrument, start_ms=start_ms, end_ms=end_ms)

"""From candles to what the loop runs on: everything a run needs, checked and aligned, before it starts.

There are two ways in, from frames and from arrays, and one way on: both make a `History`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest.candles import Candles
from engine.backtest.decisions import decisions
from engine.backtest.history import History, Outputs
from engine.backtest.named_signals import named_signals
from engine.errors import DataError
from engine.features.builder import feature_outputs
from engine.features.inputs import JOINED_INPUTS, MARK_INPUTS, Stamped, feature_inputs
from engine.features.registry import INDICATORS
from engine.idea_card.features import FeatureSpec
from engine.market_data.instruments import InstrumentRules
from engine.sim.contract import contract_of, tiers_of
from engine.sim.detail import DetailBars
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import Floats, Records
from engine.sim.signal_terms import with_signal_terms
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe, format_utc

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """One card over one symbol's history, ready for the loop.

    Attributes
    ----------
    plan : CardPlan
    history : History
        What the run may look at.
    bars, signals, funding
        Arrays of the window that is traded; warm-up bars before it are gone.
    contract, tiers
        Trading rules, from `engine.sim.contract`.
    detail : DetailBars or None
        The bars with the finer ones inside them; None for a card without a detail timeframe.
    """

    plan: CardPlan
    history: History
    bars: MarketBars
    signals: BarSignals
    funding: FundingEvents
    contract: Records
    tiers: Floats
    detail: DetailBars | None = None

    @property
    def symbol(self) -> str:
        """The symbol that is traded."""
        return self.history.symbol

    @property
    def starting_equity_usdt(self) -> float:
        """The wallet balance before the first bar."""
        return float(self.plan.card.account.starting_equity_usdt)

    @property
    def runs_on_plain_bars(self) -> bool:
        """Whether the card's conditions decide on exec bars that have no finer ones inside them."""
        return self.plan.strategy is None and self.detail is None

    @property
    def data_fingerprint(self) -> str:
        """Hash of the candles, the funding events and the instrument rules the run may look at.

        And of whatever else of the contract its card names: open interest, where there are mark klines.
        """
        return self.history.fingerprint_with(self.plan.inputs())

    @property
    def window(self) -> tuple[int, int]:
        """First ts_open and last ts_close."""
        return int(self.bars.ts_open[0]), int(self.bars.ts_open[-1]) + self.bars.bar_ms


def prepare(
    plan: CardPlan,
    symbol: str,
    frames: Mapping[Timeframe, pd.DataFrame],
    funding_events: pd.DataFrame,
    instrument: InstrumentRules,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    data_fingerprint: str | None = None,
) -> PreparedFrame:
    """Prepare a run from feature frames; the features in them are taken as they are.

    Parameters
    ----------
    plan : CardPlan
    symbol : str
    frames : mapping of Timeframe to DataFrame
        A feature frame of each of the card's timeframes, with what its rules look at beside candles.
    funding_events : DataFrame
        ts int64, funding_rate and mark_price float64.
    instrument : InstrumentRules
    start_ms, end_ms : int, optional
        Bars with start_ms <= ts_open < end_ms are traded. Bars before are still used to warm up.
    data_fingerprint : str, optional
        Hash of the input where it is known; computed if left out.

    Raises
    ------
    DataNotFound, DataError, SimulationError
        As `prepare_history` does.
    """
    history = history_of_frames(
        plan, symbol, frames, funding_events, instrument, data_fingerprint=data_fingerprint
    )
    return prepare_history(plan, history, start_ms=start_ms, end_ms=end_ms)


def history_of_frames(
    plan: CardPlan,
    symbol: str,
    frames: Mapping[Timeframe, pd.DataFrame],
    funding_events: pd.DataFrame,
    instrument: InstrumentRules,
    *,
    data_fingerprint: str | None = None,
    open_interest: Callable[[], Stamped] | None = None,
) -> History:
    """Return the history that feature frames of a card hold, with the features in them as they are.

    Parameters
    ----------
    plan, symbol, frames, funding_events, instrument, data_fingerprint
        As for `prepare`.
    open_interest : callable, optional
        Gives what the open interest in the frames was joined from. A run does without; a gate that repeats it
        from the market alone does not.
    """
    roles = plan.card.timeframes.roles()
    features: dict[tuple[Timeframe, FeatureSpec], Outputs] = {}
    inputs = {
        (timeframe, name): frames[timeframe][name].to_numpy(np.float64)
        for timeframe in frames
        for name in JOINED_INPUTS
        if name in frames[timeframe]
    }
    for role, timeframe in roles.items():
        for name, feature in plan.features_of(role).items():
            if timeframe in frames:
                features[timeframe, feature] = _outputs(frames[timeframe], name, feature)
    return History(
        symbol,
        {timeframe: Candles.from_frame(frame) for timeframe, frame in frames.items()},
        funding_from_frame(funding_events),
        instrument,
        features=features,
        inputs=inputs,
        data_fingerprint=data_fingerprint,
        open_interest=open_interest,
    )


def prepare_arrays(
    plan: CardPlan,
    symbol: str,
    candles: Mapping[Timeframe, Candles],
    funding: FundingEvents,
    instrument: InstrumentRules,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> PreparedFrame:
    """Prepare a run from arrays; the features the card looks at are computed.

    Who runs several cards over the same arrays makes one `History` of them and calls `prepare_history`.

    Parameters
    ----------
    plan : CardPlan
    symbol : str
    candles : mapping of Timeframe to Candles
        Of each of the card's timeframes.
    funding : FundingEvents
    instrument : InstrumentRules
    start_ms, end_ms : int, optional
        As for `prepare`.

    Raises
    ------
    DataNotFound, DataError, SimulationError
        As `prepare_history` does.
    """
    history = History(symbol, candles, funding, instrument)
    return prepare_history(plan, history, start_ms=start_ms, end_ms=end_ms)


def prepare_history(
    plan: CardPlan, history: History, *, start_ms: int | None = None, end_ms: int | None = None
) -> PreparedFrame:
    """Prepare a run of a card over a history, sharing whatever cards before it have computed there.

    Raises
    ------
    DataNotFound
        If there is no bar in the window.
    DataError
        If a timeframe is missing or ends too early, the data are too short for the warm-up, or funding or
        mark klines do not cover the window (a run without funding would show too good a result).
    SimulationError
        If a candle is none.
    """
    card, timeframes = plan.card, plan.card.timeframes
    missing = [str(each) for each in timeframes.all_timeframes().values() if each not in history.candles]
    if missing:
        raise DataError(
            f"card {card.id}: {history.symbol} has no feature frame of {', '.join(missing)}",
            way_out="materialize the feature frames of every timeframe of the card first",
        )
    _refuse_unknown_inputs(plan, history)
    window = history.window(timeframes.exec, start_ms, end_ms)
    _refuse_stale_timeframes(plan, history, last_close=window.span[1])
    return PreparedFrame(
        plan=plan,
        history=history,
        bars=window.bars,
        signals=decisions(plan, history, window),
        funding=window.funding,
        contract=with_signal_terms(contract_of(card, history.instrument), named_signals(plan).terms),
        tiers=tiers_of(history.instrument),
        detail=None
        if timeframes.detail is None
        else history.detail(timeframes.exec, window, timeframes.detail),
    )


def funding_from_frame(events: pd.DataFrame) -> FundingEvents:
    """Return the events of a frame of priced funding events.

    Raises
    ------
    SimulationError
        If events are out of order or incomplete.
    """
    return FundingEvents(
        ts=events["ts"].to_numpy(np.int64),
        rate=events["funding_rate"].to_numpy(np.float64),
        mark_price=events["mark_price"].to_numpy(np.float64),
    )


def _outputs(frame: pd.DataFrame, name: str, feature: FeatureSpec) -> Outputs:
    columns = {output: f"{name}.{output}" if output else name for output in feature_outputs(feature)}
    return {output: frame[column].to_numpy(np.float64) for output, column in columns.items()}


def _refuse_unknown_inputs(plan: CardPlan, history: History) -> None:
    """A rule on what is never known would be false for ever, and the run would look like a quiet market."""
    for timeframe, name in sorted(plan.inputs()):
        if not np.isfinite(history.column(timeframe, name)).any():
            raise DataError(
                f"card {plan.card.id} looks at {name} on {timeframe}, and none is known of {history.symbol}",
                way_out="sync the symbol from an earlier start (TRADE_HISTORY_START), or leave it out",
            )
    roles = plan.card.timeframes.roles()
    for name, feature in plan.card.features.items():
        marks = feature_inputs(feature) & MARK_INPUTS
        if marks and INDICATORS[feature.indicator].recursive:
            _refuse_holes(plan, history, roles[feature.tf], name, marks)


def _refuse_holes(
    plan: CardPlan, history: History, timeframe: Timeframe, feature: str, marks: Iterable[str]
) -> None:
    """After a hole in what it reads, an indicator that is made of its last value has none any more."""
    for mark in sorted(marks):
        known = np.isfinite(history.column(timeframe, mark))
        missing = np.flatnonzero(~known[int(np.argmax(known)) :])
        if len(missing):
            at = int(history.bars(timeframe).ts_open[int(np.argmax(known)) + int(missing[0])])
            raise DataError(
                f"card {plan.card.id}: {feature} remembers all bars and reads {mark}, but {history.symbol} "
                f"has no mark kline at {format_utc(at)} on {timeframe}: it would have no value after that",
                way_out="sync the mark klines again, compute it on the last price, or take an indicator that "
                "reads a window only",
            )


def _refuse_stale_timeframes(plan: CardPlan, history: History, last_close: int) -> None:
    """A higher timeframe that ends early would go on showing its last bar as if nothing had closed since."""
    for timeframe in plan.card.timeframes.roles().values():
        bars = history.bars(timeframe)
        there, wanted = int(bars.ts_open[-1]) + bars.bar_ms, timeframe.floor(last_close)
        if there < wanted:
            raise DataError(
                f"card {plan.card.id}: the {timeframe} bars of {history.symbol} end at {format_utc(there)}, "
                f"and the run goes on to {format_utc(last_close)}",
                way_out=f"sync and materialize {timeframe} again, then the backtest",
            )

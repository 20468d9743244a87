"""From frames to arrays: everything a run needs, checked and aligned, before the loop starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.errors import DataError, DataNotFound
from engine.features.builder import BASE_COLUMNS
from engine.hashing import hash_of, hash_of_frame
from engine.market_data.instruments import InstrumentRules
from engine.rules.compile import evaluate_rules
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.sim.contract import contract_of, tiers_of
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.state import Flags, Floats, Integers, Records, SignalBit, SignalBits
from engine.strategies.card_plan import CardPlan
from engine.timeframes import MINUTE_MS, Timeframe, format_utc

_BIT_OF_RULE = {
    "entry_long": SignalBit.ENTER_LONG,
    "exit_long": SignalBit.EXIT_LONG,
    "entry_short": SignalBit.ENTER_SHORT,
    "exit_short": SignalBit.EXIT_SHORT,
}


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """One card over one symbol's history, ready for the loop.

    Attributes
    ----------
    plan : CardPlan
    symbol : str
    data_fingerprint : str
        Hash of the candles, the funding events and the instrument rules the run may look at.
    bars, signals, funding
        Arrays of the window that is traded; warm-up bars before it are gone.
    contract, tiers
        Trading rules, from `engine.sim.contract`.
    """

    plan: CardPlan
    symbol: str
    data_fingerprint: str
    bars: MarketBars
    signals: BarSignals
    funding: FundingEvents
    contract: Records
    tiers: Floats

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
    """Align timeframes, evaluate the rules, and cut out the window.

    Parameters
    ----------
    plan : CardPlan
    symbol : str
    frames : mapping of Timeframe to DataFrame
        A feature frame of each of the card's timeframes.
    funding_events : DataFrame
        ts int64, funding_rate and mark_price float64.
    instrument : InstrumentRules
    start_ms, end_ms : int, optional
        Bars with start_ms <= ts_open < end_ms are traded. Bars before are still used to warm up.
    data_fingerprint : str, optional
        From `fingerprint`, for who runs many cards over the same data; computed if left out.

    Raises
    ------
    DataNotFound
        If there is no bar in the window.
    DataError
        If a timeframe is missing or ends too early, the data are too short for the warm-up, or funding does
        not cover the window (a run without funding would show too good a result).
    """
    roles = plan.card.timeframes.roles()
    missing = [str(timeframe) for timeframe in roles.values() if timeframe not in frames]
    if missing:
        raise DataError(
            f"card {plan.card.id}: {symbol} has no feature frame of {', '.join(missing)}",
            way_out="materialize the feature frames of every timeframe of the card first",
        )
    feeds = MultiTFFeedStore({role: FeedStore(tf, frames[tf]) for role, tf in roles.items()})
    window = _window(plan, symbol, frames[roles["exec"]], start_ms, end_ms)
    bars = market_bars(frames[roles["exec"]], roles["exec"], window)
    _refuse_stale_feeds(plan, symbol, feeds, last_close=int(bars.ts_open[-1]) + bars.bar_ms)
    signals = _signals(plan, symbol, feeds, window)
    return PreparedFrame(
        plan=plan,
        symbol=symbol,
        data_fingerprint=data_fingerprint or fingerprint(frames, funding_events, instrument),
        bars=bars,
        signals=signals,
        funding=_funding(funding_events, bars, instrument),
        contract=contract_of(plan.card, instrument),
        tiers=tiers_of(instrument),
    )


def market_bars(frame: pd.DataFrame, timeframe: Timeframe, window: slice = slice(None)) -> MarketBars:
    """Return the bars of a feature frame as arrays; the last price stands in where there is no mark kline.

    Raises
    ------
    SimulationError
        If a bar is not one.
    """
    price = {name: frame[name].to_numpy(np.float64)[window] for name in ("open", "high", "low", "close")}
    mark = {name: frame[f"mark_{name}"].to_numpy(np.float64)[window] for name in price}
    has_mark = np.isfinite(mark["open"])
    if not has_mark.any():
        mark = price
    elif not has_mark.all():
        mark = {name: np.where(has_mark, mark[name], price[name]) for name in price}
    return MarketBars(
        bar_ms=timeframe.ms,
        ts_open=frame["ts_open"].to_numpy(np.int64)[window],
        **price,
        **{f"mark_{name}": values for name, values in mark.items()},
        is_filled=frame["is_filled"].to_numpy(np.bool_)[window],
        volume=frame["volume"].to_numpy(np.float64)[window],
    )


def _window(
    plan: CardPlan, symbol: str, frame: pd.DataFrame, start_ms: int | None, end_ms: int | None
) -> slice:
    ts_open = frame["ts_open"].to_numpy()
    first = 0 if start_ms is None else int(np.searchsorted(ts_open, start_ms))
    last = len(ts_open) if end_ms is None else int(np.searchsorted(ts_open, end_ms))
    if first >= last:
        there = (
            f"it has bars from {format_utc(int(ts_open[0]))} to {format_utc(int(ts_open[-1]))}"
            if len(ts_open)
            else "it has no bars at all"
        )
        raise DataNotFound(
            f"card {plan.card.id}: {symbol} has no bars in the window asked for; {there}",
            way_out="choose other dates, or sync more history (TRADE_HISTORY_START)",
        )
    return slice(first, last)


def _refuse_stale_feeds(plan: CardPlan, symbol: str, feeds: MultiTFFeedStore, last_close: int) -> None:
    """A higher timeframe that ends early would go on showing its last bar as if nothing had closed since."""
    for role, timeframe in plan.card.timeframes.roles().items():
        there, wanted = int(feeds.feed(role).ts_close[-1]), timeframe.floor(last_close)
        if there < wanted:
            raise DataError(
                f"card {plan.card.id}: the {timeframe} bars of {symbol} end at {format_utc(there)}, "
                f"and the run goes on to {format_utc(last_close)}",
                way_out=f"sync and materialize {timeframe} again, then the backtest",
            )


def _signals(plan: CardPlan, symbol: str, feeds: MultiTFFeedStore, window: slice) -> BarSignals:
    bits: SignalBits = np.zeros(len(feeds), np.int8)
    for rule, holds in evaluate_rules(plan.rules, feeds).items():
        bits |= holds.astype(np.int8) * np.int8(_BIT_OF_RULE[rule])
    warm = _first_warm_bar(plan, feeds)
    if warm >= window.stop:
        raise DataError(
            f"card {plan.card.id}: too little data for the warm-up of {symbol}: "
            f"the first bar everything is known at would be number {warm + 1}, and there are {window.stop}",
            way_out="sync an earlier start (TRADE_HISTORY_START), or choose a later end",
        )
    # Before everything a decision may look at is there, there are no decisions.
    bits[:warm] = 0
    levels = dict.fromkeys(ref for ref in (plan.stop_reference, plan.target_reference) if ref is not None)
    features = np.empty((len(levels), window.stop - window.start))
    for row, reference in enumerate(levels):
        features[row] = feeds.column(reference.name, reference.role, reference.offset)[window]
    return BarSignals(bits=bits[window], features=features)


def _first_warm_bar(plan: CardPlan, feeds: MultiTFFeedStore) -> int:
    """Return the first exec bar at whose close every role is warm; the number of bars if there is none."""
    first = 0
    for role in plan.card.timeframes.roles():
        closed: Integers = feeds.last_closed_index(role)
        warm: Flags = closed >= plan.warmup_bars(role)
        first = max(first, int(np.argmax(warm)) if warm.any() else len(closed))
    return first


def _funding(events: pd.DataFrame, bars: MarketBars, instrument: InstrumentRules) -> FundingEvents:
    ts = events["ts"].to_numpy(np.int64)
    first, last = int(bars.ts_open[0]), int(bars.ts_open[-1]) + bars.bar_ms
    # The interval changes over time: the longest one seen is the most a gap at the edges may be.
    longest = max(instrument.funding_interval_minutes * MINUTE_MS, int(np.diff(ts).max(initial=0)))
    if len(ts) == 0 or ts[0] - longest > first or ts[-1] + longest < last:
        known = f"from {format_utc(int(ts[0]))} to {format_utc(int(ts[-1]))}" if len(ts) else "not at all"
        raise DataError(
            f"{instrument.symbol}: funding is known {known}, and the run goes from {format_utc(first)} to "
            f"{format_utc(last)}; without funding the result would be wrong",
            way_out="choose dates inside, or sync the funding of the whole window",
        )
    inside = (ts > first) & (ts <= last)
    return FundingEvents(
        ts=ts[inside],
        rate=events["funding_rate"].to_numpy(np.float64)[inside],
        mark_price=events["mark_price"].to_numpy(np.float64)[inside],
    )


def fingerprint(
    frames: Mapping[Timeframe, pd.DataFrame], funding: pd.DataFrame, instrument: InstrumentRules
) -> str:
    """Return the hash of the candles in `frames` (not of the features), the funding and the rules."""
    candles = {str(tf): hash_of_frame(frame[list(BASE_COLUMNS)]) for tf, frame in frames.items()}
    return hash_of(
        {"candles": candles, "funding": hash_of_frame(funding), "instrument": instrument.fingerprint()}
    )

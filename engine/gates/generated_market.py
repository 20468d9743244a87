"""A made-up market as gates take it: the sandbox's, without a server and without a store."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engine.backtest.candles import Candles
from engine.features.builder import stamped
from engine.features.inputs import OPEN_INTEREST
from engine.gates.known_market import KnownMarket
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.market_data.instruments import InstrumentRules, RiskTier
from engine.sandbox.catalogue import Instrument
from engine.sandbox.market import DEFAULT_SEED, GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sim.market import FundingEvents
from engine.timeframes import DAY_MS, HOUR_MS, Timeframe

_NO_LIMIT = 10**9


def generated_market(
    symbol: str, timeframes: Iterable[Timeframe], *, end_ms: int, days: int, seed: int = DEFAULT_SEED
) -> KnownMarket:
    """Return the sandbox's market of so many days before a moment (UTC ms), the same for the same seed."""
    market = GeneratedMarket(seed)
    window = RowWindow(end_ms - days * DAY_MS, end_ms - 1, _NO_LIMIT)
    ohlcv, marks = {}, {}
    for timeframe in timeframes:
        closed = RowWindow(window.first_ts, end_ms - timeframe.ms, _NO_LIMIT)
        ohlcv[timeframe] = market.klines(symbol, timeframe, closed, end_ms)
        marks[timeframe] = market.mark_klines(symbol, timeframe, closed, end_ms)
    funding = market.funding(symbol, RowWindow(window.first_ts - DAY_MS, end_ms, _NO_LIMIT), end_ms)
    events = price_funding_events(funding, marks, ohlcv[min(ohlcv)])
    candles = {
        timeframe: Candles.from_frame(heal(frame, marks[timeframe], timeframe).frame)
        for timeframe, frame in ohlcv.items()
    }
    interest_window = RowWindow(window.first_ts - HOUR_MS, end_ms, _NO_LIMIT)
    interest = market.open_interest(symbol, Timeframe.H1, interest_window, end_ms)
    return KnownMarket(
        symbol,
        candles,
        FundingEvents(
            events["ts"].to_numpy(np.int64),
            events["funding_rate"].to_numpy(np.float64),
            events["mark_price"].to_numpy(np.float64),
        ),
        _rules(market.instruments[symbol], end_ms),
        stamped(interest, OPEN_INTEREST),
    )


def _rules(instrument: Instrument, as_of_ms: int) -> InstrumentRules:
    tiers = tuple(
        RiskTier(
            tier=tier.tier,
            risk_limit_value_usdt=float(tier.risk_limit_value),
            maintenance_margin_rate=float(tier.maintenance_margin),
            initial_margin_rate=float(tier.initial_margin),
            max_leverage=float(tier.max_leverage),
            mm_deduction_usdt=float(tier.mm_deduction),
        )
        for tier in instrument.ladder
    )
    return InstrumentRules(
        symbol=instrument.symbol,
        tick_size=float(instrument.tick_size),
        qty_step=float(instrument.qty_step),
        min_order_qty=float(instrument.qty_step),
        max_order_qty=float(instrument.max_order_qty),
        max_market_order_qty=float(instrument.max_market_order_qty),
        min_notional_usdt=float(instrument.min_notional),
        max_leverage=tiers[0].max_leverage,
        leverage_step=0.01,
        funding_interval_minutes=instrument.funding_interval_at(as_of_ms),
        launch_ts=instrument.launch_ms,
        status=instrument.status_at(as_of_ms).value,
        as_of_ms=as_of_ms,
        tiers=tiers,
    )

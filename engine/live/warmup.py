"""What a run has to know before its first bar: candles far enough back, funding, open interest, rules.

How far back is far enough depends on what remembers:

| memory of an indicator | bars before the first decision                                                  |
|------------------------|---------------------------------------------------------------------------------|
| its window             | the declared warm-up                                                            |
| all bars, fading       | the declared warm-up and 40 times the longest fading one's: what lies before    |
|                        | weighs less than 1e-16 of the value where a step weighs 1 / length or more      |
| all bars, for good     | everything from the first day that is synced (`TRADE_HISTORY_START`)            |

Against a backtest that starts elsewhere values then differ by rounding only (a relative 1e-9 is allowed for);
against one over the same candles, which is what parity compares with, they do not differ at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from engine.backtest.candles import Candles
from engine.backtest.prepare import funding_from_frame
from engine.features.builder import feature_warmup, stamped
from engine.features.inputs import FUNDING_INPUTS, MARK_INPUTS, OPEN_INTEREST, OPEN_INTEREST_INPUTS
from engine.features.registry import INDICATORS
from engine.features.spec import Memory
from engine.live.market import CandleSeries, SymbolMarket
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.market_data.instruments import InstrumentRules, RiskTier
from engine.market_data.market_client import MarketDataClient
from engine.market_data.sync import instrument_rules
from engine.strategies.card_plan import CardPlan
from engine.timeframes import DAY_MS, Timeframe

FADED = 40
"""So many times its warm-up, and what a fading memory still holds of a bar is below the last digit."""

_SPARE_BARS = 50
# Bybit's longest funding interval is eight hours; a coverage check looks for the event before the first bar.
_FUNDING_BEFORE_MS = 2 * DAY_MS
_INTEREST_TIMEFRAME = Timeframe.H1


def bars_needed(plan: CardPlan, role: str) -> int | None:
    """Return how many bars of a role a card needs before its first decision; None: all there are."""
    features = plan.features_of(role).values()
    fading = 0
    for feature in features:
        memory = INDICATORS[feature.indicator].memory
        if memory is Memory.WHOLE:
            return None
        if memory is Memory.FADING:
            fading = max(fading, feature_warmup(feature))
    return plan.warmup_bars(role) + FADED * fading + _SPARE_BARS


def first_opens(plans: Iterable[CardPlan], now_ms: int, history_start_ms: int) -> dict[Timeframe, int]:
    """Return from where each timeframe is needed of a symbol that all these cards run on."""
    opens: dict[Timeframe, int] = {}
    for plan in plans:
        timeframes = plan.card.timeframes
        for role, timeframe in timeframes.roles().items():
            bars = bars_needed(plan, role)
            last = timeframe.floor(now_ms)
            first = timeframe.floor(history_start_ms) if bars is None else last - bars * timeframe.ms
            opens[timeframe] = min(first, opens.get(timeframe, first))
        if timeframes.detail is not None:
            first = timeframes.detail.floor(now_ms) - _SPARE_BARS * timeframes.detail.ms
            opens[timeframes.detail] = min(first, opens.get(timeframes.detail, first))
    return opens


def warm_up(
    plans: Iterable[CardPlan],
    symbol: str,
    client: MarketDataClient,
    *,
    now_ms: int,
    history_start_ms: int,
) -> SymbolMarket:
    """Fetch what cards need to know of a symbol before their first decision.

    Parameters
    ----------
    plans : iterable of CardPlan
        Those that run on it.
    symbol : str
    client : MarketDataClient
    now_ms : int
        Every candle that has closed by then is part of the warm-up.
    history_start_ms : int
        How far back an indicator that never forgets looks.

    Raises
    ------
    ExchangeError
        If the exchange does not answer, or not list the symbol.
    DataNotFound
        If it has no candle of a timeframe.
    """
    cards = tuple(plans)
    opens = first_opens(cards, now_ms, history_start_ms)
    wants_marks = any(plan.looks_at(MARK_INPUTS) for plan in cards)
    candles, marks = {}, {}
    for timeframe, first in sorted(opens.items()):
        window = max(first, 0), timeframe.floor(now_ms)
        candles[timeframe] = client.klines(symbol, timeframe, *window)
        recent = window[0] if wants_marks else window[1] - timeframe.ms
        marks[timeframe] = client.mark_klines(symbol, timeframe, recent, window[1])
    funding_from = now_ms - _FUNDING_BEFORE_MS
    if any(plan.looks_at(FUNDING_INPUTS) for plan in cards):
        funding_from = min(opens.values()) - _FUNDING_BEFORE_MS
    funding = client.funding(symbol, max(funding_from, 0), now_ms + 1)
    finest = candles[min(candles)]
    market = SymbolMarket(
        rules_of(client, symbol, now_ms),
        {
            timeframe: CandleSeries(
                symbol, timeframe, Candles.from_frame(heal(rows, marks[timeframe], timeframe).frame)
            )
            for timeframe, rows in candles.items()
        },
        funding_from_frame(price_funding_events(funding, marks, finest)),
    )
    if any(plan.looks_at(OPEN_INTEREST_INPUTS) for plan in cards):
        first = min(opens.values())
        known = client.open_interest(symbol, _INTEREST_TIMEFRAME, max(first, 0), now_ms + 1)
        market.note_open_interest(stamped(known, OPEN_INTEREST))
    return market


def rules_of(client: MarketDataClient, symbol: str, now_ms: int) -> InstrumentRules:
    """Return the trading rules of a symbol as the exchange says them now."""
    tiers = tuple(RiskTier(**asdict(tier)) for tier in client.risk_tiers(symbol))
    return instrument_rules(client.instrument(symbol), tiers, as_of_ms=now_ms)

"""Random markets of three timeframes, and the shipped cards in both their forms, with any orders."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
from backtest_case import START_MS, instrument

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.backtest.prepare import funding_from_frame
from engine.idea_card.load import card_from_text
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.sandbox.daily_path import MARKET_START_MS
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sim.market import FundingEvents
from engine.strategies.card_plan import CardPlan, plan_card
from engine.timeframes import DAY_MS, HOUR_MS, Timeframe

CARDS = Path(__file__).parents[3] / "idea_cards"
TWINS = ("trend_pullback", "channel_breakout")

# Shorter features and wider thresholds, so that a short market has many signals; both run on 15m bars here.
LIVELIER = {
    "[1.2, vol_avg]": "[0.3, vol_avg]",
    "volume_factor: 1.2": "volume_factor: 0.3",
    "[40, 70]": "[20, 95]",
    "[30, 60]": "[5, 80]",
    "rsi_low: 40, rsi_high: 70": "rsi_low: 20, rsi_high: 95",
    "htf: 4h": "htf: 2h",
    "exec: 1h": "exec: 15m",
    "{length: 50}": "{length: 3}",
    "{length: 21}": "{length: 6}",
    "{length: 20}": "{length: 5}",
    "{length: 14}": "{length: 4}",
    "{length: 9}": "{length: 3}",
    "lower_length: 48, upper_length: 48": "lower_length: 8, upper_length: 8",
    "lower_length: 24, upper_length: 24": "lower_length: 5, upper_length: 5",
}

# What else a card may say, in place of what the two say.
ORDERS = (
    "entry_order: {type: limit, offset: {type: atr_multiple, value: 0.3, feature: atr}, "
    "time_in_force: gtc, expiry_bars: 5, reprice: on_signal}\nposition_policy:",
    "entry_order: {type: stop, offset: {type: percent, value: 0.2}, expiry_bars: null, reprice: every_bar}\n"
    "position_policy:",
    "position_policy:",
)
POLICIES = (
    "position_policy:\n  trading_session: {start: '08:00', end: '20:00', weekdays: [mon, tue], "
    "close_outside: true}",
    "position_policy:\n  trading_session: {start: '22:00', end: '06:00', weekdays: [mon, tue], "
    "close_outside: false}",
    "position_policy:\n  scale_in: {max_adds: 2, size_pct: 50}",
    "position_policy:",
)
STOPS = (
    "stop_loss: {type: trailing_atr, value: 1.0, feature: atr, activation_pct: 0.5} #",
    "stop_loss: {type: percent, value: 0.7} #",
    "stop_loss:",
)
LEVERAGES = ("leverage: 3", "leverage: 50")


def card_text(name: str, *, python: bool) -> str:
    """Return a shipped card that has two forms, made livelier."""
    path = CARDS / "python" / f"{name}_python.yaml" if python else CARDS / f"{name}.yaml"
    return reduce(lambda text, change: text.replace(*change), LIVELIER.items(), path.read_text())


def twins(name: str, orders: str, policy: str, stop: str, leverage: str) -> tuple[CardPlan, CardPlan]:
    """Return the two forms of a card: with conditions, and in Python."""
    plans = []
    for python in (False, True):
        text = card_text(name, python=python)
        text = text.replace("leverage: 3", leverage).replace("stop_loss:", stop)
        text = text.replace("position_policy:", orders).replace("position_policy:", policy)
        plans.append(plan_card(card_from_text(text, name)))
    return plans[0], plans[1]


def random_history(seed: int, bars: int = 400) -> History:
    """Return 15m, 1h and 2h candles with trends, jumps, gaps, filled and still bars, and odd funding."""
    rng = np.random.default_rng(seed)
    drift = np.repeat(rng.normal(0, 0.002, bars // 20 + 1), 20)[:bars]
    steps = (drift + rng.normal(0, 0.003, bars)) * (rng.random(bars) > 0.1)
    steps += rng.normal(0, 0.05, bars) * (rng.random(bars) > 0.99)
    close = np.round(40_000 * np.exp(np.cumsum(steps)), 1)
    gap = np.round(close * rng.normal(0, 0.01, bars) * (rng.random(bars) > 0.97), 1)
    open_ = np.round(np.r_[close[0], close[:-1]] + gap, 1)
    wicks = 1 + np.abs(rng.normal(0, 0.002, (2, bars))) * (rng.random(bars) > 0.1)
    high = np.round(np.maximum(open_, close) * wicks[0], 1)
    low = np.round(np.minimum(open_, close) / wicks[1], 1)
    filled = rng.random(bars) > 0.98
    marks = np.array([open_, high, low, close]) * (1 + rng.normal(0, 0.001, bars))
    volume = np.where(filled, 0.0, rng.lognormal(3, 1, bars))
    ts = START_MS + np.arange(bars) * Timeframe.M15.ms
    exec_ = Candles(ts, open_, high, low, close, volume, filled, *marks)
    candles = {Timeframe.M15: exec_, Timeframe.H1: larger(exec_, 4), Timeframe.H2: larger(exec_, 8)}
    at = np.unique(np.r_[ts[0], rng.choice(bars, bars // 16) * Timeframe.M15.ms + START_MS, ts[-1] + HOUR_MS])
    at[1:-1] += rng.integers(0, 2, len(at) - 2) * 7 * 60_000
    funding = FundingEvents(at, rng.normal(0, 0.001, len(at)), np.full(len(at), 40_000.0))
    return History("BTCUSDT", candles, funding, instrument())


def larger(candles: Candles, count: int) -> Candles:
    """Return candles of `count` candles each."""
    whole = len(candles) // count * count

    def parts(name: str) -> np.ndarray:
        return getattr(candles, name)[:whole].reshape(-1, count)

    prices = {}
    for mark in ("", "mark_"):
        prices[f"{mark}open"] = parts(f"{mark}open")[:, 0]
        prices[f"{mark}high"] = parts(f"{mark}high").max(axis=1)
        prices[f"{mark}low"] = parts(f"{mark}low").min(axis=1)
        prices[f"{mark}close"] = parts(f"{mark}close")[:, -1]
    volume, filled = parts("volume").sum(axis=1), parts("is_filled").all(axis=1)
    return Candles(ts_open=parts("ts_open")[:, 0], volume=volume, is_filled=filled, **prices)


def generated_history(symbol: str, days: int) -> History:
    """Return the first days of the sandbox's market, on the timeframes of the shipped cards."""
    market = GeneratedMarket()
    end = MARKET_START_MS + days * DAY_MS
    window = RowWindow(MARKET_START_MS, end - 1, limit=days * 96)
    candles, marks = {}, {}
    for timeframe in (Timeframe.M15, Timeframe.H1, Timeframe.H4):
        candles[timeframe] = market.klines(symbol, timeframe, window, end)
        marks[timeframe] = market.mark_klines(symbol, timeframe, window, end)
    funding = market.funding(symbol, RowWindow(MARKET_START_MS, end, limit=days * 96), end)
    events = price_funding_events(funding, marks, candles[Timeframe.M15])
    healed = {
        timeframe: Candles.from_frame(heal(frame, marks[timeframe], timeframe).frame)
        for timeframe, frame in candles.items()
    }
    return History(symbol, healed, funding_from_frame(events), instrument())

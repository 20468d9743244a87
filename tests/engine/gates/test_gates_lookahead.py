"""The gate on look-ahead: planted leaks are found, clean cards pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gates_market import aggregated, market

from engine.backtest.detail_report import simulated
from engine.backtest.history import History
from engine.backtest.prepare import prepare_history
from engine.gates.known_market import KnownMarket
from engine.gates.lookahead import LookAheadGate, look_ahead_evidence
from engine.gates.trace import RunTrace, traced
from engine.idea_card.load import card_from_text
from engine.strategies.card_plan import CardPlan, load_plan, plan_card
from engine.timeframes import HOUR_MS, Timeframe

IDEA_CARDS = Path(__file__).resolve().parents[3] / "idea_cards"
SHIPPED = sorted(IDEA_CARDS.rglob("*.yaml"))

CARD = """
schema_version: 2
id: planted
version: 1.0.0
description: Trades on what a planted feature says.
symbols: [BTCUSDT]
timeframes: {exec: 15m, htf: 1h}
account:
  starting_equity_usdt: 10000
  leverage: 3
  margin_mode: isolated_usdt
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features:
  planted: {indicator: sma, params: {length: 5}, source: close, tf: TF}
  mean: {indicator: sma, params: {length: 20}, source: close, tf: exec}
signal_rules:
  entry_long: [[planted, ">", mean]]
  exit_long: [[planted, "<", mean]]
position_policy: {mode: long_only, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: null}
risk_model:
  stop_loss: {type: percent, value: 2.0}
  take_profit: null
  sizing: {model: percent_equity, equity_pct: 50}
promotion:
  min_trades: 1
  min_net_return_pct: 0
  min_sharpe: 0
  min_profit_factor: 0
  max_drawdown_pct: 50
  max_ambiguous_share_pct: 50
  max_filled_share_pct: 5
  max_liquidations: 0
"""
DAYS = 12
M15, H1 = Timeframe.M15, Timeframe.H1


def plan(tf: str = "exec") -> CardPlan:
    return plan_card(card_from_text(CARD.replace("TF}", f"{tf}}}"), "planted.yaml"))


def mean_of(values: np.ndarray, length: int) -> np.ndarray:
    """Return the mean of the last values, missing before there are enough."""
    summed = np.cumsum(np.r_[0.0, values])
    means = np.full(len(values), np.nan)
    means[length - 1 :] = (summed[length:] - summed[:-length]) / length
    return means


def planted(leak: Callable[[KnownMarket], np.ndarray], tf: str = "exec") -> Callable[[KnownMarket], RunTrace]:
    """Return a run whose feature `planted` is what `leak` makes of the market."""
    card = plan(tf)
    timeframe = M15 if tf == "exec" else H1
    spec = card.card.features["planted"]

    def run(known: KnownMarket) -> RunTrace:
        history = History(
            known.symbol,
            known.candles,
            known.funding,
            known.instrument,
            features={(timeframe, spec): {"": leak(known)}},
        )
        prepared = prepare_history(card, history)
        return traced(prepared, simulated(prepared))

    return run


def shifted(known: KnownMarket) -> np.ndarray:
    close = known.candles[M15].close
    return mean_of(np.r_[close[1:], close[-1]], 5)


def centred(known: KnownMarket) -> np.ndarray:
    close = known.candles[M15].close
    means = mean_of(close, 5)
    return np.r_[means[2:], means[-1], means[-1]]


def normalised(known: KnownMarket) -> np.ndarray:
    close = known.candles[M15].close
    return 40_000 + 1_000 * (mean_of(close, 5) - close.mean()) / close.std()


def higher_on_open(known: KnownMarket) -> np.ndarray:
    """Each quarter of an hour sees the close of the hour it is in."""
    hours, bars = known.candles[H1], known.candles[M15]
    place = np.minimum(np.searchsorted(hours.ts_open, bars.ts_open, side="right") - 1, len(hours) - 1)
    return mean_of(hours.close[place], 5)


def labelled_left(known: KnownMarket) -> np.ndarray:
    """Hours made of quarters, each named by its beginning and read as if it had been over then."""
    bars = known.candles[M15]
    last_of_hour = {}
    for ts, close in zip(bars.ts_open, bars.close, strict=True):
        last_of_hour[ts // HOUR_MS] = close
    return mean_of(np.array([last_of_hour[ts // HOUR_MS] for ts in bars.ts_open]), 5)


def only_once(known: KnownMarket) -> np.ndarray:
    """An honest mean, but for one bar in which a trade begins: there it knows the next close."""
    close = known.candles[M15].close
    means = mean_of(close, 5)
    place = 700
    if len(close) > place + 1:
        means[place] = means[place] + (1e6 if close[place + 1] > close[place] else -1e6)
    return means


LEAKS = {
    "negative shift": shifted,
    "centred window": centred,
    "whole-sample normalisation": normalised,
    "higher timeframe merged on open time": higher_on_open,
    "resampling labelled left": labelled_left,
    "a leak in one candle only": only_once,
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_planted_leak_is_found(leak: Callable[[KnownMarket], np.ndarray]) -> None:
    evidence = look_ahead_evidence(plan(), market(DAYS).history())
    result = LookAheadGate().run(replace(evidence, run=planted(leak)))
    assert not result.passed
    assert any("feature planted" in violation.what for violation in result.violations)
    assert "planted on BTCUSDT 15m, 2024-01-" in result.violations[0].where


def test_an_honest_feature_of_the_same_kind_passes() -> None:
    evidence = look_ahead_evidence(plan(), market(DAYS).history())
    honest = replace(evidence, run=planted(lambda known: mean_of(known.candles[M15].close, 5)))
    result = LookAheadGate().run(honest)
    assert result.passed, result.violations
    assert "series" in result.summary


def test_a_leak_on_a_higher_timeframe_is_found() -> None:
    def leak(known: KnownMarket) -> np.ndarray:
        close = known.candles[H1].close
        return np.r_[close[1:], close[-1]]

    evidence = look_ahead_evidence(plan("htf"), market(DAYS).history())
    assert not LookAheadGate().run(replace(evidence, run=planted(leak, "htf"))).passed


def test_a_fill_at_a_price_not_yet_seen_is_found() -> None:
    card = plan()

    def run(known: KnownMarket) -> RunTrace:
        prepared = prepare_history(card, known.history())
        bars = prepared.bars
        # filled at the open after the next: clean features, clean signals, a price from the future
        later = np.r_[bars.open[1:], bars.open[-1]]
        moved = replace(bars, open=later, high=np.maximum(bars.high, later), low=np.minimum(bars.low, later))
        prepared = replace(prepared, bars=moved)
        return traced(prepared, simulated(prepared))

    evidence = replace(look_ahead_evidence(card, market(DAYS).history()), run=run)
    result = LookAheadGate().run(evidence)
    assert "price of the fills" in " ".join(violation.what for violation in result.violations)


def test_a_leak_through_stored_features_is_found() -> None:
    """The run was made from features that somebody had computed with the future, and stored."""
    card, known = plan(), market(DAYS)
    history = known.history()
    clean = look_ahead_evidence(card, history)
    given = planted(normalised)(known)
    result = LookAheadGate().run(replace(clean, given=given))
    assert not result.passed
    assert "is not what the candles give" in result.violations[0].what


def test_funding_and_marks_are_altered_too() -> None:
    known = market(DAYS)
    cut = int(known.candles[M15].ts_open[500]) + M15.ms
    other = known.with_another_future(cut, np.random.default_rng(1))
    for name in ("close", "mark_close", "volume"):
        was, became = (getattr(of.candles[M15], name) for of in (known, other))
        assert was[:501].tolist() == became[:501].tolist()
        assert (was[501:] != became[501:]).mean() > 0.99
    settled = known.funding.ts <= cut
    assert known.funding.rate[settled].tolist() == other.funding.rate[settled].tolist()
    assert (known.funding.rate[~settled] != other.funding.rate[~settled]).all()
    interest, changed = known.open_interest, other.open_interest
    assert (interest.values[interest.ts > cut] != changed.values[interest.ts > cut]).all()
    # bars of a longer timeframe go on being made of those inside them
    hours = aggregated(other.candles[Timeframe.M5], H1)
    assert hours.close.tolist() == other.candles[H1].close.tolist()


def test_what_is_known_at_a_moment_ends_there() -> None:
    known = market(DAYS)
    cut = int(known.candles[H1].ts_open[100])  # the close of hour 99
    then = known.until(cut)
    assert [len(then.candles[timeframe]) for timeframe in (Timeframe.M5, M15, H1)] == [1200, 400, 100]
    assert int(then.funding.ts[-1]) <= cut
    assert int(then.open_interest.ts[-1]) == cut


DETAIL = CARD.replace("htf: 1h}", "htf: 1h, detail: 5m}")
KINDS = {
    "detail bars": DETAIL,
    "a trail": CARD.replace(
        "{type: percent, value: 2.0}", "{type: trailing_percent, value: 1.0, activation_pct: 0}"
    ),
    "a limit entry": CARD.replace(
        "risk_model:",
        "entry_order: {type: limit, offset: {type: percent, value: 0.2}, time_in_force: gtc, "
        "expiry_bars: 5, reprice: never}\nrisk_model:",
    ),
    "a ladder": CARD.replace(
        "take_profit: null",
        "take_profit: [{type: percent, value: 1.0, portion_pct: 50}, {type: percent, value: 2.0, "
        "portion_pct: 50}]",
    ),
    "a window": CARD.replace(
        '[[planted, ">", mean]]', '[{holds_for: {when: [[planted, ">", mean]], bars: 3, tf: exec}}]'
    ),
}


def passes(card: CardPlan, known: KnownMarket, random_cuts: int) -> bool:
    evidence = look_ahead_evidence(card, known.history())
    # a strategy in Python takes a hundred times as long for a bar
    most = 6_000_000 if card.strategy is None else 600_000
    result = LookAheadGate().run(replace(evidence, random_cuts=random_cuts, most_values=most))
    assert result.passed, "\n".join(map(str, result.violations))
    return not result.summary.startswith("0 ")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_card_passes(path: Path) -> None:
    card = load_plan(path)
    days, cuts = (60, 8) if card.strategy is None else (30, 2)
    assert passes(card, market(days, timeframes=tuple(card.card.timeframes.all_timeframes().values())), cuts)


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS)
def test_every_kind_of_card_passes(text: str) -> None:
    assert passes(plan_card(card_from_text(text.replace("TF}", "exec}"), "kind.yaml")), market(DAYS), 8)

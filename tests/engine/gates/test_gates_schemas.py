"""The gate on schemas: frames of every stage are held against theirs, and what breaks is named."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from gates_card import M15, card_run, plan, with_planted
from gates_market import market

from engine.backtest.measure import measure
from engine.backtest.schemas import METRICS, metrics_frame
from engine.gates.card_run import CardRun
from engine.gates.schemas import NamedFrame, SchemaGate, run_frames
from engine.market_data.stored_market import StoredMarket

PRICES = ["open", "high", "low", "close"]


def stored(run: CardRun) -> StoredMarket:
    """Return what the history of a run could have been stored as."""
    candles = run.history.candles[M15]
    frame = pd.DataFrame({"ts_open": candles.ts_open, **{name: getattr(candles, name) for name in PRICES}})
    marks = pd.DataFrame(
        {"ts_open": candles.ts_open, **{name: getattr(candles, f"mark_{name}") for name in PRICES}}
    )
    volume = {"volume": candles.volume, "turnover": candles.volume * candles.close}
    funding = pd.DataFrame({"ts": run.history.funding.ts, "funding_rate": run.history.funding.rate})
    return StoredMarket({M15: frame.assign(**volume)}, {M15: marks}, funding, run.history.instrument)


def test_every_frame_of_a_run_is_looked_at_and_holds():
    run = card_run(10)
    result = SchemaGate().run(run_frames(replace(run, stored=stored(run))))
    assert result.passed, "\n".join(map(str, result.violations))
    # candles, marks, healed, funding, its events; features; trades, fills, payments, equity, metrics
    assert result.summary.startswith("11 frames, ")


def test_a_feature_with_a_hole_after_its_warm_up_is_found():
    values = card_run(5).history.feature(M15, plan().card.features["planted"])[""].copy()
    values[200] = np.nan
    run = CardRun(plan(), with_planted(market(5, timeframes=(M15,)), values))
    [violation] = SchemaGate().run(run_frames(run)).violations
    assert violation.where == "features of planted on BTCUSDT 15m row 200 2024-01-03 02:00:00"
    assert violation.what == "not so: planted is missing in the first 4 rows and finite after"
    assert "make them again" in violation.remedy


def test_a_stored_candle_that_is_none_is_found_in_the_frame_it_is_in():
    run = card_run(5)
    broken = stored(run)
    broken.candles[M15].loc[7, "low"] = broken.candles[M15].loc[7, "high"] + 1
    found = SchemaGate().run(run_frames(replace(run, stored=broken))).violations
    assert [violation.where.split(" row")[0] for violation in found] == [
        "candles BTCUSDT 15m",
        "healed candles BTCUSDT 15m",
    ]
    assert found[0].what == "not so: low is not above open or close"
    assert "trade data heal" in found[0].remedy


def test_figures_are_never_infinite_and_counts_are_whole():
    metrics = measure(card_run(5).result)
    wrong = replace(metrics, sharpe=math.inf, trades=1.5, sortino=math.nan)
    found = SchemaGate().run((NamedFrame("metrics", metrics_frame(wrong), METRICS),)).violations
    assert sorted(violation.what for violation in found) == [
        "not so: sharpe is not infinite",
        "not so: trades is a whole number from 0 on",
    ]

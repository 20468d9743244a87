"""A card with parameters, its run, and the evidence on it: small, but made by the real thing."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "promotion"))
from evidence_case import history, space

from engine.backtest.engine import BacktestEngine
from engine.backtest.prepare import prepare_history
from engine.backtest.result import BacktestResult
from engine.idea_card.validation_policy import ValidationPolicy
from engine.promotion.validation import Validation, ValidationSettings, validate
from engine.strategies.card_plan import plan_card
from engine.timeframes import Timeframe


@cache
def judged_run() -> tuple[BacktestResult, pd.DataFrame, Validation]:
    """Return a run of 120 days, its candles and the evidence."""
    made, market = space(), history()
    result = BacktestEngine().run(prepare_history(plan_card(made.card), market))
    few = ValidationSettings(windows=4, most_sets=12, paths=60, random_entries=40)
    found = validate(made, made.defaults, market, settings=few, policy=ValidationPolicy(), workers=2)
    return result, market.candles[Timeframe.H1].frame(), found

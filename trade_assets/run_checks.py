"""The gates on a run as checks: the quick ones of every backtest, all of them on demand.

What the pipeline stores of a run's features is what they judge, so that a feature that was cached with the
future in it, or went stale, refuses the backtest that was made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from engine.backtest.prepare import history_of_frames
from engine.features.builder import stamped
from engine.features.inputs import OPEN_INTEREST
from engine.gates.card_run import CardRun
from engine.gates.lookahead import LookAheadGate, look_ahead_evidence
from engine.gates.parity import ParityGate
from engine.market_data.instruments import InstrumentRules
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from trade_assets.checks import LOOK_AHEAD, PARITY, CheckVerdict, verdict_of

# A quarter of a second for two years of 15m: eight moments at random, twice as many entries. A strategy in
# Python takes a hundred times as long for a bar.
_QUICK_CUTS, _QUICK_CUTS_IN_PYTHON = 8, 2
_WAY_OUT = "see `trade gate CARD` for all of it; stored features are under features/ of the artifacts"


def run_of(
    plan: CardPlan,
    symbol: str,
    frames: Mapping[Timeframe, pd.DataFrame],
    funding: pd.DataFrame,
    rules: Mapping[str, Any],
    open_interest: pd.DataFrame | None,
) -> CardRun:
    """Return the run of a card over what the pipeline has stored: feature frames, funding, rules."""
    history = history_of_frames(
        plan,
        symbol,
        frames,
        funding,
        InstrumentRules.from_plain(rules),
        open_interest=None if open_interest is None else lambda: stamped(open_interest, OPEN_INTEREST),
    )
    return CardRun(plan, history)


def quick_verdicts(run: CardRun) -> tuple[CheckVerdict, ...]:
    """Return what the gates that every backtest can afford say of a run.

    Raises
    ------
    GateRefused
        If one of them refuses it.
    """
    evidence = look_ahead_evidence(run.plan, run.history, given=run.trace)
    cuts = _QUICK_CUTS if run.plan.strategy is None else _QUICK_CUTS_IN_PYTHON
    looked = LookAheadGate().run(replace(evidence, random_cuts=cuts, most_values=0))
    return (
        verdict_of(LOOK_AHEAD, [looked], way_out=_WAY_OUT),
        verdict_of(PARITY, [ParityGate().run(run)], way_out=_WAY_OUT),
    )

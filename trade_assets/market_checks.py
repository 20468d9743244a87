"""The gates on stored market data as checks of the assets that read it.

One that is a warning is shown and recorded; one that is an error refuses the partition, so that nothing is
made of it until what it names is mended. `trade data check` judges all timeframes of a symbol at once.
"""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from engine.gates.market_candles import AggregateGate, MarkAgainstLastGate, OpenAtCloseGate, PriceJumpGate
from engine.gates.market_evidence import MarketEvidence
from engine.gates.market_funding import FundingSpacingGate
from engine.timeframes import Timeframe
from trade_assets.checks import FUNDING_SPACING, PLAUSIBLE_PRICES, TIMEFRAMES_AGREE, CheckVerdict, verdict_of
from trade_assets.partitions import Partition

_WAY_OUT = "see `trade data check`, and `trade data heal` to ask again"
_PRICE_GATES = (OpenAtCloseGate(), PriceJumpGate(), MarkAgainstLastGate())


def plausible_prices(partition: Partition, candles: pd.DataFrame, marks: pd.DataFrame) -> CheckVerdict:
    """Return whether candles join, do not jump and agree with the mark, as the gates see it."""
    of = {partition.timeframe: candles}
    evidence = MarketEvidence(partition.symbol, of, {partition.timeframe: marks})
    return verdict_of(PLAUSIBLE_PRICES, [gate.run(evidence) for gate in _PRICE_GATES], way_out=_WAY_OUT)


def funding_spacing(partition: Partition, funding: pd.DataFrame) -> CheckVerdict:
    """Return whether no funding event is missing between two others, as the gate sees it; refuse if so."""
    evidence = MarketEvidence(partition.symbol, funding=funding)
    return verdict_of(FUNDING_SPACING, [FundingSpacingGate().run(evidence)], way_out=_WAY_OUT)


def next_finer(timeframe: Timeframe, timeframes: Collection[Timeframe]) -> Timeframe | None:
    """Return the largest of `timeframes` whose candles make up those of `timeframe`, or None."""
    return max(
        (each for each in timeframes if each < timeframe and timeframe.ms % each.ms == 0), default=None
    )


def timeframes_agree(
    partition: Partition, candles: pd.DataFrame, parts: tuple[Timeframe, pd.DataFrame] | None
) -> CheckVerdict:
    """Return whether candles are what the finer ones, if there are any, add up to; refuse them if not."""
    finer = {} if parts is None else {parts[0]: parts[1]}
    evidence = MarketEvidence(partition.symbol, finer | {partition.timeframe: candles})
    return verdict_of(TIMEFRAMES_AGREE, [AggregateGate().run(evidence)], way_out=_WAY_OUT)

"""The gates on stored market data as checks of the assets that read it.

One that is a warning is shown and recorded; one that is an error refuses the partition, so that nothing is
made of it until what it names is mended. `trade data check` judges all timeframes of a symbol at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from engine.errors import GateRefused
from engine.gates.base import GateResult
from engine.gates.market_candles import AggregateGate, MarkAgainstLastGate, OpenAtCloseGate, PriceJumpGate
from engine.gates.market_evidence import MarketEvidence
from engine.gates.market_funding import FundingSpacingGate
from engine.timeframes import Timeframe
from trade_assets.checks import FUNDING_SPACING, PLAUSIBLE_PRICES, TIMEFRAMES_AGREE, CheckVerdict
from trade_assets.metadata import table
from trade_assets.partitions import Partition

_PRICE_GATES = (OpenAtCloseGate(), PriceJumpGate(), MarkAgainstLastGate())


def plausible_prices(partition: Partition, candles: pd.DataFrame, marks: pd.DataFrame) -> CheckVerdict:
    """Return whether candles join, do not jump and agree with the mark, as the gates see it."""
    of = {partition.timeframe: candles}
    evidence = MarketEvidence(partition.symbol, of, {partition.timeframe: marks})
    return _verdict(PLAUSIBLE_PRICES, [gate.run(evidence) for gate in _PRICE_GATES])


def funding_spacing(partition: Partition, funding: pd.DataFrame) -> CheckVerdict:
    """Return whether no funding event is missing between two others, as the gate sees it; refuse if so."""
    evidence = MarketEvidence(partition.symbol, funding=funding)
    return _verdict(FUNDING_SPACING, [FundingSpacingGate().run(evidence)])


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
    return _verdict(TIMEFRAMES_AGREE, [AggregateGate().run(evidence)])


def _verdict(check: str, results: Sequence[GateResult]) -> CheckVerdict:
    """Return the results as one verdict.

    Raises
    ------
    GateRefused
        If one of them blocks.
    """
    found = [violation for result in results for violation in result.violations]
    said = "; ".join(result.summary for result in results)
    if any(result.blocks for result in results):
        places = "\n".join(f"  {violation}" for violation in found)
        raise GateRefused(
            f"{check}: {said}\n{places}", way_out="see `trade data check`, and `trade data heal` to ask again"
        )
    rows: list[dict[str, str | int | float | bool | None]] = [
        {"where": each.where, "what": each.what, "how much": each.how_much, "what to do": each.remedy}
        for each in found
    ]
    return CheckVerdict(
        check,
        not found,
        description=said,
        metadata={"violations": table(rows)},
    )

"""The gates on stored market data as checks of the assets that read it: shown and recorded, stopping nothing.

What stops the pipeline is the schema of what is made of the data. What needs several timeframes at once is
judged by `trade data check`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from engine.gates.base import GateResult
from engine.gates.market_candles import MarkAgainstLastGate, OpenAtCloseGate, PriceJumpGate
from engine.gates.market_evidence import MarketEvidence
from engine.gates.market_funding import FundingSpacingGate
from trade_assets.checks import FUNDING_SPACING, PLAUSIBLE_PRICES, CheckVerdict
from trade_assets.metadata import table
from trade_assets.partitions import Partition

_PRICE_GATES = (OpenAtCloseGate(), PriceJumpGate(), MarkAgainstLastGate())


def plausible_prices(partition: Partition, candles: pd.DataFrame, marks: pd.DataFrame) -> CheckVerdict:
    """Return whether candles join, do not jump and agree with the mark, as the gates see it."""
    of = {partition.timeframe: candles}
    evidence = MarketEvidence(partition.symbol, of, {partition.timeframe: marks})
    return _verdict(PLAUSIBLE_PRICES, [gate.run(evidence) for gate in _PRICE_GATES])


def funding_spacing(partition: Partition, funding: pd.DataFrame) -> CheckVerdict:
    """Return whether no funding event is missing between two others, as the gate sees it."""
    evidence = MarketEvidence(partition.symbol, funding=funding)
    return _verdict(FUNDING_SPACING, [FundingSpacingGate().run(evidence)])


def _verdict(check: str, results: Sequence[GateResult]) -> CheckVerdict:
    found = [violation for result in results for violation in result.violations]
    rows: list[dict[str, str | int | float | bool | None]] = [
        {"where": each.where, "what": each.what, "how much": each.how_much, "what to do": each.remedy}
        for each in found
    ]
    return CheckVerdict(
        check,
        not found,
        description="; ".join(result.summary for result in results),
        metadata={"violations": table(rows)},
    )

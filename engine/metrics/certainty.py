"""How much of a result rests on what the data cannot tell: ambiguous and filled bars, refused orders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from engine.metrics.described import Better, Unit, described


@dataclass(frozen=True, kw_only=True)
class CertaintyMetrics:
    """The size of the sample and the parts of it that are assumption."""

    family: ClassVar[str] = "Certainty"

    bars: int = described("Bars", Unit.COUNT, Better.NEITHER, "Bars simulated.")
    filled_bars: int = described(
        "Filled bars", Unit.COUNT, Better.LOWER, "Bars the exchange does not have, filled flat."
    )
    filled_share_pct: float = described(
        "Filled share", Unit.PERCENT, Better.LOWER, "Filled bars as a share of all bars."
    )
    ambiguous_trades: int = described(
        "Ambiguous trades",
        Unit.COUNT,
        Better.LOWER,
        "Trades that touched stop and target in one bar; counted as stopped.",
    )
    ambiguous_share_pct: float = described(
        "Ambiguous share", Unit.PERCENT, Better.LOWER, "Ambiguous trades as a share of all trades."
    )
    rejected_orders: int = described(
        "Rejected orders", Unit.COUNT, Better.LOWER, "Orders refused by a rule of the exchange or account."
    )
    capped_entries: int = described(
        "Capped entries", Unit.COUNT, Better.LOWER, "Entries cut down to what the account or card allows."
    )


def certainty_metrics(
    *,
    bars: int,
    filled_bars: int,
    trades: int,
    ambiguous_trades: int,
    rejected_orders: int,
    capped_entries: int,
) -> CertaintyMetrics:
    """Return the family. A share of nothing is NaN."""
    return CertaintyMetrics(
        bars=bars,
        filled_bars=filled_bars,
        filled_share_pct=filled_bars / bars * 100 if bars else math.nan,
        ambiguous_trades=ambiguous_trades,
        ambiguous_share_pct=ambiguous_trades / trades * 100 if trades else math.nan,
        rejected_orders=rejected_orders,
        capped_entries=capped_entries,
    )

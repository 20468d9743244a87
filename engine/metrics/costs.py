"""What trading cost: fees, slippage and funding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from engine.metrics.described import Better, Unit, described

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class CostMetrics:
    """Fees by liquidity, slippage, funding by direction, and the volume they were paid on."""

    family: ClassVar[str] = "Costs"

    turnover_usdt: float = described(
        "Turnover", Unit.USDT, Better.NEITHER, "Sum of price times size over all fills, both sides."
    )
    fees_usdt: float = described("Fees", Unit.USDT, Better.LOWER, "Trading fees of all fills.")
    taker_fees_usdt: float = described("Taker fees", Unit.USDT, Better.LOWER, "Fees of the taker fills.")
    maker_fees_usdt: float = described("Maker fees", Unit.USDT, Better.LOWER, "Fees of the maker fills.")
    slippage_usdt: float = described(
        "Slippage",
        Unit.USDT,
        Better.LOWER,
        "What the fills were worse than their reference prices, in money.",
    )
    funding_usdt: float = described(
        "Funding, net", Unit.USDT, Better.HIGHER, "Funding received less funding paid."
    )
    funding_paid_usdt: float = described(
        "Funding paid", Unit.USDT, Better.LOWER, "Sum of the funding payments that were a cost."
    )
    funding_received_usdt: float = described(
        "Funding received", Unit.USDT, Better.HIGHER, "Sum of the funding payments that were income."
    )


def cost_metrics(fills: pd.DataFrame, funding: pd.DataFrame) -> CostMetrics:
    """Return the family of a fills and a funding frame.

    `fee_usdt` and `slippage_usdt` of a fill are costs where positive; `amount_usdt` of a funding event is
    income where positive.
    """
    fees = fills["fee_usdt"].to_numpy(dtype=np.float64)
    is_maker = (fills["liquidity"] == "maker").to_numpy(dtype=bool)
    price, size = (fills[name].to_numpy(dtype=np.float64) for name in ("price", "size"))
    amounts = funding["amount_usdt"].to_numpy(dtype=np.float64)
    return CostMetrics(
        turnover_usdt=float((price * np.abs(size)).sum()),
        fees_usdt=float(fees.sum()),
        taker_fees_usdt=float(fees[~is_maker].sum()),
        maker_fees_usdt=float(fees[is_maker].sum()),
        slippage_usdt=float(fills["slippage_usdt"].to_numpy(dtype=np.float64).sum()),
        funding_usdt=float(amounts.sum()),
        funding_paid_usdt=-float(amounts[amounts < 0].sum()) + 0.0,
        funding_received_usdt=float(amounts[amounts > 0].sum()),
    )

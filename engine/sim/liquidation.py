"""The liquidation price of an isolated position, by Bybit's two regimes."""

from __future__ import annotations

from enum import IntEnum

from engine.compiled import compiled
from engine.sim.margin import initial_margin, maintenance_margin


class LiquidationRegime(IntEnum):
    """Which of Bybit's formulas holds."""

    LEGACY = 0  # maintenance margin by the entry price
    MARK_2025 = 1  # by the mark price, in force since 2 September 2025


_LEGACY = int(LiquidationRegime.LEGACY)


@compiled
def liquidation_price(
    direction: int,
    size: float,
    entry_price: float,
    leverage: float,
    maintenance_margin_rate: float,
    mm_deduction: float,
    extra_margin: float,
    taker_rate: float,
    regime: int,
) -> float:
    """Return the mark price at which the position is liquidated, in USDT; not above 0 means never (long).

    Parameters
    ----------
    direction : int
        +1 long, -1 short.
    size : float
        Base coin.
    entry_price : float
        Average entry price, USDT.
    leverage : float
    maintenance_margin_rate, mm_deduction : float
        Of the position's risk tier: a fraction, and USDT.
    extra_margin : float
        Margin added to the position, USDT; negative where funding has eaten into it.
    taker_rate : float
        A fraction.
    regime : int
        A `LiquidationRegime`.

    Notes
    -----
    legacy: entry - direction * (IM - MM + extra) / size, with MM at the entry price and no fees in either
    ("Liquidation Price under Isolated Mode").

    mark_2025: (value - direction * IM - direction * extra / (1 - direction * taker) - direction * deduction)
    / (size - direction * size * rate) ("UTA Trading Rules"; the short side is its mirror image).
    """
    margin = initial_margin(size, entry_price, leverage)
    if regime == _LEGACY:
        kept = maintenance_margin(size, entry_price, maintenance_margin_rate, mm_deduction, 0.0)
        return entry_price - direction * (margin - kept + extra_margin) / size
    used_up = margin + extra_margin / (1.0 - direction * taker_rate) + mm_deduction
    return (size * entry_price - direction * used_up) / (size - direction * size * maintenance_margin_rate)

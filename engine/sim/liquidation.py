"""When an isolated position is liquidated, by Bybit's two regimes, and what is shed to prevent it.

Directions are +1 (long) and -1 (short); sizes are in base coin, prices and margins in USDT, rates are
fractions. Sources are Bybit's help centre: "Liquidation Price under Isolated Mode" (legacy), "UTA Trading
Rules" and "The New Margin Calculation" (since 2 September 2025), "Liquidation Process".
"""

from __future__ import annotations

from enum import IntEnum

from engine.compiled import compiled_bare
from engine.sim.margin import Floats, fee_to_close, initial_margin, maintenance_margin, tier_index
from engine.sim.rounding import ceil_to_step


class LiquidationRegime(IntEnum):
    """Which of Bybit's formulas holds."""

    LEGACY = 0  # maintenance margin by the entry price
    MARK_2025 = 1  # by the mark price, in force since 2 September 2025


_LEGACY = int(LiquidationRegime.LEGACY)


@compiled_bare
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


@compiled_bare
def liquidation_price_in_tiers(
    direction: int,
    size: float,
    entry_price: float,
    leverage: float,
    tier_limits: Floats,
    maintenance_margin_rates: Floats,
    mm_deductions: Floats,
    extra_margin: float,
    taker_rate: float,
    regime: int,
) -> float:
    """Return the liquidation price where the risk tier is not given but found, in USDT.

    Parameters
    ----------
    tier_limits, maintenance_margin_rates, mm_deductions : float64[n]
        The symbol's ladder: rising limits in USDT, rates as fractions, deductions in USDT.
    direction, size, entry_price, leverage, extra_margin, taker_rate, regime
        As in `liquidation_price`.

    Notes
    -----
    legacy: the tier is that of the value at entry (the last one for a value above its limit).

    mark_2025: the tier follows the value at the mark, so the one that counts is the tier at the liquidation
    price itself. The deductions make the maintenance margin the largest of all tiers' lines, therefore the
    position is liquidated at the first of their prices that the mark meets.
    """
    last = len(tier_limits) - 1
    if regime == _LEGACY:
        tier = min(tier_index(size * entry_price, tier_limits), last)
        rate, deduction = maintenance_margin_rates[tier], mm_deductions[tier]
        return liquidation_price(
            direction, size, entry_price, leverage, rate, deduction, extra_margin, taker_rate, regime
        )
    first = liquidation_price(
        direction,
        size,
        entry_price,
        leverage,
        maintenance_margin_rates[0],
        mm_deductions[0],
        extra_margin,
        taker_rate,
        regime,
    )
    for tier in range(1, last + 1):
        rate, deduction = maintenance_margin_rates[tier], mm_deductions[tier]
        price = liquidation_price(
            direction, size, entry_price, leverage, rate, deduction, extra_margin, taker_rate, regime
        )
        if direction * (price - first) <= 0.0:
            break  # the lines are those of a convex curve: past the first that is not met sooner none is
        first = price
    return first


@compiled_bare
def position_maintenance_margin(
    direction: int,
    size: float,
    entry_price: float,
    mark_price: float,
    leverage: float,
    maintenance_margin_rate: float,
    mm_deduction: float,
    taker_rate: float,
    regime: int,
) -> float:
    """Return the maintenance margin as Bybit shows it (`positionMM`), the fee to close inside it, in USDT.

    Size * price * rate - deduction + fee to close; the price is the entry price in the legacy regime and the
    mark price in `mark_2025`. The fee to close is by the entry price in both.
    """
    price = entry_price if regime == _LEGACY else mark_price
    closing_fee = fee_to_close(direction, size, entry_price, leverage, taker_rate)
    return maintenance_margin(size, price, maintenance_margin_rate, mm_deduction, closing_fee)


@compiled_bare
def value_to_shed(position_value: float, tier_limits: Floats) -> float:
    """Return the value a liquidation closes first, to bring the position a tier down, in USDT.

    Position value - limit of the tier below; 0 in the lowest tier, where the whole position is taken over at
    the bankruptcy price ("Liquidation Process").
    """
    tier = min(tier_index(position_value, tier_limits), len(tier_limits) - 1)
    return position_value - tier_limits[tier - 1] if tier > 0 else 0.0


@compiled_bare
def size_to_shed(size: float, price: float, tier_limits: Floats, qty_step: float) -> float:
    """Return `value_to_shed` as a size in base coin, up to the lot step so that the tier below is reached.

    `price` is what the tier goes by: the entry price in the legacy regime, the mark price in `mark_2025`.
    """
    shed = value_to_shed(size * price, tier_limits)
    return min(size, ceil_to_step(shed / price, qty_step)) if shed > 0.0 else 0.0

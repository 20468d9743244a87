"""Bybit's formulas for USDT perpetuals under isolated margin, in Decimal.

Sources: Bybit's help centre ("Order Cost (USDT Contract)", "Maintenance Margin", "The New Margin Calculation:
Adjustments and Implications", "Bankruptcy Price", "Liquidation Price (Isolated Mode)") and the field notes of
bybit-exchange/docs. Quantities are in base coin, prices in USDT, rates are fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from engine.sandbox.private.terms import Side
from engine.sandbox.risk_ladders import LadderTier

ZERO = Decimal(0)
ONE = Decimal(1)
_BOOKED = Decimal("1e-12")


def booked(amount: Decimal) -> Decimal:
    """Return an amount as it is booked, to the trillionth: sums of such amounts lose nothing."""
    return amount.quantize(_BOOKED)


def fee(value: Decimal, rate: Decimal) -> Decimal:
    """Return the fee of an execution worth `value` USDT."""
    return value * rate


def initial_margin(size: Decimal, entry: Decimal, leverage: Decimal) -> Decimal:
    """Return the initial margin without the fee to close: size * entry / leverage."""
    return size * entry / leverage


def bankruptcy_price(
    side: Side, entry: Decimal, leverage: Decimal, extra_per_unit: Decimal = ZERO
) -> Decimal:
    """Return the price at which the position's margin is lost: entry * (1 -/+ 1/leverage).

    Added margin moves it away by `extra_per_unit`, the added margin over the size; Bybit publishes no text
    for that case.
    """
    return entry - side.sign * (entry / leverage + extra_per_unit)


def fee_to_close(side: Side, size: Decimal, entry: Decimal, leverage: Decimal, taker: Decimal) -> Decimal:
    """Return the taker fee held back for closing at the bankruptcy price of the margin at entry."""
    return size * bankruptcy_price(side, entry, leverage) * taker


def order_cost(side: Side, size: Decimal, price: Decimal, leverage: Decimal, taker: Decimal) -> Decimal:
    """Return what an opening order takes: initial margin, fee to open and fee to close."""
    opening = initial_margin(size, price, leverage) + fee(size * price, taker)
    return opening + fee_to_close(side, size, price, leverage, taker)


def tier_of(tiers: Sequence[LadderTier], value: Decimal) -> LadderTier:
    """Return the tier of a position worth `value` USDT: a tier's limit belongs to it; above all, the last."""
    for tier in tiers:
        if value <= tier.risk_limit_value:
            return tier
    return tiers[-1]


def maintenance_margin(tiers: Sequence[LadderTier], value: Decimal, closing_fee: Decimal) -> Decimal:
    """Return value * rate - deduction + fee to close, by the tier of `value` (at the mark, since 2025-09)."""
    tier = tier_of(tiers, value)
    return value * tier.maintenance_margin - tier.mm_deduction + closing_fee


def unrealised_pnl(side: Side, size: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """Return what the position has gained at `price`."""
    return side.sign * size * (price - entry)


def liquidation_price(
    side: Side,
    size: Decimal,
    entry: Decimal,
    leverage: Decimal,
    tiers: Sequence[LadderTier],
    *,
    extra: Decimal = ZERO,
    taker: Decimal = ZERO,
) -> Decimal:
    """Return the mark price at which the position is liquidated, by the rule in force since 2025-09-02.

    long:  (entry*q - entry*q/L - extra/(1 - taker) - deduction) / (q - q*rate)
    short: (entry*q + entry*q/L + extra/(1 + taker) + deduction) / (q + q*rate)

    The tier is that of the value at the price itself: the first, from the lowest, whose own solution lies
    within it. It may be zero or negative, when nothing liquidates the position.
    """
    sign = side.sign
    lowest = Decimal(-1)
    price = ZERO
    for tier in tiers:
        held = size * entry / leverage + extra / (ONE - sign * taker) + tier.mm_deduction
        price = (size * entry - sign * held) / (size * (ONE - sign * tier.maintenance_margin))
        if lowest < size * price <= tier.risk_limit_value:
            return price
        lowest = Decimal(tier.risk_limit_value)
    return price


def legacy_liquidation_price(
    side: Side, size: Decimal, entry: Decimal, leverage: Decimal, tier: LadderTier, *, extra: Decimal = ZERO
) -> Decimal:
    """Return the liquidation price by the rule before 2025-09-02: entry -/+ (IM - MM + extra) / q."""
    value = size * entry
    margin = value * tier.maintenance_margin - tier.mm_deduction
    return entry - side.sign * (value / leverage - margin + extra) / size


def funding_fee(side: Side, size: Decimal, mark: Decimal, rate: Decimal) -> Decimal:
    """Return what the position pays at a funding event; negative when it receives."""
    return side.sign * size * mark * rate


def break_even_price(
    side: Side, size: Decimal, entry: Decimal, realised_pnl: Decimal, taker: Decimal
) -> Decimal:
    """Return (entry*q - realised) / (q - |q|*max(taker, 0.00055)), with q negative for a short."""
    signed = side.sign * size
    return (entry * signed - realised_pnl) / (signed - size * max(taker, Decimal("0.00055")))


def round_to_tick(price: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    """Return the price on the grid of `tick`, rounded up or down."""
    return (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick

"""Funding and margin of the open position."""

from __future__ import annotations

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.funding import funding_payment
from engine.sim.liquidation import liquidation_price_in_tiers
from engine.sim.margin import position_margin
from engine.sim.records import NEVER, Books, Floats, FundingArrays, Records


@compiled_bare
def settle_funding(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    before: int,
    funding: FundingArrays,
    books: Books,
) -> None:
    """Settle every event stamped before the given moment; one that finds no position is passed over."""
    while position.next_funding_ts < before:
        at = position.funding_cursor
        if position.direction != 0:
            _pay_funding(wallet, position, rules, tiers, at, funding, books)
        position.funding_cursor = at + 1
        position.next_funding_ts = funding.ts[at + 1] if at + 1 < funding.ts.shape[0] else NEVER


@compiled_bare
def _pay_funding(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    at: int,
    funding: FundingArrays,
    books: Books,
) -> None:
    amount = funding_payment(position.direction, position.quantity, funding.mark_price[at], funding.rate[at])
    payment = books.payments[wallet.payments]
    payment.ts = funding.ts[at]
    payment.member = position.member
    payment.trade_id = position.trade_id
    payment.quantity = position.direction * position.quantity
    payment.mark_price = funding.mark_price[at]
    payment.rate = funding.rate[at]
    payment.amount = amount
    wallet.payments += 1
    position.funding += amount
    # Bybit takes funding from the available balance first, then from the position's margin, which moves
    # the liquidation price.
    uncovered = -amount - free_balance(wallet, position)
    wallet.cash += amount
    if amount < 0.0 and uncovered > 0.0:
        position.extra_margin -= uncovered
        lock_margin(position, rules, tiers)


@compiled_bare
def free_balance(wallet: Records, position: Records) -> float:
    """Return what no position and no resting order locks: wallet balance less their margins, not below 0."""
    return max(0.0, wallet.cash - position.used_margin - position.order_margin - wallet.other_margin)


@compiled_inline
def lock_margin(position: Records, rules: Records, tiers: Floats) -> None:
    """Compute margin and liquidation price anew: after each fill, and where funding has eaten margin."""
    position.liquidation_price = liquidation_price_in_tiers(
        position.direction,
        position.quantity,
        position.entry_price,
        rules.leverage,
        tiers[:, 0],
        tiers[:, 1],
        tiers[:, 2],
        position.extra_margin,
        rules.taker_rate,
        rules.regime,
    )
    position.used_margin = position_margin(
        position.direction,
        position.quantity,
        position.entry_price,
        rules.leverage,
        rules.taker_rate,
        position.extra_margin,
    )

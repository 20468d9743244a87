"""Funding and margin of the open position."""

from __future__ import annotations

from engine.compiled import compiled
from engine.sim.funding import funding_payment
from engine.sim.liquidation import liquidation_price
from engine.sim.margin import position_margin, tier_index
from engine.sim.state import NEVER, Floats, Integers, Records


@compiled
def settle_funding(
    state: Records,
    rules: Records,
    tiers: Floats,
    before: int,
    funding_ts: Integers,
    funding_rate: Floats,
    funding_mark: Floats,
    payments: Records,
) -> None:
    """Settle every event stamped before the given moment; one that finds no position is passed over."""
    while state.next_funding_ts < before:
        at = state.funding_cursor
        if state.direction != 0:
            _pay_funding(state, rules, tiers, funding_ts[at], funding_rate[at], funding_mark[at], payments)
        state.funding_cursor = at + 1
        state.next_funding_ts = funding_ts[at + 1] if at + 1 < funding_ts.shape[0] else NEVER


@compiled
def _pay_funding(
    state: Records, rules: Records, tiers: Floats, ts: int, rate: float, mark_price: float, payments: Records
) -> None:
    amount = funding_payment(state.direction, state.quantity, mark_price, rate)
    payment = payments[state.payments]
    payment.ts = ts
    payment.trade_id = state.trades
    payment.quantity = state.direction * state.quantity
    payment.mark_price = mark_price
    payment.rate = rate
    payment.amount = amount
    state.payments += 1
    state.trade_funding += amount
    # Bybit takes funding from the available balance first, then from the position's margin, which moves
    # the liquidation price.
    uncovered = -amount - max(0.0, state.cash - state.used_margin)
    state.cash += amount
    if amount < 0.0 and uncovered > 0.0:
        state.extra_margin -= uncovered
        lock_margin(state, rules, tiers)


@compiled
def lock_margin(state: Records, rules: Records, tiers: Floats) -> None:
    tier = tier_index(state.quantity * state.entry_price, tiers[:, 0])
    state.liquidation_price = liquidation_price(
        state.direction,
        state.quantity,
        state.entry_price,
        rules.leverage,
        tiers[tier, 1],
        tiers[tier, 2],
        state.extra_margin,
        rules.taker_rate,
        rules.regime,
    )
    state.used_margin = position_margin(
        state.direction,
        state.quantity,
        state.entry_price,
        rules.leverage,
        rules.taker_rate,
        state.extra_margin,
    )

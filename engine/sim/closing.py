"""The fill that makes a position smaller, and the end of its trade."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.fees import impact, market_fill_price, trading_fee
from engine.sim.margin import bankruptcy_price_with_extra_margin, fee_to_close, initial_margin
from engine.sim.records import BarValues, Books, Floats, Records
from engine.sim.rounding import floor_to_step, round_against
from engine.sim.settlement import lock_margin
from engine.sim.state import FillReason, RejectReason

_END_OF_DATA, _LIQUIDATION = int(FillReason.END_OF_DATA), int(FillReason.LIQUIDATION)
_ENTRY, _ADD, _SIGNAL = int(FillReason.ENTRY), int(FillReason.ADD), int(FillReason.SIGNAL)
_CANCELLED = int(RejectReason.CANCELLED)


@compiled_inline
def see(position: Records, price: float) -> None:
    position.highest_price = max(position.highest_price, price)
    position.lowest_price = min(position.lowest_price, price)


@compiled_bare
def tradable(rules: Records, bar: BarValues) -> float:
    """Return how much of the bar's volume an order that may wait can take; inf where the card sets no cap."""
    if np.isinf(rules.max_participation):
        return np.inf
    return rules.max_participation * bar.volume


@compiled_inline
def write_fill(
    wallet: Records,
    position: Records,
    bar: BarValues,
    ts: int,
    side: int,
    quantity: float,
    price: float,
    fee: float,
    slippage: float,
    reason: int,
    is_maker: int,
    books: Books,
) -> None:
    fill = books.fills[wallet.fills]
    fill.ts = ts
    fill.bar = bar.bar
    fill.member = position.member
    fill.trade_id = position.trade_id
    fill.price = price
    fill.quantity = quantity
    fill.fee = fee
    fill.slippage = slippage
    fill.side = side
    fill.is_maker = is_maker
    fill.reason = reason
    if reason in (_ENTRY, _ADD):
        fill.tag = position.order_tag
    else:
        fill.tag = position.exit_tag if reason == _SIGNAL else 0
    wallet.fills += 1
    position.fees += fee
    position.slippage += slippage


@compiled_inline
def exit_at_market(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    ts: int,
    quantity: float,
    reference_price: float,
    reason: int,
    books: Books,
) -> None:
    """Close `quantity` at the market. An exit takes what it needs, whatever its share of the volume.

    No fill is worse than the bankruptcy price: there the exchange takes the position over.
    """
    side = position.direction
    rate = rules.slippage_rate + impact(rules.impact_rate, quantity, bar.volume)
    price = market_fill_price(reference_price, -side, rate, rules.tick_size)
    fee = trading_fee(price, quantity, rules.taker_rate)
    bankruptcy = bankruptcy_price_with_extra_margin(
        side, position.quantity, position.entry_price, rules.leverage, position.extra_margin
    )
    if side * (price - bankruptcy) < 0.0:
        if quantity < position.quantity:
            price = round_against(bankruptcy, rules.tick_size, side)
            fee = trading_fee(price, quantity, rules.taker_rate)
        else:
            price, reason = bankruptcy, _LIQUIDATION
            fee = fee_to_close(side, quantity, position.entry_price, rules.leverage, rules.taker_rate)
    slippage = abs(price - reference_price) * quantity
    reduce_position(wallet, position, rules, tiers, bar, ts, quantity, price, fee, slippage, reason, 0, books)


@compiled_inline
def reduce_position(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    ts: int,
    quantity: float,
    price: float,
    fee: float,
    slippage: float,
    reason: int,
    is_maker: int,
    books: Books,
) -> None:
    """Book an exit of `quantity`; the trade ends with the last of them."""
    see(position, price)
    gross = position.direction * quantity * (price - position.entry_price)
    wallet.cash += gross - fee
    side = -position.direction
    write_fill(wallet, position, bar, ts, side, quantity, price, fee, slippage, reason, is_maker, books)
    position.closed_pnl += gross
    position.exited_value += quantity * price
    remaining = 0.0
    if quantity < position.quantity:
        remaining = floor_to_step(position.quantity - quantity, rules.qty_step)
    if remaining > 0.0:
        # Margin is set free in proportion, added margin as well.
        position.extra_margin *= remaining / position.quantity
        position.quantity = remaining
        lock_margin(position, rules, tiers)
    else:
        _end_trade(wallet, position, rules, bar, ts, quantity, price, reason, books)


@compiled_inline
def _end_trade(
    wallet: Records,
    position: Records,
    rules: Records,
    bar: BarValues,
    ts: int,
    last_quantity: float,
    last_price: float,
    reason: int,
    books: Books,
) -> None:
    whole = position.entered_quantity
    entry_price, exit_price = position.entry_price, last_price
    if position.entry_fills > 1:
        entry_price = position.entered_value / whole
    if last_quantity < whole:
        exit_price = position.exited_value / whole
    trade = books.trades[wallet.trades]
    trade.trade_id = position.trade_id
    trade.member = position.member
    trade.direction = position.direction
    trade.ts_entry = position.entry_ts
    trade.ts_exit = ts
    trade.entry_bar = position.entry_bar
    trade.exit_bar = bar.bar
    # The entry's bar counts, and the exit's bar where the exit was inside it.
    trade.bars_held = bar.bar - position.entry_bar + (ts > bar.ts_exec_open)
    trade.adds = position.adds
    trade.entry_price = entry_price
    trade.exit_price = exit_price
    trade.quantity = whole
    trade.stop_price = position.stop_price
    trade.target_price = position.target_price
    trade.liquidation_price = position.entry_liquidation_price
    trade.gross_pnl = position.closed_pnl
    trade.fees = position.fees
    trade.funding = position.funding
    trade.slippage = position.slippage
    trade.initial_margin = initial_margin(whole, entry_price, rules.leverage)
    trade.highest_price = position.highest_price
    trade.lowest_price = position.lowest_price
    trade.risk_distance = position.risk_distance
    trade.reason = reason
    trade.ambiguous = position.ambiguous
    trade.signal_bar = position.signal_bar
    trade.entry_tag = position.entry_tag
    trade.exit_tag = position.exit_tag if reason == _SIGNAL else 0
    wallet.trades += 1
    wallet.free_slots += 1

    if position.order_side == position.direction:
        # What was still to be added to it goes with it.
        drop_order(position)
        books.rejects[_CANCELLED] += 1
    position.direction = 0
    position.quantity = 0.0
    position.used_margin = 0.0
    position.extra_margin = 0.0
    position.unrealised = 0.0
    position.stop_price = np.nan
    position.target_price = np.nan
    position.pending_exit = 0
    position.exit_bar = bar.bar


@compiled_bare
def drop_order(position: Records) -> None:
    position.order_side = 0
    position.order_margin = 0.0


@compiled_bare
def close_at_end(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """Close what is still open at the last bar's close, at the market, so that every trade has an end."""
    drop_order(position)
    if position.direction != 0:
        quantity = position.quantity
        exit_at_market(
            wallet, position, rules, tiers, bar, bar.ts_close, quantity, bar.close, _END_OF_DATA, books
        )
    wallet.equity = wallet.cash + wallet.other_unrealised

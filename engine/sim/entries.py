"""The entry that waits: what the open and the bar's range do to it."""

from __future__ import annotations

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.opening import fill_entry, refuse
from engine.sim.records import BarValues, Books, Floats, Records
from engine.sim.state import EntryKind, RejectReason, TimeInForce

# Numba takes plain integers fastest; the names stay those of the enums.
_MARKET, _LIMIT = int(EntryKind.MARKET), int(EntryKind.LIMIT)
_IOC, _FOK, _POST_ONLY = int(TimeInForce.IOC), int(TimeInForce.FOK), int(TimeInForce.POST_ONLY)
_FILLED_BAR, _NOT_MARKETABLE = int(RejectReason.FILLED_BAR), int(RejectReason.NOT_MARKETABLE)
_WOULD_TAKE = int(RejectReason.POST_ONLY_WOULD_TAKE)


@compiled_inline
def enter_at_open(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """Fill the waiting entry at the open, refuse it, or let it rest."""
    side = position.order_side
    is_new = position.order_is_new != 0
    waits = rules.entry_kind != _MARKET and rules.time_in_force not in (_IOC, _FOK)
    if bar.is_filled:
        # Nothing is traded: what can wait does.
        if not waits:
            refuse(position, books, _FILLED_BAR)
        return
    position.order_is_new = 0
    if rules.entry_kind == _MARKET:
        fill_entry(wallet, position, rules, tiers, bar, bar.ts_open, bar.open, 0, books)
        return
    # How far the open is beyond the order's price, on the side where it can be filled.
    reach = side * (position.order_price - bar.open)
    if rules.entry_kind != _LIMIT:
        if reach <= 0.0:
            fill_entry(wallet, position, rules, tiers, bar, bar.ts_open, bar.open, 0, books)
    elif not is_new:
        if reach > 0.0:
            fill_entry(wallet, position, rules, tiers, bar, bar.ts_open, position.order_price, 1, books)
    elif reach < 0.0:
        if not waits:
            refuse(position, books, _NOT_MARKETABLE)
    elif rules.time_in_force == _POST_ONLY:
        refuse(position, books, _WOULD_TAKE)
    else:
        fill_entry(wallet, position, rules, tiers, bar, bar.ts_open, bar.open, 0, books)


@compiled_inline
def order_reached(position: Records, rules: Records, bar: BarValues) -> bool:
    """Return whether the bar's range fills the resting order: a limit is traded through, a stop touched."""
    if position.order_side == 0 or bar.is_filled or rules.entry_kind == _MARKET:
        return False
    if position.order_fills > 0 and position.order_fill_ts == bar.ts_open:
        return False  # at the open it has taken its share of the bar's volume
    if rules.entry_kind == _LIMIT:
        worst = bar.low if position.order_side > 0 else bar.high
        return position.order_side * (position.order_price - worst) > 0.0
    best = bar.high if position.order_side > 0 else bar.low
    return position.order_side * (best - position.order_price) >= 0.0


@compiled_bare
def enter_inside(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """Fill the resting order at its price; a triggered stop pays the market's costs on top."""
    is_maker = 1 if rules.entry_kind == _LIMIT else 0
    fill_entry(wallet, position, rules, tiers, bar, bar.ts_close, position.order_price, is_maker, books)

"""What a real exchange has filled, booked by the simulator's own rules.

On demo and live accounts the exchange fills; the position's record (its stop, its targets, what led to it)
is kept all the same, by the functions that keep it in a backtest. So what is decided next is decided on a
record of the same kind. The caller sees to it that the wallet holds what the account holds.
"""

from __future__ import annotations

from engine.compiled import compiled_bare
from engine.sim.bracket import aim
from engine.sim.closing import reduce_position, see
from engine.sim.opening import affordable, entry_reject, fill_entry
from engine.sim.records import BarValues, Books, Floats, Integers, Records
from engine.sim.rounding import floor_to_step
from engine.sim.state import FillReason
from engine.sim.trailing import move_stop

_TAKE_PROFIT = int(FillReason.TAKE_PROFIT)


@compiled_bare
def _moment(bar: int, ts_exec_open: int, ts: int, price: float) -> BarValues:
    """Return a bar that is one moment: of it a fill looks at its number and its time."""
    return BarValues(
        bar, ts_exec_open, ts, ts, price, price, price, price, price, price, price, price, 0.0, False, False
    )


@compiled_bare
def book_entry(
    wallets: Records,
    positions: Records,
    contract: Records,
    tiers: Floats,
    bar: int,
    ts_exec_open: int,
    ts: int,
    price: float,
    fills: Records,
    trades: Records,
    payments: Records,
    rejects: Integers,
) -> None:
    """Book a fill of the entry that waits: `order_quantity` of it, at this price."""
    books = Books(fills, trades, payments, rejects)
    moment = _moment(bar, ts_exec_open, ts, price)
    fill_entry(wallets[0], positions[0], contract[0], tiers, moment, ts, price, 1, books)


@compiled_bare
def book_exit(
    wallets: Records,
    positions: Records,
    contract: Records,
    tiers: Floats,
    bar: int,
    ts_exec_open: int,
    ts: int,
    price: float,
    quantity: float,
    fee: float,
    reason: int,
    rung: int,
    fills: Records,
    trades: Records,
    payments: Records,
    rejects: Integers,
) -> None:
    """Book a fill that makes the position smaller; `rung` is the target it was of, -1: of none."""
    position, rules = positions[0], contract[0]
    books = Books(fills, trades, payments, rejects)
    moment = _moment(bar, ts_exec_open, ts, price)
    reduce_position(
        wallets[0], position, rules, tiers, moment, ts, quantity, price, fee, 0.0, reason, 0, books
    )
    if rung < 0 or position.direction == 0:
        return
    left = floor_to_step(position.target_quantities[rung] - quantity, rules.qty_step)
    if reason == _TAKE_PROFIT and left > 0.0:
        position.target_quantities[rung] = left
        position.target_taken[rung] += quantity
    else:
        position.target_prices[rung] = float("nan")
        position.target_taken[rung] = float("inf")
        aim(position, rules)


@compiled_bare
def follow_bar(
    positions: Records, contract: Records, high: float, low: float, mark_close: float, features: Floats
) -> None:
    """Let an open position see what a bar has shown, and move the stop that moves, as at its close."""
    position, rules = positions[0], contract[0]
    see(position, high)
    see(position, low)
    position.unrealised = position.direction * position.quantity * (mark_close - position.entry_price)
    if rules.trails != 0 or rules.moves_to_break_even != 0:
        move_stop(position, rules, features, 0)


@compiled_bare
def affordable_size(wallets: Records, positions: Records, contract: Records, price: float) -> float:
    """Return the size of the entry that waits, cut to what balance and caps pay for, on the lot step."""
    return affordable(wallets[0], positions[0], contract[0], price)


@compiled_bare
def reject_of_entry(
    wallets: Records, positions: Records, contract: Records, tiers: Floats, size: float, price: float
) -> int:
    """Return the RejectReason of the entry that waits at this size and price, -1 if there is none."""
    return entry_reject(wallets[0], positions[0], contract[0], tiers, size, price)

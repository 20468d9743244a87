"""How a position ends, or shrinks: what the price reaches first, and the fill that follows."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.bracket import aim
from engine.sim.closing import exit_at_market, reduce_position, see, tradable
from engine.sim.fees import impact, market_fill_price, trading_fee
from engine.sim.liquidation import LiquidationRegime, size_to_shed
from engine.sim.margin import bankruptcy_price_with_extra_margin, fee_to_close
from engine.sim.records import BarValues, Books, Floats, Records
from engine.sim.rounding import floor_to_step
from engine.sim.state import FillReason

# Numba takes plain integers fastest; the names stay those of the enums.
NOTHING = 0
_STOP_LOSS, _TAKE_PROFIT = int(FillReason.STOP_LOSS), int(FillReason.TAKE_PROFIT)
_LIQUIDATION = int(FillReason.LIQUIDATION)
_LEGACY = int(LiquidationRegime.LEGACY)


@compiled_inline
def event_at_open(position: Records, rules: Records, bar: BarValues) -> int:
    """Return the FillReason of what happens to the position at the open, or NOTHING."""
    side = position.direction
    if side * (bar.mark_open - position.liquidation_price) <= 0.0:
        return _LIQUIDATION
    # Comparisons with a level that is not set (NaN) are false.
    if side * (bar.open - position.stop_price) <= 0.0:
        return _STOP_LOSS
    if target_reached(position, rules, bar.open):
        return _TAKE_PROFIT
    return position.pending_exit


@compiled_inline
def event_inside(position: Records, rules: Records, worst: float, best: float, worst_mark: float) -> int:
    """Return the FillReason of what the range reaches first, or NOTHING.

    `worst` and `best` are the range's ends against and for the position. A stop between the price and the
    liquidation price saves the position; of the bad end and the target the bad end is taken.
    """
    side = position.direction
    liquidated = side * (worst_mark - position.liquidation_price) <= 0.0
    if side * (worst - position.stop_price) <= 0.0:
        stop_is_farther = side * (position.stop_price - position.liquidation_price) < 0.0
        return _LIQUIDATION if liquidated and stop_is_farther else _STOP_LOSS
    if liquidated:
        return _LIQUIDATION
    if target_reached(position, rules, best):
        return _TAKE_PROFIT
    return NOTHING


@compiled_inline
def target_reached(position: Records, rules: Records, price: float) -> bool:
    """A triggered market order needs a touch; a resting limit order needs the price to trade through it."""
    beyond = position.direction * (price - position.target_price)
    return beyond > 0.0 or (beyond == 0.0 and rules.target_limits[position.target] == 0)


@compiled_inline
def leave_at_open(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """Let everything happen that the open has jumped over, and what was decided at the last close."""
    steps = 0  # no more than there are tiers, so that the books have room for what a bar writes
    while position.direction != 0:
        event = event_at_open(position, rules, bar)
        if event == NOTHING:
            return
        see(position, bar.open)
        _leave(
            wallet, position, rules, tiers, bar, bar.ts_open, bar.open, event, steps < tiers.shape[0], books
        )
        steps += 1


@compiled_bare
def leave_inside(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    worst: float,
    best: float,
    worst_mark: float,
    certain_worst: float,
    certain_worst_mark: float,
    possible_best: float,
    books: Books,
) -> None:
    """Let everything happen to the position that the range reaches, the nearest first.

    `worst` and `best` are what counts as reached. Where `certain_worst` or `possible_best` differ from them,
    the trade is marked ambiguous if that made a difference.
    """
    steps = 0
    while position.direction != 0:
        side = position.direction
        event = event_inside(position, rules, worst, best, worst_mark)
        target_in_range = target_reached(position, rules, possible_best)
        if event == NOTHING:
            if target_in_range:
                position.ambiguous = 1
            see(position, best)
            see(position, worst)
            return
        reference_price = position.target_price
        if event != _TAKE_PROFIT:
            certain = side * (certain_worst - position.stop_price) <= 0.0
            reference_price = position.stop_price
            if event == _LIQUIDATION:
                certain = side * (certain_worst_mark - position.liquidation_price) <= 0.0
                reference_price = position.liquidation_price
            if target_in_range or not certain:
                position.ambiguous = 1
            # After a bad event nothing good is taken for granted but where the bar ends.
            best = bar.close
        may_step_down = steps < tiers.shape[0]
        _leave(
            wallet, position, rules, tiers, bar, bar.ts_close, reference_price, event, may_step_down, books
        )
        steps += 1


@compiled_bare
def _leave(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    ts: int,
    reference_price: float,
    event: int,
    may_step_down: bool,
    books: Books,
) -> None:
    if event == _LIQUIDATION:
        _liquidate(wallet, position, rules, tiers, bar, ts, reference_price, may_step_down, books)
    elif event == _TAKE_PROFIT:
        _take_target(wallet, position, rules, tiers, bar, ts, reference_price, books)
    else:
        reason = event
        if event == _STOP_LOSS and position.stop_moved_by != 0:
            reason = position.stop_moved_by
        exit_at_market(
            wallet, position, rules, tiers, bar, ts, position.quantity, reference_price, reason, books
        )


@compiled_bare
def _take_target(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    ts: int,
    reference_price: float,
    books: Books,
) -> None:
    """Fill the target in reach: its portion of what was entered, all that is left if it is the last."""
    rung = position.target
    # A step down a risk tier may have left less than the target was placed for.
    quantity = min(position.target_quantities[rung], position.quantity)
    if rules.target_limits[rung] == 0:
        exit_at_market(
            wallet, position, rules, tiers, bar, ts, quantity, reference_price, _TAKE_PROFIT, books
        )
    else:
        traded = min(quantity, floor_to_step(tradable(rules, bar), rules.qty_step))
        if traded > 0.0:
            # A resting order gets its own price and pays the maker fee, even where the open is better.
            price = position.target_price
            fee = trading_fee(price, traded, rules.maker_rate)
            reduce_position(
                wallet, position, rules, tiers, bar, ts, traded, price, fee, 0.0, _TAKE_PROFIT, 1, books
            )
        if traded < quantity:
            # What the bar's volume does not take stays, and is not asked again before the bar's close.
            position.target_quantities[rung] = floor_to_step(quantity - traded, rules.qty_step)
            position.target_taken[rung] += traded
            position.target_price = np.nan
            return
    if position.direction != 0:
        position.target_prices[rung] = np.nan
        position.target_taken[rung] = np.inf
        aim(position, rules)


@compiled_bare
def _liquidate(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    ts: int,
    reference_price: float,
    may_step_down: bool,
    books: Books,
) -> None:
    """Step down a risk tier where there is one; else take the whole position over at its bankruptcy price.

    Bybit sends a fill-or-kill order for what lies above the lower tier's limit. It fills unless the market
    is already beyond the bankruptcy price. The loss is the position margin at most.
    """
    side = position.direction
    bankruptcy = bankruptcy_price_with_extra_margin(
        side, position.quantity, position.entry_price, rules.leverage, position.extra_margin
    )
    tier_price = position.entry_price
    if rules.regime != _LEGACY:
        tier_price = bar.mark_open if ts == bar.ts_open else reference_price
    shed = size_to_shed(position.quantity, tier_price, tiers[:, 0], rules.qty_step)
    if shed > 0.0 and may_step_down and position.quantity - shed >= rules.min_qty:
        rate = rules.slippage_rate + impact(rules.impact_rate, shed, bar.volume)
        price = market_fill_price(reference_price, -side, rate, rules.tick_size)
        if side * (price - bankruptcy) > 0.0:
            wallet.partial_liquidations += 1
            exit_at_market(
                wallet, position, rules, tiers, bar, ts, shed, reference_price, _LIQUIDATION, books
            )
            return
    quantity = position.quantity
    fee = fee_to_close(side, quantity, position.entry_price, rules.leverage, rules.taker_rate)
    reduce_position(
        wallet, position, rules, tiers, bar, ts, quantity, bankruptcy, fee, 0.0, _LIQUIDATION, 0, books
    )

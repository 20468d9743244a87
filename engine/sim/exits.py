"""How a position ends: what the price reaches first, and the fill that follows."""

from __future__ import annotations

from engine.compiled import compiled, compiled_inline
from engine.sim.fees import market_fill_price, trading_fee
from engine.sim.margin import bankruptcy_price, fee_to_close, initial_margin
from engine.sim.state import FillReason, Records

# Numba takes plain integers fastest; the names stay those of the enums.
NOTHING = 0
_STOP_LOSS, _TAKE_PROFIT = int(FillReason.STOP_LOSS), int(FillReason.TAKE_PROFIT)
_LIQUIDATION, _END_OF_DATA = int(FillReason.LIQUIDATION), int(FillReason.END_OF_DATA)


@compiled_inline
def event_at_open(state: Records, rules: Records, open_price: float, mark_open: float) -> int:
    """Return the FillReason of what happens to the position at the open, or NOTHING."""
    side = state.direction
    if side * (mark_open - state.liquidation_price) <= 0.0:
        return _LIQUIDATION
    # Comparisons with a level that is not set (NaN) are false.
    if side * (open_price - state.stop_price) <= 0.0:
        return _STOP_LOSS
    if _target_reached(state, rules, open_price):
        return _TAKE_PROFIT
    return state.pending_exit


@compiled_inline
def event_inside(
    state: Records, rules: Records, high: float, low: float, mark_high: float, mark_low: float
) -> int:
    """Return the FillReason of what the bar's range reaches first, or NOTHING.

    A stop between the price and the liquidation price saves the position; of the bad end and the target
    the bad end is taken.
    """
    side = state.direction
    worst, best, worst_mark = low, high, mark_low
    if side < 0:
        worst, best, worst_mark = high, low, mark_high
    liquidated = side * (worst_mark - state.liquidation_price) <= 0.0
    if side * (worst - state.stop_price) <= 0.0:
        stop_is_farther = side * (state.stop_price - state.liquidation_price) < 0.0
        return _LIQUIDATION if liquidated and stop_is_farther else _STOP_LOSS
    if liquidated:
        return _LIQUIDATION
    if _target_reached(state, rules, best):
        return _TAKE_PROFIT
    return NOTHING


@compiled_inline
def _target_reached(state: Records, rules: Records, price: float) -> bool:
    """A triggered market order needs a touch; a resting limit order needs the price to trade through it."""
    beyond = state.direction * (price - state.target_price)
    return beyond > 0.0 or (beyond == 0.0 and rules.target_is_limit == 0)


@compiled_inline
def see(state: Records, price: float) -> None:
    state.highest_price = max(state.highest_price, price)
    state.lowest_price = min(state.lowest_price, price)


@compiled
def leave_inside(
    state: Records,
    rules: Records,
    bar: int,
    ts_close: int,
    open_price: float,
    high: float,
    low: float,
    event: int,
    fills: Records,
    trades: Records,
) -> None:
    """Close the position inside the bar, at the level reached."""
    # What happened after the exit does not count; what came before it is unknown but for the open.
    see(state, open_price)
    reference_price = state.stop_price if event == _STOP_LOSS else state.target_price
    best = high if state.direction > 0 else low
    ambiguous = int(event != _TAKE_PROFIT and _target_reached(state, rules, best))
    leave(state, rules, bar, ts_close, reference_price, event, ambiguous, fills, trades)


@compiled
def leave(
    state: Records,
    rules: Records,
    bar: int,
    ts: int,
    reference_price: float,
    event: int,
    ambiguous: int,
    fills: Records,
    trades: Records,
) -> None:
    if event == _LIQUIDATION:
        _liquidate(state, rules, bar, ts, ambiguous, fills, trades)
    elif event == _TAKE_PROFIT and rules.target_is_limit != 0:
        # A resting order gets its own price and pays the maker fee, even where the open is better.
        fee = trading_fee(state.target_price, state.quantity, rules.maker_rate)
        _close(state, rules, bar, ts, state.target_price, fee, 0.0, _TAKE_PROFIT, 1, ambiguous, fills, trades)
    else:
        reason = event
        if event == _STOP_LOSS and state.stop_moved_by != 0:
            reason = state.stop_moved_by
        exit_at_market(state, rules, bar, ts, reference_price, reason, ambiguous, fills, trades)


@compiled
def _liquidate(
    state: Records, rules: Records, bar: int, ts: int, ambiguous: int, fills: Records, trades: Records
) -> None:
    """Take the position over at its bankruptcy price: the loss is the position margin, never more."""
    price = bankruptcy_price(state.direction, state.entry_price, rules.leverage)
    # Added or eaten margin moves the price at which nothing is left.
    price -= state.direction * state.extra_margin / state.quantity
    fee = fee_to_close(state.direction, state.quantity, state.entry_price, rules.leverage, rules.taker_rate)
    _close(state, rules, bar, ts, price, fee, 0.0, _LIQUIDATION, 0, ambiguous, fills, trades)


@compiled
def exit_at_market(
    state: Records,
    rules: Records,
    bar: int,
    ts: int,
    reference_price: float,
    reason: int,
    ambiguous: int,
    fills: Records,
    trades: Records,
) -> None:
    """Close the whole position at the market."""
    price = market_fill_price(reference_price, -state.direction, rules.slippage_rate, rules.tick_size)
    fee = trading_fee(price, state.quantity, rules.taker_rate)
    slippage = abs(price - reference_price) * state.quantity
    _close(state, rules, bar, ts, price, fee, slippage, reason, 0, ambiguous, fills, trades)


@compiled
def _close(
    state: Records,
    rules: Records,
    bar: int,
    ts: int,
    price: float,
    fee: float,
    slippage: float,
    reason: int,
    is_maker: int,
    ambiguous: int,
    fills: Records,
    trades: Records,
) -> None:
    see(state, price)
    gross = state.direction * state.quantity * (price - state.entry_price)
    state.cash += gross - fee

    fill = fills[state.fills]
    fill.ts = ts
    fill.bar = bar
    fill.trade_id = state.trades
    fill.price = price
    fill.quantity = state.quantity
    fill.fee = fee
    fill.slippage = slippage
    fill.side = -state.direction
    fill.is_maker = is_maker
    fill.reason = reason
    state.fills += 1

    trade = trades[state.trades]
    trade.trade_id = state.trades
    trade.direction = state.direction
    trade.ts_entry = state.entry_ts
    trade.ts_exit = ts
    trade.entry_bar = state.entry_bar
    trade.exit_bar = bar
    trade.entry_price = state.entry_price
    trade.exit_price = price
    trade.quantity = state.quantity
    trade.stop_price = state.stop_price
    trade.target_price = state.target_price
    trade.liquidation_price = state.entry_liquidation_price
    trade.gross_pnl = gross
    trade.fees = state.entry_fee + fee
    trade.funding = state.trade_funding
    trade.slippage = state.entry_slippage + slippage
    trade.initial_margin = initial_margin(state.quantity, state.entry_price, rules.leverage)
    trade.highest_price = state.highest_price
    trade.lowest_price = state.lowest_price
    trade.risk_distance = state.risk_distance
    trade.reason = reason
    trade.ambiguous = ambiguous
    state.trades += 1

    state.direction = 0
    state.quantity = 0.0
    state.used_margin = 0.0
    state.extra_margin = 0.0
    state.pending_exit = 0
    state.exit_bar = bar


@compiled
def close_at_end(
    account: Records,
    contract: Records,
    bar: int,
    ts_close: int,
    close: float,
    fills: Records,
    trades: Records,
) -> None:
    """Close what is still open at the last bar's close, at the market, so that every trade has an end."""
    state = account[0]
    if state.direction != 0:
        exit_at_market(state, contract[0], bar, ts_close, close, _END_OF_DATA, 0, fills, trades)
        state.equity = state.cash

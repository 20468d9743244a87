"""What a client does with positions: leverage, added margin, stop loss and take profit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation

from engine.sandbox.catalogue import Instrument
from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.accounting import ZERO, tier_of
from engine.sandbox.private.order import Bracket
from engine.sandbox.private.position import Position
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.refusal import Refusal, parameter_error
from engine.sandbox.private.rows import liquidation_price_of
from engine.sandbox.private.stops import follow_bracket
from engine.sandbox.private.telling import tell_position, tell_wallet
from engine.sandbox.private.terms import PriceKind, Side
from engine.sandbox.private.tickets import Parameters, read_amount, refuse_bracket, refuse_partial_stops

_MARGIN_STEP = Decimal("0.0001")
_MOST_MARGIN = Decimal(10) ** 15


def set_leverage(state: AccountState, instrument: Instrument, parameters: Parameters, quotes: Quotes) -> None:
    """Set the leverage of a symbol. Margin that was added to its position goes back to the wallet.

    Raises
    ------
    Refusal
        If it is none of the instrument's, not changed, or more margin is needed than there is.
    """
    buy, sell = read_amount(parameters, "buyLeverage"), read_amount(parameters, "sellLeverage")
    if buy is None or buy != sell:
        raise parameter_error("buy leverage not equal sell leverage in one-way mode")
    if buy < 1 or buy % Decimal("0.01"):
        raise parameter_error("leverage invalid")
    position = state.position(instrument.symbol)
    if buy == position.leverage:
        raise Refusal(110043, "leverage not modified")
    value = position.size * quotes.price(instrument.symbol, PriceKind.MARK)
    most = tier_of(instrument.ladder, value).max_leverage
    if buy > most:
        raise Refusal(110013, f"Cannot set leverage [{buy}] gt maxLeverage [{most}] by risk limit")
    changed = replace(position, leverage=buy, extra_margin=ZERO)
    state.positions[instrument.symbol] = changed
    if state.cash < state.position_margin() + state.order_margin():
        state.positions[instrument.symbol] = position
        raise Refusal(110044, "Available margin is insufficient.")
    if _is_doomed(state, changed, quotes):
        state.positions[instrument.symbol] = position
        raise Refusal(110011, "Liquidation will be triggered immediately by this adjustment")
    _tell(state, instrument.symbol, quotes)


def add_margin(state: AccountState, symbol: str, parameters: Parameters, quotes: Quotes) -> None:
    """Add margin to a position; a negative amount takes added margin back.

    Raises
    ------
    Refusal
        If there is no position, or neither wallet nor position has the amount.
    """
    try:
        amount = Decimal(str(parameters.get("margin", "")))
    except InvalidOperation:
        raise parameter_error("params error: margin invalid") from None
    if not amount.is_finite() or not 0 < abs(amount) < _MOST_MARGIN or amount % _MARGIN_STEP:
        raise parameter_error("params error: margin invalid")
    position = state.position(symbol)
    if position.is_flat:
        raise Refusal(110033, "You can't set margin without an open position")
    if amount > state.available():
        raise Refusal(110014, "Insufficient available balance to add additional margin.")
    if position.extra_margin + amount < 0:
        raise Refusal(110078, "Added margin more than max can reduce margin")
    changed = replace(position, extra_margin=position.extra_margin + amount, updated_ms=quotes.now_ms)
    if _is_doomed(state, changed, quotes):
        raise Refusal(110046, "Liquidation will be triggered immediately by this adjustment.")
    state.positions[symbol] = changed
    _tell(state, symbol, quotes)


def set_trading_stop(state: AccountState, parameters: Parameters, bracket: Bracket, quotes: Quotes) -> None:
    """Give a position this stop loss and take profit.

    Raises
    ------
    Refusal
        If there is no position, nothing changes, a price is on the wrong side, or what is asked for (a
        trailing stop, a partial one) is none of the sandbox's.
    """
    refuse_partial_stops(parameters)
    symbol = str(parameters["symbol"])
    position = state.position(symbol)
    if position.is_flat:
        raise parameter_error("can not set tp/sl/ts for zero position")
    if bracket == position.bracket:
        raise Refusal(34040, "not modified")
    refuse_bracket(bracket, position.side, None, symbol, quotes)
    state.positions[symbol] = replace(position, bracket=bracket, updated_ms=quotes.now_ms)
    follow_bracket(state, symbol, quotes)
    tell_position(state, symbol, quotes)


def _is_doomed(state: AccountState, position: Position, quotes: Quotes) -> bool:
    """Whether the mark stands beyond the liquidation price of a position."""
    price = liquidation_price_of(state, position, quotes)
    if price is None:
        return False
    mark = quotes.price(position.symbol, PriceKind.MARK)
    return mark <= price if position.side is Side.BUY else mark >= price


def _tell(state: AccountState, symbol: str, quotes: Quotes) -> None:
    tell_position(state, symbol, quotes)
    tell_wallet(state, quotes)

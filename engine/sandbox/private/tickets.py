"""Requests for orders, read and checked against the rules of the instrument."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from engine.sandbox.catalogue import Instrument, InstrumentStatus
from engine.sandbox.private.order import Bracket, Ticket
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.refusal import Refusal, parameter_error
from engine.sandbox.private.terms import OrderType, PriceKind, Side, StopOrderType, TimeInForce

Parameters = Mapping[str, Any]

_LONGEST_LINK_ID = 36
_LINK_ID = re.compile(r"[A-Za-z0-9_\-]*")
_LARGEST = Decimal(10) ** 15
_PRICE_LIMIT = Decimal("0.02")  # of the mark: priceLimitRatioY of the instruments


def read_symbol(parameters: Parameters, quotes: Quotes) -> Instrument:
    """Return the instrument a request names.

    Raises
    ------
    Refusal
        If the category or the symbol is none the sandbox has, or it does not trade.
    """
    if parameters.get("category") != "linear":
        raise parameter_error("params error: category is invalid, the sandbox serves linear only")
    instrument = quotes.instruments.get(str(parameters.get("symbol", "")))
    if instrument is None or instrument.launch_ms > quotes.now_ms or instrument.settle_coin != "USDT":
        raise parameter_error("params error: symbol invalid")
    if instrument.status_at(quotes.now_ms) is not InstrumentStatus.TRADING:
        raise Refusal(110074, "This contract is not live")
    return instrument


def read_ticket(parameters: Parameters, quotes: Quotes) -> Ticket:
    """Return the order that the parameters of order/create describe.

    Raises
    ------
    Refusal
        If they break a rule of the instrument or say nothing that can be done.
    """
    instrument = read_symbol(parameters, quotes)
    if not quotes.is_trading(instrument.symbol):
        raise Refusal(110066, "Trading is currently not allowed.")
    refuse_position_index(parameters)
    refuse_partial_stops(parameters)
    side = read_word(Side, parameters, "side", "Side invalid")
    kind = read_word(OrderType, parameters, "orderType", "OrderType invalid")
    wish = _time_in_force(parameters, kind)
    trigger = read_amount(parameters, "triggerPrice")
    close_all = parameters.get("closeOnTrigger") is True and parameters.get("reduceOnly") is True
    ticket = Ticket(
        symbol=instrument.symbol,
        side=side,
        kind=kind,
        size=read_size(parameters, instrument, kind, close_all=close_all),
        link_id=_link_id(parameters),
        price=_price(parameters, instrument, kind),
        time_in_force=wish,
        reduce_only=parameters.get("reduceOnly") is True,
        close_on_trigger=parameters.get("closeOnTrigger") is True,
        bracket=read_bracket(parameters, instrument),
    )
    if trigger:
        ticket = replace(
            ticket,
            trigger_price=on_grid(trigger, instrument, "TriggerPrice"),
            triggers_above=_direction(parameters),
            trigger_by=read_price_kind(parameters, "triggerBy"),
            stop_type=StopOrderType.STOP,
        )
    if ticket.reduce_only and not ticket.bracket.is_empty:
        raise parameter_error("params error: a reduce-only order cannot have takeProfit or stopLoss")
    refuse_out_of_range(ticket, quotes)
    refuse_bracket(ticket.bracket, side, ticket.price or ticket.trigger_price, instrument.symbol, quotes)
    return ticket


def amended(ticket: Ticket, parameters: Parameters, quotes: Quotes) -> Ticket:
    """Return the order as order/amend wants it; what is not named stays."""
    instrument = quotes.instruments[ticket.symbol]
    new = ticket
    if parameters.get("qty"):
        new = replace(new, size=read_size(parameters, instrument, ticket.kind, close_all=False))
    if parameters.get("price") and ticket.kind is OrderType.LIMIT:
        new = replace(new, price=_price(parameters, instrument, ticket.kind))
    trigger = read_amount(parameters, "triggerPrice")
    if trigger and ticket.trigger_price is not None:
        new = replace(new, trigger_price=on_grid(trigger, instrument, "TriggerPrice"))
    if parameters.get("triggerBy") and ticket.trigger_price is not None:
        new = replace(new, trigger_by=read_price_kind(parameters, "triggerBy"))
    new = replace(new, bracket=read_bracket(parameters, instrument, ticket.bracket))
    refuse_out_of_range(new, quotes)
    refuse_bracket(new.bracket, new.side, new.price or new.trigger_price, new.symbol, quotes)
    return new


def read_bracket(parameters: Parameters, instrument: Instrument, before: Bracket | None = None) -> Bracket:
    """Return a stop loss and take profit; "0" takes one away, what is not named stays as `before`."""
    bracket = before or Bracket()
    stop_loss, take_profit = read_amount(parameters, "stopLoss"), read_amount(parameters, "takeProfit")
    if stop_loss is not None:
        bracket = replace(bracket, stop_loss=_on_grid_or_none(stop_loss, instrument, "StopLoss"))
    if take_profit is not None:
        bracket = replace(bracket, take_profit=_on_grid_or_none(take_profit, instrument, "TakeProfit"))
    if parameters.get("slTriggerBy"):
        bracket = replace(bracket, stop_loss_by=read_price_kind(parameters, "slTriggerBy"))
    if parameters.get("tpTriggerBy"):
        bracket = replace(bracket, take_profit_by=read_price_kind(parameters, "tpTriggerBy"))
    return bracket


def refuse_bracket(bracket: Bracket, side: Side, base: Decimal | None, symbol: str, quotes: Quotes) -> None:
    """Refuse a stop loss or take profit on the wrong side of the price a position would start from.

    Raises
    ------
    Refusal
        With Bybit's words; `base` is the order's own price, the triggering price of now if it has none.
    """
    for name, price, by, must_be_above in (
        ("StopLoss", bracket.stop_loss, bracket.stop_loss_by, side is Side.SELL),
        ("TakeProfit", bracket.take_profit, bracket.take_profit_by, side is Side.BUY),
    ):
        if price is None:
            continue
        start = base or quotes.price(symbol, by)
        if price == start or (price > start) != must_be_above:
            word = "higher" if must_be_above else "lower"
            raise parameter_error(
                f"{name}:{price} set for {side} position should {word} than base_price:{start}??{by}"
            )


def refuse_out_of_range(ticket: Ticket, quotes: Quotes) -> None:
    """Refuse a limit price beyond the price limit, and an order worth less than the least notional.

    Raises
    ------
    Refusal
        If a buy would pay, or a sell would take, a price more than 2 % beyond the mark.
    """
    if ticket.price is not None and ticket.trigger_price is None:
        mark = quotes.price(ticket.symbol, PriceKind.MARK)
        limit = mark * (1 + ticket.side.sign * _PRICE_LIMIT)
        if ticket.side is Side.BUY and ticket.price > limit:
            raise Refusal(110121, f"Order price cannot be higher than {limit}, the price limitation")
        if ticket.side is Side.SELL and ticket.price < limit:
            raise Refusal(110120, f"Order price cannot be smaller than {limit}, the price limitation")
    least = Decimal(quotes.instruments[ticket.symbol].min_notional)
    price = ticket.price or ticket.trigger_price or quotes.price(ticket.symbol, PriceKind.LAST)
    if not ticket.reduce_only and ticket.size * price < least:
        raise Refusal(110094, f"Order does not meet minimum order value {least}USDT")


def read_amount(parameters: Parameters, name: str) -> Decimal | None:
    """Return a number that came as text; None where there is none.

    Raises
    ------
    Refusal
        If it is no number, below 0 or beyond all reason.
    """
    text = parameters.get(name)
    if text is None or text == "":
        return None
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= _LARGEST:
        raise parameter_error(f"params error: {name} invalid")
    return amount


def on_grid(price: Decimal, instrument: Instrument, name: str) -> Decimal:
    """Return the price, refused where it is not on the tick grid or beyond what the instrument allows."""
    tick = Decimal(instrument.tick_size)
    if price % tick or not tick <= price <= tick * 19_999_998:
        raise parameter_error(f"{name} invalid")
    return price


def _on_grid_or_none(price: Decimal, instrument: Instrument, name: str) -> Decimal | None:
    return on_grid(price, instrument, name) if price else None


def read_size(parameters: Parameters, instrument: Instrument, kind: OrderType, *, close_all: bool) -> Decimal:
    """Return the size of an order, refused where it is not on the step grid or too small or large."""
    size = read_amount(parameters, "qty")
    step = Decimal(instrument.qty_step)
    most = Decimal(instrument.max_market_order_qty if kind is OrderType.MARKET else instrument.max_order_qty)
    if size is None:
        raise parameter_error("Qty invalid")
    if size == 0 and close_all:
        return most
    if size < step:
        raise parameter_error("The number of contracts exceeds minimum limit allowed")
    if size > most:
        raise parameter_error("The number of contracts exceeds maximum limit allowed: too large")
    if size % step:
        raise parameter_error("Qty invalid")
    return size


def read_word[Word: StrEnum](words: type[Word], parameters: Parameters, name: str, message: str) -> Word:
    """Return the word a parameter says."""
    try:
        return words(str(parameters.get(name, "")))
    except ValueError:
        raise parameter_error(message) from None


def read_price_kind(parameters: Parameters, name: str) -> PriceKind:
    """Return which price triggers: the last unless another is named."""
    if not parameters.get(name):
        return PriceKind.LAST
    return read_word(PriceKind, parameters, name, f"params error: {name} invalid")


def refuse_partial_stops(parameters: Parameters) -> None:
    """Refuse what the sandbox does not know: stops over part of a position, as limit orders, or trailing."""
    if str(parameters.get("tpslMode") or "Full") != "Full":
        raise parameter_error("params error: the sandbox knows tpslMode Full only")
    if any(str(parameters.get(name) or "Market") != "Market" for name in ("tpOrderType", "slOrderType")):
        raise parameter_error("params error: the sandbox knows stops as market orders only")
    if read_amount(parameters, "trailingStop"):
        raise parameter_error("params error: the sandbox knows no trailing stop")


def refuse_position_index(parameters: Parameters) -> None:
    """Refuse an index of the hedge mode: the sandbox is in one-way mode."""
    if str(parameters.get("positionIdx", 0)) not in ("0", ""):
        raise parameter_error("position idx not match position mode")


def _time_in_force(parameters: Parameters, kind: OrderType) -> TimeInForce:
    if kind is OrderType.MARKET:
        return TimeInForce.IOC
    if not parameters.get("timeInForce"):
        return TimeInForce.GTC
    return read_word(TimeInForce, parameters, "timeInForce", "timeInForce invalid")


def _price(parameters: Parameters, instrument: Instrument, kind: OrderType) -> Decimal | None:
    if kind is OrderType.MARKET:
        return None
    price = read_amount(parameters, "price")
    if not price:
        raise parameter_error("Price invalid")
    return on_grid(price, instrument, "Price")


def _direction(parameters: Parameters) -> bool:
    direction = str(parameters.get("triggerDirection", ""))
    if direction not in ("1", "2"):
        raise parameter_error("TriggerDirection invalid")
    return direction == "1"


def _link_id(parameters: Parameters) -> str:
    link_id = str(parameters.get("orderLinkId") or "")
    if len(link_id) > _LONGEST_LINK_ID:
        raise parameter_error(f"order link id is longer than {_LONGEST_LINK_ID}")
    if not _LINK_ID.fullmatch(link_id):
        raise parameter_error("params error: orderLinkId invalid")
    return link_id

"""Orders, executions, positions and balances as rows of Bybit v5's answers and private messages.

Fields and their order are those of bybit-exchange/docs (`docs/v5/order/open-order`, `.../execution`,
`docs/v5/position/position`, `.../close-pnl`, `docs/v5/account/wallet-balance`, `.../transaction-log` and
`docs/v5/websocket/private`). What the sandbox does not know is the empty string, as there.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from engine.sandbox.private import accounting
from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.accounting import ZERO, round_to_tick, tier_of
from engine.sandbox.private.order import Order
from engine.sandbox.private.position import Position
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.records import Execution
from engine.sandbox.private.terms import ExecutionType, OrderType, PriceKind, Side
from engine.sandbox.wire import first_risk_ids

Row = dict[str, Any]

_SMALLEST = Decimal("1e-8")


def text(amount: Decimal) -> str:
    """Return an amount with at most 8 decimals, without zeros at its end, never in scientific notation."""
    rounded = amount.quantize(_SMALLEST, ROUND_HALF_EVEN)
    return format(rounded.normalize() if rounded else ZERO, "f")


def price_text(price: Decimal | None, quotes: Quotes, symbol: str, absent: str = "") -> str:
    """Return a price with the decimals of the tick size."""
    if price is None:
        return absent
    return f"{price:.{quotes.instruments[symbol].price_decimals}f}"


def size_text(size: Decimal, quotes: Quotes, symbol: str) -> str:
    """Return a size with the decimals of the quantity step."""
    return str(size.quantize(Decimal(quotes.instruments[symbol].qty_step)))


def order_row(order: Order, quotes: Quotes) -> Row:
    """Return an order as a row of order/realtime and order/history."""
    ticket = order.ticket
    symbol = ticket.symbol
    shown_price = ticket.price if ticket.kind is OrderType.LIMIT else order.market_price_limit
    leaves = order.leaves if order.status.is_open else ZERO
    bracket = ticket.bracket
    is_conditional = ticket.trigger_price is not None
    return {
        "orderId": order.order_id,
        "orderLinkId": ticket.link_id,
        "blockTradeId": "",
        "symbol": symbol,
        "price": price_text(shown_price, quotes, symbol, "0"),
        "qty": size_text(ticket.size, quotes, symbol),
        "side": ticket.side.value,
        "isLeverage": "",
        "positionIdx": 0,
        "orderStatus": order.status.value,
        "cancelType": order.cancel_type.value,
        "rejectReason": order.reject_reason.value,
        "avgPrice": "" if order.average_price is None else text(order.average_price),
        "leavesQty": size_text(leaves, quotes, symbol),
        "leavesValue": text(leaves * (shown_price or order.last_price_on_created)),
        "cumExecQty": size_text(order.filled, quotes, symbol),
        "cumExecValue": text(order.filled_value),
        "cumExecFee": text(order.paid_fee),
        "timeInForce": ticket.time_in_force.value,
        "orderType": ticket.kind.value,
        "stopOrderType": ticket.stop_type.value,
        "orderIv": "",
        "triggerPrice": price_text(ticket.trigger_price, quotes, symbol),
        "takeProfit": price_text(bracket.take_profit, quotes, symbol),
        "stopLoss": price_text(bracket.stop_loss, quotes, symbol),
        "tpTriggerBy": bracket.take_profit_by.value if bracket.take_profit is not None else "",
        "slTriggerBy": bracket.stop_loss_by.value if bracket.stop_loss is not None else "",
        "triggerDirection": (1 if ticket.triggers_above else 2) if is_conditional else 0,
        "triggerBy": ticket.trigger_by.value if is_conditional else "",
        "lastPriceOnCreated": price_text(order.last_price_on_created, quotes, symbol),
        "reduceOnly": ticket.reduce_only,
        "closeOnTrigger": ticket.close_on_trigger,
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "tpslMode": "Full" if ticket.is_tied or not bracket.is_empty else "",
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "placeType": "",
        "createType": ticket.created_by.value,
        "slippageToleranceType": "UNKNOWN",
        "slippageTolerance": "",
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
        "extraFees": "",
        "cumFeeDetail": {"USDT": text(order.paid_fee)},
        "rpiTakerAccess": False,
        "rpiMatchedQty": "0",
    }


def order_message_row(order: Order, quotes: Quotes) -> Row:
    """Return an order as the private stream's topic `order` tells of it."""
    return {
        "category": "linear",
        **order_row(order, quotes),
        "closedPnl": text(order.closed_pnl),
        "feeCurrency": "USDT",
    }


def execution_row(execution: Execution, quotes: Quotes) -> Row:
    """Return an execution as a row of execution/list."""
    order, symbol = execution.order, execution.symbol
    is_funding = execution.kind is ExecutionType.FUNDING
    ticket = order.ticket
    return {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderLinkId": "" if is_funding else ticket.link_id,
        "side": execution.side.value,
        "orderPrice": "0"
        if is_funding
        else price_text(ticket.price or order.market_price_limit, quotes, symbol, "0"),
        "orderQty": "0" if is_funding else size_text(ticket.size, quotes, symbol),
        "leavesQty": size_text(execution.leaves, quotes, symbol),
        "createType": "" if is_funding else execution.created_by.value,
        "orderType": "UNKNOWN" if is_funding else ticket.kind.value,
        "stopOrderType": "UNKNOWN" if is_funding else ticket.stop_type.value or "UNKNOWN",
        "execFee": text(execution.fee),
        "execId": execution.execution_id,
        "execPrice": text(execution.price),
        "execQty": size_text(execution.size, quotes, symbol),
        "execType": execution.kind.value,
        "execValue": text(execution.price * execution.size),
        "execTime": str(execution.ts_ms),
        "feeCurrency": "USDT",
        "isMaker": execution.is_maker,
        "feeRate": text(execution.fee_rate),
        "tradeIv": "",
        "markIv": "",
        "markPrice": text(execution.mark_price),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": size_text(execution.closing.size, quotes, symbol),
        "extraFees": "",
        "seq": execution.sequence,
    }


def execution_message_row(execution: Execution, quotes: Quotes) -> Row:
    """Return an execution as the private stream's topic `execution` tells of it."""
    return {
        "category": "linear",
        **execution_row(execution, quotes),
        "isLeverage": "0",
        "marketUnit": "",
        "execPnl": text(execution.closing.pnl),
    }


def position_row(state: AccountState, position: Position, quotes: Quotes) -> Row:
    """Return a position as a row of position/list."""
    instrument = quotes.instruments[position.symbol]
    taker = state.rates.taker
    mark = quotes.price(position.symbol, PriceKind.MARK)
    value_at_mark = position.size * mark
    tier = tier_of(instrument.ladder, value_at_mark)
    closing_fee = position.closing_fee(taker) if position.size else ZERO
    maintenance = (
        accounting.maintenance_margin(instrument.ladder, value_at_mark, closing_fee)
        if position.size
        else ZERO
    )
    initial = position.initial_margin + closing_fee
    break_even = (
        accounting.break_even_price(position.side, position.size, position.entry, position.realised, taker)
        if position.size
        else None
    )
    bracket = position.bracket
    return {
        "positionIdx": 0,
        "riskId": first_risk_ids(quotes.instruments)[position.symbol] + tier.tier - 1,
        "riskLimitValue": str(tier.risk_limit_value),
        "symbol": position.symbol,
        "side": position.side.value if position.size else "",
        "size": size_text(position.size, quotes, position.symbol) if position.size else "0",
        "avgPrice": text(position.entry),
        "positionValue": text(position.entry_value),
        "tradeMode": 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 2 if position.size else 0,
        "leverage": text(position.leverage),
        "breakEvenPrice": "" if break_even is None else text(break_even),
        "positionBalance": text(position.margin(taker)) if position.size else "0",
        "markPrice": price_text(mark, quotes, position.symbol),
        "liqPrice": price_text(liquidation_price_of(state, position, quotes), quotes, position.symbol),
        "bustPrice": "",
        "positionMM": text(maintenance),
        "positionMMByMp": text(maintenance),
        "positionIM": text(initial),
        "positionIMByMp": text(value_at_mark / position.leverage + closing_fee),
        "tpslMode": "Full",
        "takeProfit": price_text(bracket.take_profit, quotes, position.symbol),
        "stopLoss": price_text(bracket.stop_loss, quotes, position.symbol),
        "trailingStop": "0",
        "unrealisedPnl": text(position.unrealised_pnl(mark)) if position.size else "",
        "curRealisedPnl": text(position.realised),
        "cumRealisedPnl": text(position.realised_ever),
        "seq": state.sequence,
        "isReduceOnly": False,
        "mmrSysUpdateTime": "",
        "leverageSysUpdatedTime": "",
        "sessionAvgPrice": "",
        "createdTime": str(position.created_ms),
        "updatedTime": str(position.updated_ms),
    }


def position_message_row(state: AccountState, position: Position, quotes: Quotes) -> Row:
    """Return a position as the private stream's topic `position` tells of it: two fields have other names."""
    row = position_row(state, position, quotes)
    entry, updated = row.pop("avgPrice"), row.pop("mmrSysUpdateTime")
    changed = {"entryPrice": entry, "mmrSysUpdatedTime": updated, "sessionAvgPrice": "0"}
    return {"category": "linear", **row, **changed}


def liquidation_price_of(state: AccountState, position: Position, quotes: Quotes) -> Decimal | None:
    """Return the mark price on the tick grid at which the position is liquidated; None if none does."""
    if position.is_flat:
        return None
    instrument = quotes.instruments[position.symbol]
    price = accounting.liquidation_price(
        position.side,
        position.size,
        position.entry,
        position.leverage,
        instrument.ladder,
        extra=position.extra_margin,
        taker=state.rates.taker,
    )
    tick = Decimal(instrument.tick_size)
    rounded = round_to_tick(price, tick, up=position.side is Side.BUY)
    return rounded if tick < rounded < tick * 19_999_998 else None


def wallet_row(state: AccountState, quotes: Quotes) -> Row:
    """Return the wallet as a row of account/wallet-balance: USDT counts as a dollar."""
    marks = {position.symbol: quotes.price(position.symbol, PriceKind.MARK) for position in state.held()}
    unrealised = sum((held.unrealised_pnl(marks[held.symbol]) for held in state.held()), ZERO)
    maintenance = sum(
        (
            accounting.maintenance_margin(
                quotes.instruments[held.symbol].ladder,
                held.size * marks[held.symbol],
                held.closing_fee(state.rates.taker),
            )
            for held in state.held()
        ),
        ZERO,
    )
    realised = sum((position.realised_ever for position in state.positions.values()), ZERO)
    equity = text(state.cash + unrealised)
    coin = {
        "coin": "USDT",
        "equity": equity,
        "usdValue": equity,
        "walletBalance": text(state.cash),
        "availableToWithdraw": "",
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": text(state.order_margin()),
        "totalPositionIM": text(state.position_margin()),
        "totalPositionMM": text(maintenance),
        "unrealisedPnl": text(unrealised),
        "cumRealisedPnl": text(realised),
        "bonus": "0",
        "collateralSwitch": True,
        "marginCollateral": True,
        "locked": "0",
        "spotHedgingQty": "0",
        "spotBorrow": "0",
    }
    # rates and margins of the whole account do not apply under isolated margin, and are empty there
    return {
        "accountType": "UNIFIED",
        "totalEquity": equity,
        "totalWalletBalance": text(state.cash),
        "totalMarginBalance": "",
        "totalAvailableBalance": "",
        "totalPerpUPL": text(unrealised),
        "totalInitialMargin": "",
        "totalMaintenanceMargin": "",
        "accountIMRate": "",
        "accountMMRate": "",
        "totalInitialMarginByMp": "",
        "totalMaintenanceMarginByMp": "",
        "accountIMRateByMp": "",
        "accountMMRateByMp": "",
        "accountLTV": "",
        "coin": [coin],
    }

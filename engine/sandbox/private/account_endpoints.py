"""The answers to requests for positions, executions and the account: /v5/position/…, /v5/account/…

Parameters, limits and answers are those of bybit-exchange/docs, `docs/v5/position` and `docs/v5/account`.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.margining import add_margin, set_leverage, set_trading_stop
from engine.sandbox.private.paging import page_of, time_window
from engine.sandbox.private.past_rows import closed_row, transaction_row, transaction_type
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.records import Execution
from engine.sandbox.private.refusal import Refusal, parameter_error
from engine.sandbox.private.rows import execution_row, position_row, text, wallet_row
from engine.sandbox.private.terms import MarginMode
from engine.sandbox.private.tickets import (
    Parameters,
    read_bracket,
    read_symbol,
    read_word,
    refuse_position_index,
)
from engine.timeframes import DAY_MS

Answer = dict[str, Any]

_SHORTEST_ABSENCE_S = 3
_LONGEST_ABSENCE_S = 300


def positions(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Return the position of a symbol, flat or not, or all that a settle coin holds."""
    if parameters.get("symbol"):
        symbol = read_symbol(parameters, quotes).symbol
        chosen = [state.position(symbol)]
    else:
        if parameters.get("category") != "linear" or not parameters.get("settleCoin"):
            raise parameter_error("Missing some parameters that must be filled in, symbol or settleCoin")
        chosen = state.held() if parameters["settleCoin"] == "USDT" else []
    page, cursor = page_of(chosen, parameters, lambda position: position.symbol, default=20, most=200)
    rows = [position_row(state, position, quotes) for position in page]
    return {"list": rows, "nextPageCursor": cursor, "category": "linear"}


def leverage(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Set the leverage of a symbol; in one-way mode that of both sides is one."""
    instrument = read_symbol(parameters, quotes)
    set_leverage(state, instrument, parameters, quotes)
    return {}


def trading_stop(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Set, change or take away the stop loss and take profit of a position."""
    instrument = read_symbol(parameters, quotes)
    refuse_position_index(parameters)
    position = state.position(instrument.symbol)
    set_trading_stop(state, parameters, read_bracket(parameters, instrument, position.bracket), quotes)
    return {}


def margin(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Add margin to a position, or take added margin back."""
    instrument = read_symbol(parameters, quotes)
    refuse_position_index(parameters)
    add_margin(state, instrument.symbol, parameters, quotes)
    row = position_row(state, state.position(instrument.symbol), quotes)
    names = (
        *("symbol", "positionIdx", "riskId", "riskLimitValue", "size", "positionValue", "avgPrice"),
        *("liqPrice", "bustPrice", "markPrice", "leverage", "autoAddMargin", "positionStatus", "positionIM"),
        *("positionMM", "unrealisedPnl", "cumRealisedPnl", "stopLoss", "takeProfit", "trailingStop"),
        *("createdTime", "updatedTime"),
    )
    return {"category": "linear", **{name: row[name] for name in names}}


def switch_mode(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:  # noqa: ARG001
    """Refuse to leave the one-way mode, the sandbox's only one."""
    if str(parameters.get("mode")) == "0":
        raise Refusal(110025, "Position mode is not modified")
    raise Refusal(110029, "Hedge mode is not supported for this symbol.")


def closed_pnl(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Return what orders have closed, newest first: of seven days at most."""
    window = time_window(parameters, quotes.now_ms)
    chosen = [
        closed
        for closed in reversed(state.closed.values())
        if closed.updated_ms in window and parameters.get("symbol") in (None, "", closed.symbol)
    ]
    page, cursor = page_of(chosen, parameters, lambda closed: closed.order_id, default=50, most=100)
    rows = [closed_row(closed, quotes) for closed in page]
    return {"nextPageCursor": cursor, "category": "linear", "list": rows}


def executions(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Return executions and funding payments, newest first: of seven days at most."""
    window = time_window(parameters, quotes.now_ms)
    link_id = str(parameters.get("orderLinkId") or "")
    chosen = [
        execution
        for execution in _since(state, window)
        if parameters.get("symbol") in (None, "", execution.symbol)
        and parameters.get("orderId") in (None, "", execution.order.order_id)
        and link_id in ("", execution.order.ticket.link_id)
        and parameters.get("execType") in (None, "", execution.kind.value)
    ]
    page, cursor = page_of(chosen, parameters, lambda one: one.execution_id, default=50, most=100)
    rows = [execution_row(execution, quotes) for execution in page]
    return {"nextPageCursor": cursor, "category": "linear", "list": rows}


def wallet(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Return the wallet: the sandbox has USDT only."""
    if parameters.get("accountType") != "UNIFIED":
        raise parameter_error("accountType only support UNIFIED.")
    return {"list": [wallet_row(state, quotes)]}


def information(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:  # noqa: ARG001
    """Return how the account is set up."""
    return {
        "marginMode": state.margin_mode.value,
        "updatedTime": str(state.mode_updated_ms),
        "unifiedMarginStatus": 5,
        "dcpStatus": "OFF" if state.dcp_window_s is None else "ON",
        "timeWindow": state.dcp_window_s or 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def protection(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Set after how many seconds of absence the orders are cancelled (disconnect-cancel-all)."""
    del quotes
    window = str(parameters.get("timeWindow", ""))
    if not window.isdecimal() or not _SHORTEST_ABSENCE_S <= int(window) <= _LONGEST_ABSENCE_S:
        raise parameter_error("params error: timeWindow is invalid")
    state.dcp_window_s = int(window)
    return {}


def protection_set(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:  # noqa: ARG001
    """Return whether the orders are protected against absence."""
    window = state.dcp_window_s
    infos = (
        [] if window is None else [{"product": "DERIVATIVES", "dcpStatus": "ON", "timeWindow": str(window)}]
    )
    return {"dcpInfos": infos}


def margin_mode(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Set the margin mode of the account: the sandbox reckons in isolated margin only."""
    mode = read_word(MarginMode, parameters, "setMarginMode", "params error: setMarginMode is invalid")
    if mode is state.margin_mode:
        raise Refusal(110026, "Cross/isolated margin mode is not modified")
    if mode is not MarginMode.ISOLATED or state.held() or state.open_orders:
        raise Refusal(3400045, "Set margin mode failed")
    state.margin_mode, state.mode_updated_ms = mode, quotes.now_ms
    return {"reasons": []}


def transaction_log(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Return the changes of the wallet, newest first: of the last day unless a window is named."""
    window = time_window(parameters, quotes.now_ms, default_ms=DAY_MS)
    chosen = [
        execution
        for execution in _since(state, window)
        if parameters.get("type") in (None, "", transaction_type(execution.kind))
    ]
    page, cursor = page_of(chosen, parameters, lambda one: one.execution_id, default=20, most=50)
    rows = [transaction_row(state, execution, quotes) for execution in page]
    return {"nextPageCursor": cursor, "list": rows}


def _since(state: AccountState, window: range) -> list[Execution]:
    """Return the executions of a window, newest first."""
    recent = takewhile(lambda execution: execution.ts_ms >= window.start, reversed(state.executions))
    return [execution for execution in recent if execution.ts_ms in window]


def fee_rates(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Return the fee rates of a symbol, or of all."""
    symbols = [str(parameters["symbol"])] if parameters.get("symbol") else sorted(quotes.instruments)
    if parameters.get("symbol"):
        read_symbol(parameters, quotes)
    rows = [
        {
            "symbol": symbol,
            "takerFeeRate": text(state.rates.taker),
            "makerFeeRate": text(state.rates.maker),
        }
        for symbol in symbols
    ]
    return {"list": rows}

"""The private paths of Bybit v5 that the sandbox has: what each does, and the limit it counts under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.sandbox.faults import HttpFault
from engine.sandbox.private import account_endpoints, order_endpoints
from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.call_limits import CallGroup
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.tickets import Parameters

Answered = tuple[dict[str, Any], dict[str, Any]]
"""The result, and what retExtInfo holds."""

Do = Callable[[AccountState, Parameters, Quotes, HttpFault | None], Answered]


@dataclass(frozen=True)
class PrivatePath:
    """What a path does: read (GET) or change (POST), and which limit it counts under."""

    method: str
    group: CallGroup
    do: Do


def _plain(ask: Callable[[AccountState, Parameters, Quotes], dict[str, Any]]) -> Do:
    def do(state: AccountState, parameters: Parameters, quotes: Quotes, fault: HttpFault | None) -> Answered:
        del fault  # it is one of the way, not of the order
        return ask(state, parameters, quotes), {}

    return do


def _batch(
    ask: Callable[[AccountState, Parameters, Quotes], Answered],
) -> Do:
    def do(state: AccountState, parameters: Parameters, quotes: Quotes, fault: HttpFault | None) -> Answered:
        del fault
        return ask(state, parameters, quotes)

    return do


def _create(state: AccountState, parameters: Parameters, quotes: Quotes, fault: HttpFault | None) -> Answered:
    return order_endpoints.create(state, parameters, quotes, fault), {}


PRIVATE_PATHS: Mapping[str, PrivatePath] = {
    "/v5/order/create": PrivatePath("POST", CallGroup.CREATE, _create),
    "/v5/order/amend": PrivatePath("POST", CallGroup.AMEND, _plain(order_endpoints.amend_one)),
    "/v5/order/cancel": PrivatePath("POST", CallGroup.CANCEL, _plain(order_endpoints.cancel_one)),
    "/v5/order/cancel-all": PrivatePath("POST", CallGroup.CANCEL_ALL, _plain(order_endpoints.cancel_all)),
    "/v5/order/create-batch": PrivatePath("POST", CallGroup.CREATE, order_endpoints.create_batch),
    "/v5/order/amend-batch": PrivatePath("POST", CallGroup.AMEND, _batch(order_endpoints.amend_batch)),
    "/v5/order/cancel-batch": PrivatePath("POST", CallGroup.CANCEL, _batch(order_endpoints.cancel_batch)),
    "/v5/order/disconnected-cancel-all": PrivatePath(
        "POST", CallGroup.ACCOUNT_CHANGE, _plain(account_endpoints.protection)
    ),
    "/v5/account/query-dcp-info": PrivatePath(
        "GET", CallGroup.ACCOUNT_INFO, _plain(account_endpoints.protection_set)
    ),
    "/v5/order/realtime": PrivatePath("GET", CallGroup.ORDER_LIST, _plain(order_endpoints.realtime)),
    "/v5/order/history": PrivatePath("GET", CallGroup.ORDER_HISTORY, _plain(order_endpoints.history)),
    "/v5/position/list": PrivatePath("GET", CallGroup.POSITION_LIST, _plain(account_endpoints.positions)),
    "/v5/position/set-leverage": PrivatePath(
        "POST", CallGroup.POSITION_CHANGE, _plain(account_endpoints.leverage)
    ),
    "/v5/position/trading-stop": PrivatePath(
        "POST", CallGroup.POSITION_CHANGE, _plain(account_endpoints.trading_stop)
    ),
    "/v5/position/add-margin": PrivatePath(
        "POST", CallGroup.POSITION_CHANGE, _plain(account_endpoints.margin)
    ),
    "/v5/position/switch-mode": PrivatePath(
        "POST", CallGroup.POSITION_CHANGE, _plain(account_endpoints.switch_mode)
    ),
    "/v5/position/closed-pnl": PrivatePath("GET", CallGroup.CLOSED_PNL, _plain(account_endpoints.closed_pnl)),
    "/v5/execution/list": PrivatePath("GET", CallGroup.EXECUTION_LIST, _plain(account_endpoints.executions)),
    "/v5/account/wallet-balance": PrivatePath("GET", CallGroup.WALLET, _plain(account_endpoints.wallet)),
    "/v5/account/info": PrivatePath("GET", CallGroup.ACCOUNT_INFO, _plain(account_endpoints.information)),
    "/v5/account/set-margin-mode": PrivatePath(
        "POST", CallGroup.ACCOUNT_CHANGE, _plain(account_endpoints.margin_mode)
    ),
    "/v5/account/transaction-log": PrivatePath(
        "GET", CallGroup.TRANSACTION_LOG, _plain(account_endpoints.transaction_log)
    ),
    "/v5/account/fee-rate": PrivatePath("GET", CallGroup.FEE_RATE, _plain(account_endpoints.fee_rates)),
}

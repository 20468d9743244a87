"""Accounts as the sandbox's own addresses show and open them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.errors import ConfigurationError
from engine.sandbox.private.account_state import STARTING_BALANCE_USDT
from engine.sandbox.private.desk import PrivateDesk
from engine.sandbox.private.rows import text
from engine.sandbox.private.terms import MarginMode

Plain = dict[str, Any]


def accounts_shown(desk: PrivateDesk) -> Plain:
    """Return the accounts without their secrets: balance in USDT, positions, open orders, executions."""
    with desk.at_now():
        return {
            "accounts": [
                {
                    "key": state.key,
                    "user_id": state.user_id,
                    "balance_usdt": text(state.cash),
                    "positions": {held.symbol: text(held.side.sign * held.size) for held in state.held()},
                    "open_orders": len(state.open_orders),
                    "executions": len(state.executions),
                }
                for state in map(desk.account, desk.keys)
            ]
        }


def open_account(desk: PrivateDesk, plain: object) -> Plain:
    """Open the account that plain data describe, anew if there was one of its key.

    Raises
    ------
    ConfigurationError
        If they describe none.
    """
    match plain:
        case {"key": str(key), "secret": str(secret), **rest} if set(rest) <= {"balance_usdt", "margin_mode"}:
            desk.open_account(key, secret, balance_usdt=_balance(rest), margin_mode=_mode(rest))
            return accounts_shown(desk)
    raise ConfigurationError(
        "the body describes no account",
        way_out='send {"key": "second", "secret": "hidden"}, and "balance_usdt": "500" if you like',
    )


def _mode(rest: Mapping[Any, Any]) -> MarginMode:
    asked = rest.get("margin_mode", MarginMode.ISOLATED)
    try:
        return MarginMode(asked)
    except ValueError:
        modes = ", ".join(MarginMode)
        raise ConfigurationError(f"margin_mode is {asked!r}", way_out=f"give one of {modes}") from None


def _balance(rest: Mapping[Any, Any]) -> Decimal:
    asked = str(rest.get("balance_usdt", STARTING_BALANCE_USDT))
    try:
        balance = Decimal(asked)
    except InvalidOperation:
        balance = Decimal(-1)
    if not balance.is_finite() or balance < 0:
        raise ConfigurationError(f"balance_usdt is {asked!r}", way_out="give USDT from 0, as text")
    return balance

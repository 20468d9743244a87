"""The fields of Bybit's rows, each read strictly or told to be unreadable.

Bybit writes numbers as strings, "" for what is absent, and 0 for a price that is not set.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from engine.exchange.faults import FaultKind, RequestFault
from engine.exchange.trading.orders import ZERO

type Row = Mapping[str, Any]


def name(row: Row, key: str) -> str:
    """Return a text that must be there.

    Raises
    ------
    RequestFault
        If it is not.
    """
    value = text(row, key)
    if not value:
        raise _unreadable(row, key)
    return value


def text(row: Row, key: str) -> str:
    """Return a text; "" if it is absent."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def number(row: Row, key: str) -> Decimal:
    """Return a number that must be there.

    Raises
    ------
    RequestFault
        If it is not, or is not finite.
    """
    try:
        value = Decimal(str(row[key]))
    except (KeyError, InvalidOperation):
        raise _unreadable(row, key) from None
    if not value.is_finite():
        raise _unreadable(row, key)
    return value


def number_or_zero(row: Row, key: str) -> Decimal:
    """Return a number; 0 if it is absent or "".

    Raises
    ------
    RequestFault
        If it is there and no finite number.
    """
    return ZERO if row.get(key) in (None, "") else number(row, key)


def price(row: Row, key: str) -> Decimal | None:
    """Return a price; None if it is absent, "" or 0, which is how Bybit writes that there is none.

    Raises
    ------
    RequestFault
        If it is there and no finite number.
    """
    return number_or_zero(row, key) or None


def moment(row: Row, key: str) -> int:
    """Return a time in epoch milliseconds.

    Raises
    ------
    RequestFault
        If it is not there or not a whole number.
    """
    try:
        return int(row[key])
    except (KeyError, TypeError, ValueError):
        raise _unreadable(row, key) from None


def one_of[E: StrEnum](kind: type[E], row: Row, key: str) -> E:
    """Return one of the words of an enum.

    Raises
    ------
    RequestFault
        If it is none of them.
    """
    try:
        return kind(str(row.get(key)))
    except ValueError:
        raise _unreadable(row, key) from None


def _unreadable(row: Row, key: str) -> RequestFault:
    about = ", ".join(str(row[each]) for each in ("symbol", "orderId", "execId") if row.get(each))
    return RequestFault(FaultKind.UNSOUND, f"{key} is {row.get(key)!r}" + (f" ({about})" if about else ""))

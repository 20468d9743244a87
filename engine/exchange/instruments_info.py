"""Bybit's list of instruments: all its pages, and every status."""

from __future__ import annotations

from typing import Any

from engine.errors import SymbolNotListed
from engine.exchange.facts import TRADING
from engine.exchange.rows import objects_of
from engine.exchange.session import BybitSession

_PAGE = 1000
# Without a status Bybit gives what trades.
_STATUSES = (TRADING, "PreLaunch", "Delivering", "Closed")


def instrument_rows(session: BybitSession, **parameters: object) -> list[dict[str, Any]]:
    """Return the rows of all pages of instruments-info.

    The cursor ends: empty, or one that was followed before, or on an empty page. It comes percent-encoded
    and goes back as it is.

    Parameters
    ----------
    session : BybitSession
        Who is asked.
    parameters : object
        Bybit's: `status`, `symbol`.

    Raises
    ------
    ExchangeError
        As `BybitSession.call`.
    """

    def read(result: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        return objects_of(result), str(result.get("nextPageCursor") or "")

    rows: list[dict[str, Any]] = []
    followed = {""}
    cursor: str | None = None
    while True:
        page, cursor = session.call(
            "get_instruments_info",
            "instruments-info",
            read,
            category="linear",
            limit=_PAGE,
            cursor=cursor,
            **parameters,
        )
        rows += page
        if cursor in followed or not page:
            return rows
        followed.add(cursor)


def find_instrument(session: BybitSession, symbol: str) -> dict[str, Any] | None:
    """Return the row of `symbol`, whatever its status; None if there is none.

    Raises
    ------
    ExchangeError
        As `BybitSession.call`.
    """
    for status in _STATUSES:
        try:
            rows = instrument_rows(session, symbol=symbol, status=status)
        except SymbolNotListed:
            continue
        for row in rows:
            if row.get("symbol") == symbol:
                return row
    return None

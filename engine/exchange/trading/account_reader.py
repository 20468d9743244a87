"""Everything that can be read of an account, whole or not at all: all pages and all windows of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from engine.exchange.faults import FaultKind, RequestFault
from engine.exchange.rows import objects_of
from engine.exchange.trading import reading
from engine.exchange.trading.account_records import AccountInfo, FeeRates, Transaction
from engine.exchange.trading.fields import name, number
from engine.exchange.trading.orders import (
    ZERO,
    ClosedPnl,
    ExecutionKind,
    ExecutionReport,
    OrderReport,
    PositionReport,
    WalletReport,
)
from engine.exchange.trading.signed_session import SignedSession
from engine.timeframes import DAY_MS

LINEAR = "linear"
SETTLE_COIN = "USDT"
_ACCOUNT = "UNIFIED"

# No answer spans more than seven days.
_WINDOW_MS = 7 * DAY_MS
_ORDERS_PAGE = 50
_EXECUTIONS_PAGE = 100
_POSITIONS_PAGE = 200
_TRANSACTIONS_PAGE = 50


class AccountReader:
    """Reads one account. Threads may share it.

    Every method may raise `ExchangeUnavailable`, `AuthenticationFailed` or `ExchangeError`, as
    `SignedSession.ask`; what cannot be read whole is not returned at all. Times are epoch milliseconds.

    Parameters
    ----------
    session : SignedSession
        Who is asked.
    """

    def __init__(self, session: SignedSession) -> None:
        self.session = session

    def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        """Return the orders that may still trade, of a symbol or all; a position's bracket among them."""
        rows = self._pages(
            "get_open_orders", reading.order_report, _ORDERS_PAGE, openOnly=0, **_chosen(symbol)
        )
        return tuple({order.order_id: order for order in rows if order.is_open}.values())

    def order(
        self, symbol: str, order_link_id: str | None = None, *, order_id: str | None = None
    ) -> OrderReport | None:
        """Return the order of a name, ours or the exchange's, open or not; None if there is none.

        Looked for among the open ones, those that ended lately, and the history of two years (where a
        cancelled order that never traded stays for a day).
        """

        def read(result: dict[str, Any]) -> list[OrderReport]:
            reports = map(reading.order_report, objects_of(result))
            return [
                report
                for report in reports
                if (order_link_id is None or report.order_link_id == order_link_id)
                and (order_id is None or report.order_id == order_id)
            ]

        for method, more in (
            ("get_open_orders", {"openOnly": 0}),
            ("get_open_orders", {"openOnly": 1}),
            ("get_order_history", {}),
        ):
            found = self.session.ask(
                method,
                read,
                category=LINEAR,
                symbol=symbol,
                orderLinkId=order_link_id,
                orderId=order_id,
                **more,
            )
            if found:
                return max(found, key=lambda report: report.updated_ms)
        return None

    def order_history(self, symbol: str | None = None, *, since_ms: int) -> tuple[OrderReport, ...]:
        """Return the orders made since, that are over, oldest first."""
        found = self._windows("get_order_history", reading.order_report, _ORDERS_PAGE, symbol, since_ms)
        orders = {order.order_id: order for order in found}
        return tuple(sorted(orders.values(), key=lambda order: (order.created_ms, order.order_id)))

    def executions(self, symbol: str | None = None, *, since_ms: int) -> tuple[ExecutionReport, ...]:
        """Return fills and funding payments since, each once, oldest first."""
        found = self._windows("get_executions", reading.execution_report, _EXECUTIONS_PAGE, symbol, since_ms)
        once = {execution.execution_id: execution for execution in found}
        return _oldest_first(once.values())

    def funding(self, symbol: str | None = None, *, since_ms: int) -> tuple[ExecutionReport, ...]:
        """Return the funding payments since, oldest first; `fee` is what was paid, below 0 if received."""
        executions = self.executions(symbol, since_ms=since_ms)
        return tuple(each for each in executions if each.kind is ExecutionKind.FUNDING)

    def positions(self) -> tuple[PositionReport, ...]:
        """Return the positions that are open, by symbol."""
        rows = self._pages("get_positions", reading.position_report, _POSITIONS_PAGE, settleCoin=SETTLE_COIN)
        held = {position.symbol: position for position in rows if not position.is_flat}
        return tuple(held[symbol] for symbol in sorted(held))

    def position(self, symbol: str) -> PositionReport:
        """Return the position of a symbol, flat or not; it tells the symbol's leverage in either case."""

        def read(result: dict[str, Any]) -> PositionReport:
            for report in map(reading.position_report, objects_of(result)):
                if report.symbol == symbol:
                    return report
            raise RequestFault(FaultKind.UNSOUND, f"the answer has no row for {symbol}")

        return self.session.ask("get_positions", read, category=LINEAR, symbol=symbol)

    def wallet(self) -> WalletReport:
        """Return the account in USDT; all zeros if it has never had any."""

        def read(result: dict[str, Any]) -> WalletReport:
            accounts = objects_of(result)
            if not accounts:
                raise RequestFault(FaultKind.UNSOUND, "the answer has no account")
            now_ms = self.session.server_ms()
            empty = WalletReport(ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, now_ms)
            return reading.wallet_report(accounts[0], now_ms) or empty

        return self.session.ask("get_wallet_balance", read, accountType=_ACCOUNT, coin=SETTLE_COIN)

    def closed_pnl(self, since_ms: int, symbol: str | None = None) -> tuple[ClosedPnl, ...]:
        """Return what was closed since, oldest first."""
        found = self._windows("get_closed_pnl", reading.closed_pnl, _EXECUTIONS_PAGE, symbol, since_ms)
        return _oldest_first(found)

    def transaction_log(self, since_ms: int) -> tuple[Transaction, ...]:
        """Return the book of cash since, oldest first."""
        found = self._windows(
            "get_transaction_log",
            reading.transaction,
            _TRANSACTIONS_PAGE,
            None,
            since_ms,
            accountType=_ACCOUNT,
            currency=SETTLE_COIN,
        )
        return _oldest_first(found)

    def account_info(self) -> AccountInfo:
        """Return the settings of the account."""
        return self.session.ask("get_account_info", reading.account_info)

    def fee_rates(self, symbol: str) -> FeeRates:
        """Return what trading `symbol` costs this account."""

        def read(result: dict[str, Any]) -> FeeRates:
            for row in objects_of(result):
                if row.get("symbol") == symbol:
                    return FeeRates(
                        name(row, "symbol"), number(row, "takerFeeRate"), number(row, "makerFeeRate")
                    )
            raise RequestFault(FaultKind.UNSOUND, f"the answer has no row for {symbol}")

        return self.session.ask("get_fee_rates", read, category=LINEAR, symbol=symbol)

    def _windows[R](
        self,
        method: str,
        read_row: Callable[[dict[str, Any]], R],
        page: int,
        symbol: str | None,
        since_ms: int,
        **parameters: object,
    ) -> Iterator[R]:
        """Yield the rows from `since_ms` to now, newest first within each window of seven days."""
        first_ms = since_ms
        while True:
            yield from self._pages(
                method,
                read_row,
                page,
                symbol=symbol,
                startTime=first_ms,
                endTime=first_ms + _WINDOW_MS - 1,
                **parameters,
            )
            first_ms += _WINDOW_MS
            if first_ms > self.session.server_ms():
                return

    def _pages[R](
        self, method: str, read_row: Callable[[dict[str, Any]], R], page: int, **parameters: object
    ) -> Iterator[R]:
        """Yield the rows of all pages. The cursor comes percent-encoded and goes back as it is."""

        def read(result: dict[str, Any]) -> tuple[list[R], str]:
            return [read_row(row) for row in objects_of(result)], str(result.get("nextPageCursor") or "")

        followed = {""}
        cursor: str | None = None
        while True:
            rows, cursor = self.session.ask(
                method, read, category=LINEAR, limit=page, cursor=cursor, **parameters
            )
            yield from rows
            if cursor in followed or not rows:
                return
            followed.add(cursor)


def _oldest_first[R: (ExecutionReport, ClosedPnl, Transaction)](rows: Iterable[R]) -> tuple[R, ...]:
    # answers are newest first, also among rows of one moment; one that came meanwhile pushes the last row of
    # a page to the next, where it is told again
    once = list(dict.fromkeys(rows))
    once.reverse()
    return tuple(sorted(once, key=lambda row: row.ts_ms))


def _chosen(symbol: str | None) -> dict[str, str]:
    """Return the parameter that chooses a symbol, or all that settle in USDT."""
    return {"symbol": symbol} if symbol is not None else {"settleCoin": SETTLE_COIN}

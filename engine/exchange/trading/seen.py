"""What of an account has been told already: so that nothing is told twice, and what is missing shows."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from engine.exchange.trading.orders import ExecutionReport, OrderReport, PositionReport

# More than can come in between two looks; the memory stays small for ever.
_KEPT = 20_000


class Seen:
    """The executions, orders and positions that have been told. One thread uses it."""

    def __init__(self) -> None:
        self.last_execution_ms: int | None = None
        self._executions: OrderedDict[str, None] = OrderedDict()
        self._orders: OrderedDict[str, OrderReport] = OrderedDict()
        self._positions: dict[str, PositionReport] = {}

    def is_new_execution(self, report: ExecutionReport) -> bool:
        """Note an execution; whether it was not told before."""
        if report.execution_id in self._executions:
            return False
        _keep(self._executions, report.execution_id, None)
        self.last_execution_ms = max(report.ts_ms, self.last_execution_ms or 0)
        return True

    def is_new_order(self, report: OrderReport) -> bool:
        """Note an order; whether that tells something new of it.

        What is over stays over (a filled order may be told a second time with another reason), what is
        older than what is known, or the same, tells nothing.
        """
        known = self._orders.get(report.order_id)
        if known is not None and (
            not known.is_open
            or report.updated_ms < known.updated_ms
            or report.filled_size < known.filled_size
            or replace(report, updated_ms=known.updated_ms) == known
        ):
            return False
        _keep(self._orders, report.order_id, report)
        return True

    def is_new_position(self, report: PositionReport) -> bool:
        """Note a position; whether it changed in anything but the moment and what follows from the price."""
        known = self._positions.get(report.symbol)
        self._positions[report.symbol] = report
        return known is None or _without_price(report) != _without_price(known)

    def open_orders(self) -> tuple[OrderReport, ...]:
        """Return the orders that are open as far as was told."""
        return tuple(report for report in self._orders.values() if report.is_open)

    def held_symbols(self) -> tuple[str, ...]:
        """Return the symbols that have a position as far as was told."""
        return tuple(symbol for symbol, report in self._positions.items() if not report.is_flat)


def _without_price(report: PositionReport) -> PositionReport:
    return replace(
        report,
        mark_price=report.entry_price,
        unrealised_pnl=report.entry_price,
        maintenance_margin=report.entry_price,
        updated_ms=0,
    )


def _keep[V](memory: OrderedDict[str, V], key: str, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _KEPT:
        memory.popitem(last=False)

"""What is known of the account: what the private stream tells, held against the exchange's own reading."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.exchange.stream import Outage
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.orders import OrderReport, PositionReport, WalletReport
from engine.exchange.trading.prices import Ticker
from engine.exchange.trading.private_stream import Connected
from engine.live.risk.view import AccountView
from engine.market_data.instruments import InstrumentRules

_KEPT_TYPES = 1_000


@dataclass(frozen=True)
class Prices:
    """Present prices of contracts, asked for beside the streams."""

    tickers: tuple[Ticker, ...]


class AccountBook:
    """Wallet, positions, open orders and prices, as known.

    Parameters
    ----------
    instruments : mapping of str to InstrumentRules
        Of the symbols that are traded.
    """

    def __init__(self, instruments: Mapping[str, InstrumentRules]) -> None:
        self._instruments = dict(instruments)
        self.wallet: WalletReport | None = None
        self.positions: dict[str, PositionReport] = {}
        self.open_orders: dict[str, OrderReport] = {}
        self.is_connected = False
        self.in_step = False
        self.clock_offset_ms: int | None = None
        self.account_ms: int | None = None
        self._stop_types: OrderedDict[str, str] = OrderedDict()
        self._last: dict[str, tuple[Decimal, int]] = {}
        self._mark: dict[str, tuple[Decimal, int]] = {}
        self._funding: dict[str, Decimal] = {}
        self._next_funding: dict[str, int] = {}

    def take(self, event: object, now_ms: int) -> bool:
        """Take in what was heard of the account; return whether it was of that kind."""
        if isinstance(event, WalletReport):
            self.wallet = event
        elif isinstance(event, PositionReport):
            self.positions[event.symbol] = event
        elif isinstance(event, OrderReport):
            self._take_order(event)
        elif isinstance(event, Connected):
            self.is_connected = True
            self.account_ms = now_ms
        elif isinstance(event, Outage):
            self.is_connected = self.in_step = False
        elif isinstance(event, Prices):
            self._take_prices(event.tickers)
        else:
            return False
        return True

    def note_trade(self, symbol: str, price: float, ts_ms: int) -> None:
        """Take note of the last price, as of the close of a candle."""
        if ts_ms >= self._last.get(symbol, (None, 0))[1]:
            self._last[symbol] = (Decimal(str(price)), ts_ms)

    def read_all(self, manager: ExchangeManager, now_ms: int) -> None:
        """Read the whole account.

        Raises
        ------
        ExchangeError
            If the exchange does not answer; what was known stays.
        """
        wallet, open_orders = manager.wallet(), manager.open_orders()
        held = {position.symbol: position for position in manager.positions()}
        for symbol in self._instruments:
            # a flat symbol is told with its leverage only where it is asked for by name
            if symbol not in held:
                held[symbol] = manager.position(symbol)
        self.wallet, self.positions = wallet, held
        self.open_orders = {order.order_id: order for order in open_orders}
        self.account_ms = now_ms
        for order in open_orders:
            self._note_type(order)

    def symbols(self) -> list[str]:
        """Return the symbols that are traded, held or have an open order; any thread may ask."""
        held = [position.symbol for position in list(self.positions.values()) if not position.is_flat]
        ordered = [order.symbol for order in list(self.open_orders.values())]
        return sorted({*self._instruments, *held, *ordered})

    def open_order(self, order_link_id: str) -> OrderReport | None:
        """Return the open order of a name of ours; None if there is none."""
        for order in self.open_orders.values():
            if order.order_link_id == order_link_id:
                return order
        return None

    def stop_order_type(self, order_id: str) -> str:
        """Return what kind of bracket an order was of: "StopLoss", "TakeProfit"; "" if it was none."""
        return self._stop_types.get(order_id, "")

    def mark_price(self, symbol: str) -> Decimal | None:
        """Return the mark price as last known."""
        return self._mark[symbol][0] if symbol in self._mark else None

    def view(self) -> AccountView:
        """Return what the risk manager looks at."""
        return AccountView(
            wallet=self.wallet,
            positions=dict(self.positions),
            open_orders=tuple(self.open_orders.values()),
            last_price=dict(self._last),
            mark_price=dict(self._mark),
            funding_rate=dict(self._funding),
            next_funding_ms=dict(self._next_funding),
            is_reconciled=self.is_connected and self.in_step,
            clock_offset_ms=self.clock_offset_ms,
            account_ms=self.account_ms,
            instruments=self._instruments,
        )

    def _take_order(self, order: OrderReport) -> None:
        self._note_type(order)
        known = self.open_orders.get(order.order_id)
        if known is not None and order.updated_ms < known.updated_ms:
            return
        if order.is_open:
            self.open_orders[order.order_id] = order
        else:
            self.open_orders.pop(order.order_id, None)

    def _note_type(self, order: OrderReport) -> None:
        if order.stop_order_type:
            self._stop_types[order.order_id] = order.stop_order_type
            while len(self._stop_types) > _KEPT_TYPES:
                self._stop_types.popitem(last=False)

    def _take_prices(self, tickers: Iterable[Ticker]) -> None:
        for ticker in tickers:
            symbol = ticker.symbol
            if ticker.ts_ms >= self._last.get(symbol, (None, 0))[1]:
                self._last[symbol] = (ticker.last, ticker.ts_ms)
            self._mark[symbol] = (ticker.mark, ticker.ts_ms)
            self._funding[symbol] = ticker.funding_rate
            self._next_funding[symbol] = ticker.next_funding_ms

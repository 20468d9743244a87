"""An account with 10,000 USDT in a market at 100 USDT, in which everything is certain and nothing is held."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bitcoin_rules import BITCOIN

from engine.exchange.trading.orders import (
    ClosedPnl,
    ExecutionKind,
    ExecutionReport,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    PositionReport,
    WalletReport,
)
from engine.live.risk.view import AccountView, OrderIntent
from engine.timeframes import HOUR_MS, parse_utc

NOW = parse_utc("2026-01-07 12:00")
"""A Wednesday at noon."""
PRICE = Decimal(100)
EQUITY = Decimal(10_000)
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT")


def wallet(equity=EQUITY):
    return WalletReport(
        Decimal(equity), Decimal(equity), Decimal(equity), Decimal(0), Decimal(0), Decimal(0), NOW
    )


def position(symbol="BTCUSDT", size=0, *, leverage=3, liquidation=None, updated_ms=0, mark=PRICE):
    """A long of `size`, a short if below 0, flat if 0."""
    size = Decimal(size)
    side = None if size == 0 else OrderSide.BUY if size > 0 else OrderSide.SELL
    zero = Decimal(0)
    return PositionReport(
        symbol, side, abs(size), PRICE, mark, liquidation, Decimal(leverage),
        None, None, zero, zero, zero, zero, updated_ms,
    )  # fmt: skip


def view(now_ms=NOW, *, positions=(), orders=(), equity=EQUITY, price=PRICE, **changes):
    """The account as read at `now_ms`."""
    flat = {symbol: position(symbol) for symbol in SYMBOLS}
    known = AccountView(
        wallet=wallet(equity),
        positions=flat | {each.symbol: each for each in positions},
        open_orders=tuple(orders),
        last_price={symbol: (Decimal(price), now_ms) for symbol in SYMBOLS},
        mark_price={symbol: (Decimal(price), now_ms) for symbol in SYMBOLS},
        funding_rate={symbol: Decimal("0.0001") for symbol in SYMBOLS},
        next_funding_ms=dict.fromkeys(SYMBOLS, now_ms + 4 * HOUR_MS),
        is_reconciled=True,
        clock_offset_ms=20,
        account_ms=now_ms,
        instruments={symbol: replace(BITCOIN, symbol=symbol) for symbol in SYMBOLS},
    )
    return replace(known, **changes)


def intent(
    size=10, symbol="BTCUSDT", side=OrderSide.BUY, *, name="order", now_ms=NOW, reduces=False, **request
):
    """A market order unless a price is given."""
    kind = OrderKind.LIMIT if "price" in request else OrderKind.MARKET
    asked = OrderRequest(symbol, side, kind, Decimal(size), name, reduce_only=reduces, **request)
    return OrderIntent(asked, "card", "15m", reduces, now_ms, PRICE)


def order(
    size=10, symbol="BTCUSDT", side=OrderSide.BUY, *, name="standing", price=PRICE, updated_ms=NOW, **changes
):
    """A limit order in the book."""
    report = OrderReport(
        symbol, f"id-{name}", name, side, OrderKind.LIMIT, OrderStatus.NEW, Decimal(size), Decimal(0),
        price, None, None, False, updated_ms, updated_ms,
    )  # fmt: skip
    return replace(report, **changes)


def execution(name, size, ts_ms, symbol="BTCUSDT", side=OrderSide.BUY, kind=ExecutionKind.TRADE):
    """A fill of an order."""
    return ExecutionReport(
        symbol, f"{name} {ts_ms}", f"id-{name}", name, side, PRICE, Decimal(size), Decimal(0), Decimal(0),
        False, kind, ts_ms,
    )  # fmt: skip


def closed(pnl, ts_ms=NOW, order_id="closing", symbol="BTCUSDT"):
    return ClosedPnl(
        symbol, order_id, OrderSide.SELL, Decimal(1), PRICE, PRICE, Decimal(pnl), Decimal(0), ts_ms
    )

"""The account as the risk manager looks at it, read whole from the exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.exchange.trading.manager import ExchangeManager
from engine.live.risk.view import AccountView
from engine.market_data.instruments import InstrumentRules


def judged_clock_offset_ms(manager: ExchangeManager) -> int:
    """Return how far our clock is behind the exchange's, as far as that can be a fault of ours.

    Raises
    ------
    ExchangeError
        If the exchange does not tell its time.
    """
    offset_ms = manager.clock_offset_ms()
    return 0 if manager.environment.has_clock_of_its_own else offset_ms


def read_account_view(
    manager: ExchangeManager,
    symbols: Iterable[str],
    instrument_of: Callable[[str], InstrumentRules],
    now_ms: int,
) -> AccountView:
    """Return the account and its markets as the exchange tells them now.

    It is known whole or not at all, so it counts as reconciled.

    Parameters
    ----------
    manager : ExchangeManager
        The account.
    symbols : iterable of str
        What is about to be traded; whatever has a position or an order is read beside.
    instrument_of : callable
        The rules and risk tiers of a symbol.
    now_ms : int
        The moment of asking, UTC epoch milliseconds: what is told may be a little newer, never older.

    Raises
    ------
    ExchangeError
        If anything cannot be read.
    """
    clock_offset_ms = judged_clock_offset_ms(manager)
    wallet = manager.wallet()
    open_orders = manager.open_orders()
    held = {position.symbol: position for position in manager.positions()}
    concerned = sorted({*symbols, *held, *(order.symbol for order in open_orders)})
    positions = {symbol: held.get(symbol) or manager.position(symbol) for symbol in concerned}
    tickers = {symbol: manager.ticker(symbol) for symbol in concerned}
    return AccountView(
        wallet=wallet,
        positions=positions,
        open_orders=open_orders,
        last_price={symbol: (ticker.last, now_ms) for symbol, ticker in tickers.items()},
        mark_price={symbol: (ticker.mark, now_ms) for symbol, ticker in tickers.items()},
        funding_rate={symbol: ticker.funding_rate for symbol, ticker in tickers.items()},
        next_funding_ms={symbol: ticker.next_funding_ms for symbol, ticker in tickers.items()},
        is_reconciled=True,
        clock_offset_ms=clock_offset_ms,
        account_ms=now_ms,
        instruments={symbol: instrument_of(symbol) for symbol in concerned},
    )

"""What the risk manager looks at: the order that is to be sent, and the account as it is known now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from engine.exchange.trading.orders import OrderReport, OrderRequest, PositionReport, WalletReport
from engine.market_data.instruments import InstrumentRules


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order that somebody wants to send, or the order that an amendment would make of one.

    Parameters
    ----------
    request : OrderRequest
        The order; of an amendment, with the name (order link id) of the order that is amended.
    card_id, timeframe : str
        On whose behalf; "" of an order by hand.
    reduces : bool
        Whether it is meant to open no risk. It has to be reduce-only then: the exchange sees to that.
    decided_ms : int
        When it was decided, UTC epoch milliseconds.
    reference_price : Decimal
        The price the decision was made at, USDT.
    """

    request: OrderRequest
    card_id: str
    timeframe: str
    reduces: bool
    decided_ms: int
    reference_price: Decimal


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account and its markets as they are known. What is missing or old is not certain: nothing opens.

    Parameters
    ----------
    wallet : WalletReport or None
        Balance and equity.
    positions : mapping of PositionReport
        By symbol. A symbol that is traded has to be there also when it is flat, with its leverage: what is
        not there is not known.
    open_orders : tuple of OrderReport
        All of the account's, those placed by hand too.
    last_price, mark_price : mapping of (Decimal, int)
        By symbol: USDT, and when it was so in epoch milliseconds.
    funding_rate : mapping of Decimal
        By symbol: of the next settlement, a fraction; above 0 longs pay.
    next_funding_ms : mapping of int
        By symbol: when that is.
    is_reconciled : bool
        Whether the exchange was asked and agreed, since the start and the last reconnect.
    clock_offset_ms : int or None
        The exchange's clock less ours; None if never compared.
    account_ms : int or None
        When the positions were last known to be right: the time of their last reading, or of the last sign
        of life of a stream that carries every change. The orders are of the same time, give or take 5
        seconds, and so is the wallet.
    instruments : mapping of InstrumentRules
        By symbol: for the risk tiers.
    """

    wallet: WalletReport | None = None
    positions: Mapping[str, PositionReport] = field(default_factory=dict)
    open_orders: tuple[OrderReport, ...] = ()
    last_price: Mapping[str, tuple[Decimal, int]] = field(default_factory=dict)
    mark_price: Mapping[str, tuple[Decimal, int]] = field(default_factory=dict)
    funding_rate: Mapping[str, Decimal] = field(default_factory=dict)
    next_funding_ms: Mapping[str, int] = field(default_factory=dict)
    is_reconciled: bool = False
    clock_offset_ms: int | None = None
    account_ms: int | None = None
    instruments: Mapping[str, InstrumentRules] = field(default_factory=dict)

    def price_of(self, symbol: str) -> Decimal | None:
        """Return the greater of last and mark price, which exposure is counted at; None if one is unknown."""
        if symbol not in self.last_price or symbol not in self.mark_price:
            return None
        return max(self.last_price[symbol][0], self.mark_price[symbol][0])

"""What is asked of the exchange and what it reports: plain values, every price and size a Decimal.

Prices and amounts are in USDT, sizes in base coin, times in UTC epoch milliseconds. One-way mode only: a
symbol has one position, long or short.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum

ZERO = Decimal(0)


class OrderSide(StrEnum):
    """Which way an order trades; of a position, which way it was opened (Buy is long)."""

    BUY = "Buy"
    SELL = "Sell"

    @property
    def opposite(self) -> OrderSide:
        """The other side: the one that closes."""
        return OrderSide.SELL if self is OrderSide.BUY else OrderSide.BUY


class OrderKind(StrEnum):
    """At which price an order trades. With a trigger price either kind is a conditional order."""

    MARKET = "Market"
    LIMIT = "Limit"


class TimeInForce(StrEnum):
    """How long a limit order stands."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "PostOnly"


class TriggerBy(StrEnum):
    """Which price triggers a conditional order, a stop or a target."""

    LAST = "LastPrice"
    MARK = "MarkPrice"
    INDEX = "IndexPrice"


class TriggerDirection(IntEnum):
    """Which way the price has to go to trigger a conditional order."""

    RISE = 1
    FALL = 2


class OrderStatus(StrEnum):
    """Where an order is in its life."""

    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    UNTRIGGERED = "Untriggered"
    TRIGGERED = "Triggered"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    REJECTED = "Rejected"
    DEACTIVATED = "Deactivated"

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade."""
        return self in _OPEN


_OPEN = frozenset(
    {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNTRIGGERED, OrderStatus.TRIGGERED}
)


class ExecutionKind(StrEnum):
    """Why a position or the balance changed: Bybit's execType."""

    TRADE = "Trade"
    FUNDING = "Funding"
    BUST_TRADE = "BustTrade"
    ADL_TRADE = "AdlTrade"
    DELIVERY = "Delivery"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order to be placed.

    Parameters
    ----------
    symbol : str
        For example BTCUSDT.
    side : OrderSide
        Buy or sell.
    kind : OrderKind
        Market or limit.
    size : Decimal
        Base coin, a multiple of the instrument's lot step.
    order_link_id : str
        Our own name of the order, at most 36 characters; see `order_ids.order_link_id`. The exchange takes
        an order of one name once.
    price : Decimal, optional
        The limit; of a limit order only.
    trigger_price : Decimal, optional
        Makes it a conditional order, that waits until this price is reached.
    trigger_direction : TriggerDirection, optional
        Whether it is reached by a rise or a fall; goes with `trigger_price`.
    trigger_by : TriggerBy, optional
        Of which price.
    time_in_force : TimeInForce, optional
        How long a limit order stands; a market order is over at once.
    reduce_only : bool, optional
        Whether it may only make the position smaller.
    close_on_trigger : bool, optional
        Whether other orders give way if margin is short when it triggers.
    stop_loss, take_profit : Decimal, optional
        Stop and target of the position this order opens: set by the exchange itself in the moment of the
        fill, for the whole position.
    stop_loss_trigger_by, take_profit_trigger_by : TriggerBy, optional
        Which price triggers them.
    """

    symbol: str
    side: OrderSide
    kind: OrderKind
    size: Decimal
    order_link_id: str
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    trigger_direction: TriggerDirection | None = None
    trigger_by: TriggerBy = TriggerBy.LAST
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    close_on_trigger: bool = False
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    stop_loss_trigger_by: TriggerBy = TriggerBy.LAST
    take_profit_trigger_by: TriggerBy = TriggerBy.LAST

    @property
    def is_conditional(self) -> bool:
        """Whether it waits for a trigger price."""
        return self.trigger_price is not None


@dataclass(frozen=True, slots=True)
class OrderAck:
    """The exchange has taken an order. What became of it since is told by `OrderReport`.

    Parameters
    ----------
    symbol, order_id, order_link_id : str
        Which order; `order_id` is the exchange's own name of it.
    was_there : bool
        Whether the exchange had the order already: an earlier attempt had gone through.
    """

    symbol: str
    order_id: str
    order_link_id: str
    was_there: bool = False


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order as the exchange has it.

    Parameters
    ----------
    symbol, order_id, order_link_id : str
        Which; `order_link_id` is "" for an order that has none, such as a stop of a position.
    side, kind, status
        As of `OrderSide`, `OrderKind`, `OrderStatus`.
    size, filled_size : Decimal
        Base coin: asked for, and traded so far.
    price : Decimal or None
        The limit; None of a market order.
    average_price : Decimal or None
        Of what has traded; None if nothing has.
    trigger_price : Decimal or None
        Of a conditional order.
    reduce_only : bool
        Whether it can only make the position smaller.
    stop_loss, take_profit : Decimal or None
        What it sets for the position it opens.
    stop_order_type : str
        Bybit's: "Stop" of a conditional order, "StopLoss", "TakeProfit" of a position's bracket, or "".
    created_ms, updated_ms : int
        Epoch milliseconds.
    reject_reason : str
        Why it was refused or cancelled by the exchange, in its own code; "" if it was not.
    """

    symbol: str
    order_id: str
    order_link_id: str
    side: OrderSide
    kind: OrderKind
    status: OrderStatus
    size: Decimal
    filled_size: Decimal
    price: Decimal | None
    average_price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    created_ms: int
    updated_ms: int
    reject_reason: str = ""
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    stop_order_type: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.status.is_open


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One fill, or one funding payment.

    Parameters
    ----------
    symbol, execution_id, order_id, order_link_id : str
        Which; `execution_id` is there once only.
    side : OrderSide
        Of the order; of a funding payment, of the position.
    price, size : Decimal
        USDT and base coin; of a funding payment the mark price and the position's size.
    fee : Decimal
        USDT paid; below 0 if received. Of a funding payment the payment itself.
    fee_rate : Decimal
        A fraction; of a funding payment the rate, with the sign turned for a short.
    is_maker : bool
        Whether the order had been in the book.
    kind : ExecutionKind
        Trade, funding, liquidation ...
    ts_ms : int
        Epoch milliseconds.
    closed_size : Decimal
        How much of the size closed a position.
    """

    symbol: str
    execution_id: str
    order_id: str
    order_link_id: str
    side: OrderSide
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_rate: Decimal
    is_maker: bool
    kind: ExecutionKind
    ts_ms: int
    closed_size: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PositionReport:
    """The position of a symbol, or that there is none.

    Parameters
    ----------
    symbol : str
        Which.
    side : OrderSide or None
        Buy is long; None if there is no position.
    size : Decimal
        Base coin, never below 0.
    entry_price, mark_price : Decimal
        USDT; the entry price is 0 if there is no position.
    liquidation_price : Decimal or None
        None if there is no position, or no price would liquidate it.
    leverage : Decimal
        As set for the symbol.
    stop_loss, take_profit : Decimal or None
        The bracket at the exchange.
    initial_margin, maintenance_margin, unrealised_pnl, realised_pnl : Decimal
        USDT; realised is that of this position, with its fees and funding.
    updated_ms : int
        Epoch milliseconds.
    """

    symbol: str
    side: OrderSide | None
    size: Decimal
    entry_price: Decimal
    mark_price: Decimal
    liquidation_price: Decimal | None
    leverage: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    initial_margin: Decimal
    maintenance_margin: Decimal
    unrealised_pnl: Decimal
    realised_pnl: Decimal
    updated_ms: int

    @property
    def is_flat(self) -> bool:
        """Whether there is no position."""
        return self.side is None or self.size == 0

    @property
    def signed_size(self) -> Decimal:
        """The size, below 0 of a short."""
        return -self.size if self.side is OrderSide.SELL else self.size

    @property
    def notional(self) -> Decimal:
        """The value at the mark price, in USDT."""
        return self.size * self.mark_price


@dataclass(frozen=True, slots=True)
class WalletReport:
    """The account in USDT, in isolated margin.

    `available_balance` is what new orders may use: the wallet balance less the margin of positions and of
    orders and what is locked.
    """

    equity: Decimal
    wallet_balance: Decimal
    available_balance: Decimal
    position_margin: Decimal
    order_margin: Decimal
    unrealised_pnl: Decimal
    updated_ms: int


@dataclass(frozen=True, slots=True)
class ClosedPnl:
    """A position, or a part of one, that an order has closed.

    Parameters
    ----------
    symbol, order_id : str
        Which order closed it.
    side : OrderSide
        Of the closing order: Sell closed a long.
    size : Decimal
        Base coin.
    entry_price, exit_price : Decimal
        Averages, USDT.
    pnl : Decimal
        USDT, with the fees of entry and exit (and funding paid) taken off.
    fees : Decimal
        USDT: what lies between the prices' difference and `pnl`.
    ts_ms : int
        When, epoch milliseconds.
    """

    symbol: str
    order_id: str
    side: OrderSide
    size: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    fees: Decimal
    ts_ms: int

"""Bybit's words for what an account holds and does, as they stand on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class Side(StrEnum):
    """The side of an order or a position."""

    BUY = "Buy"
    SELL = "Sell"

    @property
    def sign(self) -> Literal[1, -1]:
        """1 for what gains when the price rises, -1 for what gains when it falls."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order is priced."""

    MARKET = "Market"
    LIMIT = "Limit"


class TimeInForce(StrEnum):
    """How long an order waits."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "PostOnly"


class PriceKind(StrEnum):
    """Which price triggers."""

    LAST = "LastPrice"
    MARK = "MarkPrice"
    INDEX = "IndexPrice"


class OrderStatus(StrEnum):
    """Where an order stands."""

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
        """Whether the order may still do something."""
        return self in _OPEN

    @property
    def is_active(self) -> bool:
        """Whether the order stands in the book."""
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


_OPEN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNTRIGGERED, OrderStatus.TRIGGERED)


class StopOrderType(StrEnum):
    """What a conditional order is; empty for an order that waits for nothing."""

    NONE = ""
    STOP = "Stop"
    STOP_LOSS = "StopLoss"
    TAKE_PROFIT = "TakeProfit"


class CreateType(StrEnum):
    """Who made an order."""

    USER = "CreateByUser"
    STOP_ORDER = "CreateByStopOrder"
    STOP_LOSS = "CreateByStopLoss"
    TAKE_PROFIT = "CreateByTakeProfit"
    LIQUIDATION = "CreateByLiq"
    TAKEOVER = "CreateByTakeOver_PassThrough"
    SETTLED = "CreateBySettle"


class CancelType(StrEnum):
    """Who ended an order."""

    UNKNOWN = "UNKNOWN"
    USER = "CancelByUser"
    REDUCE_ONLY = "CancelByReduceOnly"
    LIQUIDATION = "CancelAllBeforeLiq"
    POSITION_CLEARED = "CancelByTpSlTsClear"
    SETTLED = "CancelBySettle"
    CANNOT_AFFORD = "CancelByCannotAffordOrderCost"
    DISCONNECTED = "CancelByDCP"


class RejectReason(StrEnum):
    """Why an order ended without its wish."""

    NONE = "EC_NoError"
    WOULD_TAKE = "EC_PostOnlyWillTakeLiquidity"
    NOTHING_TO_FILL = "EC_NoImmediateQtyToFill"
    NO_ENOUGH_QUANTITY = "EC_NoEnoughQtyToFill"
    OTHERS = "EC_Others"


class ExecutionType(StrEnum):
    """What an execution is."""

    TRADE = "Trade"
    FUNDING = "Funding"
    BUST_TRADE = "BustTrade"
    SETTLE = "Settle"


class MarginMode(StrEnum):
    """How the margin of an account is reckoned."""

    ISOLATED = "ISOLATED_MARGIN"
    CROSS = "REGULAR_MARGIN"
    PORTFOLIO = "PORTFOLIO_MARGIN"


class Topic(StrEnum):
    """The topics of the private stream."""

    ORDER = "order"
    EXECUTION = "execution"
    POSITION = "position"
    WALLET = "wallet"

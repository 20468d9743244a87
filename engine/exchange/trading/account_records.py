"""What the exchange says of an account as a whole: its settings and its book of cash."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class MarginMode(StrEnum):
    """How positions of the whole account share margin. Only isolated is traded in."""

    ISOLATED = "ISOLATED_MARGIN"
    CROSS = "REGULAR_MARGIN"
    PORTFOLIO = "PORTFOLIO_MARGIN"


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """The settings of an account.

    Parameters
    ----------
    margin_mode : MarginMode
        Of the whole account.
    unified_status : int
        Bybit's unifiedMarginStatus; 5 and 6 are the second version of unified accounts, where the margin
        mode is one for all symbols.
    disconnect_cancel : bool
        Whether open orders are cancelled when the private stream is lost.
    updated_ms : int
        Epoch milliseconds; 0 if it is not said.
    """

    margin_mode: MarginMode
    unified_status: int
    disconnect_cancel: bool
    updated_ms: int


@dataclass(frozen=True, slots=True)
class FeeRates:
    """What trading a symbol costs, as fractions of the value."""

    symbol: str
    taker: Decimal
    maker: Decimal


@dataclass(frozen=True, slots=True)
class Transaction:
    """One line of the account's book of cash, in USDT.

    Parameters
    ----------
    transaction_id, symbol, order_link_id, trade_id : str
        Which; "" where there is none.
    kind : str
        Bybit's: TRADE, SETTLEMENT (funding), TRANSFER_IN, LIQUIDATION ...
    side : str
        Buy, Sell or "".
    size, price : Decimal
        Base coin and USDT; of a settlement the position and its mark price.
    fee : Decimal
        Paid; below 0 if received.
    funding : Decimal
        Received; below 0 if paid.
    cash_flow : Decimal
        What the trade itself brought.
    change, balance : Decimal
        How the balance changed: cash flow + funding - fee; and what it was after that.
    ts_ms : int
        Epoch milliseconds.
    """

    transaction_id: str
    symbol: str
    kind: str
    side: str
    size: Decimal
    price: Decimal
    fee: Decimal
    funding: Decimal
    cash_flow: Decimal
    change: Decimal
    balance: Decimal
    order_link_id: str
    trade_id: str
    ts_ms: int

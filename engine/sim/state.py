"""The words of the simulator: sides, orders, reasons. Their numbers are what its records hold."""

from __future__ import annotations

from enum import IntEnum


class Direction(IntEnum):
    """Side of a position."""

    SHORT = -1
    FLAT = 0
    LONG = 1


class SignalBit(IntEnum):
    """What the rules say at a bar's close; several bits may be set."""

    ENTER_LONG = 1
    EXIT_LONG = 2
    ENTER_SHORT = 4
    EXIT_SHORT = 8


class FillReason(IntEnum):
    """Why a fill happened; all but ENTRY and ADD are the exit reasons of a trade."""

    ENTRY = 0
    STOP_LOSS = 1
    TAKE_PROFIT = 2
    SIGNAL = 3
    LIQUIDATION = 4
    MAX_BARS = 5
    END_OF_DATA = 6
    TRAILING_STOP = 7  # a stop that had been moved by its trail
    BREAK_EVEN = 8  # a stop that had been moved to the entry price
    TIME_STOP = 9  # too little profit after the bars the card gives a position
    ADD = 10  # an entry that adds to the position


class RejectReason(IntEnum):
    """Why an order was refused or ended unfilled; the index into the counts of a run."""

    FILLED_BAR = 0  # the bar is not a traded one, only a gap that was filled
    CONFLICTING_SIGNALS = 1  # long and short entry at once
    NO_STOP_DISTANCE = 2  # the stop's or target's feature is missing or not above 0
    STOP_BELOW_ZERO = 3  # the stop price of a long would not be above 0
    BELOW_MIN_QTY = 4
    BELOW_MIN_NOTIONAL = 5
    ABOVE_MAX_QTY = 6
    ABOVE_TIER_LEVERAGE = 7
    INSUFFICIENT_MARGIN = 8
    NO_OFFSET = 9  # the feature behind the entry price's offset is missing or below 0
    POST_ONLY_WOULD_TAKE = 10  # a post-only order the open would have filled at once
    NOT_MARKETABLE = 11  # an IOC or FOK order the open did not reach
    NOT_IN_FULL = 12  # a FOK order larger than what the bar's volume allows
    EXPIRED = 13  # rested for all its bars
    CANCELLED = 14  # a signal took back what the order was for
    MAX_OPEN_POSITIONS = 15  # the portfolio holds as many as it may
    NO_VOLUME = 16  # nothing is traded in the bar, and the card caps its share of the volume


class DistanceKind(IntEnum):
    """How the distance of a stop or target from the entry price is given."""

    NONE = 0
    PERCENT = 1  # of the entry price
    POINTS = 2  # USDT
    FEATURE_MULTIPLE = 3  # of a feature (ATR) at the close of the deciding bar
    RISK_MULTIPLE = 4  # of the stop's distance; targets only
    TICKS = 5  # price steps; entry offsets only
    LEVEL = 6  # a feature is the level itself; stops only


class SizingKind(IntEnum):
    """How the size of an entry is chosen."""

    PERCENT_EQUITY = 0  # initial margin as a percentage of equity
    FIXED_USDT = 1  # notional
    RISK_BASED = 2  # percentage of equity that is lost at the stop
    VOLATILITY_TARGET = 3  # the size whose value varies by a set share of equity a year


class EntryKind(IntEnum):
    """What order opens a position."""

    MARKET = 0
    LIMIT = 1
    STOP = 2


class TimeInForce(IntEnum):
    """What becomes of a limit order that is not filled at once."""

    GTC = 0
    IOC = 1
    FOK = 2
    POST_ONLY = 3


class Reprice(IntEnum):
    """When a resting entry is placed anew, at a price and size of that moment."""

    NEVER = 0
    ON_SIGNAL = 1
    EVERY_BAR = 2


class StopReason(IntEnum):
    """Why a run ended before its data did."""

    NONE = 0
    ACCOUNT_BLOWN = 1  # no equity is left
    BELOW_MIN_TRADE = 2  # the free margin no longer pays for the smallest trade

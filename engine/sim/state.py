"""What the simulator carries from bar to bar, and what it writes down: enums and record layouts.

Everything is a flat NumPy record, so that the compiled loop, the step-by-step exchange and plain Python
work on the very same memory.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.sim.liquidation import LiquidationRegime

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]
type Flags = NDArray[np.bool_]
type SignalBits = NDArray[np.int8]
type Records = Any  # a NumPy record array, or one record of it: fields are attributes
type RecordType = np.dtype[np.void]


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


MAX_TARGETS = 4  # rungs of a ladder of partial exits

RULES_DTYPE = np.dtype(
    [
        ("leverage", "f8"),
        ("taker_rate", "f8"),
        ("maker_rate", "f8"),
        ("slippage_rate", "f8"),
        ("tick_size", "f8"),
        ("qty_step", "f8"),
        ("min_qty", "f8"),
        ("max_qty", "f8"),
        ("min_notional", "f8"),
        ("smallest_margin", "f8"),  # what the smallest order locks; with less the run is over
        ("max_notional", "f8"),  # inf where the card sets none
        ("stop_value", "f8"),
        ("target_value", "f8"),
        ("trail_activation_pct", "f8"),
        ("break_even_trigger_pct", "f8"),
        ("break_even_offset_pct", "f8"),
        ("sizing_value", "f8"),
        ("regime", "i8"),
        ("stop_kind", "i8"),
        ("trails", "i8"),
        ("moves_to_break_even", "i8"),
        ("target_kind", "i8"),
        ("target_is_limit", "i8"),
        ("sizing_kind", "i8"),
        ("allow_long", "i8"),
        ("allow_short", "i8"),
        ("allow_flip", "i8"),
        ("cooldown_bars", "i8"),
        ("max_bars", "i8"),  # 0: no limit
        ("impact_rate", "f8"),  # of a fill as large as the bar's volume
        ("max_participation", "f8"),  # fraction of the bar's volume; inf where the card sets none
        ("max_effective_leverage", "f8"),  # position value / equity; inf where the card sets none
        ("entry_kind", "i8"),
        ("offset_kind", "i8"),
        ("offset_value", "f8"),
        ("offset_feature", "i8"),  # a row of the signals' features, -1: none; so are all `_feature`s
        ("time_in_force", "i8"),
        ("expiry_bars", "i8"),  # 0: none
        ("reprice", "i8"),
        ("stop_feature_long", "i8"),
        ("stop_feature_short", "i8"),
        ("time_stop_bars", "i8"),  # 0: none
        ("time_stop_profit_pct", "f8"),
        ("target_count", "i8"),
        ("target_kinds", "i8", (MAX_TARGETS,)),
        ("target_values", "f8", (MAX_TARGETS,)),
        ("target_features", "i8", (MAX_TARGETS,)),
        ("target_portions", "f8", (MAX_TARGETS,)),  # fractions of what was entered
        ("target_limits", "i8", (MAX_TARGETS,)),  # 1: a resting order
        ("sizing_feature", "i8"),
        ("max_adds", "i8"),
        ("add_fraction", "f8"),  # of the size the sizing gives
        ("add_profit_pct", "f8"),  # -inf: none needed
    ],
    align=True,
)

STATE_DTYPE = np.dtype(
    [
        # the account
        ("cash", "f8"),  # wallet balance: start + closed PnL - fees + funding
        ("equity", "f8"),  # at the last close
        ("used_margin", "f8"),
        # the position
        ("quantity", "f8"),
        ("entry_price", "f8"),
        ("extra_margin", "f8"),
        ("liquidation_price", "f8"),
        ("stop_price", "f8"),  # NaN: none
        ("target_price", "f8"),  # NaN: none
        ("risk_distance", "f8"),
        ("highest_price", "f8"),
        ("lowest_price", "f8"),
        ("entry_fee", "f8"),
        ("entry_slippage", "f8"),
        ("trade_funding", "f8"),
        ("entry_liquidation_price", "f8"),
        # the order that waits for the next open
        ("pending_size", "f8"),
        ("pending_stop_distance", "f8"),
        ("pending_target_distance", "f8"),
        ("direction", "i8"),
        ("entry_bar", "i8"),
        ("entry_ts", "i8"),
        ("stop_moved_by", "i8"),  # a FillReason, 0: it is where it was at the entry
        ("exit_bar", "i8"),
        ("pending_entry", "i8"),  # a Direction
        ("pending_exit", "i8"),  # a FillReason, 0: none
        ("funding_cursor", "i8"),  # the next funding event
        ("next_funding_ts", "i8"),  # its timestamp, NEVER where there is none
        ("fills", "i8"),
        ("trades", "i8"),
        ("payments", "i8"),
        ("capped_entries", "i8"),
        ("stop_reason", "i8"),
    ],
    align=True,
)

FILL_DTYPE = np.dtype(
    [
        ("ts", "i8"),
        ("bar", "i8"),
        ("trade_id", "i8"),
        ("price", "f8"),
        ("quantity", "f8"),
        ("fee", "f8"),
        ("slippage", "f8"),
        ("side", "i8"),
        ("is_maker", "i8"),
        ("reason", "i8"),
    ],
    align=True,
)

TRADE_DTYPE = np.dtype(
    [
        ("trade_id", "i8"),
        ("direction", "i8"),
        ("ts_entry", "i8"),
        ("ts_exit", "i8"),
        ("entry_bar", "i8"),
        ("exit_bar", "i8"),
        ("entry_price", "f8"),
        ("exit_price", "f8"),
        ("quantity", "f8"),
        ("stop_price", "f8"),
        ("target_price", "f8"),
        ("liquidation_price", "f8"),
        ("gross_pnl", "f8"),
        ("fees", "f8"),
        ("funding", "f8"),
        ("slippage", "f8"),
        ("initial_margin", "f8"),
        ("highest_price", "f8"),
        ("lowest_price", "f8"),
        ("risk_distance", "f8"),
        ("reason", "i8"),
        ("ambiguous", "i8"),
    ],
    align=True,
)

PAYMENT_DTYPE = np.dtype(
    [
        ("ts", "i8"),
        ("trade_id", "i8"),
        ("quantity", "f8"),
        ("mark_price", "f8"),
        ("rate", "f8"),
        ("amount", "f8"),
    ],
    align=True,
)

NEVER = 2**62  # a timestamp that does not come

REGIMES = {"legacy": LiquidationRegime.LEGACY, "mark_2025": LiquidationRegime.MARK_2025}


def new_state(starting_equity_usdt: float, funding_ts: Integers) -> Records:
    """Return the state of a fresh account, as a record array of length 1.

    `funding_ts` (int64[n], rising) are the timestamps of the funding events to come.
    """
    state = np.zeros(1, STATE_DTYPE).view(np.recarray)
    state.cash = starting_equity_usdt
    state.equity = starting_equity_usdt
    state.stop_price = np.nan
    state.target_price = np.nan
    state.exit_bar = -(2**40)  # long ago: no cooldown at the start
    state.next_funding_ts = funding_ts[0] if len(funding_ts) else NEVER
    return state


def new_records(count: int, dtype: RecordType) -> Records:
    """Return `count` records of zeros."""
    return np.zeros(count, dtype).view(np.recarray)


def with_room_for_as_many(records: Records) -> Records:
    """Return the records with as many free ones after them."""
    grown = new_records(2 * len(records), records.dtype)
    grown[: len(records)] = records
    return grown

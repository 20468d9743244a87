"""What the simulator carries from bar to bar, and what it writes down.

Everything is a flat NumPy record, so that the compiled loop, the step-by-step exchange and plain Python
work on the very same memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.rules.position_program import MOST_DEEP, MOST_STEPS

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]
type Flags = NDArray[np.bool_]
type SignalBits = NDArray[np.int8]
type Records = Any  # a NumPy record array, or one record of it: fields are attributes
type RecordType = np.dtype[np.void]

MAX_TARGETS = 4  # rungs of a ladder of partial exits
MAX_CAPTURES = 8  # values captured at an entry
NEVER = 2**62  # a timestamp that does not come

RULES_DTYPE = np.dtype(
    [
        ("leverage", "f8"),
        ("taker_rate", "f8"),
        ("maker_rate", "f8"),
        ("slippage_rate", "f8"),  # half the spread included
        ("impact_rate", "f8"),  # of a fill as large as the bar's volume
        ("max_participation", "f8"),  # fraction of the bar's volume; inf where the card sets none
        ("tick_size", "f8"),
        ("qty_step", "f8"),
        ("min_qty", "f8"),
        ("max_qty", "f8"),
        ("min_notional", "f8"),
        ("smallest_margin", "f8"),  # what the smallest order locks; with less the run is over
        ("max_notional", "f8"),  # inf where the card sets none
        ("max_effective_leverage", "f8"),  # position value / equity; inf where the card sets none
        ("regime", "i8"),
        # entries
        ("entry_kind", "i8"),
        ("offset_kind", "i8"),
        ("offset_value", "f8"),
        ("offset_feature", "i8"),  # a row of the signals' features, -1: none; so are all `_feature`s
        ("time_in_force", "i8"),
        ("expiry_bars", "i8"),  # 0: none
        ("reprice", "i8"),
        ("sizing_kind", "i8"),
        ("sizing_value", "f8"),
        ("sizing_feature", "i8"),
        ("max_adds", "i8"),
        ("add_fraction", "f8"),  # of the size the sizing gives
        ("add_profit_pct", "f8"),  # -inf: none needed
        # stops
        ("stop_kind", "i8"),
        ("stop_value", "f8"),
        ("stop_feature_long", "i8"),
        ("stop_feature_short", "i8"),
        ("trails", "i8"),
        ("trail_activation_pct", "f8"),
        ("moves_to_break_even", "i8"),
        ("break_even_trigger_pct", "f8"),
        ("break_even_offset_pct", "f8"),
        ("time_stop_bars", "i8"),  # 0: none
        ("time_stop_profit_pct", "f8"),
        # targets
        ("target_count", "i8"),
        ("target_kinds", "i8", (MAX_TARGETS,)),
        ("target_values", "f8", (MAX_TARGETS,)),
        ("target_features", "i8", (MAX_TARGETS,)),
        ("target_portions", "f8", (MAX_TARGETS,)),  # fractions of what was entered
        ("target_limits", "i8", (MAX_TARGETS,)),  # 1: a resting order
        # policy
        ("allow_long", "i8"),
        ("allow_short", "i8"),
        ("allow_flip", "i8"),
        ("cooldown_bars", "i8"),
        ("max_bars", "i8"),  # 0: no limit
        # names of entries and exits, and exits that look at the position: `engine.sim.position_rules`
        ("names_signals", "i8"),  # 1: there are tags, captures or such exits
        ("entry_tag_row_long", "i8"),  # a row of the signals' features, -1: none; so are the other rows
        ("entry_tag_row_short", "i8"),
        ("exit_tag_row_long", "i8"),
        ("exit_tag_row_short", "i8"),
        ("capture_count", "i8"),
        ("capture_rows", "i8", (MAX_CAPTURES,)),
        ("exit_steps_long", "i8"),  # 0: the signal bit says all
        ("exit_steps_short", "i8"),
        ("exit_arguments_long", "f8", (MOST_STEPS,)),
        ("exit_arguments_short", "f8", (MOST_STEPS,)),
        ("exit_codes_long", "i1", (MOST_STEPS,)),
        ("exit_codes_short", "i1", (MOST_STEPS,)),
    ],
    align=True,
)

WALLET_DTYPE = np.dtype(
    [
        ("cash", "f8"),  # wallet balance: start + closed PnL - fees + funding
        ("equity", "f8"),  # at the last close
        # what the other positions of a portfolio hold; 0 for a position alone
        ("other_margin", "f8"),
        ("other_unrealised", "f8"),
        ("free_slots", "i8"),  # positions that may still be opened
        ("fills", "i8"),
        ("trades", "i8"),
        ("payments", "i8"),
        ("next_trade_id", "i8"),
        ("capped_entries", "i8"),
        ("partial_entries", "i8"),
        ("partial_liquidations", "i8"),
        ("stop_reason", "i8"),
    ],
    align=True,
)

POSITION_DTYPE = np.dtype(
    [
        ("member", "i8"),  # which of a portfolio's positions this is
        ("direction", "i8"),
        ("quantity", "f8"),
        ("entry_price", "f8"),  # average
        ("used_margin", "f8"),
        ("extra_margin", "f8"),
        ("liquidation_price", "f8"),
        ("unrealised", "f8"),  # at the last close
        ("stop_price", "f8"),  # NaN: none
        ("target_price", "f8"),  # the nearest of those not done, NaN: none
        ("target", "i8"),  # which that is
        ("target_prices", "f8", (MAX_TARGETS,)),  # NaN: none, or done
        ("target_quantities", "f8", (MAX_TARGETS,)),  # what is left to be taken there
        ("target_taken", "f8", (MAX_TARGETS,)),  # what has been; inf: it is done
        ("stop_moved_by", "i8"),  # a FillReason, 0: it is where it was at the entry
        ("highest_price", "f8"),
        ("lowest_price", "f8"),
        ("pending_exit", "i8"),  # a FillReason, 0: none
        ("exit_bar", "i8"),
        # the trade it is part of
        ("trade_id", "i8"),
        ("entry_bar", "i8"),
        ("entry_ts", "i8"),
        ("entry_fills", "i8"),
        ("adds", "i8"),
        ("entered_quantity", "f8"),
        ("entered_value", "f8"),
        ("exited_value", "f8"),
        ("closed_pnl", "f8"),
        ("fees", "f8"),
        ("slippage", "f8"),
        ("funding", "f8"),
        ("risk_distance", "f8"),
        ("entry_liquidation_price", "f8"),
        ("ambiguous", "i8"),
        # the entry that waits
        ("order_side", "i8"),  # a Direction; FLAT: there is none
        ("order_is_new", "i8"),
        ("order_adds", "i8"),  # 1: placed on top of a position
        ("order_fills", "i8"),
        ("order_fill_ts", "i8"),  # open of the bar it was last filled in
        ("order_bars", "i8"),  # exec bars it has rested
        ("order_price", "f8"),
        ("order_quantity", "f8"),
        ("order_margin", "f8"),
        ("order_stop_distance", "f8"),
        ("order_stop_level", "f8"),
        ("order_target_distances", "f8", (MAX_TARGETS,)),
        # funding
        ("funding_cursor", "i8"),  # the next funding event
        ("next_funding_ts", "i8"),  # its timestamp, NEVER where there is none
        # what led to the entry that waits, and what led to the trade
        ("order_signal_bar", "i8"),  # exec bar of its signal
        ("order_tag", "i8"),  # the number of a tag, 0: none
        ("signal_bar", "i8"),
        ("entry_tag", "i8"),
        ("exit_tag", "i8"),  # of the exit that was decided last
        ("order_captures", "f8", (MAX_CAPTURES,)),
        ("captures", "f8", (MAX_CAPTURES,)),
        ("stack", "f8", (MOST_DEEP,)),  # where exit rules are worked out
    ],
    align=True,
)

FILL_DTYPE = np.dtype(
    [
        ("ts", "i8"),
        ("bar", "i8"),
        ("member", "i8"),
        ("trade_id", "i8"),
        ("price", "f8"),
        ("quantity", "f8"),
        ("fee", "f8"),
        ("slippage", "f8"),
        ("side", "i8"),
        ("is_maker", "i8"),
        ("reason", "i8"),
        ("tag", "i8"),  # of the rule that asked for it, 0: none
    ],
    align=True,
)

TRADE_DTYPE = np.dtype(
    [
        ("trade_id", "i8"),
        ("member", "i8"),
        ("direction", "i8"),
        ("ts_entry", "i8"),
        ("ts_exit", "i8"),
        ("entry_bar", "i8"),
        ("exit_bar", "i8"),
        ("bars_held", "i8"),
        ("adds", "i8"),
        ("entry_price", "f8"),  # average of all entries
        ("exit_price", "f8"),  # average of all exits
        ("quantity", "f8"),  # all that was entered
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
        ("signal_bar", "i8"),  # exec bar at whose close the entry was decided
        ("entry_tag", "i8"),  # the number of a tag, 0: none
        ("exit_tag", "i8"),
    ],
    align=True,
)

PAYMENT_DTYPE = np.dtype(
    [
        ("ts", "i8"),
        ("member", "i8"),
        ("trade_id", "i8"),
        ("quantity", "f8"),
        ("mark_price", "f8"),
        ("rate", "f8"),
        ("amount", "f8"),
    ],
    align=True,
)


class BarValues(NamedTuple):
    """One bar as the step sees it: an exec bar, or a finer one inside it. Times in ms, prices in USDT."""

    bar: int  # which exec bar
    ts_exec_open: int
    ts_open: int
    ts_close: int
    open: float
    high: float
    low: float
    close: float
    mark_open: float
    mark_high: float
    mark_low: float
    mark_close: float
    volume: float
    is_filled: bool
    closes: bool  # whether the exec bar closes with it


class FundingArrays(NamedTuple):
    """Funding events: int64[n] rising, float64[n], float64[n]."""

    ts: Integers
    rate: Floats
    mark_price: Floats


class Books(NamedTuple):
    """What the simulator writes: records with room to spare, and the counts of refused orders."""

    fills: Records
    trades: Records
    payments: Records
    rejects: Integers


def new_wallet(starting_equity_usdt: float) -> Records:
    """Return a fresh account, as a record array of length 1."""
    wallet = new_records(1, WALLET_DTYPE)
    wallet.cash = starting_equity_usdt
    wallet.equity = starting_equity_usdt
    wallet.free_slots = NEVER
    return wallet


def new_position(funding_ts: Integers, member: int = 0) -> Records:
    """Return a position that is not open, as a record array of length 1.

    `funding_ts` (int64[n], rising) are the timestamps of the funding events to come.
    """
    position = new_records(1, POSITION_DTYPE)
    position.member = member
    position.stop_price = np.nan
    position.target_price = np.nan
    position.exit_bar = -(2**40)  # long ago: no cooldown at the start
    position.next_funding_ts = funding_ts[0] if len(funding_ts) else NEVER
    return position


def new_records(count: int, dtype: RecordType) -> Records:
    """Return `count` records of zeros."""
    return np.zeros(count, dtype).view(np.recarray)


def blank_records(count: int, dtype: RecordType) -> Records:
    """Return `count` records to write on: those of the books, of which every field is written."""
    return np.empty(count, dtype).view(np.recarray)


def with_room_for_as_many(records: Records) -> Records:
    """Return the records with as many blank ones after them."""
    grown = blank_records(2 * len(records), records.dtype)
    grown[: len(records)] = records
    return grown

"""What the loop of a portfolio works on: the members' terms, a stretch of their bars, their standing."""

from __future__ import annotations

from typing import NamedTuple

from engine.sim.loop import BarArrays, Curves
from engine.sim.records import Flags, Floats, FundingArrays, Integers, Records, SignalBits

UNKNOWN = -1


class MemberTerms(NamedTuple):
    """What members trade by, in the order of their priority; m members.

    `tiers` and `funding` hold those of all members one after the other: a member's lie between its start and
    the next one's, int64[m + 1].
    """

    contracts: Records
    tiers: Floats
    tier_start: Integers
    funding: FundingArrays
    funding_start: Integers
    smallest_margin: float  # of all members' smallest orders
    fills_needed: int  # what all members may write at one time


class Stretch(NamedTuple):
    """A stretch of time: `times` (int64[t], rising) and the bars members have there, one after the other.

    A member's rows are `start` to `stop` (int64[m]), and its bar at `start` has the number `first_bar`.
    """

    times: Integers
    start: Integers
    stop: Integers
    first_bar: Integers
    ends: Flags  # bool[m]: whether the member's last bar of all is its last here
    bars: BarArrays
    signals: SignalBits
    features: Floats  # float64[most features of a member, rows]
    quiet: Curves  # its equity: the unrealised PnL at the closes of bars that are passed over


class Standing(NamedTuple):
    """Where the members stand, each array of length m: what is asked for again and again, close together."""

    wakes: Integers  # which of the stretch's times next needs a look at the member; UNKNOWN
    row: Integers  # its first row that is not behind it
    margin: Floats  # of its position
    locked: Floats  # by position and resting order
    size: Floats  # signed
    unrealised: Floats  # at its last close
    close: Floats
    holders: Integers  # the members that have a position or lock margin, in order of priority
    awake: Integers  # those to be looked at now
    counts: Integers  # int64[1]: how many holders there are


class PortfolioCurves(NamedTuple):
    """What is written at each time: float64[t] and, of the positions, int64[t]."""

    equity: Floats
    used_margin: Floats
    exposure: Floats
    open_positions: Integers

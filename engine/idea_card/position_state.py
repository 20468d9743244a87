"""The names under which exit rules know the open position."""

from __future__ import annotations

from enum import StrEnum


class PositionState(StrEnum):
    """What an exit rule may ask of the open position, as it is at an exec bar's close."""

    BARS_IN_TRADE = "bars_in_trade"
    """Exec bars since the entry, the bar of the entry included: 1 at the close of that bar."""
    UNREALISED_R = "unrealised_r"
    """Way of the close from the average entry price in units of the initial risk, which is the distance from
    there to the first stop; above 0 is a gain, before costs. Missing without a stop."""
    UNREALISED_PCT = "unrealised_pct"
    """The same way in percent of the average entry price."""
    ENTRY_PRICE = "entry_price"
    """Average price of the fills that entered the position, USDT."""

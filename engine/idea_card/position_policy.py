"""Which positions a card takes, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, override

from engine.idea_card.base import CardPart, Count, Positive, PositiveCount
from engine.idea_card.findings import Finding
from engine.idea_card.trading_session import TradingSession

type Direction = Literal["long", "short"]

DIRECTIONS_OF_MODE: dict[str, tuple[Direction, ...]] = {
    "long_only": ("long",),
    "short_only": ("short",),
    "long_short": ("long", "short"),
}


class ScaleIn(CardPart):
    """Adds to a position at further entry signals in its direction."""

    max_adds: PositiveCount
    """How many times at most."""
    size_pct: Positive = 100.0
    """Size of an add, in % of what the sizing gives at that moment."""
    min_profit_pct: float | None = None
    """Profit at the close, in % of the entry price, from which on it may add; negative to add to a loss.
    Leave it out, or null, to add whatever the profit."""


class PositionPolicy(CardPart):
    """One position at a time, in the directions `mode` allows."""

    mode: Literal["long_only", "short_only", "long_short"]
    """Which directions may be entered."""
    allow_flip: bool
    """Whether an entry against the open position closes it and opens the other; else it is ignored."""
    cooldown_bars: Count
    """Exec bars after an exit in which no position is opened; 0 for none."""
    max_bars_in_trade: PositiveCount | None
    """Exec bars after which a position is closed; null for no limit."""
    scale_in: ScaleIn | None = None
    """Whether a position may grow; leave it out, or null, for one entry per position."""
    trading_session: TradingSession | None = None
    """When positions may be opened; leave it out, or null, for always."""

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions that may be entered."""
        return DIRECTIONS_OF_MODE[self.mode]

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        mode = block.get("mode")
        if block.get("allow_flip") is True and mode in ("long_only", "short_only"):
            yield Finding(
                ("allow_flip",), f"has no effect with mode {mode}", "write false, or mode: long_short", True
            )

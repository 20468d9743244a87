"""The order that opens a position. One class per type; `EntryOrder` lists them.

A market order fills at the next open. The others rest at a price that is an offset away from the close of the
bar that decided: a limit order on the better side of it, a stop order on the worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, override

from pydantic import Field

from engine.idea_card.base import CardPart, Count, NotNegative, PositiveCount
from engine.idea_card.features import FeatureReference
from engine.idea_card.findings import Finding


class PercentOffset(CardPart):
    """An offset in percent of the price."""

    misplaced: ClassVar[Mapping[str, str]] = {"feature": "only type: atr_multiple looks at a feature"}

    type: Literal["percent"]
    value: Annotated[float, Field(ge=0, lt=100)]
    """Offset in % of the deciding bar's close; 0 for the close itself."""


class AtrMultipleOffset(CardPart):
    """An offset at a multiple of a feature's value."""

    type: Literal["atr_multiple"]
    value: NotNegative
    """How many times the feature's value at the decision; 0 for the close itself."""
    feature: FeatureReference


class TicksOffset(CardPart):
    """An offset in the exchange's price steps."""

    misplaced: ClassVar[Mapping[str, str]] = {"feature": "only type: atr_multiple looks at a feature"}

    type: Literal["ticks"]
    value: Count
    """How many price steps; 0 for the close itself."""


Offset = Annotated[PercentOffset | AtrMultipleOffset | TicksOffset, Field(discriminator="type")]

_RESTS_NOT = "a market entry fills at the next open: write type: limit or type: stop, or leave this out"
_LIMIT_ONLY = "only a limit entry has one: write type: limit, or leave this out"


class MarketEntry(CardPart):
    """A market order at the next open."""

    misplaced: ClassVar[Mapping[str, str]] = {
        "offset": _RESTS_NOT,
        "expiry_bars": _RESTS_NOT,
        "reprice": _RESTS_NOT,
        "time_in_force": _LIMIT_ONLY,
    }

    type: Literal["market"]


class RestingEntry(CardPart):
    """What the orders that wait for a price have."""

    offset: Offset
    """How far from the deciding bar's close."""
    expiry_bars: PositiveCount | None = None
    """Exec bars it rests. Leave it out, or null, for until it is filled, or taken back by an exit signal or
    an entry signal of the other side."""
    reprice: Literal["never", "on_signal", "every_bar"] = "never"
    """never: it stays where it is. on_signal: a new entry signal replaces it. every_bar: it follows the close
    by its offset."""


class LimitEntry(RestingEntry):
    """A limit order below the close for a long, above it for a short."""

    type: Literal["limit"]
    time_in_force: Literal["gtc", "ioc", "fok", "post_only"] = "gtc"
    """gtc: it rests. ioc: what the open does not fill is cancelled. fok: all at the open, or nothing.
    post_only: refused where the open would fill it at once."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        force = block.get("time_in_force")
        if force not in ("ioc", "fok"):
            return
        for key, default in (("expiry_bars", None), ("reprice", "never")):
            if (value := block.get(key, default)) != default:
                yield Finding(
                    (key,),
                    f"has no effect with time_in_force {force}: the order never rests",
                    "leave it out, or write time_in_force: gtc",
                    value,
                )


class StopEntry(RestingEntry):
    """A stop order above the close for a long, below it for a short: a market order once price is there."""

    misplaced: ClassVar[Mapping[str, str]] = {"time_in_force": _LIMIT_ONLY}

    type: Literal["stop"]


EntryOrder = Annotated[MarketEntry | LimitEntry | StopEntry, Field(discriminator="type")]

AT_THE_NEXT_OPEN = MarketEntry(type="market")
"""The entry of a card that says nothing about it."""

"""How far windows and sequences reach: `bars: N` or `duration: 4h`, in bars of `tf: role`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import ConfigurationError
from engine.idea_card.timeframe_config import ROLES
from engine.rules.anchors import Anchor
from engine.rules.names import EXEC_ROLE
from engine.rules.nodes import MISSING, NodeParser
from engine.timeframes import DURATION_PATTERN, parse_duration

LONGEST = 100_000
"""Most bars of its timeframe a window or sequence may reach over."""

ROLE_KEY = "tf"
LENGTH_KEYS = ("bars", "duration")


@dataclass(frozen=True)
class Span:
    """A number of places of an anchor."""

    anchor: Anchor
    places: int
    written: str

    def back_ms(self, places: int) -> int:
        """Return how long before the close of an exec bar a place so far back is at most, holes aside."""
        # an exec bar may close when the next bar of a larger timeframe is all but complete
        return (places + (self.anchor.role != EXEC_ROLE)) * self.anchor.timeframe.ms

    def text(self) -> str:
        """Return the span as a person would write it."""
        return f"{self.written} of {self.anchor.role}"


def parse_span(raw: Mapping[str, Any], parser: NodeParser, where: str) -> Span | None:
    """Return the span of a block that has the keys of one, or None after noting what is wrong."""
    timeframe = parser.timeframe(raw[ROLE_KEY], f"{where}.{ROLE_KEY}")
    if raw["bars"] is MISSING and raw["duration"] is MISSING:
        return None
    if raw["bars"] is not MISSING:
        bars = parser.whole(raw["bars"], f"{where}.bars", LONGEST)
        if timeframe is None or bars is None:
            return None
        written = f"{bars} bar{'s' if bars > 1 else ''}"
        return Span(Anchor(raw[ROLE_KEY], timeframe, by_time=False), bars, written)
    where, written = f"{where}.duration", raw["duration"]
    try:
        length = parse_duration(written)
    except ConfigurationError as error:
        parser.problem(where, "is not a duration", error.way_out, written)
        return None
    if timeframe is None:
        return None
    if length % timeframe.ms:
        parser.problem(
            where,
            f"is no multiple of {raw[ROLE_KEY]}, which is {timeframe}",
            f"write whole bars of {timeframe}, or count in a smaller timeframe",
            written,
        )
        return None
    if length // timeframe.ms > LONGEST:
        parser.problem(where, "is too long", f"use at most {LONGEST} bars of {timeframe}", written)
        return None
    return Span(Anchor(raw[ROLE_KEY], timeframe, by_time=True), length // timeframe.ms, written)


def span_schema(others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a block that has a span and the keys of `others`, all of them needed."""
    lengths: dict[str, dict[str, Any]] = {
        "bars": {
            "description": "Bars of tf, this one included in a window; those there are, holes aside.",
            "type": "integer",
            "minimum": 1,
            "maximum": LONGEST,
        },
        "duration": {
            "description": "A time as in 90m, 4h, 2d or 1w: whole bars of tf, a missing one being unknown.",
            "type": "string",
            "pattern": f"^{DURATION_PATTERN}$",
        },
    }
    role = {"description": "The timeframe that is counted in.", "enum": list(ROLES)}
    return {
        "anyOf": [
            {
                "type": "object",
                "properties": {**others, key: schema, ROLE_KEY: role},
                "required": [*others, key, ROLE_KEY],
                "additionalProperties": False,
            }
            for key, schema in lengths.items()
        ]
    }

"""Names in conditions: `close`, `close@htf`, `ema_fast`, `bands.lower`; `ema_fast[1]` is one bar back.

Beside features there are the prices and what else is known of the contract (`SOURCES`: open to volume, the
means, funding_rate, open_interest, open_interest_change, mark_open to mark_close), of any timeframe of the
card, each as it was at that timeframe's last close; and the calendar (`CALENDAR_FIELDS`) at the moment of
the decision, the close of the exec bar, in UTC: hour 0 to 23, minute, weekday 0 (Monday) to 6 (Sunday).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.idea_card.features import CALENDAR_FIELDS, SOURCES
from engine.idea_card.findings import did_you_mean
from engine.idea_card.plain_words import as_number
from engine.timeframes import Timeframe

EXEC_ROLE = "exec"
"""The role of the timeframe decisions are made on."""

LARGEST_OFFSET = 10_000
"""Furthest a name may look back, in bars of its own timeframe."""

_NAME = re.compile(
    r"(?P<name>[a-z][a-z0-9_]*)"
    r"(?:\.(?P<output>[a-z][a-z0-9_]*))?"
    r"(?:@(?P<role>[a-z0-9]+))?"
    r"(?:\[(?P<offset>-?\d{1,9})\])?"
)


class UnknownName(Exception):
    """A text names nothing a condition can use. Caught by the parser, which knows the place."""

    def __init__(self, problem: str, way_out: str) -> None:
        self.problem = problem
        self.way_out = way_out
        super().__init__(problem)


@dataclass(frozen=True, order=True)
class Reference:
    """A column of one timeframe, `offset` closed bars of that timeframe back.

    `name` is the column's name in the feature frame ("ema_fast", "bands.lower", "close"), or what a column
    source makes of it: the means hl2, hlc3 and ohlc4, and the calendar's fields at the close of an exec bar.
    """

    name: str
    role: str
    offset: int

    def __str__(self) -> str:
        return f"{self.name}@{self.role}" + (f"[{self.offset}]" if self.offset else "")


@dataclass(frozen=True)
class NameTable:
    """What a card's conditions may name.

    Parameters
    ----------
    features : mapping of str to tuple of str
        Output names of each feature; `("",)` for a feature of a single output.
    feature_roles : mapping of str to str
        Role of the timeframe each feature is computed on.
    roles : mapping of str to Timeframe
        The card's timeframes by role, "exec" among them.
    """

    features: Mapping[str, tuple[str, ...]]
    feature_roles: Mapping[str, str]
    roles: Mapping[str, Timeframe]

    def known(self) -> tuple[str, ...]:
        """Return every name that can be written, features first."""
        written = [
            f"{name}.{output}" if output else name
            for name, outputs in self.features.items()
            for output in outputs
        ]
        return (*written, *SOURCES, *CALENDAR_FIELDS)

    def resolve(self, text: str) -> Reference:
        """Return what `text` refers to; a price without a role is one of the exec timeframe.

        Raises
        ------
        UnknownName
            If it refers to nothing, or looks ahead.
        """
        match = _NAME.fullmatch(text)
        if match is None:
            number = as_number(text)
            raise UnknownName(
                "is text and no name",
                f"write {number}, without quotes"
                if number
                else "write names as close, close@htf, ema[1] or "
                "bands.lower, and calculations as {'*': [1.2, close]}",
            )
        offset = int(match["offset"] or 0)
        if offset < 0:
            raise UnknownName("looks into the future", f"offsets count back: {text.replace('-', '')}")
        if offset > LARGEST_OFFSET:
            raise UnknownName("looks too far back", f"use an offset of at most {LARGEST_OFFSET}")
        name, output, role = match["name"], match["output"], match["role"]
        if name in self.features:
            return self._feature(name, output, role, offset)
        if name in SOURCES and output is None:
            return self._price(name, role, offset)
        if name in CALENDAR_FIELDS and output is None:
            return self._calendar(name, role, offset)
        written = f"{name}.{output}" if output else name
        raise UnknownName(
            "is neither a feature of this card nor a price", did_you_mean(written, self.known())
        )

    def _feature(self, name: str, output: str | None, role: str | None, offset: int) -> Reference:
        own_role = self.feature_roles[name]
        if role is not None:
            raise UnknownName(
                f"gives {name} a timeframe, and a feature has its own: {own_role}",
                "leave out @" + role + ("" if role == own_role else f", or add a feature with tf: {role}"),
            )
        outputs = self.features[name]
        if outputs == ("",):
            if output is not None:
                raise UnknownName(f"{name} has one value and no parts", f"write {name}")
            return Reference(name, own_role, offset)
        if output not in outputs:
            problem = f"{name} has no part {output}" if output else f"does not say which part of {name}"
            raise UnknownName(problem, did_you_mean(output or "", [f"{name}.{part}" for part in outputs]))
        return Reference(f"{name}.{output}", own_role, offset)

    def _price(self, name: str, role: str | None, offset: int) -> Reference:
        if role is not None and role not in self.roles:
            raise UnknownName(f"the card has no timeframe {role}", did_you_mean(role, self.roles))
        return Reference(name, role or EXEC_ROLE, offset)

    def _calendar(self, name: str, role: str | None, offset: int) -> Reference:
        if role is not None:
            raise UnknownName(
                f"gives {name} a timeframe, and it is that of the decision", f"leave out @{role}"
            )
        return Reference(name, EXEC_ROLE, offset)

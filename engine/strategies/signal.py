"""What a strategy says: to enter or to leave, in a direction. What becomes of it is the exchange's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

type Kind = Literal["enter", "exit"]
type Side = Literal["long", "short"]

_KINDS, _SIDES = get_args(Kind.__value__), get_args(Side.__value__)


@dataclass(frozen=True)
class Signal:
    """One wish at an exec bar's close, with no price and no size: the card says how it is carried out.

    Attributes
    ----------
    kind : str
        "enter" or "exit".
    direction : str
        "long" or "short": of the position to open, or of the one to leave.
    tag : str
        What the trade is to be called by, one of the strategy's `tags`; "" for none. Where a list has several
        signals of one kind and direction the first of them gives the tag.

    Raises
    ------
    ValueError
        If it is anything else.
    """

    kind: Kind
    direction: Side
    tag: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS or self.direction not in _SIDES:
            raise ValueError(
                f"{self.kind!r}, {self.direction!r} is no signal: it is {' or '.join(map(repr, _KINDS))}, "
                f"and {' or '.join(map(repr, _SIDES))}"
            )


ENTER_LONG, EXIT_LONG = Signal("enter", "long"), Signal("exit", "long")
ENTER_SHORT, EXIT_SHORT = Signal("enter", "short"), Signal("exit", "short")
"""The four signals there are."""

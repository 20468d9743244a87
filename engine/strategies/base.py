"""The base of strategies written in Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from engine.idea_card.base import CardPart
from engine.runtime.snapshot import RuntimeSnapshotView
from engine.strategies.signal import Signal


class StrategyParameters(CardPart):
    """The parameters of a strategy, as its card writes them. Subclass it to declare some.

    The kinds of value of `engine.idea_card.base` (Positive, Count, …) and plain types can be used; a card
    with an unknown, missing or impossible value is refused with its place.
    """


class BaseStrategy(ABC):
    """A strategy in Python: at each exec bar's close it is shown what is known, and says what it wants.

    It emits signals and never executes. Account, costs, features, order type, stops, targets, sizing and
    position policy are the card's, as for conditions, and so is what becomes of a signal: it is filled,
    ignored or refused exactly as that of a rule.

    One object is made per run, so it may keep what it likes in its attributes from bar to bar. For the result
    to be the same every time, it may look at nothing but the snapshots: no clock, no file, no random numbers
    without a fixed seed.

    Attributes
    ----------
    name : str
        What a card calls it: small letters, digits and _.
    version : str
        Of its code, as "1.0.0". Cards name it, and it is part of their system hash: raise it with every
        change that makes the strategy say something else, and the cards that named the old one are refused
        until somebody has looked at them.
    inputs : tuple of str
        What it looks at, as conditions write it: "close", "close@htf", "ema_fast", "bands.lower". With
        "ema_fast[3]" it may look up to three bars back. Nothing else can be read, and the first call is at
        the first bar at which all of it is there.
    tags : tuple of str
        The tags its signals may carry, none by default; a trade has those of the signals that opened and
        closed it.
    takes : type of StrategyParameters
        Its parameters; none by default.
    parameters : StrategyParameters
        Their values in this run.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    takes: ClassVar[type[StrategyParameters]] = StrategyParameters
    tags: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: StrategyParameters) -> None:
        self.parameters = parameters

    @abstractmethod
    def generate_signals(self, snapshot: RuntimeSnapshotView) -> list[Signal]:
        """Return what is wanted at the close the snapshot stands at; an empty list for nothing.

        Parameters
        ----------
        snapshot : RuntimeSnapshotView
            What is known at that close: `snapshot.value("ema_fast")`, `snapshot.value("close", "htf")`,
            `snapshot.value("channel.upper", offset=1)`, `snapshot.position` (None without one).
        """

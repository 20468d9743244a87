"""What a call of a tool costs in time, told before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CostScale(Enum):
    """How long a usual call takes: below a second, some seconds, some minutes, or until it is stopped."""

    INSTANT = "instant"
    SECONDS = "seconds"
    MINUTES = "minutes"
    UNTIL_STOPPED = "until stopped"


@dataclass(frozen=True)
class ToolCost:
    """What a usual call takes, and with what it grows.

    Parameters
    ----------
    scale : CostScale
        On the data a project of this size has: three cards, three symbols, two years.
    grows_with : str, optional
        What makes it longer: "bars in the window x sets of parameters".
    """

    scale: CostScale
    grows_with: str = ""

    def __str__(self) -> str:
        grows = f", grows with {self.grows_with}" if self.grows_with else ""
        return f"{self.scale.value}{grows}"


INSTANT = ToolCost(CostScale.INSTANT)

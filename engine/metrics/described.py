"""What a metric is called, measured in and for: said once, beside the number, and used by every table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

NOT_DEFINED = "n/a"


class Unit(Enum):
    """What a metric is measured in. The value is the suffix shown behind the number."""

    PERCENT = "%"
    USDT = "USDT"
    RATIO = ""
    COUNT = " "  # shown as RATIO is, without decimals
    BARS = "bars"
    DAYS = "days"

    @property
    def suffix(self) -> str:
        """The text behind the number, without spaces."""
        return self.value.strip()


class Better(Enum):
    """In which direction a metric is good news."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True)
class MetricSpec:
    """One line of the catalogue.

    Parameters
    ----------
    name : str
        Attribute of `Metrics` and key of its plain form.
    title : str
        What tables show.
    unit : Unit
        What it is measured in.
    better : Better
        In which direction it is good news.
    description : str
        One sentence; the formula is in the docstring of the function that computes it.
    family : str
        The group it is shown in.
    """

    name: str
    title: str
    unit: Unit
    better: Better
    description: str
    family: str

    def shown(self, value: float | None) -> str:
        """Return the value as text with its unit; `n/a` where it is not defined (None or NaN)."""
        if value is None or not math.isfinite(value):
            return NOT_DEFINED
        decimals = 0 if self.unit in (Unit.COUNT, Unit.BARS) and float(value).is_integer() else 2
        number = f"{value:,.{decimals}f}"
        if float(number.replace(",", "")) == 0.0:
            number = number.lstrip("-")
        return f"{number} {self.unit.suffix}".rstrip()


def described(title: str, unit: Unit, better: Better, description: str) -> Any:
    """Return a dataclass field that carries its line of the catalogue; the field has no default."""
    return field(metadata={"title": title, "unit": unit, "better": better, "description": description})

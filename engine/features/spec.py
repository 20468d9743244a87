"""What an indicator declares of itself. One `IndicatorSpec` is all the rest of the project knows of it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]
type Params = Mapping[str, Any]

SOURCE = "source"
OTHER = "other"
LONGEST_WINDOW = 5000


class Implementation(Enum):
    """Who computes an indicator. Named in every entry, so that no result depends on what is installed."""

    PANDAS_TA = "pandas-ta, native"
    TALIB = "TA-Lib"
    OURS = "ours, compiled"


class Memory(Enum):
    """How far back a value reaches."""

    WINDOW = "the bars of its window and nothing before them"
    FADING = "all bars, with weights that fade: a longer history changes it less and less"
    WHOLE = "all bars since the first: where the history starts can change it for good"


class ParamKind(Enum):
    """What sort of value a parameter takes."""

    INT = "a whole number"
    FLOAT = "a number"
    CHOICE = "one of a few words"


@dataclass(frozen=True)
class ParamSpec:
    """One parameter of an indicator. Every parameter must be given in the card.

    Attributes
    ----------
    name : str
        As pandas-ta spells it.
    kind : ParamKind
    minimum, maximum : float
        Bounds of a number, both allowed.
    choices : tuple of str
        The words of a choice.
    """

    name: str
    kind: ParamKind = ParamKind.INT
    minimum: float = 2
    maximum: float = LONGEST_WINDOW
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.kind is ParamKind.CHOICE:
            return "one of " + ", ".join(self.choices)
        return f"{self.kind.value} from {self.minimum:g} to {self.maximum:g}"

    def accepts(self, value: object) -> bool:
        """Whether `value` may be given. 14.0 is the same as 14, as it is in a card's hash."""
        if self.kind is ParamKind.CHOICE:
            return isinstance(value, str) and value in self.choices
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            return False
        if self.kind is ParamKind.INT and not float(value).is_integer():
            return False
        return self.minimum <= float(value) <= self.maximum

    def convert(self, value: Any) -> int | float | str:
        """Return an accepted `value` as the plain type the computation takes."""
        return {ParamKind.INT: int, ParamKind.FLOAT: float, ParamKind.CHOICE: str}[self.kind](value)


def window(name: str = "length", minimum: int = 2, maximum: int = LONGEST_WINDOW) -> ParamSpec:
    """Return the parameter of a window's length in bars."""
    return ParamSpec(name, ParamKind.INT, minimum, maximum)


def multiple(name: str, minimum: float = 0.01, maximum: float = 100.0) -> ParamSpec:
    """Return the parameter of a factor."""
    return ParamSpec(name, ParamKind.FLOAT, minimum, maximum)


_ORDERS = {"<": operator.lt, "<=": operator.le}


@dataclass(frozen=True)
class IndicatorSpec:
    """One entry of the catalogue.

    Attributes
    ----------
    name : str
        The card's word for it, pandas-ta's where pandas-ta has it.
    definition : str
        The formula, with the start value and what stands where the formula divides nought by nought.
    published : str
        Who published the definition, or whose reading of it this is.
    implementation : Implementation
        Who computes it.
    compute : callable
        `compute(*inputs, **params)`: float64 arrays of one length in, one such array per output back (a
        single one without a tuple). NaN while a value does not exist yet. Never raises on short, constant
        or NaN input, and never looks ahead.
    inputs : tuple of str
        Column names of `engine.features.inputs` in the order `compute` takes them. "source" stands for the
        source the card gives, "other" for the column its parameter of that name says; `compute` does not
        get that parameter.
    params : tuple of ParamSpec
    warmup : callable
        Params -> how many leading rows are NaN, exactly. The outputs of one feature begin together, with
        the last of them. Where values are sparse: before which row there can be none.
    memory : Memory
    outputs : tuple of str
        Canonical output names; `("",)` for a single output.
    ordered : tuple of (str, str, str)
        Orders that must hold between parameters: `("fast", "<", "slow")`.
    sparse : bool
        Whether values can be missing after the warm-up too: levels that do not exist yet, or no longer.
    function : str
        What the library that computes it calls it; empty where we do.
    """

    name: str
    definition: str
    published: str
    implementation: Implementation
    compute: Callable[..., FloatArray | tuple[FloatArray, ...]]
    inputs: tuple[str, ...]
    params: tuple[ParamSpec, ...]
    warmup: Callable[[Params], int]
    memory: Memory
    outputs: tuple[str, ...] = ("",)
    ordered: tuple[tuple[str, str, str], ...] = ()
    sparse: bool = False
    function: str = ""

    @property
    def takes_source(self) -> bool:
        """Whether the card chooses the price it reads."""
        return SOURCE in self.inputs

    @property
    def recursive(self) -> bool:
        """Whether a value depends on more than the bars of a window."""
        return self.memory is not Memory.WINDOW

    def columns(self, source: str | None, params: Params) -> tuple[str, ...]:
        """Return the names of the columns `compute` takes, for a checked source and checked parameters."""
        chosen = {SOURCE: source or "", OTHER: str(params.get(OTHER, ""))}
        return tuple(chosen.get(name, name) for name in self.inputs)

    def bind(self, params: Params) -> dict[str, int | float | str]:
        """Return checked `params` in declared order and as the plain types `compute` takes."""
        return {
            param.name: param.convert(params[param.name])
            for param in self.params
            if param.name not in self.inputs
        }

    def disorder(self, params: Params) -> tuple[tuple[str, str, str], ...]:
        """Return the orders between parameters that `params` breaks."""
        return tuple(
            (left, sign, right)
            for left, sign, right in self.ordered
            if not _ORDERS[sign](params[left], params[right])
        )

"""Random conditions over the columns of a random card: every operator, group, window and calculation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from engine.gates.random_draw import Kinds
from engine.idea_card.position_state import PositionState
from engine.timeframes import MINUTE_MS, Timeframe

_LEVELS = ("open", "high", "low", "close", "hl2", "hlc3", "ohlc4")
_DEEPEST = 3


@dataclass(frozen=True)
class RuleSource:
    """What rules are drawn from.

    Attributes
    ----------
    rng : Random
    kinds : Kinds
        Told of every kind that is drawn.
    timeframes : mapping of str to str
        Those of the card by role.
    columns : sequence of str
        Outputs of the card's features.
    """

    rng: Random
    kinds: Kinds
    timeframes: Mapping[str, str]
    columns: Sequence[str]

    def condition(self, depth: int = 0, *, in_exit: bool = False) -> Any:
        """Return a condition, at most three groups deep; in an exit rule it may ask for the position."""
        if depth >= _DEEPEST or self.rng.random() < 0.45 + 0.15 * depth:
            return self._leaf(in_exit=in_exit)
        kind = self.rng.choice(sorted(_GROUPS))
        self.kinds.note("condition", kind)
        return _GROUPS[kind](self, depth + 1)

    def using(self, name: str) -> dict[str, str]:
        """Return the condition that a setup holds."""
        self.kinds.note("condition", "setup")
        return {"setup": name}

    def tagged(self, *, in_exit: bool = False) -> dict[str, Any]:
        """Return a rule of two tags."""
        self.kinds.note("condition", "tags")
        return {"tags": {name: self.condition(1, in_exit=in_exit) for name in ("first", "second")}}

    def value(self) -> Any:
        """Return something to note at an entry."""
        return self.rng.choice([self._price(), {"-": [self._price(), 1.5]}, self.rng.choice(self.columns)])

    def span(self) -> dict[str, Any]:
        """Return the length of a window."""
        role = self.rng.choice(sorted(self.timeframes))
        bars = self.rng.randint(2, 6)
        if self.rng.random() < 0.5:
            return {"tf": role, "bars": bars}
        minutes = Timeframe.parse(self.timeframes[role]).ms // MINUTE_MS
        return {"tf": role, "duration": f"{bars * minutes}m"}

    def _leaf(self, *, in_exit: bool) -> list[Any]:
        if in_exit and self.rng.random() < 0.4:
            return self._of_position()
        operator = self.rng.choice(sorted(_OPERATORS))
        self.kinds.note("condition", operator)
        return _OPERATORS[operator](self)

    def _of_position(self) -> list[Any]:
        asked = self.rng.choice([state.value for state in PositionState])
        self.kinds.note("position", asked)
        if asked == PositionState.BARS_IN_TRADE:
            return [asked, ">=", self.rng.randint(3, 60)]
        if asked in (PositionState.UNREALISED_R, PositionState.UNREALISED_PCT):
            return [asked, self.rng.choice([">", "<"]), round(self.rng.uniform(-2, 2), 2)]
        return ["close", self.rng.choice([">", "<"]), {"*": [round(self.rng.uniform(0.98, 1.02), 4), asked]}]

    def compared(self, operator: str) -> list[Any]:
        """Return two alike columns compared: prices with prices, a feature with what it was before."""
        if self.rng.random() < 0.4 or not self.columns:
            return [self._price(), operator, self._calculated(self._price())]
        column = self.rng.choice(self.columns)
        return [column, operator, self._calculated(f"{column}[{self.rng.randint(1, 3)}]")]

    def _price(self) -> str:
        role = self.rng.choice(["", *(f"@{role}" for role in sorted(self.timeframes))])
        offset = self.rng.choice(["", "", "[1]", "[2]"])
        return f"{self.rng.choice(_LEVELS)}{role}{offset}"

    def _calculated(self, operand: Any) -> Any:
        kind = self.rng.choice(["", "", "+", "-", "*", "/", "%", "min", "max", "abs"])
        if not kind:
            return operand
        self.kinds.note("calculation", kind)
        match kind:
            case "+" | "-":
                return {kind: [operand, round(self.rng.uniform(0, 5), 2)]}
            case "*" | "/":
                return {kind: [operand, round(self.rng.uniform(0.995, 1.005), 5)]}
            case "%":
                return {kind: [operand, 100_000]}
            case "abs":
                return {kind: operand}
        return {kind: [operand, self._price() if self.rng.random() < 0.5 else operand]}


def _between(source: RuleSource) -> list[Any]:
    name = source.rng.choice([*_LEVELS, "volume"])
    return [name, "between", [{"*": [0.995, f"{name}[1]"]}, {"*": [1.01, f"{name}[1]"]}]]


def _in(source: RuleSource) -> list[Any]:
    name, values = source.rng.choice([("hour", range(24)), ("weekday", range(7)), ("minute", (0, 15, 30))])
    return [name, "in", sorted(source.rng.sample(list(values), 3))]


def _near(operator: str, tolerance: float) -> Callable[[RuleSource], list[Any]]:
    def leaf(source: RuleSource) -> list[Any]:
        first, second = source.rng.sample(_LEVELS, 2)
        return [first, operator, [f"{second}[1]", tolerance]]

    return leaf


def _compared(operator: str) -> Callable[[RuleSource], list[Any]]:
    return lambda source: source.compared(operator)


def _window(kind: str) -> Callable[[RuleSource, int], Any]:
    def group(source: RuleSource, depth: int) -> Any:
        more = {"at_least": 2} if kind == "count_true" else {}
        return {kind: {"when": source.condition(depth), **source.span(), **more}}

    return group


def _sequence(source: RuleSource, depth: int) -> Any:
    return {"sequence": {"steps": [source.condition(depth) for _ in range(2)], "within": source.span()}}


def _score(source: RuleSource, depth: int) -> Any:
    weights = [{"weight": weight, "when": source.condition(depth)} for weight in (2, 1, -0.5)]
    return {"score": {"weights": weights, "at_least": source.rng.choice([1, 1.5, 2])}}


def _several(kind: str) -> Callable[[RuleSource, int], Any]:
    return lambda source, depth: {kind: [source.condition(depth) for _ in range(source.rng.randint(2, 3))]}


_OPERATORS: Mapping[str, Callable[[RuleSource], list[Any]]] = {
    **{each: _compared(each) for each in (">", "<", ">=", "<=", "==", "!=", "cross_above", "cross_below")},
    "between": _between,
    "in": _in,
    "near_pct": _near("near_pct", 0.3),
    "near_abs": _near("near_abs", 50),
}
_GROUPS: Mapping[str, Callable[[RuleSource, int], Any]] = {
    "all": _several("all"),
    "any": _several("any"),
    "not": lambda source, depth: {"not": source.condition(depth)},
    "holds_for": _window("holds_for"),
    "occurred_within": _window("occurred_within"),
    "count_true": _window("count_true"),
    "sequence": _sequence,
    "score": _score,
}

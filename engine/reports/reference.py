"""The reference of what a card can say: every name, operator and indicator, from the registries themselves.

    .venv/bin/trade docs

writes it to `idea_cards/REFERENCE.md`; a test holds the file against the registries.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import chain
from types import ModuleType

from engine.features.registry import FAMILIES, INDICATORS
from engine.features.spec import OTHER, SOURCE, IndicatorSpec
from engine.idea_card.features import CALENDAR_FIELDS, DERIVATIVE_INPUTS, PRICES
from engine.idea_card.position_state import PositionState
from engine.idea_card.signal_rules import SignalRules
from engine.rules.language import GROUP_CLASSES, LEAF_CLASSES
from engine.rules.operands import CALCULATIONS
from engine.rules.tags import Tagged

_CALENDAR = {
    "hour": "hour of the exec bar's close, 0 to 23",
    "minute": "minute of the exec bar's close, 0 to 59",
    "weekday": "day of the exec bar's close, 0 (Monday) to 6 (Sunday)",
}
_MEANING = {
    "open": "first trade of the bar, USDT",
    "high": "highest trade of the bar, USDT",
    "low": "lowest trade of the bar, USDT",
    "close": "last trade of the bar, USDT",
    "volume": "traded in the bar, base coin",
    "hl2": "(high + low) / 2",
    "hlc3": "(high + low + close) / 3",
    "ohlc4": "(open + high + low + close) / 4",
    "funding_rate": "rate of the last funding settled at or before the bar's close, a fraction (0.0001 is "
    "0.01 %; above 0 longs pay)",
    "open_interest": "last open interest stamped at or before the bar's close, base coin",
    "open_interest_change": "change of open_interest since the bar before, percent",
    "mark_open": "open of the bar's mark kline, USDT",
    "mark_high": "high of the bar's mark kline, USDT",
    "mark_low": "low of the bar's mark kline, USDT",
    "mark_close": "close of the bar's mark kline, USDT",
}

_POSITION = {
    PositionState.BARS_IN_TRADE: "exec bars since the entry, the bar of the entry included",
    PositionState.UNREALISED_R: "way of the close from the average entry price in units of the distance to "
    "the first stop, above 0 a gain, before costs; missing without a stop",
    PositionState.UNREALISED_PCT: "the same way, in percent of the average entry price",
    PositionState.ENTRY_PRICE: "average price of the fills that entered the position, USDT",
}
_TAGS = """\
```yaml
captures: {atr_then: atr}
entry_long:
  tags:
    deep: [[close, cross_above, bands.lower], [rsi, "<", 35]]
    plain: [close, cross_above, bands.lower]
exit_long:
  tags:
    mean: [close, ">=", bands.middle]
    tired: {all: [[bars_in_trade, ">", 20], [unrealised_r, "<", 0.1]]}
    far: [close, "<", {"-": [entry_price, {"*": [2, atr_then]}]}]
```
"""

EXAMPLE_ENTRY = """\
# engine/features/indicators/momentum.py
def _overnight(open_: FloatArray, close: FloatArray, length: int) -> FloatArray:
    return windows.mean(change(close) - (close - open_), length)


# and in ENTRIES
IndicatorSpec(
    name="overnight",
    definition="Mean over `length` of what the price moved between a close and the next open.",
    published="Ours, for this example.",
    implementation=Implementation.OURS,
    compute=_overnight,
    inputs=("open", "close"),
    params=(window(),),
    warmup=lambda p: p["length"],
    memory=Memory.WINDOW,
)
"""

EXAMPLE_ROW = """\
# tests/engine/features/features_more_cases.py
def by_pandas(c, length):
    gap = pd.Series(c["open"]) - pd.Series(c["close"]).shift()
    return gap.rolling(length).mean().to_numpy()


# and in MORE_CASES
Case("overnight", {"length": 20}, (Other(by_pandas),))
"""

_HEAD = f"""\
# What a card can say

Written by `trade docs` from the registries of the code; a test keeps it in step. Do not edit it by hand.

A feature is one indicator on one timeframe. There are no default parameters: what changes a result is written
down.

```yaml
features:
  trend: {{indicator: ema, params: {{length: 50}}, source: close, tf: htf}}
  bands: {{indicator: bbands, params: {{length: 20, std: 2}}, source: close, tf: exec}}
  busy:  {{indicator: zscore, params: {{length: 96}}, source: volume, tf: exec}}
  crowd: {{indicator: roc, params: {{length: 24}}, source: open_interest, tf: mtf}}
signal_rules:
  entry_long: [[close@htf, ">", trend], [close, cross_above, bands.lower], [funding_rate, "<", 0.0003]]
```

There are {len(INDICATORS)} indicators and market structures.
"""


def reference_text() -> str:
    """Return the reference as Markdown."""
    parts = [
        [_HEAD],
        ["## Names", *_names()],
        ["## Conditions", *_conditions()],
        ["## Calculations", *_calculations()],
        ["## Rules", *_rules()],
        ["## Indicators and market structure", _HOW_TO_READ],
        *([_title(family), *_entries(family)] for family in FAMILIES),
        ["## Where these differ from pandas-ta and TA-Lib", *_differences()],
        ["## A new indicator", *_new_indicator()],
    ]
    return "\n\n".join(text.strip("\n") for text in chain.from_iterable(parts)) + "\n"


def warmup_text(entry: IndicatorSpec) -> str:
    """Return the warm-up of an entry as a formula of its parameters: "fast + 2 * slow"."""
    if not entry.params:
        return str(entry.warmup({}))
    body = _warmup_bodies(inspect.getmodule(entry.warmup))[entry.name]
    return re.sub(r"p\['(\w+)'\]", r"\1", ast.unparse(body))


def _names() -> Iterator[str]:
    yield (
        "A name is a column of the bar that closed last. `close@htf` is that of another timeframe of the "
        "card, `close[1]` one bar of its own timeframe back; a feature has its own timeframe, and "
        "`bands.lower` is one of its outputs. What is not known is missing, and a comparison with it is "
        "unknown."
    )
    yield "\n".join(
        [
            "| name | at each close | can be a `source` |",
            "|---|---|---|",
            *(f"| `{name}` | {_MEANING[name]} | yes |" for name in (*PRICES, *DERIVATIVE_INPUTS)),
            *(f"| `{name}` | {_CALENDAR[name]}, UTC, at the decision | no |" for name in CALENDAR_FIELDS),
            *(
                f"| `{state.value}` | {_POSITION[state]}; in exit rules only | no |"
                for state in PositionState
            ),
        ]
    )


def _rules() -> Iterator[str]:
    yield "### `tags`"
    yield inspect.getdoc(Tagged) or ""
    yield "### `captures`"
    yield SignalRules.model_fields["captures"].description or ""
    yield _TAGS
    yield (
        "Values of the open position and captured ones stand in comparisons, calculations, all/any/not and "
        "setups of exit rules. Crossings, windows, sequences and scores look at the market only."
    )


def _conditions() -> Iterator[str]:
    for leaf in LEAF_CLASSES:
        yield f"### {', '.join(f'`{operator}`' for operator in leaf.operators)}"
        yield inspect.getdoc(leaf) or ""
    for group in GROUP_CLASSES:
        yield f"### `{group.key}`"
        yield inspect.getdoc(group) or ""


def _calculations() -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in CALCULATIONS)
    yield f"Wherever a name can stand: `{{'*': [1.2, close]}}`, `{{abs: close}}`. There are {names}."
    yield (
        "Missing where an operand is missing and where the result is not finite. `%` has the sign of the "
        "divisor."
    )


def _title(family: ModuleType) -> str:
    lines = (inspect.getdoc(family) or "").split("\n\n")
    return "\n\n".join([f"### {lines[0].rstrip('.')}", *lines[1:]])


def _entries(family: ModuleType) -> Iterator[str]:
    for entry in family.ENTRIES:
        reads = [_INPUT.get(name, f"`{name}`") for name in entry.inputs]
        memory = f"{entry.memory.name.lower()} ({entry.memory.value})"
        params = [f"  - `{param.name}`: {param.allowed}" for param in entry.params]
        orders = ", ".join(f"`{left} {sign} {right}`" for left, sign, right in entry.ordered)
        outputs = ", ".join(f"`.{output}`" for output in entry.outputs if output)
        warmup = f"before row {warmup_text(entry)} there is none" if entry.sparse else warmup_text(entry)
        facts = [
            f"- reads {', '.join(reads)}",
            *(["- parameters:", *params] if params else []),
            *([f"- {orders}"] if orders else []),
            *([f"- outputs {outputs}"] if outputs else []),
            f"- missing bars at the start: {warmup}" + (_LATER if entry.sparse else ""),
            f"- remembers: {memory}",
            f"- computed by: {entry.implementation.value}. {entry.published}",
        ]
        yield f"#### `{entry.name}`\n\n{entry.definition}\n\n" + "\n".join(facts)


def _differences() -> Iterator[str]:
    yield (
        "Truth before parity: where a library is broken, ambiguous or depends on what else is installed, the "
        "published definition is computed. What is said of the others:"
    )
    rows = [f"| `{entry.name}` | {sentence} |" for entry in INDICATORS.values() for sentence in _said(entry)]
    yield "\n".join(["| indicator | the other library |", "|---|---|", *rows])


def _said(entry: IndicatorSpec) -> list[str]:
    sentences = re.split(r"(?<=[.;]) (?=pandas-ta|TA-Lib)", entry.published)
    said = [each for each in sentences if _OF_ANOTHER.match(each) and len(each.split()) > _A_CITATION]
    return [each for each in said if ", as in " not in each]


def _new_indicator() -> Iterator[str]:
    yield (
        "One entry in a family of `engine/features/indicators`, and one row in the tests. The card's checks, "
        "the frame's schema, the feature store, this page and the general tests (every source, warm-up, no "
        "look-ahead, holes, flat markets) follow from the entry."
    )
    yield f"```python\n{EXAMPLE_ENTRY}```"
    yield (
        "A loop over bars is a `kernel` in `engine/features/kernels`. The row names parameters and somebody "
        "else who computes it: a second library, or the definition written out slowly."
    )
    yield f"```python\n{EXAMPLE_ROW}```"


def _warmup_bodies(module: ModuleType | None) -> dict[str, ast.expr]:
    """Return the body of the warm-up of each entry that is written out in a module."""
    tree = ast.parse(inspect.getsource(module)) if module is not None else ast.Module([], [])
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        given = {each.arg: each.value for each in node.keywords}
        name, warmup = given.get("name"), given.get("warmup")
        if isinstance(name, ast.Constant) and isinstance(warmup, ast.Lambda):
            found[str(name.value)] = warmup.body
    return found


_INPUT = {SOURCE: "its `source`", OTHER: "the column that `other` names"}
_LATER = "; later ones can be missing too"
_OF_ANOTHER = re.compile(r"(pandas-ta|TA-Lib)\b")
_A_CITATION = 2
_HOW_TO_READ = """\
Every value depends on its bar and those before it only. *Missing bars at the start* is the warm-up; a card
does not trade before everything it looks at is warm. *Computed by* names who computes it, so that no result
depends on what is installed, and the published definition.
"""

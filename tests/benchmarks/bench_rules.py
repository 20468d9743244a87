"""The condition language: 20 leaf conditions on a year of one-minute bars.

    .venv/bin/python tests/benchmarks/bench_rules.py

Once over arrays that lie ready on the exec grid, which is the work of the rules alone, and once through the
feeds of three timeframes, which aligns the higher ones bar by bar; plain, and with setups, windows, a
sequence and a score over three timeframes made of the same leaves. Asked for are 60 ms, parsing included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from benchmark_market import START_MS, YEAR_OF_MINUTES, machine, median_seconds

from engine.idea_card.signal_rules import SignalRules
from engine.rules.columns import ColumnSource, FloatArray, IntArray
from engine.rules.compile import evaluate_rules
from engine.rules.names import NameTable
from engine.rules.parse import parse_signal_rules
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.timeframes import Timeframe

TIMEFRAMES = {"exec": Timeframe.M1, "mtf": Timeframe.M15, "htf": Timeframe.H1}
ROLE_OF = {f"f{number}": ("exec", "mtf", "htf")[number % 3] for number in range(24)}
OPERATORS = (">", "<", ">=", "<=", "!=", "cross_above", "cross_below")
LEAVES: list[Any] = [
    *([f"f{number}", OPERATORS[number % 7], f"f{number + 1}"] for number in range(14)),
    ["f20", "between", [90, 110]],
    ["f21[1]", ">", "f21[2]"],
    ["close@htf", ">", "f3"],
    ["volume", ">", {"*": [1.2, "f4"]}],
    ["close", "near_pct", ["f5", 0.5]],
    [{"-": ["close", "f6"]}, ">", {"*": [0.5, "f7"]}],
]

WINDOWS: dict[str, Any] = {
    "setups": {
        "steady": {"holds_for": {"when": {"any": LEAVES[:3]}, "bars": 3, "tf": "mtf"}},
        "recent": {"occurred_within": {"when": LEAVES[5], "duration": "6h", "tf": "htf"}},
        "often": {"count_true": {"when": {"not": LEAVES[3]}, "bars": 30, "tf": "exec", "at_least": 9}},
        "pattern": {
            "sequence": {"steps": [LEAVES[6], LEAVES[7], LEAVES[12]], "within": {"bars": 240, "tf": "exec"}}
        },
    },
    "entry_long": {
        "all": [
            {"setup": "steady"},
            {"setup": "recent"},
            {
                "score": {
                    "weights": [
                        {"weight": 2, "when": {"setup": "often"}},
                        *({"weight": 0.5, "when": leaf} for leaf in LEAVES[8:12]),
                        {"weight": -1, "when": {"not": {"setup": "pattern"}}},
                    ],
                    "at_least": 1.5,
                }
            },
            {"any": [LEAVES[4], *LEAVES[13:]]},
        ]
    },
}


class Ready:
    """A column source that has every column on the exec grid already."""

    def __init__(self, feeds: MultiTFFeedStore) -> None:
        self._feeds = feeds
        self._columns: dict[tuple[str, str, int], FloatArray] = {}

    def closes(self, role: str) -> IntArray:
        """Return when each bar of a timeframe closes."""
        return self._feeds.closes(role)

    def visible_from(self, role: str) -> IntArray:
        """Return the exec bar that shows each bar of a timeframe first."""
        return self._feeds.visible_from(role)

    def column(self, name: str, role: str, offset: int) -> FloatArray:
        """Return a column, aligned the first time it is asked for."""
        key = name, role, offset
        if key not in self._columns:
            self._columns[key] = self._feeds.column(name, role, offset)
        return self._columns[key]


def feeds() -> MultiTFFeedStore:
    """Return random walks on three timeframes, missing in their first 200 bars."""
    rng = np.random.default_rng(1)
    found = {}
    for role, timeframe in TIMEFRAMES.items():
        bars = YEAR_OF_MINUTES * Timeframe.M1.ms // timeframe.ms
        columns: dict[str, Any] = {"ts_open": START_MS + np.arange(bars) * timeframe.ms}
        for name in ("open", "high", "low", "close", "volume"):
            columns[name] = 100 + rng.normal(size=bars).cumsum()
        for name in (name for name, of in ROLE_OF.items() if of == role):
            columns[name] = 100 + rng.normal(size=bars).cumsum()
            columns[name][:200] = np.nan
        found[role] = FeedStore(timeframe, pd.DataFrame(columns))
    return MultiTFFeedStore(found)


def main() -> None:
    """Print the figures."""
    names = NameTable(dict.fromkeys(ROLE_OF, ("",)), ROLE_OF, TIMEFRAMES)
    store = feeds()
    print(machine())
    cards = {
        "plain": SignalRules(entry_long={"all": [*LEAVES[:10], {"any": LEAVES[10:]}]}),
        "with windows": SignalRules(**WINDOWS),
    }
    sources: dict[str, ColumnSource] = {"columns ready": Ready(store), "three timeframes aligned": store}
    for card, raw in cards.items():
        parsing = median_seconds(lambda raw=raw: parse_signal_rules(raw, names))
        print(f"{card}: parse {len(LEAVES)} leaves: {1e3 * parsing:.2f} ms")
        rules = parse_signal_rules(raw, names)
        for label, source in sources.items():
            seconds = median_seconds(lambda source=source, rules=rules: evaluate_rules(rules, source))
            print(f"{card}: {len(LEAVES)} leaves x {YEAR_OF_MINUTES:,} bars, {label}: {1e3 * seconds:.1f} ms")


if __name__ == "__main__":
    main()

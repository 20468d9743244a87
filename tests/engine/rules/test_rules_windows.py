"""Windows, sequences, scores and setups against values worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rules_market import MIDNIGHT, NAMES, TIMEFRAMES, Market, exec_market, tree, truth

from engine.idea_card.signal_rules import SignalRules
from engine.rules.compile import evaluate, evaluate_rules
from engine.rules.names import Reference
from engine.rules.nodes import Lookback
from engine.rules.parse import parse_signal_rules
from engine.runtime.feed import FeedStore, MultiTFFeedStore

UP = ["fast", ">", 0]
MINUTE = 60_000


def bits(text: str) -> list[bool]:
    """Return flags: 1 is true, anything else is not."""
    return [letter == "1" for letter in text]


def series(text: str) -> list[float]:
    """Return values that are above 0 (1), below 0 (0) and missing (?)."""
    return [{"1": 1.0, "0": -1.0, "?": math.nan}[letter] for letter in text]


def both(raw: Any, **columns: str) -> tuple[list[bool], list[bool]]:
    """Return where a condition holds and where it fails, over exec bars."""
    market = exec_market(**{name: series(text) for name, text in columns.items()})
    return truth(raw, market), truth({"not": raw}, market)


@pytest.mark.parametrize(
    ("key", "more", "verdicts", "holds", "fails"),
    [
        ("holds_for", {}, "0111101", "0001100", "1110011"),
        # what was before the history is unknown; one bar that is false decides whatever it was
        ("holds_for", {}, "1110", "0010", "0001"),
        ("holds_for", {}, "1?11110", "0000110", "0000001"),
        ("occurred_within", {}, "0100000", "0111000", "0000111"),
        ("occurred_within", {}, "0000", "0000", "0011"),
        ("occurred_within", {}, "00?0000", "0000000", "0000011"),
        ("count_true", {"at_least": 2}, "1101000", "0111000", "0000111"),
        ("count_true", {"at_least": 2}, "001010", "000010", "011101"),
        # two unknown ones may both be true, one alone is not enough
        ("count_true", {"at_least": 2}, "0?1000", "000000", "000011"),
        ("count_true", {"at_least": 2}, "00?100", "000000", "011001"),
    ],
)
def test_windows_of_three_bars(key, more, verdicts, holds, fails):
    raw = {key: {"when": UP, "bars": 3, "tf": "exec", **more}}
    assert both(raw, fast=verdicts) == (bits(holds), bits(fails))
    # no bar is missing, so three bars of 15m are 45 minutes
    raw = {key: {"when": UP, "duration": "45m", "tf": "exec", **more}}
    assert both(raw, fast=verdicts) == (bits(holds), bits(fails))


def test_a_window_of_one_bar_is_the_condition():
    for key in ("holds_for", "occurred_within"):
        assert both({key: {"when": UP, "bars": 1, "tf": "exec"}}, fast="10?1") == (bits("1001"), bits("0100"))


def test_a_window_of_a_higher_timeframe_reads_its_closes_and_stands_between_them():
    # bars of 30m close with exec bars 1, 3, 5, 7, where the condition is true, true, true and false
    raw = {"holds_for": {"when": UP, "bars": 3, "tf": "mtf"}}
    assert both(raw, fast="010101001") == (bits("000001100"), bits("000000011"))
    raw = {"occurred_within": {"when": UP, "duration": "1h", "tf": "mtf"}}
    # what is true between the closes is not seen
    assert both(raw, fast="101000101") == (bits("000000000"), bits("000111111"))


def feeds(missing_closes: dict[str, list[int]]) -> MultiTFFeedStore:
    """Return two hours of bars without those that close at so many minutes; `fast` is true throughout."""
    found = {}
    for role, timeframe in TIMEFRAMES.items():
        minutes = range(timeframe.ms // MINUTE, 121, timeframe.ms // MINUTE)
        closes = np.array([each for each in minutes if each not in missing_closes.get(role, [])])
        columns = {"ts_open": MIDNIGHT + closes * MINUTE - timeframe.ms, "close": 1.0, "fast": 1.0}
        found[role] = FeedStore(timeframe, pd.DataFrame(columns))
    return MultiTFFeedStore(found)


def held_at(raw: Any, store: MultiTFFeedStore) -> list[int]:
    """Return the minutes at which a condition holds."""
    closes = (store.closes("exec") - MIDNIGHT) // MINUTE
    return closes[evaluate(tree(raw), store)].tolist()


def test_bars_count_what_is_there_and_durations_count_time():
    hole = feeds({"mtf": [60]})
    assert held_at({"holds_for": {"when": UP, "bars": 2, "tf": "mtf"}}, hole) == [90, 105, 120]
    # at 90 the last hour has a close without a bar, and nothing is known of it
    assert held_at({"holds_for": {"when": UP, "duration": "1h", "tf": "mtf"}}, hole) == [120]
    assert held_at({"occurred_within": {"when": UP, "duration": "30m", "tf": "mtf"}}, hole) == [
        *(30, 45),
        *(90, 105, 120),
    ]
    own = feeds({"exec": [60]})
    assert held_at({"holds_for": {"when": UP, "bars": 2, "tf": "exec"}}, own) == [30, 45, 75, 90, 105, 120]
    assert held_at({"holds_for": {"when": UP, "duration": "30m", "tf": "exec"}}, own) == [
        *(30, 45),
        *(90, 105, 120),
    ]


def test_a_bar_at_whose_close_nothing_was_decided_is_counted_and_unknown():
    store = feeds({"exec": [60]})
    assert held_at({"holds_for": {"when": UP, "bars": 2, "tf": "mtf"}}, store) == [120]
    assert held_at({"occurred_within": {"when": UP, "bars": 1, "tf": "mtf"}}, store) == [30, 45, 90, 105, 120]


def test_a_sequence_is_one_step_after_another_at_later_bars():
    raw = {"sequence": {"steps": [UP, ["slow", ">", 0]], "within": {"bars": 2, "tf": "exec"}}}
    # bar 0: the first step may have been before the history; bar 3: it is at the same bar, and too long ago
    found = both(raw, fast="10010000", slow="10110101")
    assert found == (bits("00100100"), bits("01011011"))
    assert both(raw, fast="0?00", slow="0011") == (bits("0000"), bits("1100"))


def test_a_sequence_of_three_steps_is_over_within_its_span():
    raw = {
        "sequence": {
            "steps": [UP, ["slow", ">", 0], ["close", ">", 0]],
            "within": {"duration": "1h", "tf": "exec"},
        }
    }
    found = both(raw, fast="1000001", slow="0100100", close="0000111")
    assert found == (bits("0000100"), bits("1111011"))


def test_a_sequence_on_a_higher_timeframe_counts_its_bars():
    # read with exec bars 1, 3, 5, 7: the first step is true at 1, the second at 3 and 5
    raw = {"sequence": {"steps": [UP, ["slow", ">", 0]], "within": {"bars": 2, "tf": "mtf"}}}
    assert truth(raw, exec_market(fast=series("01000000"), slow=series("00010100"))) == bits("00011110")
    raw["sequence"]["within"]["bars"] = 1
    assert truth(raw, exec_market(fast=series("01000000"), slow=series("00010100"))) == bits("00011000")


def score(at_least: float, *weights: float) -> dict[str, Any]:
    names = ("fast", "slow", "close")
    parts = [{"weight": w, "when": [name, ">", 0]} for w, name in zip(weights, names, strict=True)]
    return {"score": {"weights": parts, "at_least": at_least}}


def test_a_score_adds_up_what_is_true():
    sums = {"2": "100", "1": "101", "2 again": "111", "1 again": "010"}
    sums |= {"1 or 3": "?10", "2 or 1": "10?", "3 or 2": "11?", "-1 or 0": "0?1"}
    fast, slow, close = map("".join, zip(*sums.values(), strict=True))
    found = both(score(2, 2, 1, -1), fast=fast, slow=slow, close=close)
    assert found == (bits("10100010"), bits("01010001"))


def test_decimal_weights_add_up_to_what_they_say():
    assert 0.7 + 0.2 + 0.1 < 1.0  # as floats
    assert both(score(1, 0.7, 0.2, 0.1), fast="1", slow="1", close="1") == ([True], [False])


def test_setups_stand_for_their_conditions():
    raw = SignalRules(
        setups={
            "rising": ["fast", ">", "slow"],
            "pullback": {"all": [{"setup": "rising"}, ["close", "<", "fast"]]},
        },
        entry_long={"setup": "pullback"},
        exit_long={"not": {"setup": "rising"}},
    )
    market = exec_market(fast=[3.0, 3.0, 1.0], slow=[2.0, 2.0, 2.0], close=[2.5, 9.0, 0.5])
    held = evaluate_rules(parse_signal_rules(raw, NAMES), market)
    assert held["entry_long"].tolist() == [True, False, False]
    assert held["exit_long"].tolist() == [False, False, True]


def test_windows_may_be_nested():
    inner = {"occurred_within": {"when": UP, "bars": 2, "tf": "exec"}}
    raw = {"holds_for": {"when": inner, "bars": 2, "tf": "mtf"}}
    # the inner one is true at exec bars 1, 2, 4 and 5, and read at 1, 3, 5 and 7: 1, 0, 1, 0
    assert truth(raw, exec_market(fast=series("01001000"))) == bits("00000000")
    # true at 1 to 5: 1, 1, 1, 0
    assert truth(raw, exec_market(fast=series("01011000"))) == bits("00011110")


@pytest.mark.parametrize(
    ("raw", "before"),
    [
        (["trend[1]", ">", 0], 0),
        # the oldest of three 15m closes is two bars back
        ({"holds_for": {"when": ["trend[1]", ">", 0], "bars": 3, "tf": "exec"}}, 30),
        # of 30m closes, two bars back from one that closed up to 30 minutes ago
        ({"holds_for": {"when": ["trend[1]", ">", 0], "bars": 3, "tf": "mtf"}}, 90),
        (
            {
                "sequence": {
                    "steps": [["close", ">", 0], {"not": ["trend[1]", ">", 0]}],
                    "within": {"duration": "2h", "tf": "exec"},
                }
            },
            120,
        ),
        (
            {
                "occurred_within": {
                    "when": {"holds_for": {"when": ["trend[1]", ">", 0], "bars": 2, "tf": "exec"}},
                    "duration": "1h",
                    "tf": "exec",
                }
            },
            45 + 15,
        ),
    ],
)
def test_how_long_before_a_decision_columns_are_read(raw, before):
    found = tree(raw).lookbacks()
    assert Lookback(Reference("trend", "htf", 1), before * MINUTE) in found
    assert {each.reference for each in found} == tree(raw).references()


def test_a_window_over_no_history_is_empty():
    assert truth({"holds_for": {"when": UP, "bars": 3, "tf": "mtf"}}, exec_market(fast=[])) == []
    sequence = {"sequence": {"steps": [UP, UP], "within": {"bars": 1, "tf": "exec"}}}
    assert truth({"not": sequence}, Market(0, {"exec": {"fast": []}})) == []

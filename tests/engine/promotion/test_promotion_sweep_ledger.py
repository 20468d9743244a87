"""The sweep ledger: every trial once, whoever runs it and however often."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from evidence_case import CARD, history, space

from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SWEPT_METRICS, SweepHistory
from engine.backtest.sweep_results import SetResult
from engine.errors import ConfigurationError
from engine.hashing import sha256_hex
from engine.market_data.duckdb_file import connection_factory
from engine.promotion.sweep_ledger import SweepLedger, ledger_in_memory
from engine.promotion.trial_notes import TrialNotes
from engine.promotion.trials import Searched, searched_over
from engine.timeframes import Timeframe

GRID = Searched(
    sweep_id="first",
    search="grid",
    family="crossing",
    template="t",
    card_id="crossing",
    card_version="1.0.0",
    symbol="BTCUSDT",
    timeframe=Timeframe.H1,
    start_ms=0,
    end_ms=3_600_000,
    data_fingerprint="f",
)


def searched(**changed) -> Searched:
    return Searched(**vars(GRID) | changed)


def result(name: str, *, run: str = "", sharpe: float = 1.0, net: float = 1.0) -> SetResult:
    """A trial of the set `name`; the run is another where the data or the window are."""
    metrics = dict.fromkeys(SWEPT_METRICS, 0) | {"sharpe": sharpe, "net_return_pct": net}
    return SetResult({"fast": name}, sha256_hex(name), sha256_hex(f"{name} {run}"), metrics)


@pytest.fixture
def ledger(tmp_path: Path) -> SweepLedger:
    return SweepLedger(connection_factory(tmp_path / "sweeps.duckdb"))


def test_a_ledger_nobody_wrote_is_empty(ledger: SweepLedger):
    assert ledger.sweeps() == ()
    assert len(ledger.sharpes("crossing")) == 0
    assert ledger.finished(GRID) == {}
    assert ledger.best("crossing", by="sharpe", most=3) == ()


def test_the_same_trial_again_adds_no_row(ledger: SweepLedger):
    assert ledger.append(GRID, [result("a"), result("b")], at_ms=1) == 2
    assert ledger.append(GRID, [result("a"), result("b")], at_ms=2) == 0
    assert ledger.append(searched(sweep_id="other"), [result("b"), result("c")], at_ms=3) == 1
    assert ledger.append(GRID, [], at_ms=4) == 0
    assert [(each.searched.sweep_id, each.trials) for each in ledger.sweeps()] == [("other", 1), ("first", 2)]
    rows = ledger.best("crossing", by="sharpe", most=9)
    assert [(row.sequence, row.noted_at_ms) for row in rows] == [(1, 1), (2, 1), (3, 3)]


def test_a_sweep_is_in_the_ledger_to_the_bit():
    made, swept = space(), SweepHistory(history(30))
    sets = list(made.grid())[:4]
    found = run_sweep(made, sets, swept)
    ledger = ledger_in_memory()
    of = searched_over(made, swept, search="grid", sweep_id="x")
    with TrialNotes(ledger, of, lambda: 7) as notes:
        for each in found:
            notes.note(each)
    assert notes.added == 4
    assert ledger.finished(of).keys() == {each.run_id for each in found}
    for each in found:
        trial = ledger.trial("crossing", each.run_id[:12])
        assert trial.parameters == each.binding
        assert trial.system_hash == each.system_hash
        assert trial.searched == of
        assert {name: repr(value) for name, value in trial.metrics.items()} == {
            name: repr(value) for name, value in each.metrics.items()
        }
    assert (of.start_ms, of.end_ms) == swept.window(made.card)


def test_what_an_interrupted_search_had_done_is_kept():
    ledger = ledger_in_memory()

    def search_until_interrupted() -> None:
        with TrialNotes(ledger, GRID, lambda: 0) as notes:
            notes.note(result("a"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_until_interrupted()
    assert ledger.finished(GRID).keys() == {result("a").run_id}


def test_trials_on_other_data_are_not_finished_here(ledger: SweepLedger):
    ledger.append(GRID, [result("a")], at_ms=1)
    assert len(ledger.finished(GRID)) == 1
    for changed in (
        {"data_fingerprint": "g"},
        {"symbol": "ETHUSDT"},
        {"end_ms": 7_200_000},
        {"family": "other"},
    ):
        assert ledger.finished(searched(**changed)) == {}


def test_a_set_counts_once_by_its_longest_window_and_newest_data(ledger: SweepLedger):
    hour = 3_600_000
    ledger.append(searched(start_ms=0, end_ms=9 * hour), [result("a", run="long", sharpe=5.0)], at_ms=1)
    ledger.append(searched(start_ms=hour, end_ms=3 * hour), [result("a", run="part", sharpe=9.0)], at_ms=2)
    ledger.append(searched(start_ms=hour, end_ms=10 * hour), [result("a", run="newer", sharpe=4.0)], at_ms=3)
    ledger.append(GRID, [result("b", sharpe=math.nan)], at_ms=4)
    ledger.append(searched(symbol="ETHUSDT"), [result("b", run="eth", sharpe=2.0)], at_ms=5)
    ledger.append(searched(family="other"), [result("z", sharpe=7.0)], at_ms=6)
    # annualised by the square root of 365.25 days: what is counted is per day
    expected = np.array([4.0, math.nan, 2.0]) / math.sqrt(365.25)
    assert ledger.sharpes("crossing") == pytest.approx(expected, nan_ok=True)


def test_the_best_come_first_and_the_undefined_last(ledger: SweepLedger):
    ledger.append(
        GRID,
        [
            result("low", sharpe=-1.0, net=3),
            result("none", sharpe=math.nan, net=9),
            result("high", sharpe=2.0, net=1),
        ],
        at_ms=1,
    )
    ledger.append(searched(symbol="ETHUSDT"), [result("eth", sharpe=3.0)], at_ms=1)

    def names(**asked) -> list[str]:
        return [trial.parameters["fast"] for trial in ledger.best("crossing", **asked)]

    assert names(by="sharpe", most=9) == ["eth", "high", "low", "none"]
    assert names(by="sharpe", most=9, symbol="BTCUSDT") == ["high", "low", "none"]
    assert names(by="net_return_pct", most=2, symbol="BTCUSDT") == ["none", "low"]
    ledger.append(
        GRID, [SetResult({"fast": "deep"}, "h", "r", result("x").metrics | {"max_drawdown_pct": 9})], at_ms=2
    )
    assert names(by="max_drawdown_pct", most=9, symbol="BTCUSDT")[-1] == "deep"
    with pytest.raises(ConfigurationError, match="luck"):
        names(by="luck", most=1)


def test_each_set_is_ranked_by_its_longest_window(ledger: SweepLedger):
    hour = 3_600_000
    whole, part = searched(end_ms=9 * hour), searched(start_ms=hour, end_ms=3 * hour, search="walk_forward")
    ledger.append(whole, [result("a", run="long", sharpe=1.0), result("b", run="long", sharpe=2.0)], at_ms=1)
    ledger.append(part, [result("a", run="part", sharpe=9.0)], at_ms=2)
    found = ledger.best("crossing", by="sharpe", most=9)
    assert [(trial.parameters["fast"], trial.metrics["sharpe"]) for trial in found] == [
        ("b", 2.0),
        ("a", 1.0),
    ]


def test_a_search_over_several_windows_is_one(ledger: SweepLedger):
    for number in (1, 2, 3):
        window = searched(search="walk_forward", start_ms=number, end_ms=number + 5)
        ledger.append(window, [result("a", run=str(number), sharpe=number)], at_ms=number)
    [found] = ledger.sweeps()
    assert (found.trials, found.best_sharpe, found.noted_at_ms) == (3, 3.0, 3)
    assert (found.searched.start_ms, found.searched.end_ms) == (1, 8)


def test_a_trial_is_found_by_the_beginning_of_its_run_id(ledger: SweepLedger):
    ledger.append(GRID, [result("a"), result("b")], at_ms=1)
    run_id = result("a").run_id
    assert ledger.trial("crossing", run_id[:8]).parameters == {"fast": "a"}
    assert ledger.trial("crossing", run_id).run_id == run_id
    for beginning, told in (
        (run_id[:3], "is no run id"),
        ("zzzzzzz", "is no run id"),
        ("0123456789", "no trial has"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            ledger.trial("crossing", beginning)
    with pytest.raises(ConfigurationError, match="no trial has"):
        ledger.trial("other", run_id)


def test_the_family_is_the_card_whatever_its_values_are():
    made = space(CARD.replace("default: 4", "default: 6"))
    of = searched_over(made, SweepHistory(history(30)), search="grid", sweep_id="x")
    assert (of.family, of.card_id, of.symbol, of.timeframe) == (
        "crossing",
        "crossing",
        "BTCUSDT",
        Timeframe.H1,
    )

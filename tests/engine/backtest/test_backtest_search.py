"""A Bayesian search: repeatable, resumable, inside the constraints, and better than chance."""

from __future__ import annotations

import math

import pytest
from sweep_case import BLOCKS, FREE, SETS, history, space

from engine.backtest.search import BATCH_SETS, Objective, bayesian_search
from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SWEPT_METRICS
from engine.backtest.sweep_results import SetResult, SweepJournal
from engine.errors import ConfigurationError
from engine.hashing import canonical_json

WIDE = """
parameters:
  fast: {default: 5, min: 2, max: 60, step: 1}
  slow: {default: 12, min: 3, max: 200, step: 1}
  stop: {default: 2.0, min: 0.5, max: 8, log: 41}
parameter_constraints: [[fast, "<", slow]]
"""
UP = Objective("score", higher_is_better=True)


def hill(binding) -> float:
    """Highest, at 0, for a fast of 33, a slow of 77 and a stop of 1.3."""
    away = ((binding["fast"] - 33) / 10, (binding["slow"] - 77) / 30, math.log(binding["stop"] / 1.3))
    return -sum(distance**2 for distance in away)


def searched(text: str, trials: int, seed: int = 1, objective: Objective = UP, score=hill):
    """Search a card without a market: each set's score is a function of it."""
    batches = []

    def run(sets):
        batches.append(len(sets))
        return [SetResult(b, "hash", canonical_json(b), {objective.metric: score(b)}) for b in sets]

    return bayesian_search(space(FREE + text), trials, seed, objective, run), batches


def test_a_search_comes_nearer_to_the_best_set_than_chance():
    wide = space(FREE + WIDE)
    for seed in range(2):
        results, _ = searched(WIDE, 100, seed)
        found = max(result.metrics["score"] for result in results)
        by_chance = max(hill(binding) for binding in wide.sample(100, seed))
        assert found > by_chance
        assert found > -0.1


def test_less_is_searched_for_where_less_is_better():
    fall = Objective("score", higher_is_better=False)
    results, _ = searched(WIDE, 60, objective=fall, score=lambda binding: -hill(binding))
    assert [result.binding for result in results] == [result.binding for result in searched(WIDE, 60)[0]]


def test_the_same_seed_gives_the_same_trials_and_more_trials_begin_with_them():
    fewer, batches = searched(WIDE, 42)
    more, _ = searched(WIDE, 64)
    other, _ = searched(WIDE, 42, seed=2)
    assert [result.binding for result in more[:42]] == [result.binding for result in fewer]
    assert [result.binding for result in other] != [result.binding for result in fewer]
    assert batches == [BATCH_SETS] * 5 + [2]


def test_every_set_is_another_one_and_obeys_the_constraints():
    results, _ = searched(WIDE, 80)
    assert len({result.run_id for result in results}) == 80
    assert all(result.binding["fast"] < result.binding["slow"] for result in results)


def test_values_that_have_no_order_are_searched_as_names():
    words = """
parameters:
  kind: {default: ema, values: [ema, sma, wma, hma]}
  fast: {default: 5, values: [9, 3, 5]}
  stop: {default: 2.0, min: 0.5, max: 8, log: 41}
"""
    text = FREE.replace("params: {length: {param: slow}}", "params: {length: 12}").replace(
        "indicator: ema", "indicator: {param: kind}", 1
    )
    made = space(text + words)

    def run(sets):
        scores = [(b["kind"] == "wma") + (b["fast"] == 3) - abs(b["stop"] - 4) for b in sets]
        return [
            SetResult(b, "hash", canonical_json(b), {"score": score})
            for b, score in zip(sets, scores, strict=True)
        ]

    best = max(bayesian_search(made, 80, 0, UP, run), key=lambda result: result.metrics["score"])
    assert (best.binding["kind"], best.binding["fast"], best.binding["stop"]) == ("wma", 3, 4)


@pytest.mark.parametrize("undefined", [math.nan, math.inf, -math.inf])
def test_a_set_without_a_figure_is_one_to_keep_away_from(undefined):
    def score(binding):
        return undefined if binding["slow"] > 60 else -abs(binding["slow"] - 40) / 10

    results, _ = searched(WIDE, 100, score=score)
    last = [result.binding["slow"] for result in results[60:]]
    assert sum(slow > 60 for slow in last) < len(last) / 4


def test_a_grid_that_has_no_more_is_run_whole():
    assert [result.binding for result in searched(BLOCKS, 18)[0]] == list(space().grid())
    # 18 places, of which the constraint leaves 15
    assert len(searched(BLOCKS, 17)[0]) == SETS


def test_no_trials_are_refused():
    with pytest.raises(ConfigurationError, match="0 trials"):
        searched(WIDE, 0)


def test_workers_and_an_interruption_change_no_trial_and_no_metric(tmp_path):
    made, market = (
        space(FREE + WIDE.replace("min: 0.5, max: 8, log: 41", "min: 1, max: 4, step: 0.5")),
        history(),
    )
    objective = Objective("net_return_pct", higher_is_better=True)

    def search(journal: SweepJournal, workers: int, most: int | None = None):
        computed = []

        def on_result(result, was_finished):
            if not was_finished:
                journal.note(result)
                computed.append(result.run_id)
                if len(computed) == most:
                    raise KeyboardInterrupt

        def run(sets):
            return run_sweep(
                made, sets, market, workers=workers, finished=journal.finished, on_result=on_result
            )

        return bayesian_search(made, 32, 3, objective, run), len(computed)

    with SweepJournal(tmp_path / "whole.parquet", SWEPT_METRICS) as journal:
        whole, _ = search(journal, workers=2)
    broken = tmp_path / "broken.parquet"
    with SweepJournal(broken, SWEPT_METRICS) as journal, pytest.raises(KeyboardInterrupt):
        search(journal, workers=1, most=20)
    with SweepJournal(broken, SWEPT_METRICS) as journal:
        known = len(journal.finished)
        assert known >= 20
        again, computed = search(journal, workers=1)
    assert computed == 32 - known
    for one, other in zip(whole, again, strict=True):
        assert (one.binding, one.run_id) == (other.binding, other.run_id)
        assert {k: float(v).hex() for k, v in one.metrics.items()} == {
            k: float(v).hex() for k, v in other.metrics.items()
        }

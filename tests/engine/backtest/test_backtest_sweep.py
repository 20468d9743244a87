"""A sweep is every set run alone, whoever runs it and however often it was interrupted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pandas as pd
import pytest
from backtest_case import prepared
from strategy_case import card_text, random_history
from sweep_case import BLOCKS, FREE, SETS, history, space

from engine.backtest.engine import BacktestEngine, run_id
from engine.backtest.history import History
from engine.backtest.measure import measure
from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SWEPT_METRICS, SweepHistory
from engine.backtest.sweep_results import SetResult, SweepJournal, results_table
from engine.errors import CardError, ConfigurationError
from engine.idea_card.load import space_from_text
from engine.strategies.card_plan import CardPlan, plan_card


def exactly(metrics) -> dict[str, str]:
    """Numbers to the bit; every NaN is the same."""
    return {name: float(metrics[name]).hex() for name in SWEPT_METRICS}


def swept(workers: int = 1, **kwargs) -> tuple[SetResult, ...]:
    made = space()
    return run_sweep(made, list(made.grid()), history(), workers=workers, **kwargs)


@dataclass
class Counting:
    """The real runner, counting what it is asked to run."""

    runner: object = field(default_factory=history)
    ran: list[str] = field(default_factory=list)

    def run_id(self, plan: CardPlan) -> str:
        return self.runner.run_id(plan)

    def metrics(self, plans):
        self.ran.extend(plan.system_hash for plan in plans)
        return self.runner.metrics(plans)


# ---- equality


def test_a_sweep_is_every_set_run_alone_bit_for_bit():
    results = swept(workers=2)
    assert [result.binding for result in results] == list(space().grid())
    assert len(results) == SETS
    for result in results:
        plan = plan_card(space().bind(result.binding))
        case = prepared(card=plan)
        alone = measure(BacktestEngine().run(case))
        assert (result.system_hash, result.run_id) == (plan.system_hash, run_id(case))
        assert exactly(result.metrics) == exactly(vars(alone))
    assert len({result.metrics["net_return_pct"] for result in results}) > 10


def test_a_strategy_in_python_is_swept_as_the_conditions_it_stands_for():
    blocks = "\nparameters: {x: {default: 20, values: [5, 20, 60, 90]}}\n"
    market = SweepHistory(random_history(5, 1200))
    written = []
    for python, old, new in (
        (True, "min_strength: 20", "min_strength: {param: x}"),
        (False, '[strength.adx, ">", 20]', '[strength.adx, ">", {param: x}]'),
    ):
        text = card_text("channel_breakout", python=python)
        assert old in text
        made = space_from_text(text.replace(old, new) + blocks, "free.yaml")
        results = run_sweep(made, list(made.grid()), market, workers=2)
        written.append([exactly(result.metrics) for result in results])
    assert written[0] == written[1]
    assert len({metrics["trades"] for metrics in written[0]}) > 1


def test_a_window_is_the_window_of_the_run_alone():
    made, bounds = (
        space(),
        {"start_ms": prepared().window[0] + 400 * 900_000, "end_ms": prepared().window[1] - 900_000},
    )
    [result] = run_sweep(made, [made.defaults], history(**bounds))
    case = prepared(card=plan_card(made.card), **bounds)
    assert result.run_id == run_id(case)
    assert exactly(result.metrics) == exactly(vars(measure(BacktestEngine().run(case))))
    assert history(**bounds).window(case.plan.card) == case.window


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_nothing(workers, tmp_path):
    one, several = swept(1), swept(workers)
    assert [exactly(result.metrics) for result in one] == [exactly(result.metrics) for result in several]
    written = []
    for number, results in enumerate((one, several)):
        out = tmp_path / f"{number}.parquet"
        with SweepJournal(out, SWEPT_METRICS) as journal:
            journal.complete(results_table(results, space().parameters))
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_each_distinct_feature_is_computed_once():
    made, market = space(), history()
    run_sweep(made, list(made.grid()), market, workers=2)
    # three fast and two slow averages, the atr, the trend
    assert market.history.features_computed == 3 + 2 + 1 + 1


def test_features_beyond_the_room_for_them_are_computed_again_and_change_nothing():
    made, plenty = space(), history()
    # 1,200 bars of 8 bytes: room for three columns, and a set looks at four
    market = SweepHistory(
        History(
            "BTCUSDT",
            plenty.history.candles,
            plenty.history.funding,
            plenty.history.instrument,
            feature_bytes=3 * 1200 * 8,
        )
    )
    results = run_sweep(made, list(made.grid()), market, workers=2)
    assert market.history.features_computed > 3 + 2 + 1 + 1
    assert [exactly(result.metrics) for result in results] == [exactly(result.metrics) for result in swept()]


# ---- results


def test_the_table_has_a_row_per_set():
    results = swept()
    table = results_table(results, space().parameters)
    assert list(table)[:5] == ["param.fast", "param.slow", "param.stop", "system_hash", "run_id"]
    assert tuple(table)[5:] == SWEPT_METRICS
    assert table["param.fast"].tolist() == [3] * 6 + [5] * 6 + [7] * 3
    assert table["param.stop"].tolist() == [1, 2, 4] * 5
    assert table["system_hash"].is_unique
    assert table["trades"].tolist() == [result.metrics["trades"] for result in results]


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ([1, 2.5], [1.0, 2.5]),
        (["ema", "sma"], ["ema", "sma"]),
        ([True, False], [True, False]),
        ([None, 3], ["null", "3"]),
        ([True, 3], ["true", "3"]),
        ([{"type": "percent", "value": 2.0}, None], ['{"type":"percent","value":2}', "null"]),
    ],
)
def test_values_of_any_kind_have_a_column(values, column, tmp_path):
    results = [
        SetResult({"x": value}, "hash", str(place), {"trades": 1}) for place, value in enumerate(values)
    ]
    out = tmp_path / "sweep.parquet"
    with SweepJournal(out, ["trades"]) as journal:
        journal.complete(results_table(results, ["x"]))
    assert pd.read_parquet(out)["param.x"].tolist() == column


# ---- interruption


def test_an_interrupted_sweep_keeps_what_is_done_and_goes_on_from_there(tmp_path):
    out = tmp_path / "results" / "sweep.parquet"
    made = space()
    sets = list(made.grid())

    def interrupt_after(journal: SweepJournal, count: int):
        told = []

        def on_result(result, was_finished):
            journal.note(result)
            told.append(result)
            if len(told) == count:
                raise KeyboardInterrupt

        return on_result

    first = Counting()
    with SweepJournal(out, SWEPT_METRICS) as journal, pytest.raises(KeyboardInterrupt):
        run_sweep(made, sets, first, on_result=interrupt_after(journal, 4))
    assert not out.exists()
    with SweepJournal(out, SWEPT_METRICS) as journal:
        # the one at work when the interruption came was brought to its end as well
        assert 4 <= len(journal.finished) == len(first.ran) < SETS
        second = Counting()
        seen = []
        results = run_sweep(
            made,
            sets,
            second,
            finished=journal.finished,
            on_result=lambda result, was_finished: seen.append(was_finished),
        )
        journal.complete(results_table(results, made.parameters))
    assert len(first.ran) + len(second.ran) == SETS
    assert seen.count(True) == len(first.ran)
    assert [exactly(result.metrics) for result in results] == [exactly(result.metrics) for result in swept()]
    whole = tmp_path / "whole.parquet"
    with SweepJournal(whole, SWEPT_METRICS) as journal:
        journal.complete(results_table(swept(), made.parameters))
    assert out.read_bytes() == whole.read_bytes()
    assert [path.name for path in out.parent.iterdir()] == ["sweep.parquet"]


def test_what_is_finished_on_other_data_is_not_taken_for_finished():
    made, known = space(), {result.run_id: result.metrics for result in swept()}
    first = prepared().window[0]
    for market, reused in ((history(), SETS), (history(start_ms=first + 100 * 900_000), 0)):
        seen = []
        run_sweep(
            made,
            list(made.grid()),
            market,
            finished=known,
            on_result=lambda result, was_finished, seen=seen: seen.append(was_finished),
        )
        assert sum(seen) == reused


def test_finished_results_survive_to_the_bit_in_journal_and_table(tmp_path):
    out = tmp_path / "sweep.parquet"
    metrics = {"trades": 7, "sharpe": 0.1 + 0.2, "calmar": math.nan}
    result = SetResult({"x": 1}, "hash", "run", metrics)
    with SweepJournal(out, tuple(metrics)) as journal:
        journal.note(result)
    with SweepJournal(out, tuple(metrics)) as journal:
        known = journal.finished["run"]
        assert (known["trades"], known["sharpe"], math.isnan(known["calmar"])) == (7, 0.1 + 0.2, True)
        journal.complete(results_table([result], ["x"]))
    with SweepJournal(out, tuple(metrics)) as journal:
        known = journal.finished["run"]
    assert (known["trades"], known["sharpe"], math.isnan(known["calmar"])) == (7, 0.1 + 0.2, True)


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    out = tmp_path / "sweep.parquet"
    with SweepJournal(out, ["trades"]) as journal:
        journal.note(SetResult({}, "hash", "first", {"trades": 1}))
        journal.note(SetResult({}, "hash", "second", {"trades": 2}))
    [path] = tmp_path.iterdir()
    path.write_text(path.read_text()[:-20])
    with SweepJournal(out, ["trades"]) as journal:
        assert set(journal.finished) == {"first"}
        journal.note(SetResult({}, "hash", "third", {"trades": 3}))
    with SweepJournal(out, ["trades"]) as journal:
        assert set(journal.finished) == {"first", "third"}


def test_results_without_a_metric_do_not_count(tmp_path):
    out = tmp_path / "sweep.parquet"
    with SweepJournal(out, ["trades"]) as journal:
        journal.note(SetResult({}, "hash", "first", {"trades": 1}))
    with SweepJournal(out, ["trades", "sharpe"]) as journal:
        assert journal.finished == {}


def test_a_file_that_is_no_table_is_no_result(tmp_path):
    out = tmp_path / "sweep.parquet"
    out.write_text("not Parquet")
    with SweepJournal(out, ["trades"]) as journal:
        assert journal.finished == {}


# ---- refusals


@pytest.mark.parametrize("workers", [1, 2])
def test_a_set_that_makes_no_card_ends_the_sweep_and_the_others_are_told(workers):
    # an average of one bar is none; the range begins at 2, so nobody has noticed
    made = space()
    sets = [made.defaults, {"fast": 0, "slow": 12, "stop": 2.0}, *made.grid()]
    told = []
    with pytest.raises(CardError, match="length"):
        run_sweep(made, sets, history(), workers=workers, on_result=lambda result, _: told.append(result))
    assert made.defaults in [result.binding for result in told]
    assert len(told) < len(sets) - 1


def test_no_workers_are_refused():
    with pytest.raises(ConfigurationError, match="0 workers"):
        swept(workers=0)


def test_a_sweep_over_timeframes_is_refused():
    text = FREE.replace("htf: 1h", "htf: {param: larger}") + BLOCKS.replace(
        "parameters:", "parameters:\n  larger: {default: 1h, values: [1h, 4h]}"
    )
    made = space(text)
    with pytest.raises(ConfigurationError, match="timeframes"):
        run_sweep(made, list(made.grid()), history())

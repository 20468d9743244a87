"""The driver: what is current is reused, what is not is made again, and what fails stays alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest
from conftest import NOW_MS, Location, MovableClock, ScriptedMarket, card_text

from engine.errors import ConfigurationError, ExchangeUnavailable
from engine.timeframes import HOUR_MS, Timeframe, parse_utc
from trade_assets.build import usable_cards
from trade_assets.outcome import PipelineReport
from trade_assets.pipeline import run_pipeline

Scripted = tuple[Location, ScriptedMarket, MovableClock]


def run(location: Location, **chosen) -> PipelineReport:
    cards = usable_cards(location.settings)
    return run_pipeline(location.settings, cards, location.instance, **chosen)


def reused(report: PipelineReport) -> dict[tuple[str, str], bool]:
    return {(row.card, row.symbol): row.reused for row in report.rows}


def test_the_first_run_makes_everything_and_the_second_nothing(location: Location):
    first = run(location)
    assert reused(first) == {("averages", "BTCUSDT"): False, ("averages", "ETHUSDT"): False}
    assert first.failed == ()
    assert first.dagster_runs == 2 + 4
    second = run(location)
    assert reused(second) == {("averages", "BTCUSDT"): True, ("averages", "ETHUSDT"): True}
    assert second.dagster_runs == 0
    assert [replace(row, reused=False) for row in second.rows] == list(first.rows)


def test_a_row_tells_what_the_artifacts_say(made_location: Location):
    (row,) = run(made_location, symbols=["BTCUSDT"]).rows
    metrics = made_location.read("cards/averages/metrics", "BTCUSDT|15m")
    assert row.run_id == metrics["run_id"]
    assert (row.trades, row.fees_usdt) == (metrics["metrics"]["trades"], metrics["metrics"]["fees_usdt"])
    assert (row.decision, row.refused_by) == ("promoted", None)
    assert Path(row.report).is_file()


def test_only_what_is_asked_for_is_made(location: Location):
    location.add_card(card_text("other"))
    report = run(location, cards=["other"], symbols=["ETHUSDT"])
    assert reused(report) == {("other", "ETHUSDT"): False}
    assert not any("BTCUSDT" in name or "averages" in name for name in location.files())


def test_a_new_candle_makes_its_way_down(scripted_location: Scripted):
    location, _, clock = scripted_location
    before = {row.symbol: row.run_id for row in run(location, symbols=["BTCUSDT"]).rows}
    clock.ts_ms += 14 * 60_000
    assert all(reused(run(location, symbols=["BTCUSDT"])).values())
    clock.ts_ms += 60_000
    after = run(location, symbols=["BTCUSDT"])
    assert not any(reused(after).values())
    assert all(row.run_id != before[row.symbol] for row in after.rows)


CHANGES: dict[str, Callable[[Location], object]] = {
    "another value in the card": lambda at: at.add_card(card_text(slow=30)),
    "a report that was deleted": lambda at: _only(at, "reports/averages/BTCUSDT_15m.html").unlink(),
    "a frame that was deleted": lambda at: _only(at, "healed_ohlcv/BTCUSDT/1h/*.parquet").unlink(),
    "a pointer that was deleted": lambda at: _only(at, "*/averages/metrics/BTCUSDT/15m.json").unlink(),
    "a pointer that was damaged": lambda at: _only(
        at, "*/averages/backtest_results/BTCUSDT/15m.json"
    ).write_text("{"),
    "a refusal": lambda at: (_only(at, "funding_events/BTCUSDT") / "15m.refused.json").write_text("{}"),
    "a stored candle that was changed": lambda at: _sql(
        at, "UPDATE ohlcv SET turnover = turnover + 1 WHERE symbol = 'BTCUSDT' AND turnover > 0"
    ),
    "an earlier first day": lambda at: setattr(
        at, "settings", replace(at.settings, history_start_ms=parse_utc("2025-01-31"))
    ),
}


def _only(location: Location, pattern: str) -> Path:
    (found,) = Path(location.settings.artifacts_uri).glob(pattern)
    return found


def _sql(location: Location, statement: str) -> None:
    with duckdb.connect(str(location.settings.market_database)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_no_longer_current_is_made_again(made_location: Location, change: str):
    CHANGES[change](made_location)
    again = run(made_location, symbols=["BTCUSDT"])
    assert reused(again) == {("averages", "BTCUSDT"): False}
    assert again.failed == ()


def test_what_is_current_is_not_made_again(made_location: Location):
    assert reused(run(made_location, symbols=["BTCUSDT"])) == {("averages", "BTCUSDT"): True}


def test_an_instance_that_knows_nothing_is_told_again(made_location: Location, instance: dg.DagsterInstance):
    made_location.instance = instance
    assert reused(run(made_location, symbols=["BTCUSDT"])) == {("averages", "BTCUSDT"): False}


def test_a_symbol_that_fails_leaves_the_others_alone(location: Location):
    location.add_card(card_text("elsewhere", symbols="BTCUSDT, NOSUCHUSDT"))
    report = run(location)
    assert reused(report) == {
        ("averages", "BTCUSDT"): False,
        ("averages", "ETHUSDT"): False,
        ("elsewhere", "BTCUSDT"): False,
    }
    (failure,) = report.failed
    assert failure.what == "raw_ohlcv of NOSUCHUSDT"
    assert "NOSUCHUSDT" in failure.error


def test_where_every_symbol_fails_the_failures_are_told(location: Location):
    location.add_card(card_text(symbols="NOSUCHUSDT"))
    report = run(location)
    assert (report.rows, report.market.kind.value) == ((), "unknown")
    assert [failure.what for failure in report.failed] == ["raw_ohlcv of NOSUCHUSDT"]


def test_a_card_that_fails_leaves_the_others_alone(location: Location):
    location.add_card(card_text("hungry", symbols="BTCUSDT", trend=500))
    report = run(location)
    assert set(reused(report)) == {("averages", "BTCUSDT"), ("averages", "ETHUSDT")}
    (failure,) = report.failed
    assert failure.what == "cards/hungry/feature_frames of BTCUSDT 1h"
    assert "too little data for the warm-up" in failure.error


def test_a_decision_that_could_not_be_made_again_is_not_shown(scripted_location: Scripted):
    location, market, clock = scripted_location
    run(location)
    clock.ts_ms += 12 * HOUR_MS

    def half_a_day_is_missing(symbol: str, _timeframe: Timeframe, frame: pd.DataFrame) -> pd.DataFrame:
        there = (frame["ts_open"] < NOW_MS - HOUR_MS) | (frame["ts_open"] >= clock.ts_ms - HOUR_MS)
        return frame[there] if symbol == "BTCUSDT" else frame

    market.change = half_a_day_is_missing
    report = run(location)
    assert set(reused(report)) == {("averages", "ETHUSDT")}
    assert [failure.what for failure in report.failed] == ["healed_ohlcv of BTCUSDT 15m"]


def test_an_exchange_that_is_not_there_stops_before_anything_is_done(location: Location):
    location.settings = replace(location.settings, sandbox_url="http://127.0.0.1:9")
    with pytest.raises(ExchangeUnavailable, match=r"127\.0\.0\.1:9"):
        run(location)
    assert location.files() == set()


def test_unknown_cards_and_symbols_are_refused_by_name(location: Location):
    location.add_card("id: broken\n", "broken.yaml")
    with pytest.raises(ConfigurationError, match="no usable card nonsense") as caught:
        run(location, cards=["nonsense"])
    assert caught.value.way_out == "use one of averages"
    with pytest.raises(ConfigurationError) as caught:
        run(location, cards=["broken"])
    assert caught.value.way_out == "mend broken.yaml"
    with pytest.raises(ConfigurationError, match="trades DOGEUSDT"):
        run(location, symbols=["DOGEUSDT"])
    (location.settings.cards_dir / "averages.yaml").unlink()
    with pytest.raises(ConfigurationError, match="no usable card") as caught:
        run(location)
    assert caught.value.way_out == "mend broken.yaml"


def test_progress_counts_every_partition(location: Location):
    class Counter:
        def __init__(self) -> None:
            self.totals: dict[str, int] = {}
            self.done: dict[str, int] = {}
            self.finished: list[str] = []

        def start(self, task: str, total: int) -> None:
            self.totals[task], self.done[task] = total, 0

        def advance(self, task: str, steps: int = 1, *, note: str = "") -> None:
            self.done[task] += steps

        def finish(self, task: str) -> None:
            self.finished.append(task)

    counter = Counter()
    report = run(location, progress=counter)
    # Two symbols at two timeframes; for each 3 slices of the market and the frames, and 3 for the decision.
    assert counter.totals == {"sync": 4, "cards": 2 * (2 * 3 + 2 + 3)}
    assert counter.done == counter.totals
    assert counter.finished == ["sync", "cards"]
    assert {each.asset: each.partitions for each in report.assets}["feature_frames"] == 4
    assert 0 < sum(each.seconds for each in report.assets) < report.seconds

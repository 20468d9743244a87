"""A card with a detail timeframe in the graph: its finer candles are made first, and read by the backtest."""

from __future__ import annotations

import dagster as dg
import pytest
from conftest import NOW_MS, Location, MovableClock, ScriptedMarket, card_text, causes, made

from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from trade_assets.build import universe_of, usable_cards
from trade_assets.outcome import PipelineReport
from trade_assets.passes import passes_of
from trade_assets.pipeline import run_pipeline
from trade_assets.sensors import LAG_MS, candle_close_sensor, paces_of

M1, M5, M15, H1 = Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1
DETAIL = {"{exec: 15m, htf: 1h}": "{exec: 15m, htf: 1h, detail: 5m}"}


def detailed(card_id: str, changes: dict[str, str] = DETAIL, **card: object) -> str:
    """Return a card that fills on finer candles."""
    text = card_text(card_id, **card)
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    return text


@pytest.fixture
def detailed_location(location: Location) -> Location:
    """A code location with one card, on one symbol, that fills on 5m candles."""
    (location.settings.cards_dir / "averages.yaml").unlink()
    location.add_card(detailed("fine", symbols="BTCUSDT"))
    return location


def plans_of(location: Location) -> list[CardPlan]:
    return list(usable_cards(location.settings).plans.values())


def run(location: Location) -> PipelineReport:
    return run_pipeline(location.settings, usable_cards(location.settings), location.instance)


def test_the_pipeline_fills_on_finer_candles_and_says_what_they_changed(detailed_location: Location) -> None:
    report = run(detailed_location)
    assert report.failed == ()
    assert [(row.card, row.timeframe, row.reused) for row in report.rows] == [("fine", "15m", False)]
    # a run that syncs, and one for each timeframe
    assert report.dagster_runs == 1 + 3
    result = detailed_location.read("cards/fine/backtest_results", "BTCUSDT|15m")
    assert result.detail.timeframe is M5
    assert result.detail.covered_pct == 100.0
    assert result.detail.trades_with == len(result.trades) > 0
    frame = detailed_location.read("cards/fine/feature_frames", "BTCUSDT|5m")
    assert "fast" not in frame.columns
    assert len(frame) == 3 * len(detailed_location.read("cards/fine/feature_frames", "BTCUSDT|15m"))
    # nothing to do the second time
    assert run(detailed_location).dagster_runs == 0


def test_a_range_makes_the_finer_frames_before_the_backtest(detailed_location: Location) -> None:
    result = detailed_location.make(at="BTCUSDT|1h", to="BTCUSDT|5m")
    assert result.success
    assert {(f"cards/fine/{each}", f"BTCUSDT|{at}") for each, at in (
        ("feature_frames", "1h"), ("feature_frames", "15m"), ("feature_frames", "5m"),
        ("backtest_results", "15m"), ("promotion", "15m"),
    )} <= made(result)  # fmt: skip
    (event,) = [
        each
        for each in result.get_asset_materialization_events()
        if each.asset_key == dg.AssetKey(["cards", "fine", "backtest_results"])
    ]
    metadata = event.materialization.metadata
    assert metadata["filled on"].value == "5m"
    assert metadata["bars filled on it, %"].value == 100.0
    assert {"ambiguous trades without it", "trades it changed", "net PnL it added, USDT"} <= set(metadata)


def test_without_the_finer_frame_the_backtest_says_what_to_make(detailed_location: Location) -> None:
    assert detailed_location.make("raw_ohlcv", at="BTCUSDT|1h", to="BTCUSDT|5m").success
    result = detailed_location.make(at="BTCUSDT|1h", to="BTCUSDT|15m")
    assert not result.success
    (cause,) = causes(result).values()
    assert "BTCUSDT|5m" in cause or "BTCUSDT 5m" in cause


def test_the_universe_has_the_detail_timeframe(detailed_location: Location) -> None:
    cards = usable_cards(detailed_location.settings)
    assert universe_of(detailed_location.settings, cards).timeframes == (H1, M15, M5)


def test_passes_make_finer_candles_first_and_then_the_largest_timeframe(location: Location) -> None:
    (location.settings.cards_dir / "averages.yaml").unlink()
    location.add_card(detailed("fine"))
    # the finer timeframe of one card is the exec timeframe of another, which looks at the exec of the first
    location.add_card(detailed("fast", {"{exec: 15m, htf: 1h}": "{exec: 5m, htf: 15m, detail: 1m}"}))
    passes = passes_of(plans_of(location))
    frames, decided = ["feature_frames"], ["feature_frames", "backtest_results", "metrics", "promotion"]
    assert [
        (
            step.timeframe,
            step.is_detail,
            {card: [key[-1] for key in keys] for card, keys in step.keys.items()},
        )
        for step in passes
    ] == [
        (M5, True, {"fine": frames}),
        (M1, True, {"fast": frames}),
        (H1, False, {"fine": frames}),
        (M15, False, {"fast": frames, "fine": decided}),
        (M5, False, {"fast": decided}),
    ]


def test_finer_candles_are_due_when_an_exec_candle_closes(location: Location) -> None:
    (location.settings.cards_dir / "averages.yaml").unlink()
    location.add_card(detailed("fine"))
    assert paces_of(plans_of(location), [H1, M15, M5]) == {H1: H1, M15: M15, M5: M15}
    # A card that looks at them has them whenever they close; two that fill on them, at the smaller's pace.
    location.add_card(detailed("fast", {"{exec: 15m, htf: 1h}": "{exec: 5m, htf: 15m, detail: 1m}"}))
    location.add_card(detailed("slow", {"{exec: 15m, htf: 1h}": "{exec: 1h, htf: 4h, detail: 1m}"}))
    every = [Timeframe.H4, H1, M15, M5, M1]
    assert paces_of(plans_of(location), every) == {each: each for each in every} | {M1: M5}


def test_the_sensor_asks_for_them_in_the_run_of_the_exec_candle(detailed_location: Location) -> None:
    plans = plans_of(detailed_location)
    universe = universe_of(detailed_location.settings, usable_cards(detailed_location.settings))
    now = [NOW_MS - NOW_MS % H1.ms + LAG_MS]
    sensor = candle_close_sensor(universe, plans, now_ms=lambda: now[0])

    def asked(cursor: str | None) -> tuple[list[str], str]:
        found = sensor(dg.build_sensor_context(cursor=cursor, instance=detailed_location.instance))
        assert isinstance(found, dg.SensorResult)
        return [str(each.run_key) for each in found.run_requests or ()], found.cursor or ""

    close = now[0] - LAG_MS
    requests, cursor = asked(None)
    assert requests == [f"BTCUSDT|1h...BTCUSDT|5m|{close}"]
    now[0] += 5 * 60_000
    requests, cursor = asked(cursor)
    assert requests == []
    now[0] += 10 * 60_000
    requests, _ = asked(cursor)
    assert requests == [f"BTCUSDT|15m...BTCUSDT|5m|{close + M15.ms}"]


def test_finer_candles_that_cannot_be_made_stop_only_the_cards_that_fill_on_them(
    scripted_location: tuple[Location, ScriptedMarket, MovableClock],
) -> None:
    location, market, _ = scripted_location
    location.add_card(card_text("averages", symbols="BTCUSDT"))
    location.add_card(detailed("fine", symbols="BTCUSDT"))
    # one 5m candle in ten is not there: more than may be filled
    market.change = lambda _symbol, timeframe, frame: (
        frame[frame["ts_open"] // M5.ms % 10 != 3] if timeframe is M5 else frame
    )
    report = run(location)
    assert [row.card for row in report.rows] == ["averages"]
    assert {failure.what for failure in report.failed} == {"healed_ohlcv of BTCUSDT 5m"}

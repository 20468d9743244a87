"""From raw candles to a decision, on the sandbox exchange."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pandas as pd
from conftest import QUIET, Location, card_text, checks, made

from trade_assets.build import build_defs

MARKET = {"raw_ohlcv", "healed_ohlcv", "funding_events", "instrument_rules"}
BRANCH = ("feature_frames", "backtest_results", "metrics", "promotion")


def branch(card: str) -> set[str]:
    return {f"cards/{card}/{asset}" for asset in BRANCH}


def metadata_of(result, key: str) -> dict:
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key.to_user_string() == key]
    return event.materialization.metadata


def test_a_symbol_goes_from_candles_to_a_decision(location: Location):
    result = location.make_all()
    assert result.success
    expected = {(asset, f"BTCUSDT|{tf}") for asset in MARKET for tf in ("1h", "15m")}
    expected |= {("cards/averages/feature_frames", f"BTCUSDT|{tf}") for tf in ("1h", "15m")}
    expected |= {(asset, "BTCUSDT|15m") for asset in branch("averages") - {"cards/averages/feature_frames"}}
    expected |= {(asset, "None") for asset in ("idea_cards", "listed_symbols", "shadow_performance")}
    assert made(result) == expected
    decision = location.read("cards/averages/promotion", "BTCUSDT|15m")["decision"]
    assert (decision["decision"], decision["symbol"], decision["timeframe"]) == ("promoted", "BTCUSDT", "15m")


def test_ten_days_of_candles_are_stored_without_a_hole(location: Location):
    location.make("raw_ohlcv", "healed_ohlcv", at="BTCUSDT|15m")
    healed = location.read("healed_ohlcv", "BTCUSDT|15m")
    assert len(healed) == 10 * 96
    assert not healed["is_filled"].any()
    assert healed["mark_close"].notna().all()


def test_partition_by_partition_gives_the_same_as_a_range(location: Location, settings, tmp_path):
    elsewhere = replace(
        settings, data_dir=tmp_path / "other", artifacts_uri=str(tmp_path / "other/artifacts")
    )
    other = Location(elsewhere, location.instance)
    location.make_all()
    for partition in ("BTCUSDT|1h", "BTCUSDT|15m"):
        assert other.make(at=partition).success
    for key in ("cards/averages/backtest_results", "cards/averages/metrics"):
        one, two = location.read(key, "BTCUSDT|15m"), other.read(key, "BTCUSDT|15m")
        one, two = (each if isinstance(each, dict) else each.summary() for each in (one, two))
        assert one == two


def test_a_partition_a_card_does_not_trade_is_skipped_and_the_run_is_green(location: Location):
    location.make("raw_ohlcv", "healed_ohlcv", "funding_events", "instrument_rules", at="BTCUSDT|1h")
    result = location.make(*branch("averages"), at="BTCUSDT|1h")
    assert result.success
    assert made(result) == {("cards/averages/feature_frames", "BTCUSDT|1h")}
    skipped = {event.step_key for event in result.all_events if event.is_step_skipped}
    assert skipped == {"cards__averages__metrics", "cards__averages__promotion"}


def test_a_range_records_only_what_was_made(location: Location):
    location.add_card(card_text("only_eth", symbols="ETHUSDT"))
    result = location.make(at="BTCUSDT|1h", to="ETHUSDT|15m")
    assert result.success
    assert {partition for key, partition in made(result) if key == "cards/only_eth/backtest_results"} == {
        "ETHUSDT|15m"
    }
    assert {partition for key, partition in made(result) if key == "cards/averages/backtest_results"} == {
        "BTCUSDT|15m",
        "ETHUSDT|15m",
    }


def test_every_check_of_a_range_is_recorded_for_its_partition(location: Location):
    location.add_card(card_text(min_trades=100_000))
    said = checks(location.make(at="BTCUSDT|1h", to="ETHUSDT|15m"))
    for key in ("raw_ohlcv", "healed_ohlcv", "funding_events", "cards/averages/feature_frames"):
        for symbol in ("BTCUSDT", "ETHUSDT"):
            for timeframe in ("15m", "1h"):
                assert said[key, "schema", f"{symbol}|{timeframe}"] is True
    for symbol in ("BTCUSDT", "ETHUSDT"):
        assert said["cards/averages/metrics", "accounts_agree", f"{symbol}|15m"] is True
        assert said["cards/averages/promotion", "promotion_gates", f"{symbol}|15m"] is False


def test_a_refused_card_is_an_answer_and_not_a_failed_run(location: Location):
    location.add_card(card_text(min_trades=100_000))
    result = location.make_all()
    assert result.success
    decision = location.read("cards/averages/promotion", "BTCUSDT|15m")["decision"]
    assert (decision["decision"], decision["refused_by"]) == ("refused", "min_trades")
    shown = metadata_of(result, "cards/averages/promotion")
    assert shown["refused by"].value == "min_trades"
    assert "GENERATED" in shown["market"].value


def test_the_same_evidence_is_one_decision_in_the_ledger(made_location: Location):
    ledger = made_location.definitions.resources["promotion_database"].ledger()
    first = made_location.read("cards/averages/promotion", "BTCUSDT|15m")
    made_location.make("cards/averages/promotion", at="BTCUSDT|15m")
    assert len(ledger.history()) == 1
    assert made_location.read("cards/averages/promotion", "BTCUSDT|15m") == first


def test_the_ui_gets_counts_moments_figures_a_picture_and_the_report(location: Location):
    result = location.make_all()
    backtest = metadata_of(result, "cards/averages/backtest_results")
    assert backtest["equity"].value.startswith("![equity of averages on BTCUSDT 15m](data:image/png;base64,")
    assert len(backtest["equity"].value) < 70_000  # 50 kB, in base64
    assert backtest["bars"].value == 960
    metrics = metadata_of(result, "cards/averages/metrics")
    for name in ("net_return_pct", "max_drawdown_pct", "fees_usdt", "funding_usdt"):
        assert isinstance(metrics[name].value, float)
    report = metadata_of(result, "cards/averages/promotion")["report"].value
    with open(report) as file:
        assert "BTCUSDT" in file.read()
    events = {
        str(event.partition): event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key.to_user_string() == "raw_ohlcv"
    }
    raw = events["BTCUSDT|1h"]
    assert (raw["dagster/row_count"].value, raw["new candles"].value, raw["gap bars"].value) == (240, 240, 0)
    assert pd.Timestamp(raw["first candle"].value, unit="s") == pd.Timestamp("2025-02-01")
    assert pd.Timestamp(raw["last candle"].value, unit="s") == pd.Timestamp("2025-02-10 23:00")


def test_the_ui_counts_every_verdict_for_its_partition(location: Location):
    location.add_card(card_text(min_trades=100_000))
    location.make_all()
    location.make_all()

    def counted(key: str, check: str) -> dict[str, set[str]]:
        partitions = (
            location.definitions.resolve_asset_graph().get(dg.AssetKey(key.split("/"))).partitions_def
        )
        check_key = dg.AssetCheckKey(dg.AssetKey(key.split("/")), check)
        state = location.instance.event_log_storage.get_asset_check_state([(check_key, partitions)])[
            check_key
        ]
        subsets = {status.value: subset.subset_value for status, subset in state.subsets.items()}
        return {
            status: set(map(str, kept.get_partition_keys())) for status, kept in subsets.items() if len(kept)
        }

    assert counted("healed_ohlcv", "schema") == {"SUCCEEDED": {"BTCUSDT|1h", "BTCUSDT|15m"}}
    promotion = counted("cards/averages/promotion", "promotion_gates")
    assert promotion["FAILED"] == {"BTCUSDT|15m"}


def test_the_whole_chain_works_on_an_object_store(location: Location, tmp_path):
    location.settings = replace(location.settings, artifacts_uri=f"memory://{tmp_path.name}")
    for _ in range(2):
        assert location.make_all().success
    promotion = location.read("cards/averages/promotion", "BTCUSDT|15m")
    assert (location.artifacts.base / promotion["report"]).read_text().startswith("<!")
    backtest = location.read("cards/averages/backtest_results", "BTCUSDT|15m")
    assert backtest.run_id == promotion["decision"]["run_id"]


def test_a_new_card_is_in_the_graph_with_no_code(location: Location):
    before = {key.to_user_string() for key in location.definitions.resolve_asset_graph().get_all_asset_keys()}
    location.add_card(card_text("newcomer"))
    after = {key.to_user_string() for key in location.definitions.resolve_asset_graph().get_all_asset_keys()}
    on_demand = {f"cards/newcomer/{asset}" for asset in ("gates", "shadow", "validation")}
    assert after - before == branch("newcomer") | on_demand


def test_a_broken_card_leaves_the_others_alone_and_is_named_by_a_check(location: Location):
    location.add_card(card_text("broken").replace("indicator: ema", "indicator: emma"), "broken.yaml")
    result = location.make_all()
    assert result.success
    assert ("cards/averages/promotion", "BTCUSDT|15m") in made(result)
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "every_card_loads"]
    assert not check.passed
    assert "emma" in check.metadata["broken.yaml"].value


def test_a_changed_card_is_another_code_version(location: Location):
    def version() -> str | None:
        key = dg.AssetKey(["cards", "averages", "metrics"])
        return location.definitions.resolve_asset_graph().get(key).code_version

    before = version()
    location.add_card(card_text().replace("# ", "#  "))
    assert version() == before
    location.add_card(card_text(slow=30))
    assert version() != before


def test_a_look_at_the_exchanges_list_says_what_is_new_and_is_kept_for_the_next_load(location: Location):
    def look() -> dict[str, object]:
        result = location.job.execute_in_process(
            asset_selection=[dg.AssetKey("listed_symbols")], instance=location.instance, run_config=QUIET
        )
        (event,) = result.get_asset_materialization_events()
        return {name: each.value for name, each in event.materialization.metadata.items()}

    first = look()
    assert first["new"] == first["dagster/row_count"] > 10
    assert (look()["new"], first["retired"]) == (0, 0)
    everything = replace(location.settings, all_symbols=True)
    partitions = build_defs(everything).resolve_asset_graph().get(dg.AssetKey("raw_ohlcv")).partitions_def
    assert "DOGEUSDT|15m" in partitions.get_partition_keys()

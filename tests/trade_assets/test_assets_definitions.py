"""The graph as a whole: what is in it, spec by spec, and that it loads whatever the cards are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
from conftest import Location, card_text

from engine.settings import PROJECT_ROOT, TradeSettings
from engine.timeframes import Timeframe
from engine.tools.demo import DEMO_NOW
from trade_assets.build import build_defs

# Asset, group, what it reads, its checks (! blocks). A change of the graph is a change of this table.
GRAPH = """
cards/averages/backtest_results | card_averages | cards/averages/feature_frames funding_events instrument_rules | look_ahead! parity! schema!
cards/averages/feature_frames   | card_averages | healed_ohlcv | schema!
cards/averages/gates            | card_averages_on_demand | cards/averages/feature_frames funding_events instrument_rules | run_gates!
cards/averages/metrics          | card_averages | cards/averages/backtest_results | accounts_agree!
cards/averages/promotion        | card_averages | cards/averages/backtest_results cards/averages/feature_frames cards/averages/metrics raw_ohlcv | promotion_gates
cards/averages/shadow           | card_averages_on_demand | cards/averages/validation raw_ohlcv | shadow_gates
cards/averages/validation       | card_averages_on_demand | cards/averages/promotion funding_events healed_ohlcv instrument_rules raw_ohlcv | validation_gates
funding_events                  | market        | raw_ohlcv | funding_spacing! schema!
healed_ohlcv                    | market        | raw_ohlcv | plausible_prices schema! timeframes_agree!
idea_cards                      | cards         |           | every_card_loads
instrument_rules                | market        | raw_ohlcv |
listed_symbols                  | listing       |           |
raw_ohlcv                       | market        |           | fresh no_gaps schema!
shadow_performance              | live          |           |
"""  # noqa: E501


def graph_of(definitions: dg.Definitions) -> str:
    graph = definitions.resolve_asset_graph()
    lines = []
    for key in sorted(graph.get_all_asset_keys(), key=lambda each: each.to_user_string()):
        node = graph.get(key)
        upstream = " ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        specs = sorted((graph.get_check_spec(check) for check in node.check_keys), key=lambda spec: spec.name)
        checks = " ".join(f"{spec.name}{'!' if spec.blocking else ''}" for spec in specs)
        lines.append([key.to_user_string(), node.group_name, upstream, checks])
    return "\n".join("|".join(column.strip() for column in line) for line in lines)


def test_the_graph_is_the_one_in_the_table(location: Location):
    table = [[column.strip() for column in line.split("|")] for line in GRAPH.strip().splitlines()]
    assert graph_of(location.definitions) == "\n".join("|".join(line) for line in table)


def test_every_partitioned_asset_and_check_shares_one_partitions_definition(location: Location):
    graph = location.definitions.resolve_asset_graph()
    whole = {dg.AssetKey(name) for name in ("idea_cards", "listed_symbols", "shadow_performance")}
    nodes = [graph.get(key) for key in set(graph.get_all_asset_keys()) - whole]
    checks = [graph.get_check_spec(check) for node in nodes for check in node.check_keys]
    (partitions,) = {each.partitions_def for each in (*nodes, *checks)}
    assert partitions.get_partition_keys() == ["BTCUSDT|1h", "BTCUSDT|15m", "ETHUSDT|1h", "ETHUSDT|15m"]


def test_settings_add_symbols_and_timeframes(settings: TradeSettings):
    more = replace(settings, extra_symbols=("SOLUSDT",), extra_timeframes=(Timeframe.D1,))
    partitions = build_defs(more).resolve_asset_graph().get(dg.AssetKey("raw_ohlcv")).partitions_def
    assert len(partitions.get_partition_keys()) == 9


def test_the_shipped_cards_load(tmp_path: Path):
    settings = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path)})
    dg.Definitions.validate_loadable(build_defs(settings))
    groups = {spec.group_name for spec in build_defs(settings).resolve_all_asset_specs()}
    assert {"market", "card_trend_pullback", "card_band_reversion", "card_channel_breakout"} <= groups


def test_it_loads_without_any_usable_card(settings: TradeSettings, tmp_path: Path):
    (settings.cards_dir / "averages.yaml").write_text("id: [not, a, card")
    dg.Definitions.validate_loadable(build_defs(settings))
    dg.Definitions.validate_loadable(build_defs(replace(settings, cards_dir=tmp_path / "nowhere")))


def test_fifty_cards_load(location: Location):
    for number in range(50):
        (location.settings.cards_dir / f"card_{number}.yaml").write_text(card_text(f"card_{number}"))
    assert len(list(location.definitions.resolve_all_asset_specs())) == 7 + 7 * 51


def test_definitions_are_new_at_each_call(settings: TradeSettings):
    assert build_defs(settings) is not build_defs(settings)


def test_the_workspace_names_the_module():
    text = (PROJECT_ROOT / "workspace.yaml").read_text()
    assert "module_name: trade_assets.definitions" in text


def test_the_ui_starts_the_stand_in_where_the_clock_of_the_demo_stands():
    # Whatever is then run in the UI finds no newer candles, and the demo shows the same afterwards.
    assert f"--now {DEMO_NOW}" in (PROJECT_ROOT / ".ci" / "ui").read_text()

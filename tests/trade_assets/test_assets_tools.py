"""The pipeline as a tool of the registry, found by its entry point, on the instance in DAGSTER_HOME."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from conftest import NOW_MS, card_text

from engine.settings import TradeSettings
from engine.tools.catalogue import full_registry
from engine.tools.registry import ToolContext, ToolResult


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME of the test's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


def call(settings: TradeSettings, **arguments: object) -> ToolResult:
    return full_registry().execute("pipeline.run", arguments, ToolContext(settings, lambda: NOW_MS))


def test_it_runs_every_card_and_the_ui_has_the_runs(settings: TradeSettings, home: Path):
    result = call(settings)
    assert result.ok, result
    assert [(row["card"], row["symbol"], row["reused"]) for row in result.data["rows"]] == [
        ("averages", "BTCUSDT", False),
        ("averages", "ETHUSDT", False),
    ]
    assert result.data["failed"] == []
    assert result.data["market"]["kind"] == "generated"
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert len(instance.get_runs()) == 6
        key = dg.AssetKey(["cards", "averages", "promotion"])
        assert instance.get_materialized_partitions(key) == {"BTCUSDT|15m", "ETHUSDT|15m"}
    again = call(settings)
    assert all(row["reused"] for row in again.data["rows"])
    assert again.data["dagster_runs"] == 0


def test_a_card_is_named_by_its_id_or_by_its_file(settings: TradeSettings, home: Path):
    by_file = call(settings, cards=[str(settings.cards_dir / "averages.yaml")], symbols=["BTCUSDT"])
    by_id = call(settings, cards=["averages"], symbols=["BTCUSDT"])
    assert [row["run_id"] for row in by_file.data["rows"]] == [row["run_id"] for row in by_id.data["rows"]]


def test_a_broken_card_is_among_what_failed(settings: TradeSettings, home: Path):
    (settings.cards_dir / "broken.yaml").write_text(card_text("broken").replace("percent,", "per_cent,"))
    failed = call(settings, symbols=["BTCUSDT"]).data["failed"]
    assert [each["what"] for each in failed] == ["broken.yaml"]
    assert "per_cent" in failed[0]["error"]


def test_a_home_that_is_not_there_is_named(settings: TradeSettings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", "/nowhere/at/all")
    result = call(settings)
    assert result.error is not None
    assert "/nowhere/at/all" in result.error.message

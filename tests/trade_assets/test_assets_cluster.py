"""The graph on a Dask cluster of this machine: the steps in processes of their own, the same artifacts."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from conftest import card_text

from engine.settings import Cluster, TradeSettings
from trade_assets.build import build_defs, executor_of

# Ten days are too few for validation, and a decision has its time in it.
MARKET = ("raw_ohlcv", "healed_ohlcv", "funding_events", "instrument_rules")
OF_CARD = ("feature_frames", "backtest_results", "metrics", "sweep")
ASSETS = (*MARKET, *(f"cards/averages/{name}" for name in OF_CARD))


@pytest.mark.parametrize(
    ("cluster", "name"),
    [
        (None, "in_process"),
        (Cluster(processes=2), "dask"),
        (Cluster(address="tcp://127.0.0.1:8786"), "dask"),
    ],
)
def test_the_settings_say_where_steps_run(settings: TradeSettings, cluster: Cluster | None, name: str):
    chosen = replace(settings, cluster=cluster)
    assert executor_of(chosen).name == name
    dg.Definitions.validate_loadable(build_defs(chosen))


@pytest.mark.slow
def test_two_processes_make_the_artifacts_of_one(settings: TradeSettings, tmp_path: Path):
    (settings.cards_dir / "averages.yaml").write_text(
        card_text(symbols="BTCUSDT").replace("params: {length: 5}", "params: {length: {param: fast}}")
        + "parameters: {fast: {default: 5, min: 3, max: 9, step: 2}}\n"
    )
    made = {name: _made(settings, tmp_path / (name or "here"), name) for name in ("", "local:2")}
    assert made[""].keys() == made["local:2"].keys()
    assert [name for name in made[""] if made[""][name] != made["local:2"][name]] == []
    assert any("/sweep/" in name for name in made[""])
    assert any(name.startswith("runs/") for name in made[""])


def _made(settings: TradeSettings, folder: Path, cluster: str) -> dict[str, bytes]:
    """Materialize everything of a symbol by Dagster's own command, and return the objects that were made."""
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    environment = os.environ | {
        "DAGSTER_HOME": str(home),
        "TRADE_DATA": str(folder / "data"),
        "TRADE_CARDS": str(settings.cards_dir),
        "TRADE_SANDBOX_URL": settings.sandbox_url,
        "TRADE_HISTORY_START": "2025-02-01",
        "TRADE_CLUSTER": cluster,
    }
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "trade_assets.definitions"]
    selected = ",".join(f'key:"{asset}"' for asset in ASSETS)
    what = ["--select", selected, "--partition-range", "BTCUSDT|1h...BTCUSDT|15m"]
    done = subprocess.run(
        [*command, *what], check=False, env=environment, capture_output=True, text=True, timeout=280
    )
    told = [line for line in done.stderr.splitlines() if "was not made" in line or "rror" in line]
    assert done.returncode == 0, "\n".join(told)
    base = folder / "data" / "sandbox" / "artifacts"
    return {
        name: path.read_bytes()
        for path in base.rglob("*")
        if path.is_file() and _is_object(name := str(path.relative_to(base)))
    }


def _is_object(name: str) -> bool:
    """Whether a file is what was made, and no pointer to it: those name the run that made it."""
    return not (Path(name).stem in ("15m", "1h") and Path(name).suffix == ".json")

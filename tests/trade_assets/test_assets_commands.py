"""`dagster asset materialize` from a shell, by the documented lines, on an instance of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import card_text

from engine.settings import PROJECT_ROOT

DAGSTER = Path(sys.executable).with_name("dagster")
MODULE = ("-m", "trade_assets.definitions")


@dataclass
class Shell:
    """A shell in the project, with folders of its own."""

    folder: Path
    environment: dict[str, str]

    def dagster(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `dagster` and wait for it."""
        return subprocess.run(
            [DAGSTER, *arguments],
            cwd=PROJECT_ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def materialize(self, select: str, *where: str) -> subprocess.CompletedProcess[str]:
        """Run `dagster asset materialize`."""
        return self.dagster("asset", "materialize", *MODULE, "--select", select, *where)

    def has(self, path: str) -> bool:
        """Whether an artifact's pointer is there."""
        return (self.folder / "data/sandbox/artifacts" / f"{path}.json").exists()


@pytest.fixture
def shell(tmp_path: Path, exchange_url: str) -> Shell:
    """A shell with one card, a home for Dagster and an exchange."""
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "averages.yaml").write_text(card_text())
    (tmp_path / "home").mkdir()
    shutil.copy(PROJECT_ROOT / "dagster_home" / "dagster.yaml", tmp_path / "home")
    return Shell(
        tmp_path,
        {
            **os.environ,
            "DAGSTER_HOME": str(tmp_path / "home"),
            "TRADE_DATA": str(tmp_path / "data"),
            "TRADE_CARDS": str(tmp_path / "cards"),
            "TRADE_SANDBOX_URL": exchange_url,
            "TRADE_HISTORY_START": "2025-02-01",
        },
    )


def test_one_partition_of_one_asset_and_then_what_is_missing(shell: Shell):
    done = shell.materialize("raw_ohlcv", "--partition", "BTCUSDT|1h")
    assert done.returncode == 0, done.stderr
    assert shell.has("raw_ohlcv/BTCUSDT/1h")
    early = shell.materialize('key:"cards/averages/metrics"', "--partition", "BTCUSDT|15m")
    assert early.returncode == 1
    assert "cards/averages/backtest_results of BTCUSDT 15m has not been made yet" in early.stderr


def test_a_whole_card_over_a_range_and_then_its_chain_for_one_partition(shell: Shell):
    whole = shell.materialize(
        '+key:"cards/averages/promotion"', "--partition-range", "BTCUSDT|1h...BTCUSDT|15m"
    )
    assert whole.returncode == 0, whole.stderr
    assert shell.has("cards/averages/promotion/BTCUSDT/15m")
    assert not shell.has("cards/averages/promotion/BTCUSDT/1h")
    again = shell.materialize("group:card_averages", "--partition", "BTCUSDT|15m")
    assert again.returncode == 0, again.stderr


def test_a_gate_that_fails_is_exit_code_1_and_the_cause(shell: Shell):
    (shell.folder / "cards" / "averages.yaml").write_text(card_text(trend=500))
    done = shell.materialize(
        '+key:"cards/averages/promotion"', "--partition-range", "BTCUSDT|1h...BTCUSDT|15m"
    )
    assert done.returncode == 1
    assert "too little data for the warm-up" in done.stderr
    assert shell.has("healed_ohlcv/BTCUSDT/1h")
    assert not shell.has("cards/averages/feature_frames/BTCUSDT/1h")


def test_a_partition_that_does_not_exist_is_exit_code_1(shell: Shell):
    done = shell.materialize("raw_ohlcv", "--partition", "BTCUSDT|3m")
    assert done.returncode == 1
    assert "BTCUSDT|3m" in done.stderr


def test_the_workspace_is_valid(shell: Shell):
    done = shell.dagster("definitions", "validate", "-w", "workspace.yaml")
    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stdout

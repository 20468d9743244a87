"""The CLI as people call it, against a sandbox exchange whose clock stands still."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engine.cli.main import app
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import parse_utc


@dataclass(frozen=True)
class Trade:
    """The `trade` command in an environment of its own."""

    environment: dict[str, str]

    def __call__(self, *arguments: str, **environment: str) -> Result:
        # a terminal wide enough for every table, however wide the one is the tests were started from
        wide = {"COLUMNS": "160"}
        return CliRunner().invoke(app, list(arguments), env=wide | self.environment | environment)

    def json(self, *arguments: str) -> dict[str, Any]:
        result = self(*arguments, "--json")
        assert result.stderr == ""
        return json.loads(result.stdout)


@pytest.fixture(scope="package")
def sandbox_url():
    market = GeneratedMarket()
    with SandboxServer(market, now_ms=FrozenClock(parse_utc("2025-03-01"))) as server:
        yield server.url


@pytest.fixture
def trade(tmp_path, sandbox_url) -> Trade:
    """`trade` with an empty data folder and two months of history."""
    return Trade(
        {
            "TRADE_DATA": str(tmp_path / "data"),
            "TRADE_SANDBOX_URL": sandbox_url,
            "TRADE_HISTORY_START": "2025-01-01",
        }
    )


@pytest.fixture(scope="package")
def synced(tmp_path_factory, sandbox_url) -> Trade:
    """`trade` with BTCUSDT 15m and 1h stored; for reading only."""
    made = Trade(
        {
            "TRADE_DATA": str(tmp_path_factory.mktemp("synced")),
            "TRADE_SANDBOX_URL": sandbox_url,
            "TRADE_HISTORY_START": "2025-01-01",
        }
    )
    assert made("sync", "-s", "BTCUSDT", "-t", "15m", "-t", "1h").exit_code == 0
    return made


@pytest.fixture
def cards(tmp_path) -> Path:
    """A folder of cards with one good card."""
    folder = tmp_path / "cards"
    folder.mkdir()
    shipped = Path(__file__).resolve().parents[3] / "idea_cards" / "band_reversion.yaml"
    (folder / "band_reversion.yaml").write_text(shipped.read_text())
    return folder

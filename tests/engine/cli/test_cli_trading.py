"""`trade account`, `trade orders`, `trade positions` as somebody at a terminal uses them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import parse_utc


@pytest.fixture(scope="module")
def server():
    with SandboxServer(GeneratedMarket(seed=7)) as running:
        yield running


@pytest.fixture
def trade(server, tmp_path):
    """Run a command; returns its exit code and what it wrote."""
    server.desk.open_account("sandbox-key", "sandbox-secret")
    environment = {"TRADE_DATA": str(tmp_path), "TRADE_SANDBOX_URL": server.url, "COLUMNS": "160"}

    def run(*words):
        done = CliRunner().invoke(app, [*words], env=environment)
        return done.exit_code, done.output

    return run


def test_a_position_from_its_order_to_its_result(trade):
    code, said = trade("account", "prepare", "--yes")
    assert (code, "ISOLATED_MARGIN" in said, "one-way" in said) == (0, True, True)
    assert "10,000.00" in trade("account", "show")[1]
    assert "There is no position" in trade("positions", "list")[1]
    assert "3x" in trade("positions", "leverage", "BTCUSDT", "3", "--yes")[1]
    code, said = trade("orders", "place", "BTCUSDT", "buy", "0.01", "--stop-loss", "1000", "--yes")
    assert (code, "is taken" in said, "Filled" in said) == (0, True, True)
    assert "StopLoss" in trade("orders", "list")[1]
    said = trade("positions", "bracket", "BTCUSDT", "--stop-loss", "1001", "--yes")[1]
    assert ("long" in said, "1001" in said) == (True, True)
    assert "long" in trade("positions", "margin", "BTCUSDT", "10", "--yes")[1]
    assert "flat" in trade("positions", "close", "BTCUSDT", "--yes")[1]
    assert "There was no position" in trade("positions", "close", "BTCUSDT", "--yes")[1]
    assert "1 closed" in trade("account", "results")[1]
    assert trade("account", "transactions")[1].count("TRADE") == 2
    assert trade("orders", "fills")[1].count("Trade") == 2
    assert "0.055 %" in trade("account", "fees", "BTCUSDT")[1]


def test_an_order_is_placed_once_found_amended_and_cancelled(trade):
    rules = json.loads(trade("orders", "rules", "BTCUSDT", "--json")[1])["data"]
    below = str(int(float(rules["prices"]["mark"]) * 0.97))
    place = ("orders", "place", "BTCUSDT", "buy", "0.01", "--price", below, "--name", "mine", "--yes")
    assert "Tick" in trade("orders", "rules", "BTCUSDT")[1]
    trade("positions", "leverage", "BTCUSDT", "3", "--yes")
    assert "mine is taken" in trade(*place)[1]
    assert "mine was there already" in trade(*place)[1]
    assert "New" in trade("orders", "find", "BTCUSDT", "mine")[1]
    assert f"{below}.5" in trade("orders", "amend", "BTCUSDT", "mine", "--price", f"{below}.5", "--yes")[1]
    assert "mine is cancelled" in trade("orders", "cancel", "BTCUSDT", "mine", "--yes")[1]
    assert "not open any more" in trade("orders", "cancel", "BTCUSDT", "mine", "--yes")[1]
    assert "0 orders are cancelled" in trade("orders", "cancel-all", "--yes")[1]
    assert "Cancelled" in trade("orders", "history")[1]


def test_nothing_is_sent_without_a_yes(trade, server):
    for words in (
        ("orders", "place", "BTCUSDT", "buy", "0.01"),
        ("orders", "cancel-all"),
        ("positions", "close", "BTCUSDT"),
        ("account", "prepare"),
    ):
        asked = sum(server.log.counts().values())
        code, said = trade(*words)
        assert (code, "--yes" in said) == (1, True)
        assert sum(server.log.counts().values()) == asked


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("orders", "place", "BTCUSDT", "buy", "10", "--yes"), 1, "order_notional"),
        (("orders", "place", "BTCUSDT", "buy", "many", "--yes"), 2, "size"),
        (("orders", "place", "BTCUSDT", "up", "1", "--yes"), 2, "'buy' or 'sell'"),
        (("orders", "find", "BTCUSDT", "never"), 1, "has no order never"),
        (("account", "results", "--days", "0"), 2, "greater than 0"),
        (("positions", "show", "NOPEUSDT"), 1, "check the spelling of the symbol"),
    ],
)
def test_bad_input_is_refused_with_the_way_out(trade, words, code, said):
    found, output = trade(*words)
    assert (found, said in " ".join(output.split())) == (code, True), output


def test_the_stand_ins_clock_may_stand_anywhere(tmp_path):
    with SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(parse_utc("2025-07-02T01:00"))) as server:
        environment = {"TRADE_DATA": str(tmp_path), "TRADE_SANDBOX_URL": server.url, "COLUMNS": "160"}

        def trade(*words: str) -> str:
            done = CliRunner().invoke(app, [*words, "--yes"], env=environment)
            assert done.exit_code == 0, done.output
            return done.output

        trade("positions", "leverage", "BTCUSDT", "3")
        assert "is taken" in trade("orders", "place", "BTCUSDT", "buy", "0.01", "--stop-loss", "1000")
        assert "flat" in trade("positions", "close", "BTCUSDT")

"""`trade risk`, `trade journal` and `trade notifications` as people see them, against the sandbox."""

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer


@pytest.fixture(scope="module")
def trade(tmp_path_factory):
    home = tmp_path_factory.mktemp("risk")
    with SandboxServer(GeneratedMarket(seed=7)) as server:
        environment = {"TRADE_DATA": str(home), "TRADE_SANDBOX_URL": server.url, "COLUMNS": "160"}

        def run(*words, code=0):
            done = CliRunner().invoke(app, [*map(str, words)], env=environment)
            assert done.exit_code == code, done.output
            return " ".join(done.output.split())

        yield run


def test_limits_are_shown_and_written(trade):
    assert "Defaults: there is no" in trade("risk", "limits")
    assert "Written:" in trade("risk", "write-limits")
    shown = trade("risk", "limits")
    assert "orders.max_notional_usdt" in shown
    assert "Read from" in shown
    assert "is there already" in trade("risk", "write-limits", code=1)


def test_from_an_order_to_a_panic(trade):
    trade("positions", "leverage", "BTCUSDT", "3", "--yes")
    trade("orders", "place", "BTCUSDT", "buy", "0.01", "--yes")
    status = trade("risk", "status")
    assert "sandbox: active" in status
    assert "exposure.max_account_leverage" in status
    assert "say --yes" in trade("risk", "panic", code=1)
    assert "The account is flat." in trade("risk", "panic", "--reason", "a test", "--yes")
    assert "panic: a test (since" in trade("risk", "status")
    assert "does not confirm it" in trade("risk", "resume", "--confirm", "yes", code=1)
    assert "sandbox: active" in trade("risk", "resume", "--confirm", "resume trading")
    assert "halted: " not in trade("risk", "status")
    assert "manual_halt: by hand" in trade("risk", "halt", "--yes")


def test_a_journal_is_shown_by_kind(trade):
    trade("positions", "leverage", "ETHUSDT", "2", "--yes")
    assert '{"leverage": "2"}' in trade("journal", "tail", "--kind", "state")
    assert "No such line" in trade("journal", "tail", "--kind", "fill")
    trade("journal", "tail", "--kind", "nonsense", code=2)
    trade("journal", "tail", "nosuchrun", code=1)


def test_without_channels_the_way_to_one_is_shown(trade):
    assert "TRADE_TELEGRAM_TOKEN" in trade("notifications", "test")

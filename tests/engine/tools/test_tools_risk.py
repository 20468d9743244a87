"""Limits, state, halt, resume, panic and journals through the tools, against the sandbox exchange."""

import json
from decimal import Decimal

import pytest
from loopback_listener import listening

from engine.sandbox.faults import EVERY_PATH, NO_FAULTS, FaultPlan, HttpStatus, Scripted
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer, wall_clock_ms
from engine.settings import TradeSettings
from engine.tools.catalogue import own_registry
from engine.tools.registry import SideEffect, ToolContext

REGISTRY = own_registry()


@pytest.fixture(scope="module")
def server():
    with SandboxServer(GeneratedMarket(seed=7)) as running:
        yield running


@pytest.fixture
def run(server, tmp_path):
    """Run a tool on an account that nobody has used; returns its data, or its error's kind and text."""
    server.put_in_force(NO_FAULTS)
    server.desk.open_account("sandbox-key", "sandbox-secret")
    context = ToolContext(
        TradeSettings.from_environment({"TRADE_DATA": str(tmp_path), "TRADE_SANDBOX_URL": server.url}),
        wall_clock_ms,
    )

    def execute(tool, **arguments):
        result = REGISTRY.execute(tool, arguments, context)
        json.dumps(result.to_plain(), allow_nan=False)
        if result.error is not None:
            return f"{result.error.kind}: {result.error.message}"
        return result.data

    execute.folder = tmp_path / "sandbox"
    execute("positions.set_leverage", symbol="BTCUSDT", leverage=3)
    yield execute
    server.put_in_force(NO_FAULTS)


def used(status):
    return {row["name"]: row for row in status["usage"]}


def test_the_limits_are_told_with_their_reasons(run):
    (run.folder / "risk.yaml").write_text("orders: {max_notional_usdt: 500}\n")
    told = run("risk.limits")
    rows = {row["name"]: row for row in told["limits"]}
    assert rows["orders.max_notional_usdt"]["value"] == 500
    assert rows["orders.max_notional_usdt"]["default"] == 20_000
    assert all(row["why"] for row in rows.values())
    assert (told["file_exists"], told["file"]) == (True, str(run.folder / "risk.yaml"))


def test_limits_are_written_once(run):
    file = run("risk.write_limits")["file"]
    assert "max_notional_usdt: 20000" in (run.folder / "risk.yaml").read_text()
    assert file == str(run.folder / "risk.yaml")
    assert "is there already" in run("risk.write_limits")
    assert all(row["value"] == row["default"] for row in run("risk.limits")["limits"])


def test_an_order_over_a_limit_is_refused_with_its_code(run):
    (run.folder / "risk.yaml").write_text("orders: {max_notional_usdt: 500}\n")
    refused = run("orders.place", symbol="BTCUSDT", side="buy", size="0.1")
    assert refused.startswith("RiskRefused")
    assert "order_notional" in refused
    [line] = run("journal.tail", kinds=["refusal"])["entries"]
    assert line["data"]["code"] == "order_notional"


def test_limits_that_are_wrong_are_told_with_their_line(run):
    (run.folder / "risk.yaml").write_text("orders:\n  max_notional: 500\n")
    for tool in ("risk.limits", "risk.status"):
        assert "line 2, orders.max_notional" in run(tool)


def test_the_status_tells_what_is_used(run):
    run("orders.place", symbol="BTCUSDT", side="buy", size="0.01")
    status = run("risk.status")
    assert (status["state"], status["reasons"], status["account_problem"]) == ("active", [], None)
    assert used(status)["positions.max_open"]["used"] == "1"
    notional = Decimal(used(status)["positions.max_notional_usdt"]["used"])
    [position] = run("positions.list")["positions"]
    assert notional == pytest.approx(Decimal("0.01") * Decimal(position["mark_price"]), rel=Decimal("0.05"))


def test_without_an_exchange_the_status_tells_what_is_remembered(run, server):
    run("risk.halt", reason="look")
    gone = Scripted(HttpStatus(503), EVERY_PATH, tuple(range(1, 200)))
    server.put_in_force(FaultPlan(scripted=(gone,)))
    status = run("risk.status")
    assert status["account_problem"]
    assert status["state"] == "halted"
    assert used(status)["exposure.max_total_usdt"]["used"] is None
    assert used(status)["losses.streak_trades"]["used"] == "0"


def test_a_halt_holds_until_it_is_resumed_by_words(run):
    halted = run("risk.halt", reason="look at it")
    assert (halted["state"], halted["reasons"][0]["message"]) == ("halted", "look at it")
    assert "manual_halt" in run("orders.place", symbol="BTCUSDT", side="buy", size="0.01")
    assert "does not confirm" in run("risk.resume", confirmation="yes")
    assert run("risk.resume", confirmation="resume trading")["state"] == "active"
    assert run("orders.place", symbol="BTCUSDT", side="buy", size="0.01")["order"]["status"] == "Filled"


def test_a_panic_leaves_nothing_although_the_limits_are_broken(run):
    run("orders.place", symbol="BTCUSDT", side="buy", size="0.01")
    (run.folder / "risk.yaml").write_text("orders: [")
    report = run("risk.panic", reason="a test")["report"]
    assert (report["is_flat"], report["is_halted"], report["problems"]) == (True, True, [])
    (run.folder / "risk.yaml").unlink()
    assert run("positions.list")["positions"] == []
    assert run("risk.status")["reasons"][0]["code"] == "panic"
    lines = run("journal.tail", count=2)["entries"]
    assert [line["kind"] for line in lines] == ["order", "state"]


def test_a_panic_tells_people(run, monkeypatch):
    with listening() as (url, came):
        monkeypatch.setenv("TRADE_WEBHOOK_URL", url)
        run("risk.panic", reason="a test")
    told = [each for _, body in came for each in body["notifications"]]
    assert [(each["title"], each["text"]) for each in told] == [("panic", "a test"), ("panic ended", "flat")]


def test_a_panic_without_a_key_halts_and_says_so(tmp_path):
    settings = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path), "TRADE_EXCHANGE": "demo"})
    context = ToolContext(settings, wall_clock_ms)
    result = REGISTRY.execute("risk.panic", {}, context)
    assert "trading is halted, but nothing could be closed" in result.error.message
    assert REGISTRY.execute("risk.status", {}, context).data["state"] == "halted"


def test_a_journal_that_is_not_there_is_empty_and_a_run_that_is_not_is_said(run):
    assert run("journal.tail", kinds=["fill"])["entries"] == []
    assert "there is no run" in run("journal.tail", run="none")


def test_what_stops_and_starts_trading_is_marked():
    effects = {spec.name: spec.side_effect for spec in REGISTRY.list("risk")}
    assert {name for name, effect in effects.items() if effect is SideEffect.TRADE} == {
        "risk.halt",
        "risk.panic",
        "risk.resume",
    }
    assert REGISTRY.get("risk.panic").is_destructive

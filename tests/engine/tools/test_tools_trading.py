"""The account, its orders and positions through the tools, against the sandbox exchange."""

import json
from decimal import Decimal

import pytest

from engine.sandbox.faults import NO_FAULTS, FaultPlan, HttpStatus, LostAnswer, Scripted
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer, wall_clock_ms
from engine.settings import TradeSettings
from engine.tools.catalogue import own_registry
from engine.tools.registry import SideEffect, ToolContext

REGISTRY = own_registry()
CREATE = "/v5/order/create"


@pytest.fixture(scope="module")
def server():
    with SandboxServer(GeneratedMarket(seed=7)) as running:
        yield running


@pytest.fixture
def run(server, tmp_path):
    """Run a tool on an account that nobody has used; returns its data, or its error's kind and text."""
    server.put_in_force(NO_FAULTS)
    server.desk.open_account("sandbox-key", "sandbox-secret")
    variables = {"TRADE_DATA": str(tmp_path), "TRADE_SANDBOX_URL": server.url}
    context = ToolContext(TradeSettings.from_environment(variables), wall_clock_ms)

    def execute(tool, **arguments):
        result = REGISTRY.execute(tool, arguments, context)
        json.dumps(result.to_plain(), allow_nan=False)
        if result.error is not None:
            return f"{result.error.kind}: {result.error.message}"
        return result.data

    execute.folder = tmp_path
    execute("positions.set_leverage", symbol="BTCUSDT", leverage=3)
    yield execute
    server.put_in_force(NO_FAULTS)


def price(run, share):
    rules = run("orders.rules", symbol="BTCUSDT")
    tick = Decimal(rules["rules"]["tick_size"])
    return str((Decimal(rules["prices"]["mark"]) * Decimal(str(share)) // tick) * tick)


def test_from_an_empty_account_to_a_round_trip(run):
    assert run("account.prepare")["settings"]["margin_mode"] == "ISOLATED_MARGIN"
    shown = run("account.show")
    assert (shown["environment"], shown["wallet"]["equity"]) == ("sandbox", "10000")
    placed = run("orders.place", symbol="BTCUSDT", side="buy", size="0.01", stop_loss=price(run, 0.9))
    assert placed["order"]["status"] == "Filled"
    [held] = run("positions.list")["positions"]
    assert (held["side"], held["size"], held["leverage"]) == ("Buy", "0.010", "3")
    [stop] = run("orders.list")["orders"]
    assert stop["stop_order_type"] == "StopLoss"
    run("positions.set_bracket", symbol="BTCUSDT", take_profit=price(run, 1.1))
    before = run("positions.show", symbol="BTCUSDT")["position"]["liquidation_price"]
    after = run("positions.add_margin", symbol="BTCUSDT", amount_usdt="25")["position"]["liquidation_price"]
    assert Decimal(after) < Decimal(before)
    assert run("positions.close", symbol="BTCUSDT")["position"]["side"] is None
    assert run("positions.close", symbol="BTCUSDT")["orders"] == []
    results = run("account.results")
    assert [each["side"] for each in results["closed"]] == ["Sell"]
    log = run("account.transactions")
    assert Decimal(log["change_usdt"]) == Decimal(results["pnl_usdt"])
    assert len(run("orders.fills")["fills"]) == 2
    assert Decimal(run("account.fees", symbol="BTCUSDT")["rates"]["taker"]) == Decimal("0.00055")


def test_orders_are_placed_once_amended_found_and_cancelled(run):
    order = {"symbol": "BTCUSDT", "side": "buy", "size": "0.01", "price": price(run, 0.97), "name": "mine"}
    assert run("orders.place", **order)["ack"]["was_there"] is False
    assert run("orders.place", **order)["ack"]["was_there"] is True
    assert len(run("orders.list", symbol="BTCUSDT")["orders"]) == 1
    lower = price(run, 0.96)
    assert Decimal(
        run("orders.amend", symbol="BTCUSDT", name="mine", price=lower)["order"]["price"]
    ) == Decimal(lower)
    trigger = run(
        "orders.place", **{**order, "name": "above", "price": None, "trigger_price": price(run, 1.02)}
    )
    assert trigger["order"]["status"] == "Untriggered"
    assert run("orders.cancel", symbol="BTCUSDT", name="mine")["outcome"] == "accepted"
    assert run("orders.cancel", symbol="BTCUSDT", name="mine")["outcome"] == "not open"
    assert len(run("orders.cancel_all")["cancelled"]) == 1
    assert run("orders.find", symbol="BTCUSDT", name="mine")["order"]["status"] == "Cancelled"
    assert {each["order_link_id"] for each in run("orders.history")["orders"]} == {"mine", "above"}
    assert "OrderGone" in run("orders.amend", symbol="BTCUSDT", name="mine", price=lower)
    assert "DataNotFound" in run("orders.find", symbol="BTCUSDT", name="never")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": "1000", "price": None}, "size is not between"),
        ({"size": "10"}, "order_notional"),
        ({"share": 0.5}, "fat_finger"),
    ],
)
def test_what_the_risk_manager_refuses_does_not_leave_and_is_written_down(run, server, changes, code):
    asked = server.log.counts()[CREATE]
    order = {
        "symbol": "BTCUSDT",
        "side": "buy",
        "size": "0.01",
        "price": price(run, changes.pop("share", 0.97)),
    }
    refused = run("orders.place", **{**order, **changes})
    assert code in refused
    assert server.log.counts()[CREATE] == asked
    journal = (run.folder / "sandbox" / "trading" / "by_hand.jsonl").read_text().splitlines()
    assert ("refusal" in journal[-1]) == ("RiskRefused" in refused)


def test_a_leverage_above_the_limit_is_refused(run):
    assert "above the limit of 5" in run("positions.set_leverage", symbol="BTCUSDT", leverage=10)


def test_an_order_whose_answer_is_lost_is_told_once_it_is_found(run, server):
    server.put_in_force(FaultPlan(scripted=(Scripted(LostAnswer(0.0), CREATE, (1,)),)))
    placed = run("orders.place", symbol="BTCUSDT", side="sell", size="0.01")
    assert (placed["ack"]["was_there"], placed["order"]["status"]) == (True, "Filled")
    [held] = run("positions.list")["positions"]
    assert (held["side"], held["size"]) == ("Sell", "0.010")


def test_an_order_that_never_arrived_takes_no_room_in_the_limits(run, server):
    # 90 % of the largest order: a second one fits only if the first is not counted
    size = Decimal(18_000) / Decimal(price(run, 1.0)) // Decimal("0.001") * Decimal("0.001")
    order = {
        "symbol": "BTCUSDT",
        "side": "buy",
        "size": str(size),
        "price": price(run, 0.97),
        "name": "first",
    }
    server.put_in_force(FaultPlan(scripted=(Scripted(HttpStatus(404), CREATE, (1,)),)))
    assert "ExchangeError" in run("orders.place", **order)
    server.put_in_force(NO_FAULTS)
    assert run("orders.place", **{**order, "name": "second"})["order"]["status"] == "New"


def test_a_position_is_closed_although_nothing_else_of_the_account_can_be_read(run, server):
    run("orders.place", symbol="BTCUSDT", side="buy", size="0.01")
    unread = ("/v5/account/wallet-balance", "/v5/position/closed-pnl", "/v5/market/risk-limit")
    server.put_in_force(
        FaultPlan(scripted=tuple(Scripted(HttpStatus(404), path, tuple(range(1, 50))) for path in unread))
    )
    assert "ExchangeError" in run("orders.place", symbol="BTCUSDT", side="buy", size="0.01")
    assert run("positions.close", symbol="BTCUSDT")["position"]["side"] is None


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("orders.place", {"symbol": "BTC&x=1", "side": "buy", "size": 1}, "BadArguments"),
        ("orders.place", {"symbol": "BTCUSDT", "side": "hold", "size": 1}, "BadArguments"),
        ("orders.place", {"symbol": "BTCUSDT", "side": "buy", "size": -1}, "BadArguments"),
        ("orders.place", {"symbol": "BTCUSDT", "side": "buy", "size": "NaN"}, "BadArguments"),
        ("orders.place", {"symbol": "BTCUSDT", "side": "buy", "size": "1", "name": "a b"}, "BadArguments"),
        ("orders.place", {"symbol": "NOPEUSDT", "side": "buy", "size": "1"}, "SymbolNotListed"),
        ("orders.history", {"days": 0}, "BadArguments"),
        ("positions.set_bracket", {"symbol": "BTCUSDT"}, "nothing to change"),
        ("positions.set_bracket", {"symbol": "BTCUSDT", "stop_loss": "100"}, "OrderGone"),
        ("positions.add_margin", {"symbol": "BTCUSDT", "amount_usdt": "0.00001"}, "cannot be added"),
    ],
)
def test_what_cannot_be_is_refused_in_words(run, tool, arguments, said):
    assert said in run(tool, **arguments)


def test_only_what_trades_says_that_it_trades():
    trading = {spec.name for spec in REGISTRY.list() if spec.side_effect is SideEffect.TRADE}
    assert {
        "account.prepare", "orders.place", "orders.amend", "orders.cancel", "orders.cancel_all",
        "positions.set_bracket", "positions.set_leverage", "positions.add_margin", "positions.close",
    } <= trading  # fmt: skip
    assert not {"account.show", "orders.list", "positions.list"} & trading


def test_a_halted_account_keeps_its_stop_and_its_margin(run):
    run("orders.place", symbol="BTCUSDT", side="buy", size="0.01", stop_loss=price(run, 0.9))
    run("positions.add_margin", symbol="BTCUSDT", amount_usdt="25")
    run("risk.halt", reason="looks odd")
    for name, arguments in (
        ("positions.set_bracket", {"stop_loss": "0"}),
        ("positions.add_margin", {"amount_usdt": "-10"}),
    ):
        said = run(name, symbol="BTCUSDT", **arguments)
        assert said.startswith("RiskRefused: ")
        assert "taken away while trading is halted: " in said
    moved = price(run, 0.92)
    assert run("positions.set_bracket", symbol="BTCUSDT", stop_loss=moved)["position"]["stop_loss"] == moved
    run("positions.add_margin", symbol="BTCUSDT", amount_usdt="5")
    run("risk.resume", confirmation="resume trading")
    run("positions.set_bracket", symbol="BTCUSDT", stop_loss="0")
    run("positions.add_margin", symbol="BTCUSDT", amount_usdt="-10")
    told = [
        json.loads(line)["data"]
        for line in (run.folder / "sandbox/trading/by_hand.jsonl").read_text().splitlines()
    ]
    assert {"stop_loss": moved, "take_profit": None} in told
    assert {"added_margin_usdt": "-10"} in told
    run("positions.close", symbol="BTCUSDT")

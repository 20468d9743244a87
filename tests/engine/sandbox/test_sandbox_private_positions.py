"""Positions of the sandbox's accounts: stops, leverage, margin, funding, liquidation, and their records.

Figures by hand from Bybit's formulas (see `test_sandbox_private_accounting`); the market walks as described
in `test_sandbox_private_orders`.
"""

from decimal import Decimal
from urllib.parse import unquote

import pytest
from sandbox_private_trader import START, Trader, flat, recorded

from engine.sandbox.private.terms import MarginMode
from engine.timeframes import HOUR_MS

UP_AND_DOWN = [(60_000, 60_600, 59_400, 59_400)]  # up to 60,600 at 20 s, down to 59,400 at 40 s


@pytest.fixture
def trader(tmp_path):
    return Trader(recorded(tmp_path / "market", flat(60_000, 2) + UP_AND_DOWN + flat(59_400, 3)))


def test_the_take_profit_that_is_reached_first_ends_the_position_and_its_stop(trader):
    trader.place("Buy", "0.1", stopLoss="59500", takeProfit="60500", orderLinkId="entry")
    legs = {row["stopOrderType"]: row for row in trader.open_orders()}
    assert {name: (row["triggerPrice"], row["qty"], row["side"]) for name, row in legs.items()} == {
        "StopLoss": ("59500.00", "0.100", "Sell"),
        "TakeProfit": ("60500.00", "0.100", "Sell"),
    }
    assert all(row["orderStatus"] == "Untriggered" and row["reduceOnly"] for row in legs.values())
    trader.wait(5)
    sold = trader.executions()[-1]
    assert (sold["execPrice"], sold["stopOrderType"], sold["createType"]) == (
        "60500",
        "TakeProfit",
        "CreateByTakeProfit",
    )
    assert int(sold["execTime"]) - START == 120_000 + 16_667  # 20 s * 500 / 600
    assert trader.order(legs["StopLoss"]["orderId"])["orderStatus"] == "Deactivated"
    position = trader.position()
    assert (position["size"], position["side"], position["stopLoss"]) == ("0", "", "")


def test_a_stop_loss_of_a_short_buys_back_at_the_ask(trader):
    trader.place("Sell", "0.1", stopLoss="60500")
    trader.wait(5)
    bought = trader.executions()[-1]
    assert (bought["side"], bought["execPrice"], bought["stopOrderType"]) == ("Buy", "60500.1", "StopLoss")
    [closed] = trader.ask("position/closed-pnl")["list"]
    # 0.1 * (60,000 - 60,500.1) - 0.055 % of 6,000 and of 6,050.01
    assert (closed["side"], closed["closedPnl"]) == ("Buy", "-56.6375055")
    assert (closed["avgEntryPrice"], closed["avgExitPrice"]) == ("60000", "60500.1")


def test_trading_stop_sets_moves_and_takes_away(trader):
    assert trader.refused("position/trading-stop", stopLoss="59000") == (
        10001,
        "can not set tp/sl/ts for zero position",
    )
    trader.place("Buy", "0.1")
    trader.ask("position/trading-stop", stopLoss="59000", tpslMode="Full", positionIdx=0)
    [stop] = trader.open_orders()
    trader.ask("position/trading-stop", stopLoss="59500")
    [moved] = trader.open_orders()
    assert (moved["orderId"], moved["triggerPrice"]) == (stop["orderId"], "59500.00")
    assert trader.refused("position/trading-stop", stopLoss="59500") == (34040, "not modified")
    assert trader.refused("position/trading-stop", stopLoss="60100")[0] == 10001
    assert trader.refused("position/trading-stop", trailingStop="100")[0] == 10001
    trader.ask("position/trading-stop", stopLoss="0", takeProfit="61000")
    [left] = trader.open_orders()
    assert left["stopOrderType"] == "TakeProfit"
    trader.ask("order/cancel", orderId=left["orderId"])
    assert trader.position()["takeProfit"] == ""


def test_a_stop_follows_the_size_of_its_position(trader):
    trader.place("Buy", "0.1", stopLoss="59500")
    trader.place("Buy", "0.1")
    [stop] = trader.open_orders()
    assert stop["qty"] == "0.200"
    trader.wait(5)
    assert trader.executions()[-1]["execQty"] == "0.200"


def test_leverage_changes_what_a_position_holds(trader):
    assert trader.refused("position/set-leverage", buyLeverage="10", sellLeverage="10")[0] == 110043
    assert trader.refused("position/set-leverage", buyLeverage="5", sellLeverage="6")[0] == 10001
    assert trader.refused("position/set-leverage", buyLeverage="101", sellLeverage="101")[0] == 110013
    trader.ask("position/set-leverage", buyLeverage="5", sellLeverage="5")
    trader.place("Sell", "0.1")
    position = trader.position()
    # 6,000 / 5 + 0.055 % of 6,000 * 1.2
    assert (position["leverage"], position["positionIM"]) == ("5", "1203.96")
    assert trader.wallet()["totalPositionIM"] == "1203.96"
    trader.ask("position/set-leverage", buyLeverage="20", sellLeverage="20")
    assert trader.position()["positionIM"] == "303.465"
    # (0.1 * 60,000 + 300) / (0.1 * 1.005), rounded down to the tick
    assert trader.position()["liqPrice"] == "62686.50"


def test_margin_moves_the_liquidation_price_and_comes_back(trader):
    assert trader.refused("position/add-margin", margin="10")[0] == 110033
    trader.place("Buy", "0.1")
    before = trader.position()
    # (6,000.01 - 600.001) / (0.1 * 0.995), rounded up to the tick
    assert before["liqPrice"] == "54271.50"
    added = trader.ask("position/add-margin", margin="100")
    assert Decimal(added["liqPrice"]) < Decimal(before["liqPrice"])
    assert added["liqPrice"] == "53265.90"
    balance = Decimal(trader.position()["positionBalance"]) - Decimal(before["positionBalance"])
    assert balance == 100
    assert trader.refused("position/add-margin", margin="-100.0001")[0] == 110078
    assert trader.refused("position/add-margin", margin="100000")[0] == 110014
    trader.ask("position/add-margin", margin="-100")
    assert trader.position()["liqPrice"] == before["liqPrice"]


def test_orders_hold_back_what_they_would_cost(trader):
    trader.place("Buy", "0.1", price="50000")
    # 500 + 2.75 + 2.475
    assert trader.wallet()["totalOrderIM"] == "505.225"
    trader.place("Buy", "0.2")
    trader.place("Sell", "0.2", price="61000")
    assert trader.wallet()["totalOrderIM"] == "505.225"  # what only closes is free
    trader.place("Sell", "0.1", price="60500")
    # 0.1 of the sells would open: the younger one, 605 + 3.3275 + 3.66025
    assert trader.wallet()["totalOrderIM"] == "1117.21275"


def test_funding_is_paid_by_who_held_at_its_moment(tmp_path):
    at = START + HOUR_MS
    market = recorded(tmp_path / "market", flat(60_000, 130), funding=[(at, 0.0001), (at + HOUR_MS, -0.0002)])
    trader = Trader(market)
    trader.place("Buy", "0.1")
    trader.wait(60)
    # 0.1 * 60,000 * 0.01 %
    paid = trader.executions()[-1]
    assert (paid["execType"], paid["execFee"], paid["feeRate"]) == ("Funding", "0.6", "0.0001")
    assert int(paid["execTime"]) == at
    trader.place("Sell", "0.2")
    trader.wait(60)
    # now short 0.1 at a negative rate: the short pays
    [settled, *_] = trader.ask("account/transaction-log", type="SETTLEMENT")["list"]
    assert (settled["side"], settled["funding"], settled["change"]) == ("Sell", "-1.2", "-1.2")
    assert settled["feeRate"] == "0.0002"


def test_what_is_opened_at_the_moment_of_funding_does_not_pay(tmp_path):
    at = START + HOUR_MS
    trader = Trader(recorded(tmp_path / "market", flat(60_000, 130), funding=[(at, 0.0001)]))
    trader.wait(60)
    trader.place("Buy", "0.1")
    trader.wait(1)
    assert [row["execType"] for row in trader.executions()] == ["Trade"]


def test_liquidation_takes_the_whole_margin_and_nothing_more(tmp_path):
    crash = [(60_000, 60_000, 40_000, 40_000)]
    trader = Trader(recorded(tmp_path / "market", flat(60_000, 1) + crash + flat(40_000, 2)))
    trader.place("Buy", "0.1")
    trader.place("Buy", "0.01", price="30000")
    held = Decimal(trader.position()["positionBalance"])
    before = Decimal(trader.wallet()["walletBalance"])
    trader.wait(3)
    bust = trader.executions()[-1]
    assert (bust["execType"], bust["createType"]) == ("BustTrade", "CreateByTakeOver_PassThrough")
    assert bust["execPrice"] == "54000.1"  # 60,000.1 * (1 - 1/10), up to the tick
    assert Decimal(trader.wallet()["walletBalance"]) == before - held
    assert trader.position()["size"] == "0"
    assert trader.open_orders() == []
    assert trader.ask("account/transaction-log")["list"][0]["type"] == "LIQUIDATION"


def test_liquidation_is_judged_at_the_mark(tmp_path):
    crash = [(60_000, 60_000, 40_000, 60_000)]
    market = recorded(tmp_path / "market", flat(60_000, 1) + crash + flat(60_000, 2), marks=flat(60_000, 4))
    trader = Trader(market)
    trader.place("Buy", "0.1")
    trader.wait(3)
    assert trader.position()["size"] == "0.100"


def test_a_stop_between_the_price_and_the_liquidation_saves_the_margin(tmp_path):
    crash = [(60_000, 60_000, 40_000, 40_000)]
    trader = Trader(recorded(tmp_path / "market", flat(60_000, 1) + crash + flat(40_000, 2)))
    trader.place("Buy", "0.1", stopLoss="58000")
    trader.wait(3)
    sold = trader.executions()[-1]
    assert sold["execType"] == "Trade"
    assert 57_999 <= Decimal(sold["execPrice"]) <= 58_000  # it falls by 1 USDT a millisecond


def test_a_large_position_is_reduced_tier_by_tier(tmp_path):
    slide = [(60_000, 60_000, 54_200, 54_200)]
    market = recorded(tmp_path / "market", flat(60_000, 1) + slide + flat(54_200, 3))
    trader = Trader(market, balance="1000000")
    trader.place("Buy", "40")  # 2.4 million: the second tier
    trader.wait(4)
    busts = [row for row in trader.executions() if row["execType"] == "BustTrade"]
    assert busts[0]["createType"] == "CreateByLiq"
    # reduced to what is worth 2 million at the mark of that moment
    kept = 40 - Decimal(busts[0]["execQty"])
    mark = Decimal(busts[0]["markPrice"])
    assert kept * mark <= 2_000_000 < (kept + Decimal("0.001")) * mark


def test_the_log_of_transactions_adds_up_to_the_wallet(trader):
    trader.place("Buy", "0.1", stopLoss="59500", takeProfit="60500")
    trader.place("Sell", "0.03")
    trader.wait(5)
    log = trader.ask("account/transaction-log")["list"]
    assert len(log) == 3
    assert 10_000 + sum(Decimal(row["change"]) for row in log) == Decimal(log[0]["cashBalance"])
    assert log[0]["cashBalance"] == trader.wallet()["walletBalance"]
    closed = trader.ask("position/closed-pnl")["list"]
    total = sum(Decimal(row["closedPnl"]) for row in closed)
    assert total == Decimal(log[0]["cashBalance"]) - 10_000
    for shown in (trader.position()["cumRealisedPnl"], trader.wallet()["cumRealisedPnl"]):
        assert Decimal(shown) == total


def test_lists_come_in_pages_and_windows(trader):
    for _ in range(5):
        trader.place("Buy", "0.01")
    page = trader.ask("execution/list", limit="2")
    assert len(page["list"]) == 2
    seen, cursor = list(page["list"]), page["nextPageCursor"]
    trader.place("Buy", "0.01")  # a newer one does not shift the pages
    while cursor:
        page = trader.ask("execution/list", limit="2", cursor=unquote(cursor))
        seen, cursor = seen + page["list"], page["nextPageCursor"]
    assert [row["orderId"] for row in seen] == [row["orderId"] for row in trader.executions()[:5][::-1]]
    assert trader.refused("execution/list", startTime="1", endTime=str(START))[0] == 10001
    assert trader.refused("order/history", limit="0")[0] == 10001
    assert trader.refused("execution/list", cursor="nonsense")[0] == 10001
    assert trader.ask("execution/list", startTime=str(START - HOUR_MS), endTime=str(START - 1))["list"] == []


def test_an_account_in_cross_margin_takes_no_order_until_it_is_switched(trader):
    trader.state = trader.desk.open_account("new", "secret", margin_mode=MarginMode.CROSS)
    order = {"side": "Buy", "qty": "0.1", "orderType": "Market"}
    assert trader.refused("order/create", **order)[0] == 10001
    assert trader.ask("account/info")["marginMode"] == "REGULAR_MARGIN"
    trader.ask("account/set-margin-mode", setMarginMode="ISOLATED_MARGIN")
    assert trader.ask("account/info")["marginMode"] == "ISOLATED_MARGIN"
    trader.ask("order/create", **order)


def test_the_margin_mode_and_the_position_mode_are_the_sandbox_s_only_ones(trader):
    assert trader.ask("account/info")["marginMode"] == "ISOLATED_MARGIN"
    assert trader.refused("account/set-margin-mode", setMarginMode="ISOLATED_MARGIN")[0] == 110026
    assert trader.refused("account/set-margin-mode", setMarginMode="REGULAR_MARGIN")[0] == 3400045
    assert trader.refused("position/switch-mode", mode=0)[0] == 110025
    assert trader.refused("position/switch-mode", mode=3)[0] == 110029
    [rates] = trader.ask("account/fee-rate")["list"]
    assert (rates["takerFeeRate"], rates["makerFeeRate"]) == ("0.00055", "0.0002")

"""How the accounts of the sandbox live through time: in whatever steps the clock moves, the same happens."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_private_trader import START, Trader, flat, recorded

from engine.errors import ConfigurationError
from engine.sandbox.conditions import ConditionedMarket, Delisting
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.private.private_paths import PRIVATE_PATHS
from engine.sandbox.private.refusal import Refusal
from engine.sandbox.private.terms import PriceKind
from engine.sandbox.private.walk import Level, PriceWalks
from engine.sandbox.protocol import RowWindow
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, parse_utc

NOON = parse_utc("2025-07-01T12:00")
GENERATED = GeneratedMarket(seed=7)
WALKS = PriceWalks(GENERATED)


@given(st.integers(0, DAY_MS - 1), st.sampled_from(["BTCUSDT", "ADAUSDT"]))
@settings(max_examples=60, deadline=None)
def test_the_price_of_a_moment_is_the_close_of_the_candle_that_forms(offset_ms, symbol):
    now = NOON + offset_ms
    newest = RowWindow(0, now, 1)
    last = GENERATED.klines(symbol, Timeframe.M1, newest, now)["close"].iloc[-1]
    mark = GENERATED.mark_klines(symbol, Timeframe.M1, newest, now)["close"].iloc[-1]
    assert float(WALKS.price_at(symbol, PriceKind.LAST, now)) == last
    assert float(WALKS.price_at(symbol, PriceKind.MARK, now)) == mark


@given(st.integers(-400, 400), st.booleans(), st.booleans(), st.integers(0, HOUR_MS))
@settings(max_examples=60, deadline=None)
def test_a_level_is_reached_at_the_first_moment_at_which_the_price_is_there(ticks, is_above, is_through, to):
    start = WALKS.price_at("BTCUSDT", PriceKind.LAST, NOON)
    level = Level(start + ticks * Decimal("0.1") * 10, is_above, is_through)
    found = WALKS.first_reached("BTCUSDT", PriceKind.LAST, [level], NOON, NOON + to)
    coarse = range(NOON, (NOON + to if found is None else found - 1) + 1, 997)
    assert not any(level.is_reached(WALKS.price_at("BTCUSDT", PriceKind.LAST, ts)) for ts in coarse)
    if found is not None:
        assert level.is_reached(WALKS.price_at("BTCUSDT", PriceKind.LAST, found))
        assert found == NOON or not level.is_reached(WALKS.price_at("BTCUSDT", PriceKind.LAST, found - 1))


def busy_day(steps_ms):
    """A day with a bracket, a ladder of orders and funding, the clock moved in these steps, over and over."""
    trader = Trader(GENERATED, NOON, balance="50000")
    last = Decimal(trader.ask("position/list")["list"][0]["markPrice"])

    def near(share):
        return str((last * Decimal(share)).quantize(Decimal("0.1")))

    trader.place("Buy", "0.5", stopLoss=near("0.985"), takeProfit=near("1.02"))
    for share in ("0.998", "0.996", "0.994"):
        trader.place("Buy", "0.1", price=near(share))
    trader.place("Sell", "0.2", price=near("1.004"), reduceOnly=True)
    trader.place("Sell", "0.3", triggerPrice=near("0.992"), triggerDirection=2)
    trader.place("Buy", "0.3", triggerPrice=near("1.006"), triggerDirection=1, triggerBy="MarkPrice")
    end, step = NOON + DAY_MS, 0
    while trader.clock() < end:
        trader.clock.step(min(steps_ms[step % len(steps_ms)], end - trader.clock()))
        trader.desk.advance_to(trader.clock())
        step += 1
    return trader


def happened(trader):
    return [
        (row["execTime"], row["execType"], row["side"], row["execQty"], row["execPrice"], row["execFee"])
        for row in trader.executions()
    ]


WHOLE = busy_day([DAY_MS])


@given(st.lists(st.integers(1, 4 * HOUR_MS), min_size=1, max_size=5).filter(lambda ms: sum(ms) > HOUR_MS))
@settings(max_examples=15, deadline=None)
def test_the_same_happens_in_whatever_steps_the_clock_moves(steps_ms):
    stepped = busy_day(steps_ms)
    assert happened(stepped) == happened(WHOLE)
    assert stepped.wallet() == WHOLE.wallet()


def test_a_busy_day_is_busy():
    kinds = [row["execType"] for row in WHOLE.executions()]
    assert kinds.count("Funding") >= 1
    assert kinds.count("Trade") >= 5
    changes = [Decimal(row["change"]) for row in WHOLE.ask("account/transaction-log", limit="50")["list"]]
    assert abs(50_000 + sum(changes) - Decimal(WHOLE.wallet()["walletBalance"])) < Decimal("1e-6")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Buy", "Sell"]),
            st.integers(1, 300),
            st.sampled_from([None, "0.997", "0.9995", "1.0005", "1.003"]),
            st.integers(0, 90),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=25, deadline=None)
def test_money_is_neither_made_nor_lost(asked):
    """Start + changes = wallet; available = wallet - margins, never below 0; the fills are the position."""
    trader, codes = Trader(GENERATED, NOON), set()
    for side, thousandths, share, minutes in asked:
        last = Decimal(trader.ask("position/list")["list"][0]["markPrice"])
        order = {"side": side, "qty": str(Decimal(thousandths) / 1000)}
        if share is not None:
            order["price"] = str((last * Decimal(share)).quantize(Decimal("0.1")))
        kind = "Limit" if share else "Market"
        try:
            trader.ask("order/create", orderType=kind, **order)
        except Refusal as refused:
            codes.add(refused.code)
        trader.wait(minutes)
        state, wallet = trader.state, trader.wallet()
        assert state.cash == 10_000 + sum(one.change for one in state.executions)
        assert state.available() >= 0
        held = Decimal(wallet["totalPositionIM"]) + Decimal(wallet["totalOrderIM"])
        assert abs(state.available() - max(Decimal(0), state.cash - held)) < Decimal("1e-6")
        signed = sum(one.size * one.side.sign for one in state.executions if one.kind != "Funding")
        position = state.position("BTCUSDT")
        assert position.size * position.side.sign == signed
    assert codes <= {110007}


def test_orders_of_two_accounts_do_not_meet(tmp_path):
    trader = Trader(recorded(tmp_path / "market", flat(60_000, 3)))
    trader.desk.open_account("second", "hidden", balance_usdt=Decimal(500))
    trader.place("Buy", "0.1")
    second = trader.desk.account("second")
    assert (second.cash, second.held(), second.executions) == (500, [], [])
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        trader.desk.open_account("", "x")


def test_everybody_who_holds_at_the_moment_of_funding_pays():
    trader = Trader(GENERATED, NOON)
    trader.desk.open_account("second", "hidden", balance_usdt=Decimal(5000))
    for symbol, size in (("BTCUSDT", "0.1"), ("ETHUSDT", "1"), ("ADAUSDT", "100")):
        trader.place("Buy", size, symbol=symbol)
    with trader.desk.at_now() as quotes:
        asked = {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Sell",
            "orderType": "Market",
            "qty": "0.1",
        }
        PRIVATE_PATHS["/v5/order/create"].do(trader.desk.account("second"), asked, quotes, None)
    trader.wait(12 * 60 + 1)
    paid = [one for one in trader.state.executions if one.kind == "Funding"]
    assert [(one.symbol, one.ts_ms) for one in paid] == [
        (symbol, NOON + hours * HOUR_MS) for hours in (4, 12) for symbol in ("ADAUSDT", "BTCUSDT", "ETHUSDT")
    ]
    received = [one for one in trader.desk.account("second").executions if one.kind == "Funding"]
    assert [one.fee for one in received] == [-one.fee for one in paid if one.symbol == "BTCUSDT"]


def test_a_hole_in_the_candles_stops_orders_and_not_the_clock(tmp_path):
    """The mark goes on, past a trigger of the mark and the liquidation price, while nothing trades."""
    marks = [*flat(60_000, 5), (60_000, 60_000, 50_000, 50_000), *flat(50_000, 4)]
    trader = Trader(recorded(tmp_path / "market", flat(60_000, 2), marks=marks))
    trader.place("Buy", "0.1")
    trader.place("Sell", "0.05", triggerPrice="59000", triggerDirection=2, triggerBy="MarkPrice")
    trader.wait(10)
    assert [row["execType"] for row in trader.executions()] == ["Trade", "Trade", "BustTrade"]


def test_a_delisting_ends_what_is_held(tmp_path):
    market = recorded(tmp_path / "market", flat(60_000, 60))
    trader = Trader(ConditionedMarket(market, (Delisting("BTCUSDT", START + 30 * MINUTE_MS),)))
    trader.place("Buy", "0.1", stopLoss="59000")
    trader.place("Buy", "0.1", price="59500")
    trader.wait(40)
    settled = trader.executions()[-1]
    assert (settled["execType"], settled["execPrice"], settled["execFee"]) == ("Settle", "60000", "0")
    assert trader.ask("position/list", symbol="", settleCoin="USDT")["list"] == []
    assert trader.ask("order/realtime", symbol="", settleCoin="USDT")["list"] == []
    assert trader.refused("order/create", side="Buy", qty="0.1", orderType="Market")[0] == 110074

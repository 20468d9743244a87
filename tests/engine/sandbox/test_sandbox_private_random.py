"""Whatever is asked of an account, and whatever the market does to it, it stays whole."""

import random
from collections import Counter
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_private_trader import Trader

from engine.sandbox.market import GeneratedMarket
from engine.sandbox.private.private_paths import PRIVATE_PATHS
from engine.sandbox.private.refusal import Refusal
from engine.timeframes import DAY_MS, parse_utc

MARKET = GeneratedMarket(seed=7)
TICKS = {"BTCUSDT": Decimal("0.1"), "ADAUSDT": Decimal("0.0001")}


class Whim:
    """A trader who asks at random, by the rules or against them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.balance = self.random.choice(["300", "10000", "2000000"])
        start = parse_utc("2025-07-01") + self.random.randrange(200) * DAY_MS
        self.trader = Trader(MARKET, start, balance=self.balance)

    def act(self):
        symbol = self.random.choice(list(TICKS))
        acts = [
            self.order,
            self.order,
            self.order,
            self.amend,
            self.cancel,
            self.stops,
            self.margin,
            self.wait,
        ]
        self.random.choice(acts)(symbol)

    def order(self, symbol):
        pick = self.random.choice
        asked = {
            "side": pick(["Buy", "Sell"]),
            "orderType": pick(["Market", "Limit"]),
            "qty": self.size(symbol),
        }
        asked |= {"price": self.price(symbol), "timeInForce": pick(["GTC", "IOC", "FOK", "PostOnly"])}
        if self.random.random() < 0.3:
            asked |= {"stopLoss": self.price(symbol), "takeProfit": self.price(symbol)}
        elif self.random.random() < 0.3:
            asked |= {"reduceOnly": True}
        if self.random.random() < 0.3:
            asked |= {"triggerPrice": self.price(symbol), "triggerDirection": pick([1, 2])}
            asked |= {"triggerBy": pick(["LastPrice", "MarkPrice", "IndexPrice"])}
        self.trader.ask("order/create", symbol=symbol, **asked)

    def amend(self, symbol):
        for order in self.trader.state.open_of(symbol)[:1]:
            changed = {"qty": self.size(symbol), "price": self.price(symbol)}
            self.trader.ask("order/amend", symbol=symbol, orderId=order.order_id, **changed)

    def cancel(self, symbol):
        for order in self.trader.state.open_of(symbol)[:1]:
            self.trader.ask("order/cancel", symbol=symbol, orderId=order.order_id)

    def stops(self, symbol):
        prices = {"stopLoss": self.price(symbol), "takeProfit": self.random.choice(["0", self.price(symbol)])}
        self.trader.ask("position/trading-stop", symbol=symbol, **prices)

    def margin(self, symbol):
        leverage = str(self.random.choice([1, 5, 25, 75]))
        if self.random.random() < 0.5:
            self.trader.ask("position/add-margin", symbol=symbol, margin=str(self.random.randint(-50, 100)))
        self.trader.ask("position/set-leverage", symbol=symbol, buyLeverage=leverage, sellLeverage=leverage)

    def wait(self, symbol):
        del symbol
        self.trader.wait(self.random.choice([0.01, 1, 15, 240, 600]))

    def price(self, symbol):
        mark = Decimal(self.trader.ask("position/list", symbol=symbol)["list"][0]["markPrice"])
        return str((mark * Decimal(1 + self.random.uniform(-0.02, 0.02))).quantize(TICKS[symbol]))

    def size(self, symbol):
        largest = 400 * self.random.choice([1, 1, 50])
        return str(
            Decimal(self.random.randint(1, largest)) / (1000 if symbol == "BTCUSDT" else Decimal("0.1"))
        )


def check(state, balance):
    assert state.cash == Decimal(balance) + sum(one.change for one in state.executions)
    for order in state.orders.values():
        assert order.status.is_open == (order.order_id in state.open_orders)
        assert order.filled <= order.ticket.size
        assert order.status != "Triggered"  # a moment's state, never seen from outside
    for symbol in TICKS:
        position = state.position(symbol)
        traded = [one for one in state.executions if one.symbol == symbol and one.kind != "Funding"]
        assert position.size * position.side.sign == sum(one.size * one.side.sign for one in traded)
        tied = {order.ticket.stop_type.value: order.ticket for order in state.tied_to(symbol)}
        wanted = {"StopLoss": position.bracket.stop_loss, "TakeProfit": position.bracket.take_profit}
        assert {name: ticket.trigger_price for name, ticket in tied.items()} == {
            name: price for name, price in wanted.items() if price is not None
        }
        assert all((ticket.size, ticket.reduce_only) == (position.size, True) for ticket in tied.values())
        if position.is_flat:
            assert (position.entry_value, position.extra_margin, position.open_fees) == (0, 0, 0)
            assert not any(order.is_in_book and order.ticket.reduce_only for order in state.open_of(symbol))


@pytest.mark.parametrize("seed", range(4))
def test_an_account_stays_whole(seed):
    whim, refused = Whim(seed), Counter()
    for _ in range(300):
        try:
            whim.act()
        except Refusal as refusal:
            refused[refusal.code] += 1
        check(whim.trader.state, whim.balance)
    assert len(whim.trader.state.executions) >= 3
    assert refused[10001] < 200


FUZZED = Trader(MARKET, parse_utc("2025-07-01"), balance="1000000")
TEXTS = ["", "0", "-1", "1e400", "1e-400", "NaN", "Infinity", "x", "%00", "last%3Dx", "é", "9" * 40]
WORDS = ["BTCUSDT", "USDT", "UNIFIED", "Buy", "Limit", "Partial", "ISOLATED_MARGIN", "0.1", "60000", "1"]
OTHERS = [None, 0, 1, -5, 1e308, True, False, [], {}, [{}], [1], {"a": 1}]
NASTY = st.sampled_from([*TEXTS, *WORDS, *OTHERS])
NAMES = [
    *("symbol", "side", "orderType", "qty", "price", "triggerPrice", "triggerDirection", "triggerBy"),
    *("orderLinkId", "orderId", "reduceOnly", "closeOnTrigger", "takeProfit", "stopLoss", "tpTriggerBy"),
    *("tpslMode", "timeInForce", "positionIdx", "settleCoin", "baseCoin", "openOnly", "orderFilter"),
    *("cursor", "limit", "startTime", "endTime", "buyLeverage", "sellLeverage", "margin", "mode"),
    *("setMarginMode", "accountType", "type", "timeWindow", "request"),
]


@given(
    path=st.sampled_from(sorted(PRIVATE_PATHS)),
    asked=st.dictionaries(st.sampled_from(NAMES), NASTY, max_size=8),
    has_symbol=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_no_request_breaks_the_exchange(path, asked, has_symbol):
    if has_symbol:
        asked = {"side": "Buy", "orderType": "Market", "qty": "0.001"} | asked | {"symbol": "BTCUSDT"}
    with suppress(Refusal):
        FUZZED.ask(path.removeprefix("/v5/"), **asked)
    check(FUZZED.state, "1000000")

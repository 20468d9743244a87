"""A made-to-measure market of one-minute candles, and a trader who asks the desk as the paths of Bybit do."""

from decimal import Decimal

import pandas as pd

from engine.sandbox.clock import SandboxClock
from engine.sandbox.private.desk import DEFAULT_KEY, PrivateDesk
from engine.sandbox.private.private_paths import PRIVATE_PATHS
from engine.sandbox.private.refusal import Refusal
from engine.sandbox.replay import ReplayMarket
from engine.timeframes import MINUTE_MS, parse_utc

START = parse_utc("2025-07-01T07:00")


def recorded(folder, candles, *, marks=None, funding=None, symbol="BTCUSDT", start=START):
    """Return a market of one-minute candles (open, high, low, close); the marks are the same unless given."""
    folder.mkdir(exist_ok=True)
    for prefix, rows in (("", candles), ("mark_", marks or candles)):
        frame = pd.DataFrame(rows, columns=["open", "high", "low", "close"], dtype=float)
        frame.insert(0, "ts_open", [start + minute * MINUTE_MS for minute in range(len(rows))])
        if not prefix:
            frame["volume"] = 1.0
        frame.to_parquet(folder / f"{prefix}{symbol}_1m.parquet")
    if funding:
        pd.DataFrame(funding, columns=["ts", "funding_rate"]).to_parquet(folder / f"funding_{symbol}.parquet")
    return ReplayMarket(folder)


def flat(price, minutes=5):
    """Return candles that stand still."""
    return [(price, price, price, price)] * minutes


class Trader:
    """One account on a desk over a market, with a clock that is moved by hand."""

    def __init__(self, market, start=START, *, balance="10000"):
        self.clock = SandboxClock(start)
        self.desk = PrivateDesk(lambda: market, self.clock)
        self.desk.open_account(DEFAULT_KEY, "sandbox-secret", balance_usdt=Decimal(balance))
        self.state = self.desk.account(DEFAULT_KEY)

    def ask(self, path, *, fault=None, **parameters):
        """Ask a path for BTCUSDT unless told otherwise; returns the result."""
        asked = {"category": "linear", "symbol": "BTCUSDT", **parameters}
        with self.desk.at_now() as quotes:
            return PRIVATE_PATHS[f"/v5/{path}"].do(self.state, asked, quotes, fault)[0]

    def refused(self, path, **parameters):
        """Ask a path for what it must refuse; returns the code and the message."""
        try:
            self.ask(path, **parameters)
        except Refusal as refusal:
            return refusal.code, refusal.message
        raise AssertionError(f"{path} was not refused")

    def place(self, side, qty, *, fault=None, **parameters):
        """Place a market order, a limit order if a price is given; returns its row."""
        kind = "Limit" if "price" in parameters else "Market"
        ids = self.ask("order/create", side=side, qty=qty, orderType=kind, fault=fault, **parameters)
        return self.order(ids["orderId"])

    def order(self, order_id):
        """Return the row of an order."""
        return self.ask("order/realtime", orderId=order_id)["list"][0]

    def open_orders(self):
        """Return the rows of the open orders."""
        return self.ask("order/realtime")["list"]

    def position(self):
        """Return the row of the position."""
        return self.ask("position/list")["list"][0]

    def executions(self):
        """Return the rows of the executions, oldest first."""
        return self.ask("execution/list")["list"][::-1]

    def wallet(self):
        """Return the USDT of the wallet."""
        return self.ask("account/wallet-balance", accountType="UNIFIED")["list"][0]["coin"][0]

    def wait(self, minutes):
        """Let minutes pass."""
        self.clock.step(int(minutes * MINUTE_MS))
        self.desk.advance_to(self.clock())

    def told(self, topic):
        """Return the rows the private stream was given of a topic, oldest first."""
        return [push.row for push in self.state.pushes if push.topic == topic]

"""Symbols that come and go: the delisted are synced to their end, with what is known of their rules."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

from engine.errors import DataNotFound
from engine.exchange.client import BybitMarketClient
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import USUAL_KINDS, MarketSync
from engine.market_data.tables import SeriesKind
from engine.sandbox.conditions import Delisting, Listing
from engine.sandbox.faults import FaultPlan
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.running import SandboxServer
from engine.timeframes import DAY_MS, HOUR_MS, Timeframe, parse_utc

SYMBOL, H1 = "SOLUSDT", Timeframe.H1
START = parse_utc("2024-03-01")
END = START + 100 * DAY_MS
DELISTED = FaultPlan(conditions=(Delisting(SYMBOL, END),))


class Exchange:
    """A server with a clock that a test moves, and a store."""

    def __init__(self, store) -> None:
        self.store = store
        self.market = GeneratedMarket(seed=7)
        self.now_ms = END - DAY_MS
        self.server = SandboxServer(self.market, now_ms=lambda: self.now_ms)

    def sync(self, **more):
        """Sync, with a client that knows nothing yet."""
        sync = MarketSync(self.store, BybitMarketClient(self.server.url))
        return sync.sync_partition(SYMBOL, H1, start_ms=START, **more)

    def requests(self, action) -> Counter[str]:
        """Return which paths are asked for, and how often, while `action` runs."""
        before = self.server.log.counts()
        action()
        return self.server.log.counts() - before


@pytest.fixture
def exchange(tmp_path):
    running = Exchange(HistoricalDataStore(connection_factory(tmp_path / "market.duckdb")))
    with running.server:
        yield running


def test_a_symbol_that_is_delisted_is_synced_to_its_end_and_keeps_its_tiers(exchange):
    exchange.sync()
    before = exchange.store.read_instrument(SYMBOL)
    assert (before.status, before.delisting_ts) == ("Trading", None)
    exchange.server.put_in_force(DELISTED)
    exchange.now_ms = END + 400 * DAY_MS
    report = exchange.sync()
    assert (report.last_ts_open, report.gap_bars) == (END - HOUR_MS, 0)
    after = exchange.store.read_instrument(SYMBOL)
    assert (after.status, after.delisting_ts) == ("Closed", END)
    assert after.tiers == before.tiers
    window = RowWindow(START, END - 1, 10**9)
    pd.testing.assert_frame_equal(
        exchange.store.read_ohlcv(SYMBOL, H1), exchange.market.klines(SYMBOL, H1, window, exchange.now_ms)
    )
    funding = exchange.market.funding(SYMBOL, window, exchange.now_ms)
    pd.testing.assert_frame_equal(exchange.store.read_funding(SYMBOL), funding)


def test_a_delisted_symbol_that_nobody_saw_trading_has_its_history_and_no_rules(exchange):
    exchange.server.put_in_force(DELISTED)
    exchange.now_ms = END + 400 * DAY_MS
    report = exchange.sync()
    assert (report.first_ts_open, report.last_ts_open) == (START, END - HOUR_MS)
    with pytest.raises(DataNotFound, match="no instrument rules of SOLUSDT"):
        exchange.store.read_instrument(SYMBOL)


def test_years_after_a_delisting_cost_a_few_requests_once(exchange):
    exchange.server.put_in_force(DELISTED)
    exchange.sync()
    exchange.now_ms = END + 1000 * DAY_MS  # 24 pages of nothing
    asked = exchange.requests(exchange.sync)
    assert asked["/v5/market/kline"] <= 6
    assert asked["/v5/market/mark-price-kline"] <= 6
    assert asked["/v5/market/open-interest"] <= 9  # three chunks of it
    exchange.now_ms += HOUR_MS
    assert exchange.requests(exchange.sync)["/v5/market/kline"] <= 6


def test_a_symbol_that_was_listed_yesterday_begins_there(exchange):
    listed = END - 2 * DAY_MS
    exchange.server.put_in_force(FaultPlan(conditions=(Listing(SYMBOL, listed),)))
    report = exchange.sync()
    assert (report.first_ts_open, report.gap_bars) == (listed, 0)
    assert exchange.store.read_funding(SYMBOL)["ts"].min() > listed
    assert exchange.requests(exchange.sync)["/v5/market/kline"] == 0


def test_a_current_partition_costs_a_handful_of_requests(exchange):
    exchange.sync()
    exchange.now_ms += HOUR_MS
    assert exchange.requests(exchange.sync) == {
        "/v5/market/time": 1,
        "/v5/market/instruments-info": 1,
        "/v5/market/risk-limit": 1,
        "/v5/market/kline": 1,
        "/v5/market/mark-price-kline": 1,
        "/v5/market/funding/history": 1,
        "/v5/market/open-interest": 1,
    }


def test_partitions_of_one_sync_ask_the_time_once(exchange):
    sync = MarketSync(exchange.store, BybitMarketClient(exchange.server.url))

    def all_of_them():
        for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.D1):
            sync.sync_partition(SYMBOL, timeframe, start_ms=START, now_ms=exchange.now_ms)

    assert exchange.requests(all_of_them)["/v5/market/time"] == 1


def test_index_klines_come_on_demand(exchange):
    assert exchange.sync().index_klines == 0
    report = exchange.sync(kinds={SeriesKind.INDEX})
    assert report.index_klines == 99 * 24
    assert report.last_ts_open is not None  # of the candles, which were not asked for
    assert SeriesKind.INDEX not in USUAL_KINDS
    window = RowWindow(START, exchange.now_ms - 1, 10**9)
    pd.testing.assert_frame_equal(
        exchange.store.read_index_klines(SYMBOL, H1),
        exchange.market.index_klines(SYMBOL, H1, window, exchange.now_ms),
    )


def test_the_delisted_are_listed_apart(exchange):
    exchange.server.put_in_force(FaultPlan(conditions=(Delisting(SYMBOL, START),)))
    client = BybitMarketClient(exchange.server.url)
    assert SYMBOL not in client.usdt_perpetuals()
    assert SYMBOL in client.usdt_perpetuals("Closed")
    assert client.instrument(SYMBOL).delisting_ts == START
    assert client.risk_tiers(SYMBOL) == ()

"""Many partitions at once: one that is refused stops no other, an interrupt keeps what has come."""

from __future__ import annotations

import pytest

from engine.errors import ExchangeUnavailable
from engine.exchange.client import BybitMarketClient
from engine.exchange.timing import Timing
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import MarketSync
from engine.market_data.sync_many import sync_partitions
from engine.sandbox.faults import NO_FAULTS, FaultPlan, HttpStatus, Scripted
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import DAY_MS, Timeframe, parse_utc

NOW = parse_utc("2025-03-01")
START = NOW - 20 * DAY_MS
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT", "LTCUSDT")
FRAMES = (Timeframe.H4, Timeframe.H1)


@pytest.fixture(scope="module")
def server():
    with SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(NOW)) as running:
        yield running


@pytest.fixture
def store(tmp_path):
    return HistoricalDataStore(connection_factory(tmp_path / "market.duckdb"))


def run(server, store, partitions, faults=NO_FAULTS, **more):
    server.put_in_force(faults)
    client = BybitMarketClient(server.url, timing=Timing(sleep=lambda seconds: None))
    return sync_partitions(MarketSync(store, client), partitions, start_ms=START, now_ms=NOW, **more)


def test_all_partitions_are_whole_and_reported_in_order(server, store):
    partitions = [(symbol, frame) for symbol in SYMBOLS for frame in FRAMES]
    steps, done = [], []
    before = server.log.counts()
    synced = run(
        server, store, partitions, on_step=lambda each, step: steps.append(each), on_done=done.append
    )
    assert [(report.symbol, report.timeframe) for report in synced.reports] == partitions
    assert synced.failures == ()
    assert sorted(done) == sorted(partitions)
    assert set(steps) == set(partitions)
    for symbol, frame in partitions:
        window = RowWindow(START, NOW - 1, 10**9)
        truth = GeneratedMarket(seed=7).klines(symbol, frame, window, NOW) if symbol == "LTCUSDT" else None
        stored = store.read_ohlcv(symbol, frame)
        assert len(stored) == 20 * DAY_MS // frame.ms
        assert truth is None or stored.equals(truth)
    # what belongs to a symbol was fetched with the first of its partitions
    assert (server.log.counts() - before)["/v5/market/risk-limit"] == len(SYMBOLS)


def test_a_symbol_that_is_not_listed_stops_no_other(server, store):
    synced = run(server, store, [("NOPEUSDT", Timeframe.H1), ("BTCUSDT", Timeframe.H1)])
    assert [report.symbol for report in synced.reports] == ["BTCUSDT"]
    (failure,) = synced.failures
    assert (failure.symbol, failure.timeframe) == ("NOPEUSDT", Timeframe.H1)
    assert "NOPEUSDT" in failure.error.problem


def test_an_exchange_that_does_not_answer_stops_all(server, store):
    ill = FaultPlan(scripted=(Scripted(HttpStatus(503), "*", tuple(range(3, 10_000))),))
    with pytest.raises(ExchangeUnavailable, match="503"):
        run(server, store, [(symbol, Timeframe.H1) for symbol in SYMBOLS], ill)


def test_an_interrupt_keeps_what_has_come(server, store):
    def press_ctrl_c(partition):
        raise KeyboardInterrupt

    partitions = [(symbol, frame) for symbol in SYMBOLS for frame in FRAMES]
    with pytest.raises(KeyboardInterrupt):
        run(server, store, partitions, on_done=press_ctrl_c)
    coverage = store.coverage()
    assert len(coverage) > 0
    assert (coverage["gap_bars"] == 0).all()
    assert len(run(server, store, partitions).reports) == len(partitions)
    assert (store.coverage()["gap_bars"] == 0).all()

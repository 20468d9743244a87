"""The real client against the real sandbox server on loopback: whole ranges, exact values, clear refusals."""

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from engine.errors import ConfigurationError, SymbolNotListed
from engine.exchange.client import BybitMarketClient
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.replay import ReplayMarket
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, parse_utc

NOW = parse_utc("2025-07-01T10:07:31")
LISTING = parse_utc("2020-01-01")


@pytest.fixture(scope="module")
def market():
    return GeneratedMarket(seed=7)


@pytest.fixture(scope="module")
def server(market):
    with SandboxServer(market, now_ms=FrozenClock(NOW)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    return BybitMarketClient(server.url)


def rows_in(source, symbol, timeframe, start, end):
    """What the market itself has in [start, end)."""
    return source(symbol, timeframe, RowWindow(start, end - 1, 10**9), NOW)


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M15, Timeframe.H4, Timeframe.D1, Timeframe.W1])
def test_klines_of_many_pages_are_what_the_market_has(market, client, timeframe):
    # more than two pages of 1,000 where the history is that long
    end = timeframe.floor(NOW)
    start = max(end - 2345 * timeframe.ms, timeframe.floor(LISTING))
    fetched = client.klines("ETHUSDT", timeframe, start, end)
    pd.testing.assert_frame_equal(
        fetched, rows_in(market.klines, "ETHUSDT", timeframe, start, end), check_exact=True
    )
    assert fetched["ts_open"].dtype == np.int64
    assert len(fetched) == (end - start) // timeframe.ms


def test_mark_klines_are_what_the_market_has(market, client):
    start, end = parse_utc("2025-01-01"), parse_utc("2025-02-15")
    fetched = client.mark_klines("SOLUSDT", Timeframe.M30, start, end)
    expected = rows_in(market.mark_klines, "SOLUSDT", Timeframe.M30, start, end)
    pd.testing.assert_frame_equal(fetched, expected, check_exact=True)
    assert list(fetched.columns) == ["ts_open", "open", "high", "low", "close"]


def test_a_range_holds_its_start_and_not_its_end(client):
    start = parse_utc("2025-03-01")

    def opens(start_ms, end_ms):
        return client.klines("BTCUSDT", Timeframe.H1, start_ms, end_ms)["ts_open"].tolist()

    assert opens(start, start + 2 * HOUR_MS) == [start, start + HOUR_MS]
    assert opens(start + 1, start + 2 * HOUR_MS) == [start + HOUR_MS]
    assert opens(start, start + 2 * HOUR_MS + 1) == [start, start + HOUR_MS, start + 2 * HOUR_MS]
    assert opens(start + 1, start + 2) == []
    assert opens(start, start) == []
    assert opens(start, start - HOUR_MS) == []


def test_the_unfinished_candle_is_the_last_row(client):
    candles = client.klines("BTCUSDT", Timeframe.H1, NOW - 3 * HOUR_MS, NOW + DAY_MS)
    assert candles["ts_open"].iloc[-1] == parse_utc("2025-07-01T10:00")


def test_what_lies_before_the_listing_costs_no_time_and_loses_nothing(market, client):
    fetched = client.klines("BTCUSDT", Timeframe.M1, parse_utc("2012-01-01"), LISTING + DAY_MS)
    expected = rows_in(market.klines, "BTCUSDT", Timeframe.M1, LISTING, LISTING + DAY_MS)
    pd.testing.assert_frame_equal(fetched, expected, check_exact=True)
    assert client.klines("BTCUSDT", Timeframe.M1, parse_utc("2012-01-01"), LISTING).empty


def test_a_hole_longer_than_a_page_loses_nothing_after_it(tmp_path):
    # 1,500 missing minutes between two stretches: a page of 1,000 comes back empty in the middle
    start = parse_utc("2024-03-01")
    opens = [*range(0, 700), *range(2200, 2400)]
    frame = pd.DataFrame({"ts_open": [start + minute * MINUTE_MS for minute in opens]})
    for name in ("open", "high", "low", "close", "volume"):
        frame[name] = 100.0
    frame.to_parquet(tmp_path / "BTCUSDT_1m.parquet")
    recorded = ReplayMarket(tmp_path)
    with SandboxServer(recorded, now_ms=FrozenClock(recorded.last_common_close_ms)) as server:
        fetched = BybitMarketClient(server.url).klines(
            "BTCUSDT", Timeframe.M1, start - DAY_MS, start + 3 * DAY_MS
        )
    assert fetched["ts_open"].tolist() == frame["ts_open"].tolist()


def test_funding_of_many_pages_is_what_the_market_has(market, client):
    start, end = parse_utc("2024-01-01"), parse_utc("2025-01-01T08:00")
    fetched = client.funding("BTCUSDT", start, end)
    expected = market.funding("BTCUSDT", RowWindow(start, end - 1, 10**9), NOW)
    pd.testing.assert_frame_equal(fetched, expected, check_exact=True)
    assert len(fetched) == 3 * 366 + 1  # 2024 was a leap year; the event at the end is not in the range
    assert client.funding("BTCUSDT", start, start).empty
    assert client.funding("BTCUSDT", parse_utc("2012-01-01"), LISTING).empty
    everything = client.funding("BTCUSDT", 0, NOW + DAY_MS)
    assert everything["ts"].iloc[0] == LISTING + 8 * HOUR_MS


def test_funding_at_odd_times_is_taken_as_it_comes(tmp_path):
    # hourly events, then eight-hourly ones: no interval may be assumed
    start = parse_utc("2024-03-01")
    times = [start + hour * HOUR_MS for hour in [*range(500), *range(504, 2000, 8)]]
    pd.DataFrame({"ts": times, "funding_rate": 0.0001}).to_parquet(tmp_path / "funding_BTCUSDT.parquet")
    candle = {"ts_open": [start], "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 0.0}
    pd.DataFrame(candle).to_parquet(tmp_path / "BTCUSDT_1d.parquet")
    with SandboxServer(ReplayMarket(tmp_path), now_ms=FrozenClock(start + 2000 * HOUR_MS)) as server:
        fetched = BybitMarketClient(server.url).funding("BTCUSDT", start, start + 2000 * HOUR_MS)
    assert fetched["ts"].tolist() == times


def test_open_interest_of_many_pages_is_what_the_market_has(market, client):
    start, end = parse_utc("2025-01-01"), parse_utc("2025-02-01")
    fetched = client.open_interest("ADAUSDT", Timeframe.H1, start, end)
    window = RowWindow(start, end - 1, 10**9)
    expected = market.open_interest("ADAUSDT", Timeframe.H1, window, NOW)
    pd.testing.assert_frame_equal(fetched, expected, check_exact=True)
    assert len(fetched) == 31 * 24
    assert client.open_interest("ADAUSDT", Timeframe.H1, start, start).empty
    with pytest.raises(ConfigurationError, match="no open interest per 2h"):
        client.open_interest("ADAUSDT", Timeframe.H2, start, end)


def test_instrument_rules_are_numbers(client):
    # Bybit's instruments-info for BTCUSDT
    facts = client.instrument("BTCUSDT")
    assert (facts.symbol, facts.status) == ("BTCUSDT", "Trading")
    assert (facts.tick_size, facts.qty_step, facts.min_order_qty) == (0.1, 0.001, 0.001)
    assert (facts.max_order_qty, facts.max_market_order_qty) == (1190.0, 119.0)
    assert facts.min_notional_usdt == 5.0
    assert (facts.max_leverage, facts.leverage_step) == (100.0, 0.01)
    assert facts.funding_interval_minutes == 480
    assert facts.launch_ts == LISTING


def test_risk_tiers_are_the_ladder_from_the_bottom(client):
    # Bybit's margin parameters for ADAUSDT: first, second and last tier
    tiers = client.risk_tiers("ADAUSDT")
    assert [tier.tier for tier in tiers] == list(range(1, 31))
    first, second, last = tiers[0], tiers[1], tiers[-1]
    assert (first.risk_limit_value_usdt, first.maintenance_margin_rate, first.mm_deduction_usdt) == (
        200_000,
        0.0075,
        0,
    )
    assert (second.initial_margin_rate, second.max_leverage, second.mm_deduction_usdt) == (0.02, 50.0, 500)
    assert (last.risk_limit_value_usdt, last.mm_deduction_usdt, last.max_leverage) == (
        35_000_000,
        15_809_000,
        1,
    )


def test_only_usdt_perpetuals_are_listed(client):
    symbols = client.usdt_perpetuals()
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT"} < set(symbols)
    assert not {"BTCPERP", "BTCUSDT-30DEC39"} & set(symbols)
    assert symbols == sorted(symbols)


@pytest.mark.parametrize(
    ("symbol", "said", "way_out"),
    [
        ("BTCPERP", "settles in USDC, not a USDT perpetual", "BTCUSDT"),
        ("BTCUSDT-30DEC39", "a dated future, not a USDT perpetual", "BTCUSDT"),
        ("BTCUSD", "does not list BTCUSD", "did you mean BTCUSDT"),
        ("btcusdt", "does not list btcusdt", "did you mean BTCUSDT"),
        ("QQQQ", "does not list QQQQ", "named like BTCUSDT"),
    ],
)
def test_what_is_no_usdt_perpetual_is_refused_and_described(client, symbol, said, way_out):
    with pytest.raises(SymbolNotListed, match=said) as refused:
        client.instrument(symbol)
    assert way_out in refused.value.way_out


def test_a_symbol_the_exchange_does_not_know_is_refused_everywhere(client):
    window = (NOW - DAY_MS, NOW)
    for ask in (
        lambda: client.klines("NOPEUSDT", Timeframe.H1, *window),
        lambda: client.mark_klines("NOPEUSDT", Timeframe.H1, *window),
        lambda: client.funding("NOPEUSDT", *window),
        lambda: client.open_interest("NOPEUSDT", Timeframe.H1, *window),
        lambda: client.risk_tiers("NOPEUSDT"),
    ):
        with pytest.raises(SymbolNotListed, match="NOPEUSDT"):
            ask()


def test_the_client_knows_who_answers_and_what_time_it_is_there(client):
    assert client.identity() == "sandbox:generated:seed=7"
    assert client.server_time_ms() == NOW


def test_bybits_own_addresses_need_no_asking():
    # no connection is opened: the tests have no way out
    assert BybitMarketClient("https://api.bybit.com").identity() == "bybit:mainnet"
    assert BybitMarketClient("https://api.bytick.com/").identity() == "bybit:mainnet"
    assert BybitMarketClient("https://api-testnet.bybit.com").identity() == "bybit:testnet"


@pytest.mark.parametrize(
    "address",
    ["", "api.bybit.com", "ftp://api.bybit.com", "http://", "https://api.bybit.com/v5", "http://a:b@c"],
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ConfigurationError, match="is not the address of an exchange"):
        BybitMarketClient(address)


def test_no_secret_of_an_address_is_repeated():
    with pytest.raises(ConfigurationError) as refused:
        BybitMarketClient("http://user:hunter2@127.0.0.1:8765")
    assert "hunter2" not in str(refused.value)


def test_a_client_shows_nothing_but_its_address(client, server):
    assert repr(client) == f"BybitMarketClient('{server.url}')"


def test_a_proxy_of_the_environment_does_not_get_loopback_requests(server, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    client = BybitMarketClient(server.url)
    assert client.server_time_ms() == NOW
    assert client.identity() == "sandbox:generated:seed=7"


def test_threads_share_a_client(market, client):
    start = parse_utc("2025-05-01")
    symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT"] * 3

    def fetch(symbol):
        return client.klines(symbol, Timeframe.M15, start, start + 20 * DAY_MS)

    with ThreadPoolExecutor(4) as pool:
        for symbol, fetched in zip(symbols, pool.map(fetch, symbols), strict=True):
            expected = rows_in(market.klines, symbol, Timeframe.M15, start, start + 20 * DAY_MS)
            pd.testing.assert_frame_equal(fetched, expected, check_exact=True)


def test_pybit_adds_no_log_handler(server):
    program = (
        "import logging\n"
        "from engine.exchange.client import BybitMarketClient\n"
        f"client = BybitMarketClient({server.url!r})\n"
        "client.server_time_ms()\n"
        "handlers = logging.getLogger('pybit._http_manager').handlers\n"
        "print([type(handler).__name__ for handler in handlers])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stdout.strip() == "['NullHandler']"
    assert finished.stderr == ""
    assert logging.getLogger("pybit").level == logging.NOTSET


def test_importing_the_client_does_not_import_pybit():
    program = "import sys, engine.exchange.client; print('pybit' in sys.modules, 'requests' in sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stdout.strip() == "False False"

"""Instruments, risk limits and tickers over the wire: who is listed, with which rules, and page by page."""

import pytest
import requests
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from engine.timeframes import HOUR_MS, MINUTE_MS, parse_utc


def times(result):
    return [int(row[0]) for row in result["list"]]


def test_pybit_pages_by_the_cursor_as_it_came(server):
    session = HTTP(timeout=30)
    session.endpoint, session.client.trust_env = server.url, False
    start = parse_utc("2025-03-01")
    window = {"intervalTime": "1h", "startTime": start, "endTime": start + 9 * HOUR_MS, "limit": 4}
    seen, cursor = [], None
    while cursor != "":
        answer = session.get_open_interest(category="linear", symbol="BTCUSDT", cursor=cursor, **window)
        seen += [int(row["timestamp"]) for row in answer["result"]["list"]]
        cursor = answer["result"]["nextPageCursor"]
    assert seen == [start + hour * HOUR_MS for hour in range(9, -1, -1)]
    listed, cursor = [], None
    while cursor != "":
        answer = session.get_instruments_info(category="linear", limit=7, cursor=cursor)
        listed += [row["symbol"] for row in answer["result"]["list"]]
        cursor = answer["result"]["nextPageCursor"]
    assert len(listed) == len(set(listed)) > 14
    # pybit sends what it is given: a decoded cursor falls apart into two parameters
    with pytest.raises(InvalidRequestError) as refused:
        session.get_open_interest(
            category="linear", symbol="BTCUSDT", cursor=f"lastid=1&lasttime={start // 1000}", **window
        )
    assert refused.value.status_code == 10001


def test_instruments_are_described_as_bybit_does(market):
    # figures of Bybit's instruments-info for BTCUSDT
    [row] = market("instruments-info")["list"]
    assert row["contractType"] == "LinearPerpetual"
    assert row["settleCoin"] == "USDT"
    assert row["priceFilter"]["tickSize"] == "0.10"
    assert row["priceFilter"]["maxPrice"] == "1999999.80"
    assert row["lotSizeFilter"]["qtyStep"] == "0.001"
    assert row["lotSizeFilter"]["maxMktOrderQty"] == "119.000"
    assert row["leverageFilter"]["maxLeverage"] == "100.00"
    assert row["fundingInterval"] == 480
    assert row["launchTime"] == str(parse_utc("2020-01-01"))  # of the generated market


def test_instruments_page_by_cursor(ask, server):
    listed = []
    cursor = ""
    while not listed or cursor:
        url = f"{server.url}/v5/market/instruments-info?category=linear&limit=5&cursor={cursor}"
        result = requests.get(url, timeout=30).json()["result"]
        listed += [row["symbol"] for row in result["list"]]
        cursor = result["nextPageCursor"]
    everything = ask("/v5/market/instruments-info", category="linear").json()["result"]["list"]
    assert listed == sorted(row["symbol"] for row in everything)
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT"} < set(listed)


def test_linear_lists_more_than_usdt_perpetuals(ask):
    rows = ask("/v5/market/instruments-info", category="linear").json()["result"]["list"]
    kinds = {(row["contractType"], row["settleCoin"]) for row in rows}
    assert kinds == {("LinearPerpetual", "USDT"), ("LinearPerpetual", "USDC"), ("LinearFutures", "USDT")}


def test_instruments_filter_by_coin_and_status(ask):
    def symbols(**parameters):
        result = ask("/v5/market/instruments-info", category="linear", **parameters).json()["result"]
        return [row["symbol"] for row in result["list"]]

    assert symbols(baseCoin="SOL") == ["SOLUSDT"]
    assert symbols(symbol="SOLUSDT", status="Closed") == []
    assert symbols(status="Closed") == ["MATICUSDT"]
    assert symbols(symbol="MATICUSDT") == []
    assert symbols(status="PreLaunch") == symbols(status="Delivering") == []
    assert set(symbols(baseCoin="BTC")) == {"BTCUSDT", "BTCPERP", "BTCUSDT-30DEC39"}


def test_a_delisted_symbol_keeps_its_history_and_loses_its_ladder(market, refusal):
    delisted = parse_utc("2024-09-05T08:00")
    asked = {"symbol": "MATICUSDT"}
    assert market("instruments-info", status="Closed", **asked)["list"][0]["deliveryTime"] == str(delisted)
    assert times(market("kline", interval="60", limit=1, **asked)) == [delisted - HOUR_MS]
    assert times(market("mark-price-kline", interval="1", limit=1, **asked)) == [delisted - MINUTE_MS]
    [newest] = market("funding/history", limit=1, **asked)["list"]
    assert newest["fundingRateTimestamp"] == str(delisted - 8 * HOUR_MS)
    assert market("risk-limit", **asked)["list"] == []
    assert refusal("tickers", **asked)[0] == 10001


def test_a_dated_future_has_candles_and_no_funding(market):
    asked = {"symbol": "BTCUSDT-30DEC39"}
    assert len(market("kline", interval="60", limit=2, **asked)["list"]) == 2
    assert market("funding/history", **asked)["list"] == []
    [row] = market("instruments-info", **asked)["list"]
    assert (row["contractType"], row["fundingInterval"]) == ("LinearFutures", 0)
    assert row["deliveryTime"] == str(parse_utc("2039-12-30T08:00"))


def test_usdc_perpetuals_are_listed_under_linear(market):
    for symbol in ("BTCPERP", "ETHPERP"):
        [row] = market("instruments-info", symbol=symbol)["list"]
        assert (row["contractType"], row["quoteCoin"], row["settleCoin"]) == (
            "LinearPerpetual",
            "USDC",
            "USDC",
        )


def test_risk_limits_keep_the_maintenance_margin_continuous(market):
    # BTCUSDT's second and third deductions are 1200 and 3020 (Bybit, margin parameters)
    rows = market("risk-limit")["list"]
    assert len(rows) == 35
    assert [row["mmDeduction"] for row in rows[:3]] == ["", "1200", "3020"]
    assert rows[-1]["mmDeduction"] == "226382000"
    assert [row["isLowestRisk"] for row in rows[:2]] == [1, 0]
    assert rows[0]["maintenanceMargin"] == "0.005"


@pytest.mark.parametrize(
    ("symbol", "last_deduction"),
    [("ETHUSDT", "138018220"), ("SOLUSDT", "66399135"), ("ADAUSDT", "15809000")],
)
def test_ladders_end_in_the_recorded_deduction(market, symbol, last_deduction):
    assert market("risk-limit", symbol=symbol)["list"][-1]["mmDeduction"] == last_deduction


def test_risk_limits_come_fifteen_symbols_to_a_page(ask, server):
    first = ask("/v5/market/risk-limit", category="linear").json()["result"]
    on_first = list(dict.fromkeys(row["symbol"] for row in first["list"]))
    assert len(on_first) == 15
    url = f"{server.url}/v5/market/risk-limit?category=linear&cursor={first['nextPageCursor']}"
    second = requests.get(url, timeout=30).json()["result"]
    assert second["nextPageCursor"] == ""
    on_second = {row["symbol"] for row in second["list"]}
    assert on_second
    assert not on_second & set(on_first)
    ids = [row["id"] for row in first["list"] + second["list"]]
    assert len(set(ids)) == len(ids)


def test_a_ticker_agrees_with_the_candles(market):
    [row] = market("tickers")["list"]
    minutes = market("kline", interval="1", limit=1)["list"]
    assert row["lastPrice"] == minutes[0][4]
    assert row["markPrice"] == market("mark-price-kline", interval="1", limit=1)["list"][0][4]
    assert float(row["lowPrice24h"]) <= float(row["lastPrice"]) <= float(row["highPrice24h"])
    assert row["nextFundingTime"] == str(parse_utc("2025-07-01T16:00"))
    assert row["fundingRate"] == market("funding/history", limit=1)["list"][0]["fundingRate"]
    assert row["fundingIntervalHour"] == "8"
    hours = market("kline", interval="60", limit=24)["list"]
    assert float(row["highPrice24h"]) >= max(float(hour[2]) for hour in hours[:23])


def test_tickers_without_a_symbol_are_of_all(ask):
    rows = ask("/v5/market/tickers", category="linear").json()["result"]["list"]
    assert {"BTCUSDT", "ADAUSDT"} < {row["symbol"] for row in rows}

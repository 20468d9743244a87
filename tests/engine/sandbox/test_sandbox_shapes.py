"""The shape of every answer: key by key and type by type what Bybit's recorded answers have.

The shapes are typed in from the examples of bybit-exchange/docs at 072c197d (2026-07-24), pages market/kline,
mark-kline, index-kline, premium-index-kline, recent-trade, history-fund-rate, open-interest, instrument,
risk-limit and tickers; instruments also from ccxt's capture of 2025.
"""

import re

import pytest
from pybit.unified_trading import HTTP

from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import parse_utc

NOW = parse_utc("2025-07-01T10:07:31")
ASKED = {"category": "linear", "symbol": "BTCUSDT"}


@pytest.fixture(scope="module")
def session():
    with SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(NOW)) as server:
        session = HTTP(timeout=10)
        session.endpoint = server.url
        session.client.trust_env = False
        yield session
        session.client.close()


def shape(value):
    """Return the keys and the types of an answer; of a list, the shapes that occur in it."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        shapes = []
        for inner in map(shape, value):
            if inner not in shapes:
                shapes.append(inner)
        return shapes
    return None if value is None else type(value).__name__


def texts(*names):
    return dict.fromkeys(names, "str")


def test_the_envelope(session):
    answer = session.get_server_time()
    assert list(answer) == ["retCode", "retMsg", "result", "retExtInfo", "time"]
    assert shape(answer) == {
        "retCode": "int",
        "retMsg": "str",
        "result": texts("timeSecond", "timeNano"),
        "retExtInfo": {},
        "time": "int",
    }


@pytest.mark.parametrize(
    ("method", "columns"),
    [
        ("get_kline", 7),
        ("get_mark_price_kline", 5),
        ("get_index_price_kline", 5),
        ("get_premium_index_price_kline", 5),
    ],
)
def test_candles(session, method, columns):
    result = getattr(session, method)(**ASKED, interval=60)["result"]
    assert list(result) == ["symbol", "category", "list"]
    assert shape(result) == {**texts("symbol", "category"), "list": [["str"]]}
    assert {len(row) for row in result["list"]} == {columns}


def test_trades(session):
    result = session.get_public_trade_history(**ASKED)["result"]
    row = {
        **texts("execId", "symbol", "price", "size", "side", "time", "seq"),
        "isBlockTrade": "bool",
        "isRPITrade": "bool",
    }
    assert shape(result) == {"category": "str", "list": [row]}


def test_funding(session):
    result = session.get_funding_rate_history(**ASKED)["result"]
    rows = [texts("symbol", "fundingRate", "fundingRateTimestamp")]
    assert shape(result) == {"category": "str", "list": rows}


def test_open_interest(session):
    result = session.get_open_interest(**ASKED, intervalTime="1h")["result"]
    rows = [texts("openInterest", "singleOpenInterest", "timestamp")]
    assert shape(result) == {**texts("symbol", "category", "nextPageCursor"), "list": rows}
    # as recorded: "lastid%3D19408935%26lasttime%3D1780617600"
    assert result["nextPageCursor"].startswith("lastid%3D")
    assert "%26lasttime%3D" in result["nextPageCursor"]


INSTRUMENT = {
    **texts("symbol", "contractType", "status", "baseCoin", "quoteCoin", "launchTime", "deliveryTime"),
    **texts("deliveryFeeRate", "priceScale", "settleCoin", "copyTrading", "upperFundingRate"),
    **texts("lowerFundingRate", "displayName", "symbolType"),
    "symbolId": "int",
    "leverageFilter": texts("minLeverage", "maxLeverage", "leverageStep"),
    "priceFilter": texts("minPrice", "maxPrice", "tickSize"),
    "lotSizeFilter": texts(
        *("maxOrderQty", "minOrderQty", "qtyStep", "postOnlyMaxOrderQty", "maxMktOrderQty"),
        "minNotionalValue",
    ),
    "unifiedMarginTrade": "bool",
    "fundingInterval": "int",
    "isPreListing": "bool",
    "preListingInfo": None,
    "riskParameters": texts("priceLimitRatioX", "priceLimitRatioY"),
}


@pytest.mark.parametrize("status", ["Trading", "Closed"])
def test_instruments(session, status):
    result = session.get_instruments_info(category="linear", status=status)["result"]
    assert shape(result) == {**texts("category", "nextPageCursor"), "list": [INSTRUMENT]}


def test_risk_limits(session):
    result = session.get_risk_limit(**ASKED)["result"]
    rows = {
        **texts("symbol", "riskLimitValue", "maintenanceMargin", "initialMargin", "maxLeverage"),
        **texts("mmDeduction"),
        "id": "int",
        "isLowestRisk": "int",
    }
    assert shape(result) == {**texts("category", "nextPageCursor"), "list": [rows]}


def test_tickers(session):
    result = session.get_tickers(category="linear")["result"]
    names = (
        *("symbol", "lastPrice", "indexPrice", "markPrice", "prevPrice24h", "price24hPcnt", "highPrice24h"),
        *("lowPrice24h", "prevPrice1h", "openInterest", "openInterestValue", "turnover24h", "volume24h"),
        *("fundingRate", "nextFundingTime", "predictedDeliveryPrice", "basisRate", "deliveryFeeRate"),
        *("deliveryTime", "ask1Size", "bid1Price", "ask1Price", "bid1Size", "basis", "preOpenPrice"),
        *("preQty", "curPreListingPhase", "fundingIntervalHour", "basisRateYear", "fundingCap"),
    )
    assert shape(result) == {"category": "str", "list": [texts(*names)]}
    assert list(result["list"][0]) == list(names)


def test_numbers_are_written_out_and_never_in_powers_of_ten(session):
    asked = {"category": "linear", "symbol": "TRXUSDT"}
    rates = [row["fundingRate"] for row in session.get_funding_rate_history(**asked)["result"]["list"]]
    [ticker] = session.get_tickers(**asked)["result"]["list"]
    ticker = {name: value for name, value in ticker.items() if value and name != "symbol"}
    candles = session.get_kline(**asked, interval=1, limit=1000)["result"]["list"]
    # some rates are so small that Python would write them with an exponent
    assert min(abs(float(rate)) for rate in rates) < 1e-5
    for value in [*rates, *ticker.values(), *(value for row in candles for value in row)]:
        assert re.fullmatch(r"-?\d+(\.\d+)?", value), value

"""The client against an exchange that misbehaves: every fault ends in one of our errors, and in time."""

import socket
import time

import pytest
from exchange_answers import START, Waits, candle, envelope, exchange, kline_answer

from engine.errors import ExchangeError, ExchangeUnavailable, SymbolNotListed
from engine.exchange.client import BybitMarketClient
from engine.timeframes import HOUR_MS, Timeframe


def client_of(url):
    """A client that does not wait."""
    return BybitMarketClient(url, timeout_s=2, timing=Waits().timing)


def hours(url, count=3):
    return client_of(url).klines("BTCUSDT", Timeframe.H1, START, START + count * HOUR_MS)


def test_an_exchange_that_is_not_there_is_reported_in_seconds():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(ExchangeUnavailable, match=url) as refused:
        BybitMarketClient(url).server_time_ms()
    assert time.monotonic() - began < 6
    assert "trade sandbox" in refused.value.way_out


def test_an_exchange_that_accepts_and_says_nothing_is_given_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ExchangeUnavailable, match="for server time: did not answer in time"):
            BybitMarketClient(url, timeout_s=0.5).server_time_ms()
        assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("answer", "error", "named"),
    [
        ((403, "no"), ExchangeError, "HTTP status 403"),
        ((404, "no"), ExchangeError, "HTTP status 404"),
        ((200, envelope({}, 10001, "Invalid period!")), ExchangeError, "Invalid period! .*10001"),
        ((200, envelope({}, 10001, "symbol invalid")), SymbolNotListed, "symbol invalid"),
        ((200, envelope({}, 10005, "permission denied")), ExchangeError, "10005"),
        ((200, "[]"), ExchangeError, "not an answer of Bybit"),
        ((200, "null"), ExchangeError, "not an answer of Bybit"),
        ((200, '"text"'), ExchangeError, "not an answer of Bybit"),
        ((200, '{"retCode": 0}'), ExchangeError, "not an answer of Bybit"),
        ((200, envelope([])), ExchangeError, "not an answer of Bybit"),
    ],
)
def test_what_cannot_pass_is_not_tried_again(answer, error, named):
    with exchange(answer) as (url, paths):
        with pytest.raises(error, match=named) as refused:
            hours(url)
        assert not isinstance(refused.value, ExchangeUnavailable)
        assert len(paths) == 1


@pytest.mark.parametrize(
    ("rows", "row", "named"),
    [
        ([candle(1), candle(1)], 1, "not older"),
        ([candle(0), candle(1)], 1, "not older"),
        ([candle(3), candle(2)], 0, "outside"),
        ([candle(1), candle(-1)], 1, "outside"),
        ([candle(1), candle(0)[:6]], 1, "7 numbers"),
        ([candle(1), "row"], 1, "7 numbers"),
        ([candle(1), candle(0, c="")], 1, "not all numbers"),
        ([candle(1), candle(0, c="nan")], 1, "finite"),
        ([candle(1), candle(0, volume="inf")], 1, "finite"),
    ],
)
def test_rows_that_cannot_be_read_are_asked_for_again_and_then_named(rows, row, named):
    with exchange((200, kline_answer(*rows))) as (url, paths), pytest.raises(ExchangeError) as refused:
        hours(url)
    assert len(paths) == 4
    assert "asked 4 times for 1h klines of BTCUSDT from 2024-03-01 00:00:00" in str(refused.value)
    assert f"row {row} of the answer" in str(refused.value)
    assert named in str(refused.value)
    good = kline_answer(candle(2), candle(1), candle(0))
    with exchange((200, kline_answer(*rows)), (200, good)) as (url, _):
        assert len(hours(url)) == 3


@pytest.mark.parametrize("answer", [envelope({}), envelope({"list": "none"})])
def test_an_answer_without_a_list_is_refused(answer):
    with exchange((200, answer)) as (url, _), pytest.raises(ExchangeError, match="has no list"):
        hours(url)


@pytest.mark.parametrize(
    "broken",
    [
        candle(0, ts=START + 1),
        candle(0, h=10),
        candle(0, l=10.5),
        candle(0, l=0),
        candle(0, volume=-1),
        candle(0, turnover=-1),
    ],
)
def test_a_candle_that_cannot_be_is_looked_at_twice_and_then_left_to_the_store(broken):
    rows = [candle(2), candle(1), broken]
    with exchange((200, kline_answer(*rows))) as (url, paths):
        assert hours(url).iloc[0].tolist() == [float(value) for value in broken]
        assert len(paths) == 2
    whole = kline_answer(candle(2), candle(1), candle(0))
    with exchange((200, kline_answer(*rows)), (200, whole)) as (url, _):
        assert hours(url)["ts_open"].iloc[0] == START
        assert hours(url)["high"].iloc[0] == 12


def newest_and_oldest_page():
    """The two pages of 1,500 hours, as answers in the order in which they are asked for."""
    newest = [candle(hour) for hour in range(1499, 499, -1)]
    oldest = [candle(hour) for hour in range(499, -1, -1)]
    return (200, kline_answer(*newest)), (200, kline_answer(*oldest))


def test_pages_are_windows_that_no_page_can_overflow():
    with exchange(*newest_and_oldest_page()) as (url, paths):
        assert hours(url, count=1500)["ts_open"].tolist() == [START + hour * HOUR_MS for hour in range(1500)]
    for path, (first, last) in zip(paths, [(500, 1499), (0, 499)], strict=True):
        assert f"start={START + first * HOUR_MS}&" in path
        assert f"end={START + last * HOUR_MS}&" in path
        assert f"limit={last - first + 1}&" in path


def test_an_error_in_the_middle_of_paging_gives_nothing():
    """Pitfall 23: the predecessor stored part of the data as success."""
    newest, _ = newest_and_oldest_page()
    with exchange(newest, (200, envelope({}, 10016, "server error"))) as (url, paths):
        with pytest.raises(ExchangeUnavailable, match="from 2024-03-01 00:00:00: server error"):
            hours(url, count=1500)
        assert len(paths) == 6  # the first page, and five attempts at the second


def test_a_cursor_that_does_not_end_is_left():
    row = {"symbol": "AUSDT", "contractType": "LinearPerpetual", "settleCoin": "USDT"}
    empty = envelope({"list": [], "nextPageCursor": "again%3D1"})
    with exchange((200, envelope({"list": [row], "nextPageCursor": "again%3D1"})), (200, empty)) as (
        url,
        paths,
    ):
        assert client_of(url).usdt_perpetuals() == ["AUSDT"]
        # it went back as it came, not encoded a second time
        assert "cursor=again%3D1" in paths[1]
        assert len(paths) == 2


def test_an_address_that_is_neither_bybit_nor_sandbox_is_refused():
    with exchange((404, "no")) as (url, _), pytest.raises(ExchangeError, match="neither Bybit nor a sandbox"):
        client_of(url).identity()


def tier(**changes):
    row = {
        "id": 1,
        "symbol": "BTCUSDT",
        "riskLimitValue": "2000000",
        "maintenanceMargin": "0.005",
        "initialMargin": "0.01",
        "maxLeverage": "100.00",
        "mmDeduction": "",
    }
    return {**row, **changes}


def test_rates_in_percent_are_refused():
    # the example of Bybit's documentation prints "0.5" and "1"; live answers are fractions
    percent = tier(maintenanceMargin="0.5", initialMargin="1")
    answer = envelope({"list": [percent]})
    with exchange((200, answer)) as (url, _), pytest.raises(ExchangeError, match="fractions"):
        client_of(url).risk_tiers("BTCUSDT")


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([tier(riskLimitValue="lots")], "riskLimitValue is 'lots'"),
        ([{"symbol": "BTCUSDT"}], "riskLimitValue is None"),
        (["row"], "row 0 of the answer is not an object"),
    ],
)
def test_a_ladder_that_cannot_be_read_is_refused(rows, named):
    answer = envelope({"list": rows})
    with exchange((200, answer)) as (url, _), pytest.raises(ExchangeError, match=named):
        client_of(url).risk_tiers("BTCUSDT")


def test_tiers_are_put_in_the_order_of_their_limits():
    second = tier(
        riskLimitValue="2600000", maintenanceMargin="0.0056", initialMargin="0.0111", maxLeverage="90"
    )
    with exchange((200, envelope({"list": [second, tier()]}))) as (url, _):
        limits = [each.risk_limit_value_usdt for each in client_of(url).risk_tiers("BTCUSDT")]
    assert limits == [2_000_000, 2_600_000]


def test_an_instrument_without_a_field_is_refused():
    row = {"symbol": "BTCUSDT", "contractType": "LinearPerpetual", "settleCoin": "USDT", "priceFilter": {}}
    answer = envelope({"list": [row]})
    with exchange((200, answer)) as (url, _), pytest.raises(ExchangeError, match="tickSize is None"):
        client_of(url).instrument("BTCUSDT")

"""What goes over the wire: Bybit's envelope, parameters, order, windows, limits, cursors and refusals.

Expected windows are those of Bybit's documentation and of measured answers, as named in each test.
"""

from itertools import pairwise

import pytest
import requests

from engine.timeframes import HOUR_MS, MINUTE_MS, format_utc, parse_utc

NOW = parse_utc("2025-07-01T10:07:31")


def times(result):
    return [int(row[0]) for row in result["list"]]


def test_the_envelope_is_bybits(ask):
    answer = ask("/v5/market/time")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Bapi-Limit-Reset-Timestamp"] == str(NOW)
    assert "X-Bapi-Limit" in answer.headers
    assert "X-Bapi-Limit-Status" in answer.headers
    assert answer.json() == {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"timeSecond": str(NOW // 1000), "timeNano": str(NOW * 1_000_000)},
        "retExtInfo": {},
        "time": NOW,
    }


def test_a_kline_row_is_seven_strings_newest_first(market):
    result = market("kline", interval="15", limit=3)
    assert (result["category"], result["symbol"]) == ("linear", "BTCUSDT")
    assert times(result) == [parse_utc(f"2025-07-01T{clock}") for clock in ("10:00", "09:45", "09:30")]
    for row in result["list"]:
        assert len(row) == 7
        assert all(isinstance(value, str) and "e" not in value for value in row)
    newer, older = result["list"][1:]
    assert newer[1] == older[4]  # open is the previous close


def test_mark_and_index_rows_are_five_strings(market):
    mark = market("mark-price-kline", interval="60", limit=2)
    assert [len(row) for row in mark["list"]] == [5, 5]
    index = market("index-price-kline", interval="60", limit=2)
    assert [len(row) for row in index["list"]] == [5, 5]
    assert times(index) == times(mark)
    assert index["list"] != mark["list"]


def test_the_end_is_inclusive(market):
    # the example of Bybit's kline page: 60, 1670601600000 … 1670608800000 gives three rows
    rows = times(market("kline", interval="60", start=1670601600000, end=1670608800000))
    assert rows == [1670608800000, 1670605200000, 1670601600000]


def test_with_both_ends_the_newest_rows_are_served(market):
    # the examples of the mark-kline page (limit 1) and of the index-kline page (interval 1, limit 2)
    window = {"start": 1670601600000, "end": 1670608800000}
    assert times(market("mark-price-kline", interval="60", limit=1, **window)) == [1670608800000]
    rows = times(market("index-price-kline", interval="1", limit=2, **window))
    assert rows == [1670608800000, 1670608740000]


def test_a_start_is_floored_to_the_interval(market):
    # measured: start 1683472808000 returned row 1683472800000
    rows = times(market("kline", interval="5", start=1683472808000, end=1683472900000))
    assert rows == [1683472800000]


def test_an_end_inside_a_bar_serves_that_bar(market):
    rows = times(market("kline", interval="60", start=1670601600000, end=1670608800000 + 1))
    assert rows[0] == 1670608800000


def test_a_start_alone_runs_forward(market):
    # measured: start=9999 & limit=1 gives the earliest candle
    assert times(market("kline", interval="60", start=9999, limit=1)) == [parse_utc("2020-01-01")]
    rows = times(market("kline", interval="60", start=1670601600000, limit=2))
    assert rows == [1670605200000, 1670601600000]


def test_an_end_alone_runs_backward(market):
    rows = times(market("kline", interval="60", end=1670608800000, limit=2))
    assert rows == [1670608800000, 1670605200000]


def test_the_default_limit_is_200_and_the_most_1000(market):
    assert len(market("kline", interval="1")["list"]) == 200
    assert len(market("kline", interval="1", limit=5000)["list"]) == 1000


def test_a_window_outside_the_listing_is_an_empty_list(market):
    before_listing = {"start": parse_utc("2018-01-01"), "end": parse_utc("2018-01-02")}
    assert market("kline", interval="60", **before_listing)["list"] == []
    tomorrow = {"start": NOW + HOUR_MS * 24, "end": NOW + HOUR_MS * 48}
    assert market("kline", interval="60", **tomorrow)["list"] == []
    assert market("kline", interval="60", start=NOW, end=NOW - HOUR_MS * 5)["list"] == []


def test_the_newest_row_is_the_unfinished_candle(market):
    newest = market("kline", interval="240", limit=1)["list"][0]
    assert format_utc(int(newest[0])) == "2025-07-01 08:00:00"
    minutes = market("kline", interval="1", start=int(newest[0]), limit=1000)["list"]
    assert len(minutes) == 128  # 08:00 … 10:07, the last of them unfinished too
    assert newest[4] == minutes[0][4]
    assert float(newest[2]) == max(float(row[2]) for row in minutes)
    assert float(newest[5]) == pytest.approx(sum(float(row[5]) for row in minutes))


def test_parameters_that_do_not_exist_are_ignored(market):
    assert times(market("kline", interval="60", limit=1, startTime=1, endTime=2)) == [
        parse_utc("2025-07-01T10:00")
    ]


def test_days_and_weeks_have_letters(market):
    assert format_utc(times(market("kline", interval="D", limit=1))[0]) == "2025-07-01 00:00:00"
    # 30 June 2025 was a Monday
    assert format_utc(times(market("kline", interval="W", limit=1))[0]) == "2025-06-30 00:00:00"


def test_funding_is_newest_first_up_to_the_end(market):
    end = parse_utc("2025-03-01T08:00")
    rows = market("funding/history", endTime=end, limit=2)["list"]
    assert [set(row) for row in rows] == [{"symbol", "fundingRate", "fundingRateTimestamp"}] * 2
    assert [int(row["fundingRateTimestamp"]) for row in rows] == [end, end - 8 * HOUR_MS]
    newest = market("funding/history")["list"]
    assert len(newest) == 200
    assert int(newest[0]["fundingRateTimestamp"]) == parse_utc("2025-07-01T08:00")


def test_funding_with_both_ends_is_anchored_at_the_end(market):
    start, end = parse_utc("2025-01-01"), parse_utc("2025-06-01")
    rows = market("funding/history", startTime=start, endTime=end, limit=3)["list"]
    assert [int(row["fundingRateTimestamp"]) for row in rows] == [end, end - 8 * HOUR_MS, end - 16 * HOUR_MS]


def test_funding_refuses_a_start_alone(refusal):
    assert refusal("funding/history", startTime=parse_utc("2025-01-01"))[0] == 10001


def test_open_interest_gives_the_newest_of_a_window(market):
    # measured: start + end over five hours with limit 5 returned 05:00 … 01:00
    start = parse_utc("2025-03-01")
    window = {"startTime": start, "endTime": start + 5 * HOUR_MS, "limit": 5}
    rows = market("open-interest", intervalTime="1h", **window)["list"]
    assert [int(row["timestamp"]) for row in rows] == [start + hour * HOUR_MS for hour in (5, 4, 3, 2, 1)]
    both, half = float(rows[0]["openInterest"]), float(rows[0]["singleOpenInterest"])
    assert half == both / 2


def test_open_interest_ignores_a_start_alone(market):
    # measured by ccxt, pull request 30016
    rows = market("open-interest", intervalTime="1h", startTime=parse_utc("2024-01-01"), limit=1)["list"]
    assert int(rows[0]["timestamp"]) == parse_utc("2025-07-01T10:00")


def test_open_interest_pages_by_an_encoded_cursor_that_ends(ask, server):
    start = parse_utc("2025-03-01")
    query = (
        f"{server.url}/v5/market/open-interest?category=linear&symbol=BTCUSDT&intervalTime=1h"
        f"&startTime={start}&endTime={start + 9 * HOUR_MS}&limit=4"
    )
    seen, cursor, pages = [], "", 0
    while pages == 0 or cursor:
        # the cursor goes back exactly as it came: it is percent-encoded already
        result = requests.get(f"{query}&cursor={cursor}", timeout=30).json()["result"]
        seen += [int(row["timestamp"]) for row in result["list"]]
        cursor, pages = result["nextPageCursor"], pages + 1
        assert "=" not in cursor
        assert "&" not in cursor
    assert seen == [start + hour * HOUR_MS for hour in range(9, -1, -1)]
    assert pages == 3


def test_open_interest_defaults_to_50_rows_and_gives_at_most_200(market):
    assert len(market("open-interest", intervalTime="5min")["list"]) == 50
    assert len(market("open-interest", intervalTime="5min", limit=900)["list"]) == 200


def test_months_are_of_the_calendar(market):
    result = market("kline", interval="M", limit=3)
    months = [parse_utc(day) for day in ("2025-07-01", "2025-06-01", "2025-05-01")]
    assert times(result) == months
    days = market("kline", interval="D", start=months[1], end=months[0] - 1, limit=1000)["list"]
    june = result["list"][1]
    assert len(days) == 30
    assert (june[1], june[4]) == (days[-1][1], days[0][4])
    assert float(june[2]) == max(float(day[2]) for day in days)
    assert float(june[5]) == pytest.approx(sum(float(day[5]) for day in days))
    # how the first candle of a symbol is found: pybit issue 186
    assert times(market("kline", interval="M", start=9999, limit=1)) == [parse_utc("2020-01-01")]
    inside = {"start": parse_utc("2025-05-17"), "end": parse_utc("2025-06-02")}
    assert times(market("mark-price-kline", interval="M", **inside)) == [months[1], months[2]]
    next_year = {"start": parse_utc("2026-01-01"), "end": parse_utc("2026-03-01")}
    assert market("kline", interval="M", **next_year)["list"] == []
    assert market("kline", interval="M", start=2**52)["list"] == []


def test_the_index_price_is_a_price_of_its_own(market):
    window = {"interval": "60", "limit": 200}
    last, mark, index = (
        market(f"{kind}kline", **window)["list"] for kind in ("", "mark-price-", "index-price-")
    )
    assert [row[0] for row in index] == [row[0] for row in mark]
    distances = [abs(float(row[4]) / float(other[4]) - 1) for row, other in zip(index, last, strict=True)]
    assert 0 < max(distances) < 0.002
    for newer, older in pairwise(index):
        assert newer[1] == older[4]
        assert float(newer[3]) <= min(float(newer[1]), float(newer[4]))
        assert float(newer[2]) >= max(float(newer[1]), float(newer[4]))


def test_the_premium_index_is_a_share_and_only_of_perpetuals(market, refusal):
    window = {"interval": "1", "limit": 100}
    premium = market("premium-index-price-kline", **window)["list"]
    assert {len(row) for row in premium} == {5}
    mark, index = (market(f"{kind}-price-kline", **window)["list"] for kind in ("mark", "index"))
    assert [row[0] for row in premium] == [row[0] for row in mark]
    for share, above, below in zip(premium, mark, index, strict=True):
        expected = float(above[1]) / float(below[1]) - 1
        assert float(share[1]) == pytest.approx(expected, abs=1e-6)
    assert min(float(row[3]) for row in premium) < 0 < max(float(row[2]) for row in premium)
    assert refusal("premium-index-price-kline", symbol="BTCUSDT-30DEC39", interval="1")[0] == 10001


def test_trades_add_up_to_the_candles(market):
    rows = market("recent-trade")["list"]
    assert len(rows) == 500
    assert len(market("recent-trade", limit=5000)["list"]) == 1000
    assert set(rows[0]) == {
        *("execId", "symbol", "price", "size", "side", "time", "isBlockTrade", "isRPITrade", "seq")
    }
    trade_times = [int(row["time"]) for row in rows]
    assert trade_times == sorted(trade_times, reverse=True)
    assert trade_times[0] == NOW
    assert len({row["execId"] for row in rows}) == len(rows)
    for candle in market("kline", interval="1", limit=100)["list"]:
        ts_open = int(candle[0])
        inside = [row for row in rows if ts_open <= int(row["time"]) < ts_open + MINUTE_MS][::-1]
        prices = [float(row["price"]) for row in inside]
        assert [prices[0], max(prices), min(prices), prices[-1]] == [float(part) for part in candle[1:5]]
        assert sum(float(row["size"]) for row in inside) == pytest.approx(float(candle[5]))


def test_a_wrong_method_is_400_and_a_get_with_a_body_403(server):
    kline = f"{server.url}/v5/market/kline?symbol=BTCUSDT&interval=60"
    assert requests.post(kline, timeout=30).status_code == 400
    assert requests.get(kline, data="x", timeout=30).status_code == 403


@pytest.mark.parametrize(
    ("endpoint", "parameters", "named"),
    [
        ("kline", {"symbol": "NOPEUSDT", "interval": "60"}, "Symbol"),
        ("kline", {"symbol": "", "interval": "60"}, "Symbol"),
        ("kline", {"interval": "7"}, "period"),
        ("kline", {"interval": "60", "limit": "many"}, "limit"),
        ("kline", {"interval": "60", "limit": 0}, "limit"),
        ("kline", {"interval": "60", "start": "yesterday"}, "start"),
        ("kline", {"interval": "60", "end": 10**400}, "end"),
        ("kline", {"category": "spot", "interval": "60"}, "category"),
        ("funding/history", {"symbol": "NOPEUSDT"}, "Symbol"),
        ("open-interest", {"intervalTime": "2h"}, "intervalTime"),
        ("open-interest", {"intervalTime": "1h", "cursor": "rubbish"}, "cursor"),
        ("instruments-info", {"category": ""}, "category"),
        ("instruments-info", {"status": "Gone"}, "status"),
        ("instruments-info", {"symbol": "NOPEUSDT"}, "Symbol"),
        ("risk-limit", {"symbol": "NOPEUSDT"}, "Symbol"),
        ("tickers", {"symbol": "NOPEUSDT"}, "Symbol"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_10001(refusal, endpoint, parameters, named):
    code, message = refusal(endpoint, **parameters)
    assert code == 10001
    assert named in message


def test_a_path_bybit_does_not_have_is_404(ask):
    assert ask("/v5/market/nothing").status_code == 404
    assert ask("/").status_code == 404


def test_the_sandbox_says_that_its_market_is_generated(ask):
    identity = ask("/sandbox/identity").json()
    assert identity["identity"] == "sandbox:generated:seed=7"
    assert identity["generated"] is True
    assert identity["now_ms"] == NOW
    assert "BTCUSDT" in identity["symbols"]


def test_a_foreign_host_header_is_refused(server):
    for host, status in (("127.0.0.1:1", 200), ("localhost", 200), ("sandbox.example.com", 400), ("", 400)):
        answer = requests.get(f"{server.url}/sandbox/identity", headers={"Host": host}, timeout=30)
        assert answer.status_code == status, host

"""Each fault as a client meets it: over a plain socket library, and through pybit as its users would."""

import json
import time
from contextlib import contextmanager

import pytest
import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from engine.sandbox import faults
from engine.sandbox.conditions import Delisting, Halt
from engine.sandbox.faults import FaultPlan, HttpStatus, RetCode, Scripted, fault_storm
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.rate_limit import RateLimit
from engine.sandbox.running import FrozenClock, SandboxServer, wall_clock_ms
from engine.timeframes import HOUR_MS, MINUTE_MS, parse_utc

NOW = parse_utc("2025-07-01T10:07:31")
KLINE = "/v5/market/kline"
HOURS = {"category": "linear", "symbol": "BTCUSDT", "interval": "60", "limit": "5"}


@pytest.fixture(scope="module")
def market():
    return GeneratedMarket(seed=7)


@pytest.fixture(scope="module")
def shared(market):
    with SandboxServer(market, now_ms=FrozenClock(NOW)) as running:
        yield running


@pytest.fixture
def server(shared):
    """The shared server; every test puts its own plan in force."""
    yield shared
    shared.put_in_force(faults.NO_FAULTS)


def once(fault, path=KLINE):
    """A plan in which the first request meets `fault`."""
    return FaultPlan(scripted=(Scripted(fault, path, (1,)),))


def ask(server, path=KLINE, timeout=5, **parameters):
    return requests.get(f"{server.url}{path}", params={**HOURS, **parameters}, timeout=timeout)


def rows(server, **parameters):
    return ask(server, **parameters).json()["result"]["list"]


@contextmanager
def pybit_session(server, **options):
    session = HTTP(**{"timeout": 2, "max_retries": 2, "retry_delay": 0, **options})
    session.endpoint = server.url
    session.client.trust_env = False
    try:
        yield session
    finally:
        session.client.close()


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503, 504])
def test_an_http_status_is_a_page_of_html_once(server, status):
    server.put_in_force(once(HttpStatus(status)))
    answer = ask(server)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (status, "text/html")
    assert ask(server).json()["retCode"] == 0


def test_pybit_does_not_retry_an_http_status(server):
    server.put_in_force(once(HttpStatus(503)))
    with pybit_session(server) as session, pytest.raises(FailedRequestError) as failed:
        session.get_kline(**HOURS)
    assert failed.value.status_code == 503


@pytest.mark.parametrize(
    ("code", "message"), [(10002, "timestamp"), (10006, "Too many visits!"), (10016, "Server error")]
)
def test_a_ret_code_comes_without_a_result(server, code, message):
    server.put_in_force(once(RetCode(code)))
    answer = ask(server).json()
    assert (answer["retCode"], answer["result"]) == (code, {})
    assert message in answer["retMsg"]


@pytest.mark.parametrize(("reset_in_ms", "stamp"), [(None, None), (800, NOW + 800), (-5, NOW - 5), (0, NOW)])
def test_a_rate_limit_tells_its_reset_ahead_past_or_not_at_all(server, reset_in_ms, stamp):
    server.put_in_force(once(RetCode(10006, reset_in_ms)))
    shown = ask(server).headers.get("X-Bapi-Limit-Reset-Timestamp")
    assert shown == (None if stamp is None else str(stamp))


def test_pybit_waits_for_a_reset_ahead_and_breaks_on_one_in_the_past(market):
    # the reset is compared with the client's clock, so this server lives in the present
    with SandboxServer(market, now_ms=wall_clock_ms) as server, pybit_session(server) as session:
        server.put_in_force(once(RetCode(10006, 500)))
        began = time.monotonic()
        assert session.get_kline(**HOURS)["retCode"] == 0
        assert time.monotonic() - began > 0.3
        server.put_in_force(once(RetCode(10006, -500)))
        with pytest.raises(ValueError, match="non-negative"):
            session.get_kline(**HOURS)


def test_pybit_does_not_retry_10016(server):
    server.put_in_force(once(RetCode(10016)))
    with pybit_session(server) as session, pytest.raises(InvalidRequestError) as refused:
        session.get_kline(**HOURS)
    assert refused.value.status_code == 10016


def test_a_time_out_says_nothing_in_time(server):
    server.put_in_force(once(faults.TimeOut(1.0)))
    with pytest.raises(requests.exceptions.ReadTimeout):
        ask(server, timeout=0.3)
    server.put_in_force(once(faults.TimeOut(0.2)))
    with pytest.raises(requests.exceptions.ConnectionError):
        ask(server, timeout=5)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_connection_is_dropped_on_the_way(server, share):
    server.put_in_force(once(faults.DroppedConnection(share)))
    kinds = requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError
    with pytest.raises(kinds):
        ask(server, limit="1000")


def test_json_that_is_truncated_is_a_complete_answer(server):
    whole = ask(server).content
    server.put_in_force(once(faults.TruncatedJson(0.5)))
    answer = ask(server)
    assert answer.status_code == 200
    assert answer.content == whole[: len(whole) // 2]
    server.put_in_force(once(faults.TruncatedJson(0.5)))
    with pybit_session(server) as session, pytest.raises(FailedRequestError) as failed:
        session.get_kline(**HOURS)
    assert failed.value.status_code == 409


def test_html_stands_where_json_should(server):
    server.put_in_force(once(faults.HtmlPage()))
    answer = ask(server)
    assert answer.status_code == 200
    assert answer.text.startswith("<html>")


def test_a_slow_body_takes_its_time_and_is_sound(server):
    whole = ask(server).json()
    server.put_in_force(once(faults.SlowBody(0.5)))
    began = time.monotonic()
    assert ask(server).json() == whole
    assert 0.4 < time.monotonic() - began < 3


def test_rows_come_twice(server):
    sound = rows(server)
    server.put_in_force(once(faults.DuplicateRows(2)))
    assert rows(server) == [sound[0], sound[0], sound[1], sound[1], *sound[2:]]


def test_rows_come_out_of_order(server):
    sound = rows(server)
    server.put_in_force(once(faults.DisorderedRows()))
    assert rows(server) == [sound[1], sound[0], sound[3], sound[2], sound[4]]


def test_a_page_is_missing(server):
    server.put_in_force(once(faults.MissingPage(), "/v5/market/open-interest"))
    answer = ask(server, "/v5/market/open-interest", intervalTime="1h")
    assert answer.json()["retCode"] == 0
    result = answer.json()["result"]
    assert (result["list"], result["nextPageCursor"]) == ([], "")


def test_the_newest_closed_candle_is_not_finished_yet(server):
    sound = rows(server)
    server.put_in_force(once(faults.UnfinishedCandle()))
    shown = rows(server)
    assert (shown[0], shown[2:]) == (sound[0], sound[2:])
    ts_open, price = sound[1][:2]
    assert shown[1] == [ts_open, price, price, price, price, "0", "0"]
    # nothing else can be unfinished: an older window is sound
    older = {"end": str(NOW - 10 * HOUR_MS)}
    sound = rows(server, **older)
    server.put_in_force(once(faults.UnfinishedCandle()))
    assert rows(server, **older) == sound


def test_a_cursor_trails_behind_the_last_page(server):
    path = "/v5/market/instruments-info"
    server.put_in_force(once(faults.TrailingCursor(), path))
    query = f"{server.url}{path}?category=linear&symbol=BTCUSDT&cursor="
    first = requests.get(query, timeout=5).json()["result"]
    # as recorded of Bybit for BIOUSDT
    assert first["nextPageCursor"] == "first%3DBTCUSDT%26last%3DBTCUSDT"
    after = requests.get(query + first["nextPageCursor"], timeout=5).json()["result"]
    assert (after["list"], after["nextPageCursor"]) == ([], "")


def test_a_trailing_cursor_of_open_interest_leads_to_nothing_in_its_window(server):
    path = "/v5/market/open-interest"
    start = NOW - 5 * HOUR_MS
    server.put_in_force(once(faults.TrailingCursor(), path))
    query = (
        f"{server.url}{path}?category=linear&symbol=BTCUSDT&intervalTime=1h&startTime={start}&endTime={NOW}"
    )
    first = requests.get(query, timeout=5).json()["result"]
    assert len(first["list"]) == 5
    after = requests.get(f"{query}&cursor={first['nextPageCursor']}", timeout=5).json()["result"]
    assert after["list"] == []


def test_conditions_hold_in_every_answer_while_they_are_in_force(server):
    end = NOW // HOUR_MS * HOUR_MS
    halt = Halt("BTCUSDT", end - 2 * HOUR_MS, end)
    server.put_in_force(FaultPlan(conditions=(halt, Delisting("SOLUSDT", NOW - MINUTE_MS))))
    assert [int(row[0]) for row in rows(server, limit="2")] == [end, end - 3 * HOUR_MS]
    listed = ask(server, "/v5/market/instruments-info", symbol="").json()["result"]["list"]
    assert "SOLUSDT" not in {row["symbol"] for row in listed}
    closed = ask(server, "/v5/market/instruments-info", symbol="", status="Closed").json()["result"]["list"]
    assert [row["symbol"] for row in closed] == ["MATICUSDT", "SOLUSDT"]
    assert closed[1]["deliveryTime"] == str(NOW - MINUTE_MS)
    server.put_in_force(faults.NO_FAULTS)
    assert [int(row[0]) for row in rows(server, limit="2")] == [end, end - HOUR_MS]


def test_the_log_tells_what_was_asked_and_what_it_met(market):
    with SandboxServer(market, now_ms=FrozenClock(NOW)) as server:
        server.put_in_force(once(RetCode(10016)))
        for _ in range(3):
            ask(server)
        ask(server, "/v5/market/tickers")
        assert server.log.counts() == {KLINE: 3, "/v5/market/tickers": 1}
        assert server.log.faults() == {"RetCode": 1}
        first, *_, last = server.log.last()
        assert (first.path, first.fault) == (KLINE, "RetCode")
        assert "symbol=BTCUSDT" in last.query
        said = requests.get(f"{server.url}/sandbox/requests?last=2", timeout=5).json()
        assert said["counts"] == {KLINE: 3, "/v5/market/tickers": 1}
        assert [entry["path"] for entry in said["last"]] == [KLINE, "/v5/market/tickers"]


def test_a_storm_is_outlasted_by_asking_again(server):
    expected = rows(server)
    server.put_in_force(fault_storm(5, rate=0.6))
    seen = []
    for _ in range(60):
        try:
            answer = ask(server, timeout=2).json()
        except (requests.exceptions.RequestException, ValueError):
            continue
        if answer["retCode"] == 0:
            seen.append(sorted({json.dumps(row) for row in answer["result"]["list"]}, reverse=True))
    # what comes through holds the same rows, whatever their number and order
    assert len(seen) > 15
    assert {tuple(answer) for answer in seen} == {tuple(json.dumps(row) for row in expected)}


def test_the_limit_of_bybit_ends_in_a_ban(market):
    limit = RateLimit(requests=3, window_s=5, ban_s=0.4)
    with SandboxServer(market, now_ms=FrozenClock(NOW), limit=limit) as server:
        answers = [ask(server, "/v5/market/time") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 403, 403]
        assert [answer.headers["X-Bapi-Limit-Status"] for answer in answers[:3]] == ["2", "1", "0"]
        assert {answer.headers["X-Bapi-Limit"] for answer in answers[:3]} == {"3"}
        assert "access too frequent" in answers[3].text
        reset = int(answers[2].headers["X-Bapi-Limit-Reset-Timestamp"])
        assert NOW + 3000 < reset <= NOW + 5000
        time.sleep(0.5)
        # the ban is over, the window is still full: it is another one
        assert ask(server, "/v5/market/time").status_code == 403


def test_a_limit_without_a_ban_answers_10006_until_there_is_room(market):
    limit = RateLimit(requests=2, window_s=1.0, ban_s=0)
    with SandboxServer(market, now_ms=FrozenClock(NOW), limit=limit) as server:
        codes = [ask(server, "/v5/market/time").json()["retCode"] for _ in range(3)]
        assert codes == [0, 0, 10006]
        time.sleep(1.05)
        assert ask(server, "/v5/market/time").json()["retCode"] == 0


def test_without_a_limit_the_headers_are_bybits_and_everything_is_answered(server):
    answers = [ask(server, "/v5/market/time") for _ in range(3)]
    for answer in answers:
        assert answer.headers["X-Bapi-Limit"] == answer.headers["X-Bapi-Limit-Status"] == "600"
        assert answer.headers["X-Bapi-Limit-Reset-Timestamp"] == str(NOW)

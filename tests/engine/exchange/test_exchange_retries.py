"""Every kind of fault through the real pybit: outlasted, waited for, or given up in words."""

import logging
import time

import pytest
from exchange_answers import DRIPPING, DROPPED, START, TORN, Waits, envelope, exchange

from engine.errors import ExchangeError, ExchangeUnavailable, SymbolNotListed
from engine.exchange.breaker import BAN_S, REST_S, CircuitBreaker, process_breaker
from engine.exchange.faults import RETRY_RULES, FaultKind
from engine.exchange.http import PybitSession
from engine.exchange.limits import MARKET_LIMIT, SharedRequestLimiter
from engine.exchange.session import PATIENCE_S, BybitSession

GOOD = (200, envelope({"timeNano": f"{START}000000"}))
TOO_MANY = envelope({}, 10006, "Too many visits!")


def stamped(stamp):
    return (200, TOO_MANY, {"X-Bapi-Limit-Reset-Timestamp": stamp})


def ask(url, waits=None, **more):
    """One request that the server answers with the next of its answers."""
    session = BybitSession(url, timeout_s=2, timing=(waits or Waits()).timing, **more)
    return session.call("get_server_time", "server time", dict)


@pytest.mark.parametrize(
    "fault",
    [
        (500, "oops"),
        (502, "<html>bad gateway</html>"),
        (503, "", {"Retry-After": "3"}),
        (429, "slow down"),
        (200, "<html>maintenance</html>", {"Content-Type": "text/html"}),
        (200, '{"retCode": 0, "result": {"li'),
        (200, ""),
        (200, TOO_MANY),
        (200, envelope({}, 10016, "server error")),
        (200, envelope({}, 10000, "server timeout")),
        (200, envelope({}, 429, "trading overload")),
        DROPPED,
        TORN,
    ],
)
def test_a_fault_that_passes_is_outlasted(fault):
    with exchange(fault, fault, GOOD) as (url, paths):
        assert ask(url) == {"timeNano": f"{START}000000"}
        assert len(paths) == 3


@pytest.mark.parametrize(
    ("fault", "attempts", "ret_code", "named"),
    [
        ((503, "oops"), 5, None, "HTTP status 503"),
        ((429, "slow down"), 5, None, "HTTP status 429"),
        ((200, "<html>maintenance</html>"), 5, None, "not JSON"),
        (DROPPED, 5, None, "connection was lost"),
        (TORN, 5, None, "connection was lost"),
        ((200, TOO_MANY), 6, 10006, "Too many visits!"),
        ((200, envelope({}, 10016, "server error")), 5, 10016, "server error"),
    ],
)
def test_a_fault_that_stays_is_given_up_and_named(fault, attempts, ret_code, named):
    with exchange(fault) as (url, paths), pytest.raises(ExchangeUnavailable, match=named) as refused:
        ask(url)
    assert len(paths) == attempts
    assert refused.value.ret_code == ret_code
    assert f"asked {attempts} times for server time" in refused.value.problem
    assert refused.value.way_out


@pytest.mark.parametrize(
    ("answer", "error", "ret_code", "named"),
    [
        ((404, "no"), ExchangeError, None, "HTTP status 404"),
        ((409, "no"), ExchangeError, None, "HTTP status 409"),
        ((200, envelope({}, 10001, "Invalid period!")), ExchangeError, 10001, "Invalid period!"),
        ((200, envelope({}, 10001, "symbol invalid")), SymbolNotListed, 10001, "symbol invalid"),
        ((200, envelope({}, 10005, "permission denied")), ExchangeError, 10005, "permission denied"),
        ((200, envelope({}, "10006", "text")), ExchangeError, None, "not an answer of Bybit"),
        ((200, "[]"), ExchangeError, None, "not an answer of Bybit"),
    ],
)
def test_what_cannot_pass_is_sent_once(answer, error, ret_code, named):
    with exchange(answer) as (url, paths), pytest.raises(error, match=named) as refused:
        ask(url)
    assert not isinstance(refused.value, ExchangeUnavailable)
    assert refused.value.ret_code == ret_code
    assert len(paths) == 1


@pytest.mark.parametrize(
    ("stamp", "waited_s"),
    [
        (START + 3000, 3.5),  # until the stamp, and the jitter on top
        (START, 2.0),  # now: as with no stamp
        (START - 60_000, 2.0),  # pybit: ValueError, sleep length must be non-negative
        (START + 3_600_000, 2.0),  # an hour: no limit lasts so long
        ("", 2.0),  # pybit: ValueError, int('')
        ("soon", 2.0),
    ],
)
def test_a_rate_limit_is_waited_for_until_its_stamp_if_that_makes_sense(stamp, waited_s):
    waits = Waits()
    with exchange(stamped(str(stamp)), GOOD) as (url, _):
        ask(url, waits)
    assert waits.slept_s == [waited_s]


def test_a_rate_limit_without_a_stamp_is_waited_for_longer_each_time():
    waits = Waits()
    with exchange((200, TOO_MANY), (200, TOO_MANY), (200, TOO_MANY), GOOD) as (url, _):
        ask(url, waits)
    assert waits.slept_s == [2.0, 4.0, 8.0]


def test_faults_of_several_kinds_are_counted_apart():
    faults = [(503, ""), (503, ""), (503, ""), (503, ""), DROPPED, DROPPED, DROPPED, DROPPED]
    with exchange(*faults, GOOD) as (url, paths):
        assert ask(url)
        assert len(paths) == 9


def test_the_whole_time_of_a_call_is_bounded():
    # each stamp nearly as far ahead as is believed, among faults of other kinds
    waits = Waits()
    far = [stamped(str(START + n * 9_500)) for n in range(1, 7)]
    others = [
        (503, ""),
        (429, ""),
        (200, "<html>"),
        (503, ""),
        (429, ""),
        (200, "<html>"),
        (503, ""),
        (429, ""),
    ]
    with exchange(*far[:5], *others, *others) as (url, _), pytest.raises(ExchangeUnavailable):
        ask(url, waits)
    assert 30 < sum(waits.slept_s) <= PATIENCE_S


def test_waits_are_shortened_at_random_by_up_to_a_half():
    waits = Waits()
    low = Waits().timing.jitter
    assert low(1.0, 2.0) == 2.0  # the trial's jitter is the longest
    with exchange((503, ""), (503, ""), GOOD) as (url, _):
        ask(url, waits)
    assert waits.slept_s == [0.5, 1.0]


def test_a_clock_that_differs_is_measured_and_the_request_sent_again():
    two_minutes_ahead = (200, envelope({"timeNano": f"{START + 120_000}000000"}))
    stamped = (200, envelope({}).replace(f'"time": {START}', f'"time": {START + 120_000}'))
    with exchange((200, envelope({}, 10002, "time window")), two_minutes_ahead, stamped) as (url, paths):
        session = BybitSession(url, timing=Waits().timing)
        session.call("get_tickers", "tickers", dict, category="linear")
        assert session.clock_offset_ms == 120_000
        assert ["time" in path for path in paths] == [False, True, False]
    always = exchange((200, envelope({}, 10002, "time window")))
    with always as (url, _), pytest.raises(ExchangeError, match="time window") as refused:
        ask(url)
    assert refused.value.ret_code == 10002
    assert "clock" in refused.value.way_out


def test_a_ban_is_said_and_nothing_more_is_sent():
    waits = Waits()
    with exchange((403, "access too frequent"), GOOD) as (url, paths):
        session = BybitSession(url, timing=waits.timing)
        with pytest.raises(ExchangeError, match="HTTP status 403") as refused:
            session.call("get_server_time", "server time", dict)
        assert "ten minutes" in refused.value.way_out
        waits.now_s += BAN_S - 1
        with pytest.raises(ExchangeUnavailable, match=r"left alone for 1 more seconds.*403"):
            session.call("get_server_time", "server time", dict)
        assert len(paths) == 1
        waits.now_s += 2
        session.call("get_server_time", "server time", dict)


def test_an_answer_that_drips_is_given_up_in_time():
    # each byte comes in time; the whole would take 2 s
    began = time.monotonic()
    with exchange(DRIPPING) as (url, _):
        session = BybitSession(url, timeout_s=0.3)
        with pytest.raises(ExchangeUnavailable, match="in time"):
            session.call("get_server_time", "server time", dict)
    assert time.monotonic() - began < 6


def test_after_repeated_failure_the_exchange_is_left_alone_for_a_while(caplog):
    waits = Waits()
    with exchange(*[(503, "")] * 25, GOOD) as (url, paths):
        session = BybitSession(url, timing=waits.timing)
        for _ in range(5):
            with pytest.raises(ExchangeUnavailable, match="503"):
                session.call("get_server_time", "server time", dict)
        with caplog.at_level(logging.WARNING), pytest.raises(ExchangeUnavailable) as refused:
            session.call("get_server_time", "server time", dict)
        assert "left alone for 30 more seconds: 5 requests in a row failed" in refused.value.problem
        assert "nothing was sent" in refused.value.way_out
        assert len(paths) == 25
        waits.now_s += REST_S
        session.call("get_server_time", "server time", dict)  # the one that is let through
        session.call("get_server_time", "server time", dict)


def test_what_a_half_open_circuit_lets_through_is_one_request():
    waits = Waits()
    breaker = CircuitBreaker("http://somewhere", failures=2, timing=waits.timing)
    breaker.check()
    breaker.failed("first")
    breaker.check()
    breaker.failed("second")
    waits.now_s += REST_S
    breaker.check()
    with pytest.raises(ExchangeUnavailable, match="the last with: second"):
        breaker.check()
    breaker.failed("third")
    waits.now_s += REST_S
    breaker.check()
    breaker.succeeded()
    breaker.check()


def test_a_refusal_is_an_answer_and_counts_as_no_failure():
    breaker = CircuitBreaker("x", failures=2)
    with exchange((503, ""), (503, ""), (503, ""), (503, ""), (503, ""), (404, "no"), (503, "")) as (url, _):
        for _ in range(3):
            with pytest.raises(ExchangeError):
                ask(url, breaker=breaker)
        breaker.check()


def test_the_circuit_is_one_for_a_process_and_address():
    assert process_breaker("http://a") is process_breaker("http://a")
    assert process_breaker("http://a") is not process_breaker("http://b")


def test_a_limit_that_is_spent_lets_every_user_of_the_limiter_wait(tmp_path):
    waits = Waits()
    limiter = SharedRequestLimiter(tmp_path / "limit", MARKET_LIMIT, waits.timing)
    spent = {"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(START + 1500)}
    with exchange((*GOOD, spent), GOOD) as (url, _):
        ask(url, waits, limiter=limiter)
        assert waits.slept_s == []
        SharedRequestLimiter(tmp_path / "limit", MARKET_LIMIT, waits.timing).acquire()
        assert waits.slept_s == [pytest.approx(1.5)]


def test_secrets_are_not_shown_and_not_compared():
    def session(secret):
        return PybitSession(
            "http://127.0.0.1:1",
            timeout_s=1,
            monotonic_s=time.monotonic,
            use_proxies=False,
            api_key="key",
            api_secret=secret,
        )

    one, other = session("hunter2"), session("hunter2")
    assert repr(one) == str(one) == "PybitSession('http://127.0.0.1:1')"
    assert one != other
    assert len({one, other}) == 2


def test_every_kind_of_fault_has_a_rule():
    assert set(RETRY_RULES) == set(FaultKind)
    assert all(
        rule.attempts >= 1 and rule.longest_wait_s >= rule.first_wait_s for rule in RETRY_RULES.values()
    )

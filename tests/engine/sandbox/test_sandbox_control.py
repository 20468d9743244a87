"""The sandbox's own addresses: its clock, its faults, what it was asked."""

import pytest
import requests

from engine.sandbox.faults import FaultPlan, HttpStatus, Scripted
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import FrozenClock, SandboxClock, SandboxServer
from engine.timeframes import parse_utc

NOW = parse_utc("2025-07-01T10:00")
KLINE = "/v5/market/kline"


@pytest.fixture(scope="module")
def market():
    return GeneratedMarket(seed=7)


@pytest.fixture
def url(market):
    with SandboxServer(market, now_ms=SandboxClock(NOW)) as running:
        yield running.url


def told(url, method, path, body):
    return requests.request(method, f"{url}/sandbox/{path}", json=body, timeout=5)


def test_the_clock_is_told(url):
    assert requests.get(f"{url}/sandbox/clock", timeout=5).json() == {"now_ms": NOW, "speed": 0}
    assert told(url, "POST", "clock", {"step_ms": 60_000}).json()["now_ms"] == NOW + 60_000
    assert told(url, "POST", "clock", {"set": "2025-07-01T12:00"}).json()["now_ms"] == NOW + 7_200_000
    assert requests.get(f"{url}/v5/market/time", timeout=5).json()["time"] == NOW + 7_200_000
    assert told(url, "POST", "clock", {"speed": 60}).json()["speed"] == 60
    assert told(url, "POST", "clock", {"speed": 0}).json()["now_ms"] >= NOW + 7_200_000


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"step_ms": -1}, "cannot go back"),
        ({"set": "2025-06-01"}, "cannot go back"),
        ({"set": "soon"}, "'soon'"),
        ({"speed": -1}, "speed"),
        ({"jump": 3}, "jump"),
        ({"step_ms": 1, "speed": 1}, "step_ms"),
        ({"step_ms": "1"}, "step_ms"),
        ([], r"[]"),
    ],
)
def test_what_the_clock_cannot_be_told_is_refused(url, body, named):
    answer = told(url, "POST", "clock", body)
    assert answer.status_code == 400
    assert named in answer.json()["problem"]
    assert answer.json()["way_out"]
    assert requests.get(f"{url}/sandbox/clock", timeout=5).json()["now_ms"] == NOW


def test_a_clock_that_is_none_of_ours_is_not_changed(market):
    with SandboxServer(market, now_ms=FrozenClock(NOW)) as server:
        assert requests.get(f"{server.url}/sandbox/clock", timeout=5).json() == {"now_ms": NOW, "speed": None}
        assert told(server.url, "POST", "clock", {"step_ms": 1}).status_code == 400


def test_faults_are_put_in_force_and_ended(url):
    plan = {"scripted": [{"fault": "http_status", "status": 503, "path": "kline", "numbers": [2]}]}
    answer = told(url, "PUT", "faults", plan)
    assert answer.json() == requests.get(f"{url}/sandbox/faults", timeout=5).json()
    assert answer.json()["scripted"][0]["path"] == KLINE
    kline = f"{url}{KLINE}?symbol=BTCUSDT&interval=60&limit=1"
    assert [requests.get(kline, timeout=5).status_code for _ in range(3)] == [200, 503, 200]
    # the numbers count from the moment a plan is put in force
    told(url, "PUT", "faults", plan)
    assert [requests.get(kline, timeout=5).status_code for _ in range(3)] == [200, 503, 200]
    told(url, "PUT", "faults", plan)
    told(url, "PUT", "faults", {})
    assert [requests.get(kline, timeout=5).status_code for _ in range(3)] == [200, 200, 200]
    said = requests.get(f"{url}/sandbox/requests", timeout=5).json()
    assert said["counts"] == {KLINE: 9}
    assert said["faults"] == {"HttpStatus": 2}


def test_a_plan_that_is_none_leaves_the_one_before(url):
    plan = {"seeded": [{"fault": "html_page", "rate": 0.5}]}
    told(url, "PUT", "faults", plan)
    halt = {"condition": "halt", "symbol": "NOPEUSDT", "start": "2025-01-01", "end": "2025-01-02"}
    for wrong in ({"seeded": [{"fault": "x", "rate": 1}]}, {"conditions": [halt]}, [1]):
        assert told(url, "PUT", "faults", wrong).status_code == 400
    assert requests.get(f"{url}/sandbox/faults", timeout=5).json()["seeded"][0]["fault"] == "html_page"


def test_a_body_a_browser_could_send_without_asking_is_refused(url):
    for body, kind in ((b"{}", "text/plain"), (b"a=1", "application/x-www-form-urlencoded"), (b"{", None)):
        headers = {"Content-Type": kind or "application/json"}
        answer = requests.put(f"{url}/sandbox/faults", data=body, headers=headers, timeout=5)
        assert answer.status_code == 400


def test_the_python_face_does_the_same(market):
    plan = FaultPlan(scripted=(Scripted(HttpStatus(429), KLINE, (1,)),))
    with SandboxServer(market, now_ms=FrozenClock(NOW), faults=plan) as server:
        kline = f"{server.url}{KLINE}?symbol=BTCUSDT&interval=60&limit=1"
        assert [requests.get(kline, timeout=5).status_code for _ in range(2)] == [429, 200]
        server.put_in_force(plan)
        assert requests.get(kline, timeout=5).status_code == 429

"""Fault plans: what meets a request follows from the plan alone, and a plan reads back as it was written."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigurationError
from engine.sandbox.conditions import Halt
from engine.sandbox.fault_plan_file import (
    CONDITION_KINDS,
    FAULT_KINDS,
    fault_plan_of,
    fault_plan_to_plain,
    read_fault_plan,
)
from engine.sandbox.faults import (
    DroppedStream,
    FaultPlan,
    HttpStatus,
    LostAnswer,
    MissingPage,
    OrderFault,
    PartialFill,
    RefusedAuth,
    RepeatedMessage,
    RetCode,
    Scripted,
    Seeded,
    StreamFault,
    fault_storm,
)
from engine.timeframes import parse_utc

KLINE = "/v5/market/kline"
STREAM = "/v5/public/linear"


def test_a_script_meets_the_requests_it_names_and_no_other():
    plan = FaultPlan(
        scripted=(Scripted(HttpStatus(503), KLINE, (2, 3)), Scripted(DroppedStream(), STREAM, (2,)))
    )
    met = [plan.http_fault(KLINE, number) for number in range(1, 5)]
    assert met == [None, HttpStatus(503), HttpStatus(503), None]
    assert plan.http_fault("/v5/market/tickers", 2) is None
    # a stream's fault is for messages, a request's for requests
    assert plan.http_fault(STREAM, 2) is None
    assert plan.stream_fault(STREAM, 2) == DroppedStream()


def test_chances_come_true_as_often_as_they_say_and_the_same_with_the_same_seed():
    plan = FaultPlan(seeded=(Seeded(HttpStatus(500), 0.1), Seeded(MissingPage(), 0.05, KLINE)), seed=11)
    met = [plan.http_fault(KLINE, number) for number in range(1, 10_001)]
    counts = Counter(met)
    assert 900 < counts[HttpStatus(500)] < 1100
    assert 400 < counts[MissingPage()] < 600
    assert met == [plan.http_fault(KLINE, number) for number in range(1, 10_001)]
    other = FaultPlan(seeded=plan.seeded, seed=12)
    assert met != [other.http_fault(KLINE, number) for number in range(1, 10_001)]
    assert MissingPage() not in {plan.http_fault("/v5/market/tickers", number) for number in range(1, 1001)}


def test_a_storm_has_every_passing_fault_in_it():
    storm = fault_storm(3, rate=0.5)
    met = {type(storm.http_fault(KLINE, number)).__name__ for number in range(1, 3000)}
    lasting = {"MissingPage", "UnfinishedCandle"}
    of_accounts = {"LostAnswer", "AcceptedThenRejected", "PartialFill", "DelayedOrder", "RefusedAuth"}
    every = {kind.__name__ for kind in FAULT_KINDS.values()} - of_accounts
    streams = {type(storm.stream_fault(STREAM, number)).__name__ for number in range(1, 3000)}
    assert met | streams == (every - lasting) | {"NoneType"}
    assert 403 not in {entry.fault.status for entry in storm.seeded if isinstance(entry.fault, HttpStatus)}


@pytest.mark.parametrize("rates", [(1.5,), (-0.1,), (0.7, 0.7)])
def test_rates_that_are_no_shares_are_refused(rates):
    with pytest.raises(ConfigurationError, match="rate"):
        FaultPlan(seeded=tuple(Seeded(HttpStatus(), rate) for rate in rates))


def test_a_plan_is_read_from_yaml(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(
        """
        seed: 7
        scripted:
          - {fault: http_status, status: 503, path: kline, numbers: [3, 4]}
          - {fault: dropped_stream, path: /v5/public/linear, numbers: [20]}
        seeded:
          - {fault: ret_code, code: 10006, reset_in_ms: -200, rate: 0.05}
        conditions:
          - {condition: halt, symbol: BTCUSDT, start: 2025-06-01T02:00, end: 2025-06-02}
        """
    )
    assert read_fault_plan(path) == FaultPlan(
        scripted=(
            Scripted(HttpStatus(503), KLINE, (3, 4)),
            Scripted(DroppedStream(), STREAM, (20,)),
        ),
        seeded=(Seeded(RetCode(10006, -200), 0.05, "*"),),
        seed=7,
        conditions=(Halt("BTCUSDT", parse_utc("2025-06-01T02:00"), parse_utc("2025-06-02")),),
    )
    path.write_text("")
    assert read_fault_plan(path) == FaultPlan()


def test_a_plan_may_be_of_accounts():
    entries = [
        {"fault": "lost_answer", "seconds": 2, "path": "/v5/order/create", "numbers": [2]},
        {"fault": "partial_fill", "path": "/v5/order/create-batch", "numbers": [1]},
        {"fault": "refused_auth", "path": "/v5/private/auth", "numbers": [1]},
        {"fault": "repeated_message", "path": "/v5/private", "numbers": [1]},
    ]
    assert fault_plan_of({"scripted": entries}).scripted == (
        Scripted(LostAnswer(2.0), "/v5/order/create", (2,)),
        Scripted(PartialFill(), "/v5/order/create-batch", (1,)),
        Scripted(RefusedAuth(), "/v5/private/auth", (1,)),
        Scripted(RepeatedMessage(), "/v5/private", (1,)),
    )


@given(st.sampled_from(sorted(FAULT_KINDS)), st.floats(0, 1), st.lists(st.integers(1, 99), min_size=1))
def test_every_fault_reads_back_as_it_was_written(kind, rate, numbers):
    fault = FAULT_KINDS[kind]()
    path = STREAM if isinstance(fault, StreamFault) else KLINE
    if isinstance(fault, OrderFault):
        path = "/v5/order/create"
    plan = FaultPlan((Scripted(fault, path, tuple(numbers)),), (Seeded(fault, rate),), seed=5)
    assert fault_plan_of(fault_plan_to_plain(plan)) == plan


def test_every_condition_reads_back_as_it_was_written():
    times = {"start": "2025-06-01", "end": "2025-06-02", "at": "2025-06-01", "from": "2025-06-01"}
    for kind, made in CONDITION_KINDS.items():
        names = {field.removesuffix("_ms") for field in made.__dataclass_fields__}
        entry = {"condition": kind, "symbol": "BTCUSDT"}
        entry |= {name: times[name] for name in names & set(times)}
        if "minutes" in names:
            entry["minutes"] = 240
        plan = fault_plan_of({"conditions": [entry]})
        assert type(plan.conditions[0]) is made
        assert fault_plan_of(fault_plan_to_plain(plan)) == plan


@pytest.mark.parametrize(
    ("plain", "named"),
    [
        ([], "the plan is"),
        ({"sede": 3}, "no key sede"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"seeded": {}}, None),
        ({"seeded": "x"}, "seeded is 'x'"),
        ({"seeded": [3]}, r"seeded\[0\] is 3"),
        ({"seeded": [{"fault": "earthquake", "rate": 0.1}]}, "fault is 'earthquake'"),
        ({"seeded": [{"fault": "http_status"}]}, "rate is None"),
        ({"seeded": [{"fault": "http_status", "rate": 0.1, "code": 3}]}, "no field code"),
        ({"seeded": [{"fault": "http_status", "rate": 0.1, "status": "x"}]}, "status is 'x'"),
        ({"seeded": [{"fault": "http_status", "rate": 0.1, "status": True}]}, "status is True"),
        ({"seeded": [{"fault": "http_status", "rate": 0.1, "path": 3}]}, "path is 3"),
        ({"seeded": [{"fault": "http_status", "rate": 0.1, "path": "klines"}]}, "path is 'klines'"),
        ({"seeded": [{"fault": "http_status", "rate": 0.1, "path": STREAM}]}, "http_status cannot happen"),
        ({"seeded": [{"fault": "dropped_stream", "rate": 0.1, "path": "kline"}]}, "dropped_stream cannot"),
        ({"seeded": [{"fault": "lost_answer", "rate": 0.1, "path": "/v5/private"}]}, "lost_answer cannot"),
        ({"seeded": [{"fault": "partial_fill", "rate": 0.1, "path": "kline"}]}, "partial_fill cannot"),
        ({"scripted": [{"fault": "http_status", "path": "kline"}]}, "numbers is None"),
        ({"scripted": [{"fault": "http_status", "path": "kline", "numbers": [0]}]}, "numbers is"),
        ({"conditions": [{"condition": "halt", "symbol": "BTCUSDT", "start": "2025-01-01"}]}, "needs end"),
        ({"conditions": [{"condition": "listing", "symbol": "BTCUSDT", "at": 5}]}, "at is 5"),
        ({"conditions": [{"condition": "listing", "symbol": "BTCUSDT", "at": "soon"}]}, "'soon'"),
    ],
)
def test_a_plan_that_is_none_is_refused_by_entry(plain, named):
    if named is None:
        assert fault_plan_of(plain) == FaultPlan()
        return
    with pytest.raises(ConfigurationError, match=named) as refused:
        fault_plan_of(plain)
    assert refused.value.way_out


@pytest.mark.parametrize(
    ("fault", "field", "value"),
    [
        ("http_status", "status", 200),
        ("http_status", "status", 1000),
        ("time_out", "seconds", -1),
        ("slow_body", "seconds", float("inf")),
        ("stalled_stream", "seconds", float("nan")),
        ("dropped_connection", "share", 1.5),
        ("truncated_json", "share", -0.1),
        ("duplicate_rows", "count", 0),
        ("closed_stream", "code", 1006),
        ("closed_stream", "code", 5),
        ("delayed_order", "delay_ms", 0),
    ],
)
def test_a_fault_that_cannot_be_is_refused(fault, field, value):
    with pytest.raises(ConfigurationError, match="of a fault is") as refused:
        fault_plan_of({"seeded": [{"fault": fault, "rate": 0.1, field: value}]})
    assert refused.value.way_out.startswith("give ")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.yaml cannot be read"):
        read_fault_plan(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("seeded: [")
    with pytest.raises(ConfigurationError, match=r"broken\.yaml is not YAML"):
        read_fault_plan(broken)
    broken.write_text("seeded: [{fault: x, rate: 1}]")
    with pytest.raises(ConfigurationError, match=r"broken\.yaml: seeded\[0\]"):
        read_fault_plan(broken)

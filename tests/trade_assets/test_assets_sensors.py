"""The candle-close sensor and the daily schedule, with a clock and a daemon of the test's.

Expected requests are worked out by hand: "15m" closes at every quarter of an hour, "1h" with every fourth,
and a close is seen 10 seconds later.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg
import pytest
from conftest import Location, universe
from dagster._core.events import DagsterEvent, DagsterEventType
from hypothesis import given
from hypothesis import strategies as st

from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, parse_utc
from trade_assets.build import universe_of, usable_cards
from trade_assets.due import Memory, Outcome, due
from trade_assets.not_made import note_not_made
from trade_assets.partitions import Partition, Universe
from trade_assets.ranges import PartitionRange
from trade_assets.schedules import daily_sync_schedule
from trade_assets.sensors import LAG_MS, candle_close_sensor

FOUR_O_CLOCK = parse_utc("2025-03-01T04:00")
MARKET = {"raw_ohlcv", "healed_ohlcv", "funding_events", "instrument_rules"}
M15, H1 = Timeframe.M15, Timeframe.H1
TWO_SYNCED = universe("AAAUSDT", "BBBUSDT", "OLDUSDT", retired=["OLDUSDT"])
BOTH = "AAAUSDT|1h...BBBUSDT|15m"
QUARTER = "AAAUSDT|15m...BBBUSDT|15m"


@dataclass
class Daemon:
    """Looks through the sensor as Dagster's daemon does: a key is run once, the cursor is kept."""

    instance: dg.DagsterInstance
    universe: Universe
    now_ms: int = FOUR_O_CLOCK + LAG_MS
    cursor: str | None = None
    asked: dict[str, str] = field(default_factory=dict)  # run ids by run key

    def evaluate(self) -> dg.SensorResult:
        sensor = candle_close_sensor(self.universe, [], now_ms=lambda: self.now_ms)
        found = sensor(dg.build_sensor_context(cursor=self.cursor, instance=self.instance))
        assert isinstance(found, dg.SensorResult)
        return found

    def look(self, after_ms: int = 0) -> list[str]:
        """Let time pass, look, and start what is new; return the ranges of what was started."""
        self.now_ms += after_ms
        found = self.evaluate()
        self.cursor = found.cursor
        started = []
        for request in [each for each in found.run_requests or () if each.run_key not in self.asked]:
            run = dg.DagsterRun(
                job_name="__ASSET_JOB",
                run_id=str(uuid.uuid4()),
                status=dg.DagsterRunStatus.STARTED,
                asset_selection=frozenset(request.asset_selection or ()),
                tags={**request.tags, "dagster/run_key": str(request.run_key)}
                | ({"dagster/partition": request.partition_key} if request.partition_key else {}),
            )
            self.instance.add_run(run)
            self.asked[str(request.run_key)] = run.run_id
            started.append(str(PartitionRange.of_run(run.tags)))
        return started

    def open_runs(self) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])))

    def end(self, *, not_synced: Collection[str] = (), failed: bool = False) -> None:
        """End every run that is open."""
        for run in self.open_runs():
            if not_synced:
                partitions = [Partition.parse(key) for key in not_synced]
                note_not_made(self.instance, run.run_id, "raw_ohlcv", partitions)
            failure = failed or bool(not_synced)
            kind = DagsterEventType.RUN_FAILURE if failure else DagsterEventType.RUN_SUCCESS
            event = DagsterEvent(event_type_value=kind.value, job_name=run.job_name, message="")
            self.instance.report_dagster_event(event, run.run_id)

    def hours(self, hours: int, *, every_ms: int = 30_000) -> list[str]:
        """Look every half minute, each run ending before the next look; return the times and ranges."""
        told = []
        for _ in range(hours * HOUR_MS // every_ms):
            started = self.look(every_ms)
            self.end()
            clock = datetime.fromtimestamp(self.now_ms / 1000, UTC)
            told += [f"{clock:%H:%M:%S} {each}" for each in started]
        return told


@pytest.fixture
def daemon(instance: dg.DagsterInstance) -> Daemon:
    return Daemon(instance, TWO_SYNCED)


def keys_of(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def first_look(location: Location) -> list[dg.RunRequest]:
    cards = usable_cards(location.settings)
    sensor = candle_close_sensor(
        universe_of(location.settings, cards), cards.plans.values(), now_ms=lambda: FOUR_O_CLOCK + LAG_MS
    )
    return list(sensor(dg.build_sensor_context(instance=location.instance)).run_requests)


# --- what is asked for, and when


def test_the_first_look_asks_for_everything_a_symbol_of_a_card_down_to_its_decisions(location: Location):
    requests = first_look(location)
    assert [str(request.run_key) for request in requests] == [
        f"BTCUSDT|1h...BTCUSDT|15m|{FOUR_O_CLOCK}",
        f"ETHUSDT|1h...ETHUSDT|15m|{FOUR_O_CLOCK}",
    ]
    assert [request.tags["trade/symbols"] for request in requests] == ["BTCUSDT", "ETHUSDT"]
    assert keys_of(requests[0]) == MARKET | {
        f"cards/averages/{asset}" for asset in ("feature_frames", "backtest_results", "metrics", "promotion")
    }


def test_nothing_happens_until_a_candle_closes_and_the_lag_is_over(daemon: Daemon):
    assert daemon.look() == [BOTH]
    daemon.end()
    assert daemon.look(15 * MINUTE_MS - 1) == []
    assert daemon.look(1) == [QUARTER]


def test_a_quarter_of_a_day_of_looks_every_half_minute(daemon: Daemon):
    assert daemon.look() == [BOTH]
    daemon.end()
    hourly = [":15:10", ":30:10", ":45:10"]
    expected = [
        line
        for hour in range(4, 10)
        for line in (
            *(f"{hour:02}{quarter} {QUARTER}" for quarter in hourly),
            f"{hour + 1:02}:00:10 {BOTH}",
        )
    ]
    assert daemon.hours(6) == expected
    keys = set(daemon.asked)
    assert f"{QUARTER}|{parse_utc('2025-03-01T09:45')}" in keys
    assert f"{BOTH}|{parse_utc('2025-03-01T10:00')}" in keys
    assert len(keys) == 1 + 24


def test_after_a_night_off_there_is_one_run_and_not_one_for_each_candle(daemon: Daemon):
    daemon.look()
    daemon.end()
    daemon.now_ms = parse_utc("2025-03-02T09:07:33")
    assert daemon.look() == [BOTH]
    daemon.end()
    closes = Memory.parse(daemon.cursor).closes
    assert closes == {M15: parse_utc("2025-03-02T09:00"), H1: parse_utc("2025-03-02T09:00")}
    # A pause within the hour brings only what closed in it.
    assert daemon.look(40 * MINUTE_MS) == [QUARTER]


def test_looks_that_come_late_or_not_at_all_change_nothing_but_the_time(daemon: Daemon):
    daemon.look()
    daemon.end()
    told = daemon.hours(2, every_ms=7 * MINUTE_MS)
    # From 04:00:10 every seven minutes: the first look after each quarter of an hour.
    assert told == [
        f"04:21:10 {QUARTER}",
        f"04:35:10 {QUARTER}",
        f"04:49:10 {QUARTER}",
        f"05:03:10 {BOTH}",
        f"05:17:10 {QUARTER}",
        f"05:31:10 {QUARTER}",
        f"05:45:10 {QUARTER}",
    ]


def test_a_daemon_that_was_killed_before_it_remembered_asks_for_the_same_and_nothing_runs_twice(
    daemon: Daemon,
):
    before = daemon.cursor
    assert daemon.look() == [BOTH]
    daemon.end()
    daemon.cursor = before
    assert [str(each.run_key) for each in daemon.evaluate().run_requests] == list(daemon.asked)
    assert daemon.look() == []
    assert daemon.look(15 * MINUTE_MS) == [QUARTER]


def test_daylight_saving_changes_nothing(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch):
    # In Berlin, 2025-03-30 has no hour from 02:00 to 03:00: 01:00 UTC.
    def asked(zone: str) -> list[str]:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        with dg.DagsterInstance.ephemeral() as fresh:
            daemon = Daemon(fresh, TWO_SYNCED, now_ms=parse_utc("2025-03-30T00:30:10"))
            return [*daemon.look(), *daemon.hours(2, every_ms=5 * MINUTE_MS)]

    try:
        in_berlin, in_utc = asked("Europe/Berlin"), asked("UTC")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert in_berlin == in_utc
    quarters = [QUARTER] * 3
    assert [line.partition(" ")[2] for line in in_utc[1:]] == [QUARTER, BOTH, *quarters, BOTH, *quarters[:2]]


@pytest.mark.parametrize("cursor", ["", "not json", "[]", '{"15m": 1}', '{"closes": {"7m": 1}}', "null"])
def test_a_cursor_that_cannot_be_read_counts_as_none(daemon: Daemon, cursor: str):
    daemon.cursor = cursor
    assert daemon.look() == [BOTH]


def test_retired_symbols_are_not_asked_for(instance: dg.DagsterInstance):
    gone = universe("AAAUSDT", of_cards=["BTCUSDT", "OLDUSDT"], retired=["OLDUSDT"])
    requests = Daemon(instance, gone).evaluate().run_requests
    assert [PartitionRange.of_run({**each.tags}).symbols for each in requests] == ["BTCUSDT", "AAAUSDT"]
    assert Daemon(instance, universe("OLDUSDT", retired=["OLDUSDT"])).look() == []
    assert Daemon(instance, universe()).look() == []


# --- hundreds of symbols


def test_three_hundred_symbols_are_a_few_runs(instance: dg.DagsterInstance):
    names = [f"C{number:03}USDT" for number in range(300)]
    timeframes = [Timeframe.M1, Timeframe.M5, M15, H1, Timeframe.H4, Timeframe.D1]
    many = universe(*names[2:], of_cards=names[:2], timeframes=timeframes)
    daemon = Daemon(instance, many, now_ms=parse_utc("2025-03-01T00:00:10"))
    found = daemon.evaluate().run_requests
    assert [str(each.run_key).rpartition("|")[0] for each in found] == [
        "C000USDT|1d...C000USDT|1m",
        "C001USDT|1d...C001USDT|1m",
        "C002USDT|1d...C151USDT|1m",
        "C152USDT|1d...C299USDT|1m",
    ]
    assert [each.tags["dagster/priority"] for each in found] == ["1", "1", "0", "0"]
    assert keys_of(found[2]) == {"raw_ohlcv"}
    daemon.look()
    daemon.end()
    assert len(daemon.look(MINUTE_MS)) == 4


# --- syncs that are slow


def test_a_slow_sync_is_waited_for_and_what_it_missed_is_one_run(daemon: Daemon):
    assert daemon.look() == [BOTH]
    for _ in range(80):  # forty minutes: two closes pass
        assert daemon.look(30_000) == []
    assert len(daemon.open_runs()) == 1
    waiting = Memory.parse(daemon.cursor).waiting
    assert waiting == {Partition("AAAUSDT", M15), Partition("BBBUSDT", M15)}
    assert "2 partitions wait" in (daemon.evaluate().skip_reason.skip_message or "")
    daemon.end()
    assert daemon.look(30_000) == [QUARTER]
    assert f"{QUARTER}|{parse_utc('2025-03-01T04:30')}" in daemon.asked
    daemon.end()
    assert daemon.look(30_000) == []


def test_a_run_that_somebody_else_started_is_waited_for_too_and_only_where_it_works(daemon: Daemon):
    daemon.look()
    daemon.end()
    backfill = dg.DagsterRun(
        job_name="__ASSET_JOB",
        run_id=str(uuid.uuid4()),
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags={"dagster/partition": "AAAUSDT|15m"},
    )
    reports = dg.DagsterRun(
        job_name="__ASSET_JOB",
        run_id=str(uuid.uuid4()),
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset({dg.AssetKey("healed_ohlcv")}),
        tags={"dagster/partition": "BBBUSDT|15m"},
    )
    daemon.instance.add_run(backfill)
    daemon.instance.add_run(reports)
    assert daemon.look(15 * MINUTE_MS) == ["BBBUSDT|15m"]
    assert Memory.parse(daemon.cursor).waiting == {Partition("AAAUSDT", M15)}


def test_a_run_that_looks_busy_for_more_than_a_day_is_not_waited_for(daemon: Daemon):
    daemon.now_ms = time.time_ns() // 1_000_000
    assert daemon.look() == [BOTH]
    assert daemon.look(DAY_MS - 10 * MINUTE_MS) == []
    assert daemon.look(HOUR_MS) == [BOTH]


# --- syncs that fail


def test_what_failed_is_tried_again_alone_at_the_next_five_minutes(daemon: Daemon):
    daemon.look()
    daemon.end(not_synced=["AAAUSDT|15m"])
    # 04:00:10: not before 04:05:10. Its hour was in the same run, so it goes along.
    assert daemon.look(4 * MINUTE_MS + 59_999) == []
    assert "AAAUSDT|15m" in (daemon.evaluate().skip_reason.skip_message or "")
    assert daemon.look(1) == ["AAAUSDT|1h...AAAUSDT|15m"]
    assert daemon.look(30_000) == []
    daemon.end()
    assert daemon.look(5 * MINUTE_MS) == []
    assert Memory.parse(daemon.cursor).failed == frozenset()


def test_an_exchange_that_is_away_is_asked_every_five_minutes_and_not_more(daemon: Daemon):
    daemon.look()
    started = []
    for _ in range(60):  # half an hour
        daemon.end(not_synced=["AAAUSDT|1h", "AAAUSDT|15m", "BBBUSDT|1h", "BBBUSDT|15m"])
        started += daemon.look(30_000)
    # At 04:05, 04:10, 04:15 (with the close), 04:20, 04:25 and 04:30. What failed is 1h and 15m together.
    assert started == [BOTH] * 6


def test_a_run_whose_process_died_is_done_again(daemon: Daemon):
    daemon.look()
    daemon.end(failed=True)
    assert daemon.look(5 * MINUTE_MS) == []  # the failure is seen now
    assert daemon.look(5 * MINUTE_MS) == [BOTH]


def test_what_failed_after_the_sync_is_left_to_the_next_candle(daemon: Daemon):
    daemon.look()
    (run,) = daemon.open_runs()
    note_not_made(daemon.instance, run.run_id, "healed_ohlcv", [Partition("AAAUSDT", M15)])
    daemon.end(failed=True)
    assert daemon.look(14 * MINUTE_MS) == []
    assert daemon.look(MINUTE_MS) == [QUARTER]


def test_a_new_candle_brings_what_failed_along(daemon: Daemon):
    daemon.look()
    daemon.end()
    daemon.look(15 * MINUTE_MS)
    daemon.end(not_synced=["AAAUSDT|15m", "BBBUSDT|15m"])
    daemon.look(30_000)  # seen at 04:15:40
    daemon.now_ms = parse_utc("2025-03-01T04:30:10")
    assert daemon.look() == [QUARTER]
    daemon.end()
    assert daemon.look(30_000) == []


# --- whatever happens


@st.composite
def days(draw: st.DrawFn) -> list[tuple[int, int, frozenset[str]]]:
    """Looks: minutes since the last, looks until a run that starts now ends, and whose sync fails then."""
    failing = st.frozensets(st.sampled_from(["AAAUSDT", "BBBUSDT", "BTCUSDT"]))
    return draw(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 6), failing), min_size=1, max_size=30))


@given(days())
def test_no_partition_is_in_two_runs_and_none_is_forgotten(looks: list[tuple[int, int, frozenset[str]]]):
    every = universe("AAAUSDT", "BBBUSDT", of_cards=["BTCUSDT"], timeframes=[M15, H1])
    paces = {M15: M15, H1: H1}
    memory, now = Memory(), FOUR_O_CLOCK
    running: list[tuple[int, frozenset[Partition], frozenset[str]]] = []  # looks left, partitions, fails
    synced: dict[Partition, int] = {}
    started: dict[Partition, int] = {}

    def step(minutes: int, lasts: int, fails: frozenset[str]) -> None:
        nonlocal memory, now, running
        now += minutes * MINUTE_MS
        ended = [each for each in running if each[0] <= 1]
        running = [(left - 1, partitions, bad) for left, partitions, bad in running if left > 1]
        failed = set()
        for _, partitions, bad in ended:
            failed |= {each for each in partitions if each.symbol in bad}
            synced.update({each: started[each] for each in partitions if each.symbol not in bad})
        busy = frozenset(each for _, partitions, _ in running for each in partitions)
        found = due(every, paces, memory, Outcome(busy=busy, failed=frozenset(failed)), now)
        memory = Memory.parse(found.memory.to_cursor())
        asked = frozenset(
            Partition(symbol, each) for symbol, timeframes in found.partitions.items() for each in timeframes
        )
        assert not asked & busy
        for each in asked:
            started[each] = now
            running.append((lasts, frozenset({each}), fails))

    for look in looks:
        step(*look)
    for _ in range(10):
        step(6, 1, frozenset())
    for symbol in every.traded:
        for timeframe in (M15, H1):
            last_close = timeframe.floor(now - 12 * MINUTE_MS)
            assert synced[Partition(symbol, timeframe)] >= last_close


# --- the rest


def test_the_schedule_asks_for_every_partition_that_trades_once_a_day(location: Location):
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2025, 3, 1, 0, 20, tzinfo=UTC))
    some = universe("AAAUSDT", "OLDUSDT", of_cards=["BTCUSDT"], retired=["OLDUSDT"])
    assert [request.run_key for request in daily_sync_schedule(some)(context)] == [
        "BTCUSDT|1h...BTCUSDT|15m|2025-03-01",
        "AAAUSDT|1h...AAAUSDT|15m|2025-03-01",
    ]
    assert daily_sync_schedule(universe())(context) == []


def test_the_requests_of_the_sensor_lead_to_a_decision(location: Location):
    request = first_look(location)[0]
    result = location.job.execute_in_process(
        asset_selection=list(request.asset_selection or ()),
        partition_key=request.partition_key,
        tags=request.tags,
        instance=location.instance,
    )
    assert result.success
    assert location.read("cards/averages/promotion", "BTCUSDT|15m")["decision"]["symbol"] == "BTCUSDT"


def test_all_wait_to_be_started(location: Location):
    repository = location.definitions.get_repository_def()
    assert repository.get_schedule_def("daily_listing").default_status is dg.DefaultScheduleStatus.STOPPED
    assert repository.get_sensor_def("candle_close").default_status is dg.DefaultSensorStatus.STOPPED
    assert repository.get_schedule_def("daily_sync").default_status is dg.DefaultScheduleStatus.STOPPED

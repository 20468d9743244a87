"""The panic button, through pybit against the sandbox exchange, whatever happens on the way."""

import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from risk_values import closed, intent, view

from engine.errors import DataError
from engine.exchange.trading.orders import OrderSide, TriggerDirection
from engine.live.journal import Journal, JournalKind, read_journal
from engine.live.risk.limits import RiskLimits
from engine.live.risk.manager import RESUME_CONFIRMATION, RiskManager
from engine.live.risk.memory import RiskMemory
from engine.live.risk.panic import panic
from engine.live.risk.verdict import DenialCode, TradingState
from engine.sandbox.faults import (
    EVERY_PATH,
    NO_FAULTS,
    AcceptedThenRejected,
    FaultPlan,
    HttpStatus,
    LostAnswer,
    PartialFill,
    RetCode,
    Scripted,
    account_storm,
)

# the exchange's room has the accounts at a sandbox exchange
sys.path.insert(0, str(Path(__file__).parents[1] / "exchange"))
from exchange_accounts import floor

CREATE, CANCEL, POSITIONS = "/v5/order/create", "/v5/order/cancel-all", "/v5/position/list"
ALWAYS = tuple(range(1, 1000))


@pytest.fixture(scope="module")
def running():
    with floor() as found:
        yield found


@pytest.fixture
def traded(running):
    """An account with a long and its bracket, a short, a limit order and a conditional one."""
    # who was refused too often before waits no longer
    running.waits.now_s += 1000
    running.server.put_in_force(NO_FAULTS)
    running.server.desk.open_account("sandbox-key", "sandbox-secret")
    manager = running.manager
    manager.place(running.market("long", stop_loss=running.price(0.95), take_profit=running.price(1.1)))
    manager.place(replace(running.market("short", "0.5", OrderSide.SELL), symbol="ETHUSDT"))
    manager.place(running.limit("limit"))
    manager.place(
        running.market("later", trigger_price=running.price(1.05), trigger_direction=TriggerDirection.RISE)
    )
    assert len(manager.positions()) == 2
    yield running
    running.server.put_in_force(NO_FAULTS)


@pytest.fixture
def risk(tmp_path):
    return RiskManager(RiskLimits(), RiskMemory(tmp_path / "risk_memory.json"))


def press(traded, risk, journal=None, **more):
    return panic(traded.manager, risk, journal, traded.manager.session.timing, reason="a test", **more)


def assert_nothing_is_left(traded):
    traded.server.put_in_force(NO_FAULTS)
    assert traded.manager.positions() == ()
    assert traded.manager.open_orders() == ()


def test_everything_is_cancelled_and_closed_and_trading_is_halted(traded, risk, tmp_path):
    with Journal(tmp_path / "journal.jsonl") as journal:
        report = press(traded, risk, journal)
    assert (report.is_flat, report.is_halted, report.problems) == (True, True, ())
    assert (report.cancelled, len(report.sent)) == (2, 2)
    assert (report.positions, report.orders) == ((), ())
    assert_nothing_is_left(traded)
    now_ms = traded.clock()
    assert risk.state(now_ms) is TradingState.HALTED
    assert risk.check(intent(), view(), now_ms).code is DenialCode.PANIC
    assert risk.resume(RESUME_CONFIRMATION, now_ms) == ()
    lines = read_journal(tmp_path / "journal.jsonl").entries
    kinds = [line.kind for line in lines]
    assert kinds == [JournalKind.STATE, JournalKind.ORDER, JournalKind.ORDER, JournalKind.STATE]
    assert lines[-1].data["is_flat"] is True


def test_a_flat_account_is_flat(running, risk):
    running.server.put_in_force(NO_FAULTS)
    running.server.desk.open_account("sandbox-key", "sandbox-secret")
    report = press(running, risk)
    assert (report.is_flat, report.sent, report.cancelled) == (True, (), 0)


@pytest.mark.parametrize(
    "faults",
    [
        FaultPlan(scripted=(Scripted(LostAnswer(0.0), CREATE, ALWAYS),)),
        FaultPlan(scripted=(Scripted(PartialFill(0.5), CREATE, (1, 2, 3)),)),
        FaultPlan(scripted=(Scripted(AcceptedThenRejected(), CREATE, (1, 2, 3)),)),
        FaultPlan(scripted=(Scripted(HttpStatus(503), CANCEL, (1, 2, 3, 4)),)),
        FaultPlan(scripted=(Scripted(RetCode(10016), POSITIONS, tuple(range(1, 8))),)),
        FaultPlan(scripted=(Scripted(HttpStatus(503), EVERY_PATH, tuple(range(1, 40))),)),
        *(account_storm(seed, rate=0.5) for seed in range(3)),
    ],
    ids=[
        "every answer is lost",
        "half is filled",
        "taken and rejected",
        "no cancelling",
        "no reading",
        "nothing at all at first",
        *(f"storm {seed}" for seed in range(3)),
    ],
)
def test_faults_delay_and_keep_nobody_from_getting_out(traded, risk, faults):
    traded.server.put_in_force(faults)
    report = press(traded, risk, patience_s=3000)
    assert report.is_flat
    assert_nothing_is_left(traded)


def test_an_order_that_arrives_after_the_halt_is_caught(traded, risk):
    manager, sleep = traded.manager, traded.waits.sleep
    late = traded.market("late", "0.02")

    class Timing:
        """The clock, in whose second wait an order arrives that was sent before the halt."""

        epoch_ms = staticmethod(manager.session.timing.epoch_ms)
        monotonic_s = staticmethod(manager.session.timing.monotonic_s)
        waits = 0

        def sleep(self, seconds):
            sleep(seconds)
            self.waits += 1
            if self.waits == 3:
                manager.place(late)

    report = panic(manager, risk, None, Timing(), reason="a test")
    assert (report.is_flat, len(report.sent)) == (True, 3)
    assert_nothing_is_left(traded)


def test_an_exchange_that_is_gone_is_said_to_be(traded, risk):
    gone = Scripted(HttpStatus(503), EVERY_PATH, tuple(range(1, 5000)))
    traded.server.put_in_force(FaultPlan(scripted=(gone,)))
    began_s = traded.waits.now_s
    report = press(traded, risk, patience_s=60)
    assert (report.is_flat, report.is_halted, report.positions) == (False, True, None)
    assert report.problems
    assert traded.waits.now_s - began_s >= 50


def test_a_lost_memory_and_a_full_disk_keep_nobody_from_getting_out(traded, tmp_path):
    memory = tmp_path / "risk_memory.json"
    memory.write_text("{")
    journal = Journal(tmp_path / "journal.jsonl")
    journal.close()
    risk = RiskManager(RiskLimits(), RiskMemory(memory))
    with pytest.raises(DataError):
        risk.record_fill(closed(Decimal(-1)), 0)
    report = press(traded, risk, journal)
    assert (report.is_flat, report.is_halted) == (True, False)
    assert len(report.problems) == 2
    assert_nothing_is_left(traded)

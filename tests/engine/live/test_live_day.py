"""A day with a fault every minute: no order lost, none twice, nothing that nobody foresaw, memory flat."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from live_case import AccountTrial, ping

from engine.errors import ExchangeError
from engine.exchange.trading.orders import OrderStatus
from engine.live.journal import JournalKind, read_journal
from engine.sandbox.faults import (
    AcceptedThenRejected,
    DroppedConnection,
    FaultPlan,
    HtmlPage,
    HttpStatus,
    LostAnswer,
    PartialFill,
    RetCode,
    Scripted,
    TruncatedJson,
)
from engine.timeframes import HOUR_MS, MINUTE_MS

CHANGES = ("/v5/order/create", "/v5/position/trading-stop", "/v5/order/cancel")
READS = (
    "/v5/market/kline",
    "/v5/market/tickers",
    "/v5/order/realtime",
    "/v5/position/list",
    "/v5/execution/list",
    "/v5/position/closed-pnl",
    "/v5/account/wallet-balance",
)
PASSING = (
    HttpStatus(500),
    RetCode(10016),
    RetCode(10006),
    DroppedConnection(),
    TruncatedJson(),
    HtmlPage(),
)


def fault(rng):
    """One fault: on a change, where it is dangerous, or on what is read."""
    kind = rng.integers(4)
    if kind == 0:
        return Scripted(LostAnswer(), str(rng.choice(CHANGES[:2])), (1,))
    if kind == 1:
        made = (AcceptedThenRejected(), PartialFill(), RetCode(10016))[rng.integers(3)]
        return Scripted(made, CHANGES[0], (1,))
    path = str(rng.choice((*CHANGES, *READS)))
    return Scripted(PASSING[rng.integers(len(PASSING))], path, tuple(range(1, 1 + int(rng.integers(1, 9)))))


def held_by_the_runner():
    """Bytes that the runner's own code has allocated; the stand-in is in the same process."""
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [
            tracemalloc.Filter(True, f"*/engine/{room}/*")
            for room in ("live", "backtest", "features", "exchange/trading")
        ]
    )
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def hear(trial, run):
    """Hand over the fills of the last minutes, as the private stream's own audit does once a minute."""
    for told in trial.manager.executions("BTCUSDT", since_ms=trial.clock() - 20 * MINUTE_MS):
        run.keeper.take(told, trial.clock())


def a_day(folder, minutes, seed):
    """Run so many minutes; return the trial's findings."""
    rng = np.random.default_rng(seed)
    plan = ping()
    sizes = []
    with AccountTrial(folder, start="2025-03-01T00:00:02") as trial:
        # a streak of losses is no reason to pause here: orders are what it is about
        run = trial.trade([plan], "losses: {streak_trades: 100000, max_daily_pct: 90, max_weekly_pct: 90}")
        tracemalloc.start()
        for minute in range(minutes):
            trial.server.put_in_force(FaultPlan(scripted=(fault(rng),)))
            trial.clock.step(MINUTE_MS)
            for work in (
                lambda: hear(trial, run),
                run.keeper.read_prices,
                lambda: run.runner.catch_up(trial.clock()),
                lambda: run.keeper.reconcile(trial.clock()),
            ):
                # what a session does: note it and go on
                with suppress(ExchangeError):
                    work()
            if minute in (minutes // 3, minutes - 1):
                gc.collect()
                sizes.append(held_by_the_runner())
        tracemalloc.stop()
        trial.server.put_in_force(FaultPlan())
        for _ in range(3):
            trial.clock.step(10_000)
            hear(trial, run)
            run.keeper.read_prices()
            run.keeper.reconcile(trial.clock())
        orders = [order for order in trial.orders() if order.order_link_id]
        [leg] = run.runner.legs
        position = trial.manager.position("BTCUSDT")
        executions = trial.manager.executions("BTCUSDT", since_ms=trial.clock() - 25 * HOUR_MS)
        run.journal.close()
        return run, leg, orders, position, executions, sizes


def check(run, leg, orders, position, executions):
    """Nothing lost, nothing twice."""
    entries = read_journal(run.folder.journal_path).entries
    sent = {
        entry.data["request"]["order_link_id"]
        for entry in entries
        if entry.kind is JournalKind.ORDER and entry.data["phase"] == "sending"
    }
    # every order of ours is in the journal, and there is one of each name
    assert {order.order_link_id for order in orders} <= sent
    assert max(Counter(order.order_link_id for order in orders).values()) == 1
    assert not [order for order in orders if order.is_open and order.status is not OrderStatus.UNTRIGGERED]
    # every fill is in the journal, once
    told = [
        entry.data["execution_id"]
        for entry in entries
        if entry.kind is JournalKind.FILL and "execution_id" in entry.data
    ]
    assert sorted(told) == sorted(execution.execution_id for execution in executions)
    # the record and the exchange agree, and what is held has its stop
    assert leg.is_in_step()
    assert position.is_flat or float(position.stop_loss) == leg.twin.position.stop_price
    # every close was decided, whatever was in the way
    closes = [entry.data["ts_close"] for entry in entries if entry.kind is JournalKind.DECISION]
    assert closes == list(range(closes[0], closes[-1] + MINUTE_MS, MINUTE_MS))
    # what a card wanted was sent or refused
    answered = sent | {
        entry.data["ts_close"]
        for entry in entries
        if entry.kind in (JournalKind.REFUSAL, JournalKind.ORDER) and "ts_close" in entry.data
    }
    for entry in entries:
        if entry.kind is JournalKind.DECISION and entry.data["wants"]["entry"] is not None:
            assert entry.data["ts_close"] in answered
    return closes


@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_minutes_with_a_fault_in_each(tmp_path, seed):
    run, leg, orders, position, executions, _ = a_day(tmp_path, 20, seed)
    assert len(check(run, leg, orders, position, executions)) >= 19
    assert len(orders) > 8


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_day_with_a_fault_every_minute(tmp_path):
    run, leg, orders, position, executions, (early, late) = a_day(tmp_path, 24 * 60, 3)
    assert len(check(run, leg, orders, position, executions)) >= 24 * 60 - 1
    assert len(orders) > 200
    # sixteen hours: what grows is the candles, of 100 bytes each, and what keeps fills from counting twice
    assert late - early < 1_000_000

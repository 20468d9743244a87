"""Cards on an account of the stand-in: orders, brackets, crashes, what people and faults do in between."""

from __future__ import annotations

from decimal import Decimal

import pytest
from live_case import AccountTrial, ping, plan_named

from engine.errors import ConfigurationError, GateRefused
from engine.exchange.trading.orders import OrderKind, OrderRequest, OrderSide, OrderStatus
from engine.live.journal import JournalKind, read_journal
from engine.live.opening import refuse_unsafe
from engine.live.permission import live_phrase, refuse_unpermitted, refuse_wrong_exchange
from engine.live.run_folder import RunMode, run_cards
from engine.promotion.policy import Stage
from engine.promotion.stages import Standing
from engine.sandbox.faults import FaultPlan, LostAnswer, Scripted
from engine.settings import Exchange
from engine.timeframes import MINUTE_MS

START = "2025-03-01T00:00:02"
BTC = "BTCUSDT"
HOLD = "position_policy: {mode: long_only, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: 60}"


@pytest.fixture
def trial(tmp_path):
    with AccountTrial(tmp_path, start=START) as trial:
        yield trial


def lines(run, *kinds):
    return [entry.data for entry in read_journal(run.folder.journal_path).entries if entry.kind in kinds]


def fills(run):
    return [(fill["reason"], fill["size"]) for fill in lines(run, JournalKind.FILL)]


def ours(trial):
    return [order for order in trial.orders() if order.order_link_id]


def test_an_entry_has_its_bracket_and_the_exit_leaves_nothing_behind(trial):
    with trial.trade([ping()]) as run:
        trial.step(run)
        position = trial.manager.position(BTC)
        # 1,000 USDT at 43,3xx, and a stop 1 % below the fill, a target twice as far above it
        assert position.signed_size == Decimal("0.023")
        assert position.stop_loss == (position.entry_price * Decimal("0.99")).quantize(
            Decimal("0.1"), "ROUND_FLOOR"
        )
        risk = position.entry_price - position.stop_loss
        assert abs(position.take_profit - (position.entry_price + 2 * risk)) <= Decimal("0.1")
        trial.step(run)
        trial.step(run)  # held for two bars, which is the most
        assert trial.manager.position(BTC).is_flat
        assert trial.manager.open_orders() == ()
        assert fills(run) == [("entry", 0.023), ("max_bars", 0.023)]
        assert [data["in_step"] for data in lines(run, JournalKind.RECONCILED)][-1]
        assert lines(run, JournalKind.ERROR, JournalKind.REFUSAL) == []


def test_a_stop_the_exchange_has_filled_is_booked_as_one(trial):
    plan = ping(stop_loss="  stop_loss: {type: percent, value: 0.02}", position_policy=HOLD)
    with trial.trade([plan]) as run:
        for _ in range(6):
            trial.step(run)
        reasons = [reason for reason, _ in fills(run)]
        assert reasons[:2] in (["entry", "stop_loss"], ["entry", "take_profit"])
        assert "stop_loss" in reasons
        leg = run.runner.legs[0]
        assert leg.is_in_step()


def test_a_stop_that_trails_moves_at_the_exchange(trial):
    plan = ping(
        stop_loss="  stop_loss: {type: trailing_percent, value: 0.5, activation_pct: 0}",
        take_profit="  take_profit: null",
        position_policy=HOLD,
    )
    with trial.trade([plan]) as run:
        stops = []
        for _ in range(12):
            trial.step(run)
            stops.append(trial.manager.position(BTC).stop_loss)
        assert stops == sorted(stops)
        assert stops[-1] > stops[0]
        assert float(stops[-1]) == run.runner.legs[0].twin.position.stop_price


def test_a_ladder_rests_at_the_exchange_and_is_taken_rung_by_rung(trial):
    plan = ping(
        take_profit="  take_profit: [{type: percent, value: 0.05, portion_pct: 50, order_type: limit},"
        " {type: percent, value: 4.0, portion_pct: 50}]",
        position_policy=HOLD,
    )
    with trial.trade([plan]) as run:
        for _ in range(6):
            trial.step(run)
        names = sorted(order.order_link_id.partition("-")[2] for order in ours(trial))
        assert names == ["entry", "target1", "target2"]
        assert fills(run) == [("entry", 0.023), ("take_profit", 0.011)]
        assert trial.manager.position(BTC).size == Decimal("0.012")


def test_a_resting_entry_is_taken_back_when_it_has_waited_long_enough(trial):
    offset = "offset: {type: percent, value: 3.0}"
    entry = f"entry_order: {{type: limit, {offset}, time_in_force: gtc, expiry_bars: 2, reprice: never}}"
    plan = ping(position_policy=f"{HOLD}\n{entry}")
    with trial.trade([plan]) as run:
        trial.step(run)
        [order] = ours(trial)
        assert (order.kind, order.status) == (OrderKind.LIMIT, OrderStatus.NEW)
        assert order.stop_loss is not None
        trial.step(run)
        assert [each.status for each in ours(trial)] == [OrderStatus.NEW]
        trial.step(run)
        statuses = {each.order_link_id: each.status for each in ours(trial)}
        assert statuses[order.order_link_id] is OrderStatus.CANCELLED


def test_killed_at_any_line_it_sends_each_order_once(trial):
    plan = ping()
    with trial.trade([plan]) as run:
        trial.step(run)
        whole = ours(trial)
    journal = run.folder.journal_path
    written = journal.read_bytes().splitlines(keepends=True)
    position = trial.manager.position(BTC)
    for kept in range(len(written)):
        journal.write_bytes(b"".join(written[:kept]) + written[kept][:40])
        with trial.trade([plan]) as again:
            again.runner.catch_up(trial.clock())
            again.keeper.reconcile(trial.clock())
            [leg] = again.runner.legs
            assert [order.order_id for order in ours(trial)] == [order.order_id for order in whole]
            assert leg.is_in_step()
            assert trial.manager.position(BTC) == position
            assert leg.twin.position.stop_price == float(position.stop_loss)
            assert fills(again) == [("entry", 0.023)]


def test_an_answer_that_is_lost_makes_no_second_order(trial):
    with trial.trade([ping()]) as run:
        trial.server.put_in_force(FaultPlan(scripted=(Scripted(LostAnswer(), "/v5/order/create", (1,)),)))
        trial.step(run)
        trial.step(run)
        assert len(ours(trial)) == 1
        assert fills(run) == [("entry", 0.023)]


def test_what_was_decided_long_ago_is_not_entered_on(trial):
    with trial.trade([ping()]) as run:
        trial.clock.step(10 * MINUTE_MS + 58_000)
        run.keeper.read_prices()
        run.keeper.reconcile(trial.clock())
        run.runner.catch_up(trial.clock())
        assert trial.manager.position(BTC).is_flat
        refused = lines(run, JournalKind.REFUSAL)
        assert {line["code"] for line in refused} == {"stale_decision"}
        assert len(refused) == len(lines(run, JournalKind.DECISION))


def test_a_bracket_taken_away_by_hand_is_put_back(trial):
    with trial.trade([ping(position_policy=HOLD)]) as run:
        trial.step(run)
        trial.manager.set_bracket(BTC, stop_loss=Decimal(0), take_profit=Decimal(0))
        assert trial.manager.position(BTC).stop_loss is None
        run.keeper.reconcile(trial.clock())
        assert trial.manager.position(BTC).stop_loss is not None


def test_a_position_closed_by_hand_is_closed_here_too_and_one_opened_by_hand_stops_entries(trial):
    with trial.trade([ping(position_policy=HOLD)]) as run:
        trial.step(run)
        size = trial.manager.position(BTC).size
        sell = OrderRequest(BTC, OrderSide.SELL, OrderKind.MARKET, size, "by-hand", reduce_only=True)
        trial.manager.place(sell)
        run.keeper.reconcile(trial.clock())
        [leg] = run.runner.legs
        assert leg.is_in_step()
        assert fills(run)[-1] == ("signal", float(size))
        buy = OrderRequest(BTC, OrderSide.BUY, OrderKind.MARKET, size, "by-hand-2")
        trial.manager.place(buy)
        run.keeper.reconcile(trial.clock())
        assert not leg.is_in_step()
        trial.step(run)
        assert lines(run, JournalKind.REFUSAL)[-1]["code"] == "not_reconciled"


def test_what_an_earlier_run_has_left_is_not_taken_for_ones_own(trial):
    with trial.trade([ping(position_policy=HOLD)]) as run:
        trial.step(run)
    held = trial.manager.position(BTC)
    # the same card with another number is another run, and knows nothing of the position
    with trial.trade([ping(position_policy=HOLD.replace("60", "61"))]) as other:
        for _ in range(3):
            trial.step(other)
        [leg] = other.runner.legs
        assert not leg.is_in_step()
        assert leg.twin.position.direction == 0
        assert fills(other) == []
        assert trial.manager.position(BTC).signed_size == held.signed_size
        assert trial.manager.position(BTC).stop_loss == held.stop_loss


def test_what_cannot_be_placed_safely_is_refused_at_the_start():
    bare = ping(stop_loss="  stop_loss: null", take_profit="  take_profit: null")
    cards = run_cards([bare], None)
    with pytest.raises(ConfigurationError, match="stop_loss"):
        refuse_unsafe([bare], cards)
    two = [ping(), plan_named("band_reversion")]
    with pytest.raises(ConfigurationError, match="both trade BTCUSDT"):
        refuse_unsafe(two, run_cards(two, None))


def test_a_mode_goes_with_its_exchange():
    refuse_wrong_exchange(RunMode.DEMO, Exchange.DEMO)
    refuse_wrong_exchange(RunMode.LIVE, Exchange.BYBIT)
    with pytest.raises(ConfigurationError):
        refuse_wrong_exchange(RunMode.DEMO, Exchange.BYBIT)
    with pytest.raises(ConfigurationError):
        refuse_wrong_exchange(RunMode.LIVE, Exchange.DEMO)
    with pytest.raises(ConfigurationError):
        refuse_wrong_exchange(RunMode.SHADOW, Exchange.IMPORTED)


def test_live_needs_the_stage_the_arming_and_the_phrase(trial):
    cards = run_cards([ping()], None)
    stands = Standing(Stage.VALIDATED)
    with pytest.raises(GateRefused, match="stage shadow"):
        refuse_unpermitted(cards, trial.manager, lambda *_: stands, live_phrase(cards))
    stands = Standing(Stage.SHADOW)
    with pytest.raises(ConfigurationError, match="not armed"):
        refuse_unpermitted(cards, trial.manager, lambda *_: stands, live_phrase(cards))
    trial.manager.is_armed = True
    with pytest.raises(ConfigurationError, match="confirmed"):
        refuse_unpermitted(cards, trial.manager, lambda *_: stands, "yes")
    refuse_unpermitted(cards, trial.manager, lambda *_: stands, "trade ping live")


def test_what_stops_trading_is_written_down_when_it_begins_and_ends(trial):
    with trial.trade([ping()]) as run:
        trial.step(run)
        run.desk.risk.halt("look", trial.clock())
        trial.step(run)
        trial.step(run)
        run.desk.risk.resume("resume trading", trial.clock())
        trial.step(run)
        states = lines(run, JournalKind.STATE)
        assert [state["trading"] for state in states] == ["halted", "active"]
        assert states[0]["reasons"][0]["code"] == "manual_halt"


def test_a_resting_entry_is_withdrawn_when_nothing_may_be_opened(trial):
    entry = (
        "entry_order: {type: limit, offset: {type: percent, value: 3.0}, time_in_force: gtc, "
        "expiry_bars: 50, reprice: never}"
    )
    with trial.trade([ping(position_policy=f"{HOLD}\n{entry}")]) as run:
        trial.step(run)
        assert len(trial.manager.open_orders()) == 1
        run.desk.risk.record_equity(run.desk.book.wallet.equity / 2, trial.clock())
        trial.step(run)
        assert trial.manager.open_orders() == ()
        trial.step(run)
        assert trial.manager.open_orders() == ()
        assert [state for state in lines(run, JournalKind.STATE) if "withdrawn" in state]

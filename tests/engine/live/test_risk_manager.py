from dataclasses import replace
from decimal import Decimal

import pytest
from risk_values import EQUITY, NOW, PRICE, closed, execution, intent, order, position, view

from engine.errors import ConfigurationError
from engine.exchange.trading.orders import ExecutionKind, OrderSide, OrderStatus
from engine.live.risk.limits import RiskLimits, risk_limits_from_text
from engine.live.risk.manager import RESUME_CONFIRMATION, RiskManager
from engine.live.risk.memory import RiskMemory
from engine.live.risk.verdict import DenialCode, TradingState
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, parse_utc

SELL = OrderSide.SELL


def manager(text="", path=None, *, seeded=True):
    limits = risk_limits_from_text(text, "risk.yaml") if text else RiskLimits()
    made = RiskManager(limits, RiskMemory(path))
    if seeded:
        made.seed([], EQUITY, NOW)
    return made


def test_an_order_within_all_limits_passes():
    assert manager().check(intent(), view(), NOW).allowed


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (DenialCode.NOT_RECONCILED, {"is_reconciled": False}),
        (DenialCode.STALE_ACCOUNT, {"account_ms": None}),
        (DenialCode.STALE_ACCOUNT, {"account_ms": NOW - 91_000}),
        (DenialCode.CLOCK_SKEW, {"clock_offset_ms": None}),
        (DenialCode.CLOCK_SKEW, {"clock_offset_ms": -1_001}),
        (DenialCode.UNKNOWN_WALLET, {"wallet": None}),
        (DenialCode.UNKNOWN_POSITION, {"positions": {}}),
        (DenialCode.UNKNOWN_PRICE, {"last_price": {}}),
        (DenialCode.UNKNOWN_PRICE, {"mark_price": {}}),
        (DenialCode.STALE_PRICE, {"last_price": {"BTCUSDT": (PRICE, NOW - 30_001)}}),
        (DenialCode.STALE_PRICE, {"mark_price": {"BTCUSDT": (PRICE, NOW + 30_001)}}),
        (DenialCode.UNKNOWN_FUNDING, {"funding_rate": {}}),
        (DenialCode.UNKNOWN_FUNDING, {"next_funding_ms": {"BTCUSDT": NOW - HOUR_MS}}),
        (DenialCode.UNKNOWN_INSTRUMENT, {"instruments": {}}),
    ],
)
def test_what_is_not_certain_opens_nothing_and_closes_all(code, changes):
    risk = manager()
    uncertain = replace(view(), **changes)
    verdict = risk.check(intent(), uncertain, NOW)
    assert (verdict.allowed, verdict.code) == (False, code)
    assert verdict.message
    assert risk.check(intent(reduces=True, side=SELL), uncertain, NOW).allowed


def test_a_price_of_another_symbol_at_stake_has_to_be_certain_too():
    stale = view(positions=[position("ETHUSDT", 10)])
    prices = stale.last_price | {"ETHUSDT": (PRICE, NOW - 60_000)}
    verdict = manager().check(intent(), replace(stale, last_price=prices), NOW)
    assert verdict.code is DenialCode.STALE_PRICE
    assert "ETHUSDT" in verdict.message


def test_an_old_decision_is_not_caught_up_with():
    assert manager().check(intent(now_ms=NOW - 30_001), view(), NOW).code is DenialCode.STALE_DECISION


def test_nothing_opens_before_the_exchange_told_its_losses():
    assert manager(seeded=False).check(intent(), view(), NOW).code is DenialCode.NOT_SEEDED


@pytest.mark.parametrize(
    ("text", "asked", "code", "value"),
    [
        ("orders: {max_notional_usdt: 999}", intent(10), DenialCode.ORDER_NOTIONAL, 1000),
        (
            "orders: {max_notional_usdt: 1000}",
            intent(10, price=Decimal(101)),
            DenialCode.ORDER_NOTIONAL,
            1010,
        ),
        ("", intent(price=Decimal(94)), DenialCode.FAT_FINGER, 6),
        ("", intent(trigger_price=Decimal(106)), DenialCode.FAT_FINGER, 6),
        ("", replace(intent(), reference_price=Decimal(80)), DenialCode.FAT_FINGER, 20),
        ("positions: {max_leverage: 2}", intent(), DenialCode.LEVERAGE, 3),
        ("positions: {max_notional_usdt: 999}", intent(10), DenialCode.POSITION_NOTIONAL, 1000),
        ("exposure: {max_total_usdt: 999}", intent(10), DenialCode.TOTAL_EXPOSURE, 1000),
        ("exposure: {max_account_leverage: 0.09}", intent(10), DenialCode.ACCOUNT_LEVERAGE, "0.1"),
        (
            "exposure: {groups: {pair: {symbols: [BTCUSDT, ETHUSDT], max_notional_usdt: 999}}}",
            intent(10),
            DenialCode.GROUP_EXPOSURE,
            1000,
        ),
        # 1,000 USDT pay 0.01 %, which is 0.1 USDT or 0.001 % of 10,000
        ("funding: {max_cost_pct_of_equity: 0.0009}", intent(10), DenialCode.FUNDING_COST, "0.001"),
    ],
)
def test_each_limit_refuses_with_its_code_and_its_figures(text, asked, code, value):
    verdict = manager(text).check(asked, view(), NOW)
    assert (verdict.allowed, verdict.code) == (False, code)
    assert verdict.value == Decimal(value)
    assert verdict.limit is not None


def test_a_position_and_its_open_orders_count_together():
    risk = manager("positions: {max_notional_usdt: 3000}")
    account = view(positions=[position(size=10)], orders=[order(10)])
    assert risk.check(intent(10, name="a"), account, NOW).allowed
    refused = manager("positions: {max_notional_usdt: 3000}").check(intent(11), account, NOW)
    assert (refused.code, refused.value) == (DenialCode.POSITION_NOTIONAL, Decimal(3100))


def test_of_an_order_filled_in_part_the_rest_counts_once_the_position_has_the_part():
    part = order(10, filled_size=Decimal(4), status=OrderStatus.PARTIALLY_FILLED, updated_ms=NOW - 500)
    limit = "positions: {max_notional_usdt: 1000}"
    # the position is older than the fill: all of the order is still to come
    older = view(positions=[position(updated_ms=NOW - 501)], orders=[part])
    refused = manager(limit).check(intent(1), older, NOW)
    assert (refused.code, refused.value) == (DenialCode.POSITION_NOTIONAL, Decimal(1100))
    # it holds the 4: 6 are to come, and neither is counted twice nor left out
    newer = view(positions=[position(size=4, updated_ms=NOW - 500)], orders=[part])
    refused = manager(limit).check(intent(1), newer, NOW)
    assert (refused.code, refused.value) == (DenialCode.POSITION_NOTIONAL, Decimal(1100))
    raised = manager("positions: {max_notional_usdt: 1100}")
    assert raised.check(intent(1), newer, NOW).allowed


def test_the_other_side_counts_by_itself():
    risk = manager("positions: {max_notional_usdt: 1000}")
    # long 10, sells of 20: from +10 to -10 and not beyond
    assert risk.check(intent(20, side=SELL), view(positions=[position(size=10)]), NOW).allowed
    assert not risk.check(intent(1, side=SELL, name="b"), view(positions=[position(size=10)]), NOW).allowed


def test_reducing_orders_do_not_count():
    risk = manager("positions: {max_notional_usdt: 1000}")
    standing = order(50, side=SELL, reduce_only=True)
    assert risk.check(intent(10), view(orders=[standing]), NOW).allowed


def test_symbols_are_counted_with_their_orders():
    risk = manager("positions: {max_open: 2}")
    account = view(positions=[position("ETHUSDT", 1)], orders=[order(1, "SOLUSDT")])
    refused = risk.check(intent(1), account, NOW)
    assert (refused.code, refused.value) == (DenialCode.OPEN_POSITIONS, Decimal(3))
    assert risk.check(intent(1, "ETHUSDT"), account, NOW).allowed


def test_a_group_counts_the_larger_side():
    risk = manager("exposure: {groups: {pair: {symbols: [BTCUSDT, ETHUSDT], max_notional_usdt: 1500}}}")
    long_ether = view(positions=[position("ETHUSDT", 10)])
    assert risk.check(intent(10, side=SELL, name="hedge"), long_ether, NOW).allowed
    risk.release("hedge", NOW)
    refused = risk.check(intent(10), long_ether, NOW)
    assert (refused.code, refused.value) == (DenialCode.GROUP_EXPOSURE, Decimal(2000))


def test_who_receives_funding_is_not_refused_for_its_cost():
    risk = manager("funding: {max_cost_pct_of_equity: 0.0009}")
    assert risk.check(intent(10, side=SELL), view(), NOW).allowed


def test_orders_within_a_minute_are_counted():
    risk = manager("orders: {max_per_minute: 2}")
    assert risk.check(intent(1, name="a"), view(), NOW).allowed
    assert risk.check(intent(1, name="b"), view(), NOW + 1).allowed
    assert risk.check(intent(1, name="c"), view(), NOW + 2).code is DenialCode.ORDER_RATE
    later = NOW + MINUTE_MS
    assert risk.check(intent(1, name="c", now_ms=later), view(later), later).allowed


def test_liquidation_has_to_be_far_from_the_mark():
    # legacy arithmetic by hand: at 9x and a rate of 0.5 % a long falls 1/9 - 0.5 % to its end, about 10.66 %
    risk = manager("positions: {max_leverage: 20}")
    assert risk.check(intent(), view(positions=[position(leverage=9)]), NOW).allowed
    refused = risk.check(intent(name="b"), view(positions=[position(leverage=10)]), NOW)
    assert refused.code is DenialCode.LIQUIDATION_DISTANCE
    # (100 - 10) / (1 - 0.005) = 90.4523
    assert round(refused.value, 4) == Decimal("9.5477")
    near = position(size=1, liquidation=Decimal(95))
    refused = risk.check(intent(name="c"), view(positions=[near]), NOW)
    assert (refused.code, refused.value) == (DenialCode.LIQUIDATION_DISTANCE, 5)


def test_trading_hours_bind_what_opens():
    risk = manager("trading_hours: [{start: '08:00', end: '12:00'}, {start: '14:00', end: '15:00'}]")
    assert risk.check(intent(), view(), NOW).code is DenialCode.TRADING_HOURS
    assert risk.check(intent(reduces=True, side=SELL), view(), NOW).allowed
    later = NOW + 2 * HOUR_MS
    assert risk.check(intent(now_ms=later), view(later), later).allowed


@pytest.mark.parametrize(
    "asked",
    [
        intent(0),
        intent(-1),
        intent(Decimal("NaN")),
        intent(price=Decimal(0)),
        replace(intent(), reduces=True),
        intent(name=""),
    ],
)
def test_an_order_that_cannot_be_is_refused(asked):
    assert manager().check(asked, view(), NOW).code is DenialCode.BAD_ORDER


def test_what_was_let_through_counts_before_it_shows(tmp_path):
    text, path = "positions: {max_notional_usdt: 1000}", tmp_path / "risk.json"
    assert manager(text, path).check(intent(10, name="a"), view(), NOW).allowed
    restarted = manager(text, path)
    assert restarted.check(intent(1, name="b"), view(), NOW + 1).code is DenialCode.POSITION_NOTIONAL
    # the same name is the same order: asked again after a crash it does not count twice
    assert restarted.check(intent(10, name="a"), view(), NOW + 2).allowed
    restarted.release("a", NOW + 3)
    assert restarted.check(intent(1, name="b"), view(), NOW + 4).allowed


def test_an_order_counts_until_the_position_has_it():
    risk = manager("positions: {max_notional_usdt: 1000}")
    assert risk.check(intent(10, name="a"), view(), NOW).allowed
    filled = order(10, name="a", updated_ms=NOW + 500, status=OrderStatus.FILLED, filled_size=Decimal(10))
    risk.record_order(filled, NOW + 500)
    before_it_shows = view(NOW + 600)
    assert not risk.check(intent(1, name="b"), before_it_shows, NOW + 600).allowed
    # closed again meanwhile: the position is as new as the fill, and flat
    shown = view(NOW + 700, positions=[position(updated_ms=NOW + 500)])
    assert risk.check(intent(10, name="b"), shown, NOW + 700).allowed


def test_a_position_older_than_its_order_but_not_than_its_fills_has_them():
    risk = manager("positions: {max_notional_usdt: 1000}")
    assert risk.check(intent(10, name="a"), view(), NOW).allowed
    # the exchange stamps the order 20 ms later than the fill that completed it
    risk.record_fill(execution("a", 4, NOW + 100), NOW + 100)
    filled = order(10, name="a", updated_ms=NOW + 520, status=OrderStatus.FILLED, filled_size=Decimal(10))
    risk.record_order(filled, NOW + 520)
    shown = view(NOW + 700, positions=[position(updated_ms=NOW + 500)])
    assert not risk.check(intent(10, name="b"), shown, NOW + 700).allowed
    risk.record_fill(execution("a", 6, NOW + 500), NOW + 700)
    assert risk.check(intent(10, name="b"), shown, NOW + 700).allowed


def test_an_order_that_never_showed_is_given_up():
    risk = manager("positions: {max_notional_usdt: 1000}")
    assert risk.check(intent(10, name="a"), view(), NOW).allowed
    risk.observe(view(NOW + 10_000), NOW + 10_000)
    for passed_ms, allowed in ((19_999, False), (20_000, True)):
        later = NOW + passed_ms
        assert risk.check(intent(10, name="b", now_ms=later), view(later), later).allowed is allowed


def test_an_order_that_vanishes_counts_until_the_position_had_time():
    risk = manager("positions: {max_notional_usdt: 1000}")
    assert risk.check(intent(10, name="a"), view(), NOW).allowed
    later = NOW + MINUTE_MS
    risk.observe(view(later, orders=[order(10, name="a")]), later)
    # filled meanwhile: the push of the order has come, that of the position has not
    assert not risk.check(intent(1, name="b", now_ms=later), view(later), later).allowed


def test_an_older_reading_of_the_account_is_not_gone_back_to():
    risk = manager()
    assert risk.check(intent(10, name="a"), view(), NOW).allowed
    for later in (NOW + 10_000, NOW + 20_000):
        risk.observe(view(later), later)
    refused = risk.check(intent(10, name="b", now_ms=NOW + 20_001), view(NOW + 19_000), NOW + 20_001)
    assert refused.code is DenialCode.STALE_ACCOUNT


def test_a_refused_order_stops_counting_at_once():
    risk = manager("positions: {max_notional_usdt: 1000}")
    assert risk.check(intent(10, name="a"), view(), NOW).allowed
    risk.record_order(order(10, name="a", status=OrderStatus.REJECTED), NOW)
    assert risk.check(intent(10, name="b"), view(), NOW).allowed


def test_an_amendment_to_a_larger_size_counts_before_it_shows():
    risk = manager("positions: {max_notional_usdt: 1000}")
    small = view(orders=[order(2, name="a")])
    assert risk.check(intent(9, name="a"), small, NOW).allowed
    assert risk.check(intent(2, name="b"), small, NOW).code is DenialCode.POSITION_NOTIONAL
    assert risk.check(intent(1, name="b"), small, NOW).allowed


def test_a_daily_loss_lets_only_out_until_midnight(tmp_path):
    path = tmp_path / "risk.json"
    risk = manager(path=path)
    risk.record_equity(EQUITY - 300, NOW)
    assert risk.state(NOW) is TradingState.REDUCING
    # neither recovery nor a restart lifts it
    risk.record_equity(EQUITY, NOW + 1)
    restarted = manager(path=path)
    verdict = restarted.check(intent(), view(), NOW + 2)
    assert (verdict.code, restarted.state(NOW)) == (DenialCode.DAILY_LOSS, TradingState.REDUCING)
    assert restarted.check(intent(reduces=True, side=SELL), view(), NOW).allowed
    assert restarted.resume(RESUME_CONFIRMATION, NOW + 2) == ()
    restarted.record_equity(EQUITY - 300, NOW + 3)
    assert [reason.code for reason in restarted.resume(RESUME_CONFIRMATION, NOW + 4)] == [
        DenialCode.DAILY_LOSS
    ]
    midnight = parse_utc("2026-01-08")
    assert restarted.state(midnight - 1) is TradingState.REDUCING
    assert restarted.state(midnight) is TradingState.ACTIVE


def test_a_weekly_loss_lasts_until_monday():
    risk = manager()
    for day in range(3):
        risk.record_equity(EQUITY - 200 * (day + 1), NOW + day * DAY_MS)
    friday = NOW + 2 * DAY_MS
    assert [reason.code for reason in risk.reasons(friday)] == [DenialCode.WEEKLY_LOSS]
    monday = parse_utc("2026-01-12")
    assert risk.state(monday - 1) is TradingState.REDUCING
    assert risk.state(monday) is TradingState.ACTIVE


def test_a_deposit_hides_no_loss():
    risk = manager()
    risk.record_fill(closed(-300), NOW)
    risk.record_equity(EQUITY + 5_000, NOW)
    assert [reason.code for reason in risk.reasons(NOW)] == [DenialCode.DAILY_LOSS]


def test_a_closed_position_counts_once():
    risk = manager()
    for _ in range(5):
        risk.record_fill(closed(-100), NOW)
    assert risk.state(NOW) is TradingState.ACTIVE


def test_the_exchange_tells_what_a_lost_memory_does_not(tmp_path):
    risk = manager(path=tmp_path / "new.json", seeded=False)
    risk.seed([closed(-200, NOW - HOUR_MS, "a"), closed(-110, NOW - MINUTE_MS, "b")], EQUITY - 310, NOW)
    # 310 of the 10,000 that the day began with
    assert [reason.code for reason in risk.reasons(NOW)] == [DenialCode.DAILY_LOSS]


def test_the_memory_tells_what_the_exchange_does_not(tmp_path):
    path = tmp_path / "risk.json"
    manager(path=path).record_fill(closed(-160, NOW, "a"), NOW)
    restarted = manager(path=path, seeded=False)
    # "b" was missed, "a" is not in the exchange's list yet: both count
    restarted.seed([closed(-160, NOW, "b")], EQUITY - 160, NOW)
    assert [reason.code for reason in restarted.reasons(NOW)] == [DenialCode.DAILY_LOSS]


def test_being_told_twice_changes_nothing():
    risk = manager()
    losses = [closed(-100, NOW - HOUR_MS, "a"), closed(-100, NOW - MINUTE_MS, "b")]
    for _ in range(3):
        risk.seed(losses, EQUITY - 200, NOW)
        for loss in losses:
            risk.record_fill(loss, NOW)
    day = {each.name: each for each in risk.usage(view(equity=EQUITY - 200), NOW)}["losses.max_daily_pct"]
    assert day.used == 2
    assert risk.state(NOW) is TradingState.ACTIVE


def test_yesterdays_losses_are_yesterdays():
    risk = manager(seeded=False)
    risk.seed([closed(-400, NOW - DAY_MS)], EQUITY - 400, NOW)
    assert risk.state(NOW) is TradingState.ACTIVE


def test_a_drawdown_stays_until_somebody_resumes():
    risk = manager("losses: {max_daily_pct: 90, max_weekly_pct: 90}")
    risk.record_equity(EQUITY * 2, NOW)
    risk.record_equity(EQUITY * 2 * Decimal("0.85"), NOW + 1)
    assert [reason.code for reason in risk.reasons(NOW + 400 * DAY_MS)] == [DenialCode.DRAWDOWN]
    with pytest.raises(ConfigurationError, match="does not confirm"):
        risk.resume("yes", NOW + 2)
    assert risk.resume(RESUME_CONFIRMATION, NOW + 2) == ()
    # counted from now on
    risk.record_equity(EQUITY * 2 * Decimal("0.75"), NOW + 3)
    assert risk.state(NOW + 3) is TradingState.ACTIVE


def test_a_losing_streak_pauses_and_begins_anew(tmp_path):
    path = tmp_path / "risk.json"
    risk = manager(path=path)
    losses = [closed(-1, NOW + step, f"loss {step}") for step in range(1, 6)]
    for loss in losses[:4]:
        risk.record_fill(loss, loss.ts_ms)
    assert risk.state(NOW + 4) is TradingState.ACTIVE
    risk.record_fill(losses[4], NOW + 5)
    assert risk.check(intent(), view(), NOW + 5).code is DenialCode.LOSS_STREAK
    over = NOW + 5 + 240 * MINUTE_MS
    assert risk.state(over - 1) is TradingState.REDUCING
    restarted = manager(path=path, seeded=False)
    restarted.seed(losses, EQUITY, over)
    assert restarted.state(over) is TradingState.ACTIVE


def test_a_gain_ends_a_losing_streak():
    risk = manager()
    for step, pnl in enumerate([-1, -1, -1, -1, 1, -1]):
        risk.record_fill(closed(pnl, NOW + step, f"trade {step}"), NOW + step)
    assert risk.state(NOW + 6) is TradingState.ACTIVE


def test_a_liquidation_stops_opening_until_somebody_looks():
    risk = manager()
    bust = execution("", 1, NOW, side=SELL, kind=ExecutionKind.BUST_TRADE)
    risk.record_fill(bust, NOW)
    assert risk.check(intent(), view(), NOW).code is DenialCode.LIQUIDATED


def test_a_halt_lets_nothing_through_but_the_panic_button(tmp_path):
    path = tmp_path / "risk.json"
    running = manager(path=path)
    # from another process
    manager(path=path).halt("looks wrong", NOW)
    out = intent(reduces=True, side=SELL)
    assert running.state(NOW) is TradingState.HALTED
    assert running.check(intent(), view(), NOW).code is DenialCode.MANUAL_HALT
    assert running.check(out, view(), NOW).message == "looks wrong"
    assert running.check(out, view(), NOW, is_panic=True).allowed
    assert not running.check(intent(), view(), NOW, is_panic=True).allowed
    assert running.resume(RESUME_CONFIRMATION, NOW) == ()
    assert running.check(intent(), view(), NOW).allowed


@pytest.mark.parametrize("content", ["", "{", "[]", '{"losing_streak": "many"}'])
def test_a_memory_that_cannot_be_read_opens_nothing(tmp_path, content):
    path = tmp_path / "risk.json"
    path.write_text(content)
    risk = manager(path=path, seeded=False)
    verdict = risk.check(intent(), view(), NOW)
    assert verdict.code is DenialCode.MEMORY_UNREADABLE
    assert risk.check(intent(reduces=True, side=SELL), view(), NOW).allowed
    assert risk.state(NOW) is TradingState.REDUCING
    assert path.read_text() == content


def test_usage_is_told_of_every_limit():
    risk = manager("exposure: {groups: {pair: {symbols: [BTCUSDT, ETHUSDT], max_notional_usdt: 4000}}}")
    account = view(
        positions=[position(size=10, liquidation=Decimal(70)), position("ETHUSDT", -5)],
        orders=[order(5)],
        equity=EQUITY - 100,
    )
    used = {each.name: each for each in risk.usage(account, NOW)}
    assert used["positions.max_notional_usdt"].used == 1500
    assert used["positions.max_open"].used == 2
    assert used["exposure.max_total_usdt"].used == 2000
    assert used["exposure.groups.pair.max_notional_usdt"].share == Decimal("0.375")
    assert used["positions.min_liquidation_distance_pct"].used == 30
    assert used["positions.min_liquidation_distance_pct"].share == Decimal(10) / 30
    assert used["losses.max_daily_pct"].used == 1
    nothing = {each.name: each.used for each in risk.usage(replace(account, last_price={}, wallet=None), NOW)}
    assert nothing["exposure.max_total_usdt"] is None

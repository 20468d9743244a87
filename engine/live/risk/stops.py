"""What stops the opening of positions: losses, drawdown, a losing streak, a liquidation.

None of them keeps anybody from getting out: they ask for REDUCING. Only a person halts everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from engine.exchange.trading.orders import ZERO
from engine.live.risk.limits import LossLimits
from engine.live.risk.record import WEEK_MS, Period, RiskRecord, loss_since
from engine.live.risk.verdict import DenialCode, StateReason, TradingState
from engine.timeframes import DAY_MS, MINUTE_MS

_HUNDRED = Decimal(100)


def loss_pct(record: RiskRecord, period: Period | None) -> Decimal | None:
    """Return the loss of a day or week in percent of the equity it began with; None if that is not known."""
    if period is None:
        return None
    if period.start_equity <= 0:
        return _HUNDRED
    return loss_since(record, period) / period.start_equity * _HUNDRED


def drawdown_pct(record: RiskRecord) -> Decimal | None:
    """Return how far the equity is below its highest, in percent of that; None if it is not known."""
    if record.equity is None or record.peak_equity is None:
        return None
    if record.peak_equity <= 0:
        return _HUNDRED
    return max(ZERO, (record.peak_equity - record.equity) / record.peak_equity * _HUNDRED)


def with_stops(record: RiskRecord, limits: LossLimits, now_ms: int) -> RiskRecord:
    """Return the record with the reasons that have come up and without those that have ended.

    A reason that has come up stays until it ends, also if the equity recovers.
    """
    standing = tuple(reason for reason in record.reasons if reason.holds_at(now_ms))
    codes = {reason.code for reason in standing}
    new = tuple(reason for reason in _come_up(record, limits, now_ms) if reason.code not in codes)
    if any(reason.code is DenialCode.LOSS_STREAK for reason in new):
        record = replace(record, losing_streak=0, streak_from_ms=now_ms)
    return replace(record, reasons=standing + new)


def _come_up(record: RiskRecord, limits: LossLimits, now_ms: int) -> Iterator[StateReason]:
    def reason(code: DenialCode, message: str, until_ms: int | None) -> StateReason:
        return StateReason(code, TradingState.REDUCING, message, now_ms, until_ms)

    losses = (
        (DenialCode.DAILY_LOSS, "today", record.day, limits.max_daily_pct, DAY_MS),
        (DenialCode.WEEKLY_LOSS, "this week", record.week, limits.max_weekly_pct, WEEK_MS),
    )
    for code, when, period, most, length_ms in losses:
        if period is None or now_ms >= period.start_ms + length_ms:
            continue
        lost = loss_pct(record, period)
        if lost is not None and lost >= Decimal(str(most)):
            message = f"{lost:.2f} % were lost {when}, the limit is {most:g} %"
            yield reason(code, message, period.start_ms + length_ms)
    fallen = drawdown_pct(record)
    if fallen is not None and fallen >= Decimal(str(limits.max_drawdown_pct)):
        message = (
            f"the equity is {fallen:.2f} % below its highest, the limit is {limits.max_drawdown_pct:g} %"
        )
        yield reason(DenialCode.DRAWDOWN, message, None)
    pause_ms = limits.streak_pause_minutes * MINUTE_MS
    if pause_ms and record.losing_streak >= limits.streak_trades:
        message = f"{record.losing_streak} losing trades in a row, a pause of {pause_ms // MINUTE_MS} minutes"
        yield reason(DenialCode.LOSS_STREAK, message, now_ms + pause_ms)


def halted_by(
    record: RiskRecord, code: DenialCode, state: TradingState, message: str, now_ms: int
) -> RiskRecord:
    """Return the record with a reason that stays until somebody resumes; a known one keeps its time."""
    if any(reason.code is code for reason in record.reasons):
        return record
    # characters that no encoding has could not be written down
    said = message.encode(errors="replace").decode()
    return replace(record, reasons=(*record.reasons, StateReason(code, state, said, now_ms)))


def resumed(record: RiskRecord, limits: LossLimits, now_ms: int) -> RiskRecord:
    """Return the record after a person resumed: no reason stays but those that come up again at once.

    The drawdown is counted from the equity of now on; the losses of the day and the week are not forgiven.
    """
    record = replace(record, reasons=(), peak_equity=record.equity, losing_streak=0, streak_from_ms=now_ms)
    return with_stops(record, limits, now_ms)

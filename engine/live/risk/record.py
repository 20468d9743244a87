"""What the risk manager remembers, as one immutable value, and the arithmetic of its losses.

Losses are counted twice and the greater counts: by the equity since the day's start (which sees what is not
realised, fees and funding, and takes a withdrawal for a loss), and by the closed positions of the day (which
no deposit can hide). Days begin at 00:00 UTC, weeks on Monday.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.exchange.trading.orders import ZERO, ClosedPnl, OrderSide
from engine.live.risk.verdict import StateReason
from engine.timeframes import DAY_MS

WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # 1 January 1970 was a Thursday
_REMEMBERED_CLOSES = 200


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a week: when it began, and with which equity (USDT)."""

    start_ms: int
    start_equity: Decimal


@dataclass(frozen=True, slots=True)
class DayTotal:
    """What positions closed on a day have brought, in USDT."""

    start_ms: int
    pnl: Decimal


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed position that was counted; `symbol`, `order_id` and `ts_ms` tell it from others."""

    symbol: str
    order_id: str
    ts_ms: int
    pnl: Decimal

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from others."""
        return self.symbol, self.order_id, self.ts_ms


@dataclass(frozen=True, slots=True)
class InFlight:
    """An order that may be on its way, in the book, or filled and not yet seen in the position.

    `price` is what its exposure is counted at, `sent_ms` when it was let through. Once the exchange has told
    that it is over, `ended_ms` is when, and `size` is what was filled. `missing_ms` is when the account was
    first read without it, since it was last seen. `filled` is what its executions have told, up to
    `filled_ms`.
    """

    order_link_id: str
    symbol: str
    side: OrderSide
    size: Decimal
    price: Decimal
    sent_ms: int
    missing_ms: int | None = None
    ended_ms: int | None = None
    filled: Decimal = ZERO
    filled_ms: int = 0

    @property
    def shown_ms(self) -> int | None:
        """From when on a position shows what it has filled; None if it is not known to be over.

        By its last execution, where all are known: the exchange may stamp an order later than its position.
        """
        return self.filled_ms if self.ended_ms is not None and self.filled == self.size else self.ended_ms


@dataclass(frozen=True, slots=True)
class RiskRecord:
    """Everything that has to survive a restart.

    Parameters
    ----------
    equity, equity_ms : Decimal and int, or None
        As last known (USDT), and when.
    peak_equity : Decimal or None
        The highest ever; a resume after a drawdown begins it anew.
    day, week : Period or None
        The current ones.
    realised : tuple of DayTotal
        Of the last eight days on which something was closed.
    closes : tuple of Closed
        The last 200, so that none is counted twice.
    losing_streak, streak_from_ms : int
        Losing trades in a row, since that time: a pause begins the count anew.
    sent_ms : tuple of int
        When orders were sent in the last minute.
    in_flight : tuple of InFlight
        Orders whose outcome is not in the account yet.
    settled_ms : int
        When the account was read by which orders were last found to have settled: an older reading does not
        know them.
    reasons : tuple of StateReason
        Why trading is not free.
    """

    equity: Decimal | None = None
    equity_ms: int | None = None
    peak_equity: Decimal | None = None
    day: Period | None = None
    week: Period | None = None
    realised: tuple[DayTotal, ...] = ()
    closes: tuple[Closed, ...] = ()
    losing_streak: int = 0
    streak_from_ms: int = 0
    sent_ms: tuple[int, ...] = ()
    in_flight: tuple[InFlight, ...] = ()
    settled_ms: int = 0
    reasons: tuple[StateReason, ...] = ()


def day_start(ts_ms: int) -> int:
    """Return the 00:00 UTC before or at a time."""
    return ts_ms - ts_ms % DAY_MS


def week_start(ts_ms: int) -> int:
    """Return the Monday 00:00 UTC before or at a time."""
    return ts_ms - (ts_ms - _MONDAY_MS) % WEEK_MS


def with_equity(record: RiskRecord, equity: Decimal, now_ms: int) -> RiskRecord:
    """Return the record after the equity was seen to be `equity` (USDT) at `now_ms`.

    A new day or week begins with the higher of this equity and the one before, if that is of the period
    before: what was lost around midnight or while nobody looked counts for the new one. An observation that
    is older than the last changes nothing.
    """
    if record.equity_ms is not None and now_ms < record.equity_ms:
        return record
    return replace(
        record,
        equity=equity,
        equity_ms=now_ms,
        peak_equity=equity if record.peak_equity is None else max(record.peak_equity, equity),
        day=_period(record.day, record, equity, day_start(now_ms), DAY_MS),
        week=_period(record.week, record, equity, week_start(now_ms), WEEK_MS),
    )


def _period(
    known: Period | None, record: RiskRecord, equity: Decimal, start_ms: int, length_ms: int
) -> Period:
    if known is not None and start_ms <= known.start_ms:
        return known
    before = record.equity
    if before is None or record.equity_ms is None or record.equity_ms < start_ms - length_ms:
        return Period(start_ms, equity)
    return Period(start_ms, max(before, equity))


def with_closed(record: RiskRecord, closed: ClosedPnl) -> RiskRecord:
    """Return the record after a position was closed; unchanged if that was counted before."""
    new = Closed(closed.symbol, closed.order_id, closed.ts_ms, closed.pnl)
    if any(new.key == known.key for known in record.closes):
        return record
    return replace(
        record,
        realised=_added(record.realised, day_start(new.ts_ms), new.pnl),
        closes=_latest((*record.closes, new)),
        losing_streak=_streak(record, record.losing_streak, new),
    )


def seeded(record: RiskRecord, closed: Sequence[ClosedPnl], equity: Decimal, now_ms: int) -> RiskRecord:
    """Return the record after the exchange has told what was closed lately and the equity now.

    Of each day the greater loss counts: that of the record, or that of the exchange together with what the
    record knows and the exchange does not tell yet. Of the losing streak the longer one. The day and the
    week began at least with the equity that is left when what they have realised is taken back.

    Parameters
    ----------
    record : RiskRecord
        As remembered.
    closed : sequence of ClosedPnl
        At least those of this week, in any order.
    equity : Decimal
        USDT.
    now_ms : int
        UTC epoch milliseconds.
    """
    told = {each.key: each for each in (Closed(c.symbol, c.order_id, c.ts_ms, c.pnl) for c in closed)}
    untold = tuple(known for known in record.closes if known.key not in told)
    in_order = sorted((*told.values(), *untold), key=lambda each: each.ts_ms)
    totals: tuple[DayTotal, ...] = ()
    streak = 0
    for each in in_order:
        totals = _added(totals, day_start(each.ts_ms), each.pnl)
        streak = _streak(record, streak, each)
    for known in record.realised:
        reckoned = _total(totals, known.start_ms)
        if known.pnl < reckoned or not any(each.start_ms == known.start_ms for each in totals):
            totals = _added(totals, known.start_ms, known.pnl - reckoned)
    record = replace(
        record,
        realised=totals,
        closes=_latest(in_order),
        losing_streak=max(streak, record.losing_streak),
    )
    record = with_equity(record, equity, now_ms)
    return replace(
        record,
        day=_at_least(record.day, equity - realised_since(record, day_start(now_ms))),
        week=_at_least(record.week, equity - realised_since(record, week_start(now_ms))),
    )


def _streak(record: RiskRecord, streak: int, closed: Closed) -> int:
    if closed.ts_ms <= record.streak_from_ms:
        return streak
    return streak + 1 if closed.pnl < 0 else 0


def _at_least(period: Period | None, equity: Decimal) -> Period | None:
    return None if period is None else replace(period, start_equity=max(period.start_equity, equity))


def _added(totals: tuple[DayTotal, ...], start_ms: int, pnl: Decimal) -> tuple[DayTotal, ...]:
    by_day = {each.start_ms: each.pnl for each in totals}
    by_day[start_ms] = by_day.get(start_ms, ZERO) + pnl
    first = max(by_day) - WEEK_MS
    return tuple(DayTotal(day, total) for day, total in sorted(by_day.items()) if day >= first)


def _total(totals: Iterable[DayTotal], start_ms: int) -> Decimal:
    return sum((each.pnl for each in totals if each.start_ms == start_ms), ZERO)


def _latest(closes: Sequence[Closed]) -> tuple[Closed, ...]:
    return tuple(sorted(closes, key=lambda each: each.ts_ms)[-_REMEMBERED_CLOSES:])


def realised_since(record: RiskRecord, start_ms: int) -> Decimal:
    """Return what was realised on the days from `start_ms` on, in USDT."""
    return sum((each.pnl for each in record.realised if each.start_ms >= start_ms), ZERO)


def loss_since(record: RiskRecord, period: Period) -> Decimal:
    """Return the loss of a day or week in USDT by the worse of the two counts; 0 if it is a gain."""
    by_equity = ZERO if record.equity is None else period.start_equity - record.equity
    return max(ZERO, by_equity, -realised_since(record, period.start_ms))

"""The policy tested over history: promotion decided month by month with only the data known then.

At the end of each month everything later is cut off, the card is backtested on what is left and judged as it
would have been that day. What it then did in the months after is a run of its own, with a new account. The
policy is worth having if those it promoted did better than those it refused.

What this cannot undo: the card is today's, so whoever wrote it may have known the whole history, and the
exchange's trading rules are those of today.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.backtest.engine import BacktestEngine
from engine.backtest.history import History
from engine.backtest.measure import evaluate, measure
from engine.backtest.prepare import prepare_history
from engine.errors import ConfigurationError, DataError
from engine.gates.known_market import KnownMarket
from engine.idea_card.parameter_space import ParameterSpace
from engine.promotion.ledger import LedgerEntry
from engine.promotion.policy import PromotionDecision, Stage, decide_run
from engine.promotion.stages import Standing
from engine.promotion.steps import Subject, decide_validated
from engine.promotion.validation import ValidationSettings, validate
from engine.strategies.card_plan import CardPlan, plan_card
from engine.timeframes import Timeframe, format_utc


@dataclass(frozen=True)
class Ahead:
    """What a card did after a decision, on a new account from that moment on.

    Attributes
    ----------
    start_ms, end_ms : int
    net_return_pct, max_drawdown_pct : float
    trades : int
    """

    start_ms: int
    end_ms: int
    net_return_pct: float
    max_drawdown_pct: float
    trades: int


@dataclass(frozen=True)
class ReplayedDecision:
    """A decision as it would have been taken at the end of a month, and what came of it.

    Attributes
    ----------
    card_id, symbol : str
    timeframe : Timeframe
    moment_ms : int
        The end of the month: everything that closed or was stamped by then was known.
    decisions : tuple of PromotionDecision
        Backtested, then validated where that was asked for and reached; those that could be taken.
    not_judged : str
        Why one of them could not, on the data known then; else empty.
    ahead : Ahead or None
        None where the history does not reach far enough.
    """

    card_id: str
    symbol: str
    timeframe: Timeframe
    moment_ms: int
    decisions: tuple[PromotionDecision, ...]
    not_judged: str
    ahead: Ahead | None

    @property
    def judged(self) -> bool:
        """Whether every decision that was called for could be taken."""
        return not self.not_judged

    @property
    def promoted(self) -> bool:
        """Whether every stage asked for was reached."""
        return self.judged and self.decisions[-1].promoted

    @property
    def refused_by(self) -> str | None:
        """The gate that refused; None where none did, or not everything could be judged."""
        return self.decisions[-1].refused_by if self.judged else None


@dataclass(frozen=True)
class ReplaySettings:
    """How promotion is replayed.

    Attributes
    ----------
    stage : Stage
        BACKTESTED, or VALIDATED, which gathers the whole evidence each month for those that are backtested.
    months_ahead : int
        How long what came after is looked at.
    validation : ValidationSettings
        How much evidence is gathered for VALIDATED.
    workers : int
        Threads for that; nothing depends on them.
    """

    stage: Stage = Stage.BACKTESTED
    months_ahead: int = 1
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    workers: int = 1


def month_ends(start_ms: int, end_ms: int) -> tuple[int, ...]:
    """Return the moments at which a UTC month ends, from `start_ms` to `end_ms`, both included.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    moments = []
    moment = start_ms if _is_month_end(start_ms) else months_later(start_ms, 1)
    while moment <= end_ms:
        moments.append(moment)
        moment = months_later(moment, 1)
    if not moments:
        raise ConfigurationError(
            f"no month ends between {format_utc(start_ms)} and {format_utc(end_ms)}",
            way_out="give a longer time: each month's end is a decision",
        )
    return tuple(moments)


def months_later(moment_ms: int, months: int) -> int:
    """Return the first moment (UTC ms) of the month that is `months` after that of `moment_ms`."""
    at = datetime.fromtimestamp(moment_ms / 1000, UTC)
    years, month = divmod(at.month - 1 + months, 12)
    return calendar.timegm((at.year + years, month + 1, 1, 0, 0, 0)) * 1000


def _is_month_end(moment_ms: int) -> bool:
    return months_later(moment_ms, 0) == moment_ms


def replay(
    space: ParameterSpace,
    history: History,
    moments: Sequence[int],
    settings: ReplaySettings,
    *,
    on_month: Callable[[int], None] | None = None,
) -> tuple[ReplayedDecision, ...]:
    """Replay promotion of a card, with its default parameters, on one symbol.

    Parameters
    ----------
    space : ParameterSpace
    history : History
        Whatever there is; each decision is taken on the part of it that was known.
    moments : sequence of int
        When to decide, UTC ms; see `month_ends`.
    settings : ReplaySettings
    on_month : callable, optional
        Told of each moment when its decision begins.

    Returns
    -------
    tuple of ReplayedDecision
        One for each moment, in their order. Cutting the history after a moment changes none up to it.
    """
    market, plan = KnownMarket.of(history), plan_card(space.card)
    rows = []
    for moment in moments:
        if on_month is not None:
            on_month(moment)
        decisions, not_judged = _decided(space, plan, market.until(moment).history(), moment, settings)
        rows.append(
            ReplayedDecision(
                card_id=plan.card.id,
                symbol=history.symbol,
                timeframe=plan.card.timeframes.exec,
                moment_ms=moment,
                decisions=decisions,
                not_judged=not_judged,
                ahead=_ahead(plan, market, moment, months_later(moment, settings.months_ahead)),
            )
        )
    return tuple(rows)


def _decided(
    space: ParameterSpace, plan: CardPlan, known: History, moment: int, settings: ReplaySettings
) -> tuple[tuple[PromotionDecision, ...], str]:
    """Return the decisions on what was known at a moment, and why one of them could not be taken."""
    try:
        result = BacktestEngine().run(prepare_history(plan, known))
    except DataError as error:
        return (), error.problem
    first = decide_run(result, measure(result), plan.card.promotion, decided_at_ms=moment)
    if settings.stage is Stage.BACKTESTED or not first.promoted:
        return (first,), ""
    try:
        found = validate(
            space,
            space.defaults,
            known,
            settings=settings.validation,
            policy=plan.card.promotion.validation,
            workers=settings.workers,
        )
    except (DataError, ConfigurationError) as error:  # too short for the windows or the blocks
        return (first,), error.problem
    # as it would stand in a ledger that begins with this month's backtest
    stands = Standing().after(LedgerEntry(1, first, ""))
    second = decide_validated(
        Subject(plan.card, known.symbol, plan.system_hash),
        found,
        stands,
        settings=settings.validation,
        data_fingerprint=known.fingerprint_with(plan.inputs()),
        decided_at_ms=moment,
        least=settings.validation,
    )
    return (first, second), ""


def _ahead(plan: CardPlan, market: KnownMarket, start_ms: int, end_ms: int) -> Ahead | None:
    """Return what the card did from one moment to another; None where the history ends before that."""
    timeframe = plan.card.timeframes.exec
    opens = market.candles[timeframe].ts_open
    if not len(opens) or int(opens[-1]) + timeframe.ms < end_ms:
        return None
    try:
        prepared = prepare_history(plan, market.until(end_ms).history(), start_ms=start_ms)
    except DataError:
        return None
    metrics = evaluate(prepared)
    return Ahead(start_ms, end_ms, metrics.net_return_pct, metrics.max_drawdown_pct, metrics.trades)

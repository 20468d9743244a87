"""The limits: `risk.yaml` of an environment, strict as a card, each with its default and the reason for it.

The defaults are those of somebody who leaves the machine alone for a week: a bad day costs 3 % and a bad
week 6 %, and no single mistake (a wrong size, a wrong price, a loop that sends orders) costs more than the
bad day. Percentages are written as 3 for 3 %; losses are counted in UTC days and in weeks from Monday.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, override

from pydantic import Field

from engine.errors import CardError, ConfigurationError
from engine.idea_card.base import CardPart, Count, Name, Positive, PositiveCount, SharePct, Text, at
from engine.idea_card.findings import Finding
from engine.idea_card.trading_session import TradingSession
from engine.idea_card.validation import card_problems
from engine.idea_card.yaml_source import parse_yaml, read_text


class OrderLimits(CardPart):
    """Of a single order that opens."""

    max_notional_usdt: Positive = 20_000
    """Size times price: twice the 10,000 USDT that a sandbox or demo account starts with, enough for a card
    that risks 1 % of it with a stop 0.5 % away. For real money begin far lower."""
    max_distance_from_last_pct: SharePct = 5
    """Fat finger: how far a limit or trigger price, or the price a market order was decided at, may be from
    the last price. Entries a card places lie within a bar's range; what is further is a misplaced digit."""
    max_per_minute: PositiveCount = 30
    """Orders sent within any minute. Twenty cards that all act at one close send twenty; a loop sends
    hundreds."""


class PositionLimits(CardPart):
    """Of positions, counted as if all open orders had filled."""

    max_notional_usdt: Positive = 25_000
    """Of one symbol: an order of the largest size, and a small one added to it."""
    max_leverage: Annotated[float, Field(ge=1, le=100)] = 5
    """As set for the symbol at the exchange. At 5 the market has to move almost 20 % to liquidate."""
    max_open: PositiveCount = 5
    """Symbols with a position or an order that opens one."""
    min_liquidation_distance_pct: SharePct = 10
    """From the mark to the price of liquidation, in percent of the mark: a bad day of a large coin, twice."""


class CorrelationGroup(CardPart):
    """Symbols that fall together."""

    symbols: Annotated[tuple[Text, ...], Field(strict=False, min_length=2)]
    """Which."""
    max_notional_usdt: Positive
    """Of their longs together, and of their shorts together: what is on both sides is no common risk."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        symbols = block.get("symbols")
        if isinstance(symbols, list):
            for position, symbol in enumerate(symbols):
                if symbol in symbols[:position]:
                    yield Finding(("symbols", position), "is there twice", "name each symbol once", symbol)


class ExposureLimits(CardPart):
    """Of all positions together, counted as if all open orders had filled."""

    max_total_usdt: Positive = 30_000
    """Longs and shorts added up."""
    max_account_leverage: Annotated[float, Field(gt=0, le=100)] = 3
    """The same, as a multiple of the equity: at 3 a fall of 10 % of everything costs 30 %."""
    groups: dict[Name, CorrelationGroup] = Field(
        default_factory=lambda: {
            "majors": CorrelationGroup(symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT"), max_notional_usdt=25_000)
        }
    )
    """Groups by name. A symbol may be in several."""


class LossLimits(CardPart):
    """What stops the opening of positions."""

    max_daily_pct: SharePct = 3
    """Of the equity at 00:00 UTC. Reached, only reducing orders pass until the next day."""
    max_weekly_pct: SharePct = 6
    """Of the equity on Monday 00:00 UTC. Reached, only reducing orders pass until the next Monday."""
    max_drawdown_pct: SharePct = 15
    """From the highest equity ever seen: the circuit breaker. Reached, only reducing orders pass until a
    person resumes: a strategy that loses so much is not the one that was promoted."""
    streak_trades: PositiveCount = 5
    """So many losing trades in a row begin a pause."""
    streak_pause_minutes: Count = 240
    """How long it lasts: four hours, long enough for the market to become another. 0 for no pause."""


class FundingLimits(CardPart):
    """Of what funding costs."""

    max_cost_pct_of_equity: SharePct = 0.15
    """Of all positions together at their next settlements; what is received is not set against it. Three
    times the equity pays 0.03 % at the usual rate; five times that is a crowded side."""


class CertaintyLimits(CardPart):
    """How old and how different what is known may be, before nothing opens."""

    max_price_age_s: PositiveCount = 30
    """Of last and mark price: Bybit sends prices every second, and in a quiet market every half minute."""
    max_account_age_s: PositiveCount = 90
    """Of positions, orders and wallet: they are compared with the exchange every minute."""
    max_decision_age_s: PositiveCount = 30
    """Between a decision and its order: what was decided before an outage is not caught up with."""
    max_clock_offset_ms: PositiveCount = 1_000
    """Between our clock and the exchange's, which refuses requests stamped more than a second ahead."""


class RiskLimits(CardPart):
    """All limits of an environment. What a file leaves out has its default."""

    orders: OrderLimits = OrderLimits()
    """Of a single order."""
    positions: PositionLimits = PositionLimits()
    """Of single positions."""
    exposure: ExposureLimits = ExposureLimits()
    """Of all positions."""
    losses: LossLimits = LossLimits()
    """What stops trading."""
    funding: FundingLimits = FundingLimits()
    """What holding costs."""
    certainty: CertaintyLimits = CertaintyLimits()
    """When nothing is certain."""
    trading_hours: Annotated[tuple[TradingSession, ...], Field(strict=False)] = ()
    """When positions may be opened, UTC; leave it out for always."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        hours = block.get("trading_hours")
        for position, session in enumerate(hours if isinstance(hours, list) else ()):
            if at(session, "close_outside"):
                yield Finding(
                    ("trading_hours", position, "close_outside"),
                    "is a matter of cards",
                    "leave it out: the hours of the risk manager close nothing, they keep from opening",
                    session["close_outside"],
                )


# Real money is traded small until somebody writes down that it may be more.
LIVE_LIMITS = RiskLimits(
    orders=OrderLimits(max_notional_usdt=1_000),
    positions=PositionLimits(max_notional_usdt=2_000),
    exposure=ExposureLimits(
        max_total_usdt=5_000,
        max_account_leverage=2,
        groups={
            "majors": CorrelationGroup(symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT"), max_notional_usdt=4_000)
        },
    ),
)
"""The defaults of a live account."""


def load_risk_limits(path: Path, defaults: RiskLimits | None = None) -> RiskLimits:
    """Return the limits of the file at `path`; the defaults if there is no file, and for what it leaves out.

    Parameters
    ----------
    path : Path
        The file.
    defaults : RiskLimits, optional
        Those of the environment; the class's if not given.

    Raises
    ------
    ConfigurationError
        With every problem: file, line, key, value and what would be right.
    """
    base = RiskLimits() if defaults is None else defaults
    if not path.exists():
        return base
    try:
        text = read_text(path)
        says_nothing = not any(line.partition("#")[0].strip() for line in text.splitlines())
        return base if says_nothing else risk_limits_from_text(text, str(path), base)
    except CardError as error:
        listing = "\n".join(f"  - {problem}" for problem in error.problems)
        raise ConfigurationError(
            f"{path} does not say the limits of trading:\n{listing}",
            way_out="mend it, or remove it for the defaults; `trade risk limits` shows them",
        ) from None


def risk_limits_from_text(text: str, name: str, defaults: RiskLimits | None = None) -> RiskLimits:
    """Return the limits in YAML text; `name` stands for the file in messages.

    Raises
    ------
    CardError
        With every problem.
    """
    source = parse_yaml(text, name)
    if problems := card_problems(source.data, RiskLimits):
        raise source.error(problems)
    base = RiskLimits() if defaults is None else defaults
    return RiskLimits.model_validate(_written_over(base, source.data))


def _written_over(base: CardPart, written: dict[str, Any]) -> dict[str, Any]:
    """Return a block as written, with the values of `base` where it leaves one out."""
    block = base.model_dump()
    for name, value in written.items():
        known = getattr(base, name)
        block[name] = _written_over(known, value) if isinstance(known, CardPart) else value
    return block

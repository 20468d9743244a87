"""Gates on a run in shadow: whether what runs is what was tested."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from engine.errors import CorruptData
from engine.gates.figure import FigureGate
from engine.gates.threshold import Bound
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.idea_card.shadow_policy import ShadowPolicy
from engine.timeframes import DAY_MS, Timeframe


@dataclass(frozen=True, kw_only=True)
class ShadowEvidence:
    """What a run in shadow came to, next to a backtest over the same candles.

    Attributes
    ----------
    card_id, system_hash, symbol : str
    timeframe : Timeframe
        The exec timeframe.
    run_id : str
        Names the run in shadow.
    data_fingerprint : str
        Of the candles the backtest beside it ran over.
    engine_version : str
    start_ms, end_ms : int
        From the first close that was decided at to the last, UTC milliseconds.
    closes : int
        Exec candles that closed in that time, those missed in an outage too.
    decisions_compared, decision_differences : int
        At how many of these closes the decision was compared with the backtest's, and how many differ.
    fill_differences : int
        Fills that only one of the two has, or that differ in size.
    fill_price_bps : float or None
        Mean distance of the fill prices of the run from the backtest's, in bps, positive against the
        trader; None without a fill that both have.
    trades : int
        Closed ones.
    max_drawdown_pct : float
    net_return_pct : float
        Shown, and judged by no gate.
    first_difference : str
        When and what the first difference was, in words; empty if there is none.
    """

    card_id: str
    system_hash: str
    symbol: str
    timeframe: Timeframe
    run_id: str
    data_fingerprint: str
    engine_version: str
    start_ms: int
    end_ms: int
    closes: int
    decisions_compared: int
    decision_differences: int
    fill_differences: int
    fill_price_bps: float | None
    trades: int
    max_drawdown_pct: float
    net_return_pct: float
    first_difference: str = ""

    @property
    def days(self) -> float:
        """How long it ran, in days."""
        return (self.end_ms - self.start_ms) / DAY_MS

    @property
    def compared_pct(self) -> float:
        """Share of the closes at which decisions were compared, in %; NaN without a close."""
        return 100.0 * self.decisions_compared / self.closes if self.closes else math.nan

    def to_plain(self) -> dict[str, Any]:
        """Return plain data that JSON can hold; `from_plain` gives the evidence back."""
        return asdict(self) | {"timeframe": self.timeframe.value}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the evidence of a plain form.

        Raises
        ------
        CorruptData
            If it is not the plain form of such evidence.
        """
        try:
            return cls(**{**plain, "timeframe": Timeframe(plain["timeframe"])})
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptData(f"this is not the plain form of shadow evidence: {error!r}") from error


@dataclass(frozen=True)
class ShadowJudged:
    """What the shadow gates judge: a run in shadow by the policy of its card."""

    run: ShadowEvidence
    promotion: PromotionPolicy

    @property
    def where(self) -> str:
        """The card and what it ran on, for violations."""
        return f"{self.run.card_id} on {self.run.symbol} {self.run.timeframe}, in shadow"

    @property
    def policy(self) -> ShadowPolicy:
        """The thresholds."""
        return self.promotion.shadow


class ShadowGate(FigureGate[ShadowJudged]):
    """Compares one figure of a run in shadow with its threshold in the card's `promotion.shadow`."""

    def observed(self, evidence: ShadowJudged) -> float | None:
        """Return the figure."""
        value: float | None = getattr(evidence.run, self.figure)
        return value


class ShadowDaysGate(ShadowGate):
    """Refuse a run that was too short."""

    name = "min_shadow_days"
    checks = "The card ran in shadow for long enough."
    figure = "days"
    title = "Days in shadow"
    remedy = "Let it go on running: trade live start --mode shadow."


class ShadowComparedGate(ShadowGate):
    """Refuse a run that was down too often."""

    name = "min_shadow_compared_pct"
    checks = "Nearly every close was decided at, and compared with the backtest."
    figure = "compared_pct"
    title = "Closes compared"
    unit = " %"
    remedy = "Find what stopped the runner; a new run begins a new count."


class ShadowDecisionsGate(ShadowGate):
    """Refuse a run that decided otherwise than the backtest over the same candles."""

    name = "max_shadow_decision_differences"
    checks = "Every decision is that of a backtest over the same candles."
    figure = "decision_differences"
    title = "Decisions that differ"
    bound = Bound.AT_MOST
    remedy = "Look at the first difference in the journal: candles that came late, or a fault to report."


class ShadowFillsGate(ShadowGate):
    """Refuse a run with other fills than the backtest's."""

    name = "max_shadow_fill_differences"
    checks = "Every fill is one of the backtest over the same candles, in the same size."
    figure = "fill_differences"
    title = "Fills that differ"
    bound = Bound.AT_MOST
    remedy = "Look at the fills in the journal: what only one of the two has changes all that comes after."


class ShadowPricesGate(ShadowGate):
    """Refuse a run that was filled much worse than assumed."""

    name = "max_shadow_fill_price_bps"
    checks = "Fills cost little more than the card assumes."
    figure = "fill_price_bps"
    title = "Mean distance of fill prices"
    unit = " bps"
    bound = Bound.AT_MOST
    remedy = "Raise slippage_bps in the card to what was seen, and validate it again with that."


class ShadowTradesGate(ShadowGate):
    """Refuse a run with too few trades."""

    name = "min_shadow_trades"
    checks = "There are enough trades to have seen how they end."
    figure = "trades"
    title = "Trades in shadow"
    remedy = "Let it go on running until it has them."


class ShadowDrawdownGate(ShadowGate):
    """Refuse a run that fell deeper than the card allows."""

    name = "max_shadow_drawdown_factor"
    checks = "The run fell no deeper than the card allows."
    figure = "max_drawdown_pct"
    title = "Drawdown in shadow"
    unit = " %"
    bound = Bound.AT_MOST
    remedy = "Weeks went worse than the years before them: look for what has changed before going on."

    def threshold(self, evidence: ShadowJudged) -> float:
        """Return the card's own limit times the factor, at most 100 %."""
        limit = evidence.promotion.max_drawdown_pct
        return min(evidence.policy.max_shadow_drawdown_factor * limit, 100.0)


# Was there a run, is it the same system, what did that cost.
SHADOW_GATES: tuple[ShadowGate, ...] = (
    ShadowDaysGate(),
    ShadowComparedGate(),
    ShadowDecisionsGate(),
    ShadowFillsGate(),
    ShadowTradesGate(),
    ShadowPricesGate(),
    ShadowDrawdownGate(),
)

"""A card and the history it runs over: what the gates on a run judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from engine.backtest.detail_report import simulated
from engine.backtest.engine import BacktestEngine
from engine.backtest.history import History
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.backtest.result import BacktestResult
from engine.gates.trace import RunTrace, traced
from engine.market_data.stored_market import StoredMarket
from engine.strategies.card_plan import CardPlan


@dataclass(frozen=True, eq=False)
class CardRun:
    """A card over the history of one symbol.

    Attributes
    ----------
    plan : CardPlan
    history : History
        Of the card's timeframes; features that were computed before are taken as they are.
    stored : StoredMarket or None
        What the history was healed from; None where it comes from elsewhere.
    """

    plan: CardPlan
    history: History
    stored: StoredMarket | None = None

    @property
    def where(self) -> str:
        """What is judged, for violations: "trend_pullback on BTCUSDT 15m"."""
        return f"{self.plan.card.id} on {self.history.symbol} {self.plan.card.timeframes.exec}"

    @cached_property
    def prepared(self) -> PreparedFrame:
        """What is run. Raises as `prepare_history` does."""
        return prepare_history(self.plan, self.history)

    @cached_property
    def trace(self) -> RunTrace:
        """What the run knew and did, with the features the history came with. Raises as `prepared` does."""
        return traced(self.prepared, simulated(self.prepared))

    @cached_property
    def result(self) -> BacktestResult:
        """The backtest, run when it is first asked for. Raises as `prepared` does."""
        return BacktestEngine().run(self.prepared)

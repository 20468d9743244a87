"""Random cards through everything, one after another, and what came of it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import yaml
from upath import UPath

from engine.backtest.artifacts import read_artifacts, write_artifacts
from engine.backtest.result import BacktestResult
from engine.errors import CorruptData, GateRefused, TradeError
from engine.gates.base import Gate, GateResult, GateViolation
from engine.gates.card_run import CardRun
from engine.gates.known_market import KnownMarket
from engine.gates.lookahead import LookAheadGate, look_ahead_evidence
from engine.gates.random_cards import RandomCard, random_card
from engine.gates.schemas import SchemaGate, run_frames
from engine.hashing import canonical_json
from engine.idea_card.load import card_from_text
from engine.strategies.card_plan import CardPlan, plan_card

# A handful of moments for each card; what one card's cuts miss, another's find.
_RANDOM_CUTS, _MOST_VALUES = 4, 500_000
# What a fault of ours looks like, beside the errors raised on purpose.
_FAULTS = (TradeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)


@dataclass(frozen=True)
class BatchFailure:
    """A card that did not get through.

    Attributes
    ----------
    number : int
        The card's, of the batch's seed.
    step : str
        Where it failed: load, backtest, metrics, schemas, artifacts, look_ahead.
    error : str
    card : str
        The card as YAML: it reproduces the failure.
    """

    number: int
    step: str
    error: str
    card: str


@dataclass(frozen=True)
class BatchSummary:
    """What came of a batch.

    Attributes
    ----------
    seed : int
    cards : int
    with_trades : int
        Cards that traded at all.
    trades : int
    kinds : mapping of str to mapping of str to int
        By family ("stop_loss") and kind ("structure"): how many cards have it.
    failures : tuple of BatchFailure
    """

    seed: int
    cards: int
    with_trades: int
    trades: int
    kinds: Mapping[str, Mapping[str, int]]
    failures: tuple[BatchFailure, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return plain data that JSON can hold."""
        return asdict(self)


class CardBatchGate(Gate[BatchSummary]):
    """Refuse a batch of which a card did not get through."""

    name = "card_generator"
    checks = "Random valid cards get through: load, backtest, metrics, schemas, artifacts, look-ahead."

    def run(self, evidence: BatchSummary) -> GateResult:
        """Return the verdict, with a violation for each card that failed."""
        summary = (
            f"{evidence.cards} cards of seed {evidence.seed}, {len(evidence.failures)} did not get through; "
            f"{evidence.with_trades} traded, {evidence.trades:,} trades; "
            f"{sum(map(len, evidence.kinds.values()))} kinds of things"
        )
        found = tuple(
            GateViolation(
                where=f"card {failure.number} of seed {evidence.seed}, {failure.step}",
                what="a valid card does not get through",
                how_much=failure.error,
                remedy=f"The card: engine.gates.random_cards.random_card({evidence.seed}, {failure.number}).",
            )
            for failure in evidence.failures
        )
        return GateResult(self.name, self.checks, self.severity, summary, found)


def run_batch(
    market: KnownMarket, *, cards: int, seed: int, on_card: Callable[[int], None] | None = None
) -> BatchSummary:
    """Send random cards through everything.

    Parameters
    ----------
    market : KnownMarket
        With every timeframe of `random_cards.MARKET_TIMEFRAMES` and as many days as `MARKET_DAYS`.
    cards : int
        How many.
    seed : int
        Of the cards: the same seed, the same cards, the same summary.
    on_card : callable, optional
        Told the number of each card when it is through.
    """
    kinds: dict[str, Counter[str]] = {}
    failures: list[BatchFailure] = []
    trades: list[int] = []
    for number in range(cards):
        drawn = random_card(seed, number)
        for family, of in drawn.kinds.items():
            kinds.setdefault(family, Counter()).update(of)
        passing = _Passing(drawn, market)
        failure = passing.through_everything()
        if failure is not None:
            failures.append(failure)
        trades.append(passing.trades)
        if on_card is not None:
            on_card(number)
    return BatchSummary(
        seed=seed,
        cards=cards,
        with_trades=sum(count > 0 for count in trades),
        trades=sum(trades),
        kinds={family: dict(sorted(kinds[family].items())) for family in sorted(kinds)},
        failures=tuple(failures),
    )


class _Passing:
    """One card on its way through the steps; each leaves what the next takes."""

    def __init__(self, drawn: RandomCard, market: KnownMarket) -> None:
        self._drawn = drawn
        self._text = yaml.safe_dump(drawn.plain, sort_keys=False)
        self._market = market
        self._plan: CardPlan
        self._run: CardRun
        self._result: BacktestResult
        self.trades = 0

    def through_everything(self) -> BatchFailure | None:
        """Take every step; return what failed, None if nothing did."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("load", self._load),
            ("backtest", self._backtest),
            ("schemas", self._schemas),
            ("artifacts", self._artifacts),
            ("look_ahead", self._look_ahead),
        )
        for name, step in steps:
            try:
                step()
            except _FAULTS as error:
                told = f"{type(error).__name__}: {error}"
                return BatchFailure(self._drawn.number, name, told, self._text)
        return None

    def _load(self) -> None:
        self._plan = plan_card(card_from_text(self._text, f"{self._drawn.plain['id']}.yaml"))
        wanted = self._plan.card.timeframes.all_timeframes().values()
        candles = {timeframe: self._market.candles[timeframe] for timeframe in wanted}
        self._run = CardRun(self._plan, replace(self._market, candles=candles).history())

    def _backtest(self) -> None:
        self._result = self._run.result
        self.trades = len(self._result.trades)

    def _schemas(self) -> None:
        # the metrics are among the frames
        _refuse(SchemaGate().run(run_frames(self._run)))

    def _artifacts(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_artifacts(self._result, UPath(folder))
            back = read_artifacts(UPath(folder))
        if canonical_json(back.summary()) != canonical_json(self._result.summary()):
            raise CorruptData("the summary that was written is not the one that is read back")

    def _look_ahead(self) -> None:
        evidence = look_ahead_evidence(self._plan, self._run.history)
        _refuse(LookAheadGate().run(replace(evidence, random_cuts=_RANDOM_CUTS, most_values=_MOST_VALUES)))


def _refuse(result: GateResult) -> None:
    if not result.passed:
        raise GateRefused("\n".join(map(str, result.violations)))

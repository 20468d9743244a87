"""Opening a run: anew with its warm-up, or where it was left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import ConfigurationError
from engine.live.decider import refuse_unready
from engine.live.journal import Journal
from engine.live.run_folder import RunFolder, RunIdentity, RunMode, run_cards, run_name
from engine.live.runner import Runner, open_runner, refuse_other_cards
from engine.live.shadow import ShadowLeg, refuse_strategy
from engine.live.warmup import warm_up
from engine.market_data.market_client import MarketDataClient
from engine.redaction import Redactor
from engine.strategies.card_plan import CardPlan


@dataclass(frozen=True)
class OpenRun:
    """A run that is open: to be closed, or used as a context.

    Attributes
    ----------
    folder : RunFolder
    journal : Journal
    runner : Runner
    """

    folder: RunFolder
    journal: Journal
    runner: Runner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.journal.close()


def prepare_folder(
    mode: RunMode,
    plans: Sequence[CardPlan],
    symbols: Sequence[str] | None,
    client: MarketDataClient,
    root: Path,
    *,
    now_ms: int,
    history_start_ms: int,
) -> RunFolder:
    """Return the folder of a run, made with its warm-up where the run was never started.

    Parameters
    ----------
    mode : RunMode
    plans : sequence of CardPlan
    symbols : sequence of str or None
        Of the cards' symbols; all of them if None.
    client : MarketDataClient
    root : Path
        Folder of the runs of all modes.
    now_ms : int
        The exchange's clock.
    history_start_ms : int
        How far back an indicator that never forgets looks.

    Raises
    ------
    ConfigurationError
        If a symbol is none of a card's, or a card cannot be run this way, or has changed since.
    ExchangeError, DataError
        If the exchange does not give what the cards look at.
    """
    if not plans:
        raise ConfigurationError("there is no card to run", way_out="name at least one")
    for plan in plans:
        refuse_strategy(plan)
    cards = run_cards(plans, symbols)
    folder = RunFolder(root / mode.value / run_name(cards))
    if folder.exists:
        refuse_other_cards(folder, plans)
        return folder
    markets = {}
    for symbol in dict.fromkeys(symbol for card in cards for symbol in card.symbols):
        on_it = [plan for plan, card in zip(plans, cards, strict=True) if symbol in card.symbols]
        market = warm_up(on_it, symbol, client, now_ms=now_ms, history_start_ms=history_start_ms)
        for plan in on_it:
            refuse_unready(plan, market, now_ms)
        markets[symbol] = market
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    folder.create(RunIdentity(mode, client.identity(), now_ms, cards), markets)
    return folder


def open_shadow(
    folder: RunFolder,
    plans: Sequence[CardPlan],
    client: MarketDataClient,
    *,
    now_ms: int,
    redactor: Redactor | None = None,
) -> OpenRun:
    """Open a shadow run where its journal ends.

    Raises
    ------
    CorruptData
        If the folder cannot be read, or its journal does not fit.
    """
    identity, markets = folder.identity(), folder.markets()
    by_id = {plan.card.id: plan for plan in plans}
    journal = Journal(folder.journal_path, redactor)
    legs = []
    for card in identity.cards:
        for symbol in card.symbols:
            plan = by_id[card.card_id]
            first_open = markets[symbol].series[plan.card.timeframes.exec].next_open
            legs.append(ShadowLeg(plan, markets[symbol], first_open, journal))
    runner = open_runner(
        folder, markets, client, journal, legs, with_marks=True, with_funding=True, now_ms=now_ms
    )
    return OpenRun(folder, journal, runner)

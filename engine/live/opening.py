"""Opening a run: anew with its warm-up, or where it was left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import ConfigurationError
from engine.exchange.session import BybitSession
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.private_stream import PrivateStream
from engine.features.inputs import FUNDING_INPUTS, MARK_INPUTS
from engine.live.account_book import AccountBook
from engine.live.account_leg import AccountLeg
from engine.live.account_watch import AccountKeeper
from engine.live.decider import refuse_unready
from engine.live.journal import Journal
from engine.live.order_desk import OrderDesk
from engine.live.risk.manager import RiskManager
from engine.live.run_folder import RunCard, RunFolder, RunIdentity, RunMode, run_cards, run_name
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


@dataclass(frozen=True)
class OpenAccountRun(OpenRun):
    """An open run on an account.

    Attributes
    ----------
    keeper : AccountKeeper
    desk : OrderDesk
    """

    keeper: AccountKeeper
    desk: OrderDesk


def open_account_run(
    folder: RunFolder,
    plans: Sequence[CardPlan],
    client: MarketDataClient,
    manager: ExchangeManager,
    risk: RiskManager,
    stream: PrivateStream | None,
    market_session: BybitSession,
    *,
    now_ms: int,
    redactor: Redactor | None = None,
) -> OpenAccountRun:
    """Open a run on an account where its journal ends, and bring it into step with the account.

    Raises
    ------
    ConfigurationError
        If a card cannot be placed safely at an exchange.
    ExchangeError
        If the account cannot be read, or not be set up.
    CorruptData
        If the folder cannot be read, or its journal does not fit.
    """
    identity, markets = folder.identity(), folder.markets()
    by_id = {plan.card.id: plan for plan in plans}
    refuse_unsafe(plans, identity.cards)
    journal = Journal(folder.journal_path, redactor)
    book = AccountBook({symbol: market.instrument for symbol, market in markets.items()})
    desk = OrderDesk(manager, risk, book, journal)
    count = sum(len(card.symbols) for card in identity.cards)
    legs = []
    for card in identity.cards:
        for symbol in card.symbols:
            plan = by_id[card.card_id]
            first_open = markets[symbol].series[plan.card.timeframes.exec].next_open
            legs.append(AccountLeg(plan, markets[symbol], first_open, desk, legs=count))
    wants_funding = any(plan.looks_at(FUNDING_INPUTS) for plan in plans)
    wants_marks = any(plan.looks_at(MARK_INPUTS) for plan in plans)
    runner = open_runner(
        folder,
        markets,
        client,
        journal,
        legs,
        with_marks=wants_marks,
        with_funding=wants_funding,
        now_ms=now_ms,
    )
    set_up_account(manager, legs)
    for leg in legs:
        leg.twin.rehearse()
    keeper = AccountKeeper(desk, legs, stream, market_session)
    keeper.begin(now_ms)
    return OpenAccountRun(folder, journal, runner, keeper, desk)


def refuse_unsafe(plans: Iterable[CardPlan], cards: Iterable[RunCard]) -> None:
    """Refuse what cannot be placed safely at an exchange.

    Raises
    ------
    ConfigurationError
        If a card has no stop, or two cards trade one symbol.
    """
    for plan in plans:
        if plan.card.risk_model.stop_loss is None:
            raise ConfigurationError(
                f"card {plan.card.id} has no risk_model.stop_loss: a crash would leave its position bare",
                way_out="give it a stop, or run it in shadow",
            )
    owners: dict[str, str] = {}
    for card in cards:
        for symbol in card.symbols:
            if symbol in owners:
                raise ConfigurationError(
                    f"{owners[symbol]} and {card.card_id} both trade {symbol}, and an account has one "
                    "position of a symbol",
                    way_out="give each card symbols of its own, or an account of its own",
                )
            owners[symbol] = card.card_id


def set_up_account(manager: ExchangeManager, legs: Sequence[AccountLeg]) -> None:
    """Set isolated margin and each symbol's leverage as its card has it. Raises ExchangeError."""
    manager.set_isolated_margin()
    for leg in legs:
        leverage = Decimal(str(leg.plan.card.account.leverage))
        if manager.position(leg.symbol).leverage != leverage:
            manager.set_leverage(leg.symbol, leverage)

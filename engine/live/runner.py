"""The runner: candles in, decisions out, for however many cards and symbols.

It is driven from outside: `take` gets a candle as it closes, `catch_up` fetches what was missed, `minute` is
called once a minute. Time is an argument. So a day can be run in a second, and a crash anywhere in it tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.backtest.history import History
from engine.errors import ConfigurationError, CorruptData, DataError
from engine.exchange.stream import CandleTopic, ClosedCandle
from engine.live.decider import Decision, decision_at
from engine.live.intake import Intake
from engine.live.journal import Journal, JournalEntry, JournalKind, read_journal
from engine.live.market import SymbolMarket
from engine.live.run_folder import RunFolder
from engine.market_data.market_client import MarketDataClient
from engine.strategies.card_plan import CardPlan
from engine.timeframes import format_utc


@dataclass(frozen=True)
class LegStanding:
    """How a leg stands.

    Attributes
    ----------
    direction : int
        1 in a long, -1 in a short, 0 while flat.
    equity_usdt, pnl_usdt : float
        Of what it trades with, and what it has made since the run began.
    position : dict or None
        As in the journal.
    order : dict or None
        The entry that waits.
    fills, rejects : int
        Since the run began.
    stopped : str or None
        Why it does not trade any more.
    """

    direction: int
    equity_usdt: float
    pnl_usdt: float
    position: dict[str, Any] | None
    order: dict[str, Any] | None
    fills: int
    rejects: int
    stopped: str | None


class Leg(Protocol):
    """One card on one symbol."""

    @property
    def plan(self) -> CardPlan:
        """The card."""
        ...

    @property
    def symbol(self) -> str:
        """The symbol."""
        ...

    @property
    def next_close(self) -> int:
        """When it decides next."""
        ...

    def on_close(self, decision: Decision, history: History, now_ms: int) -> None:
        """Carry out what was decided at `next_close`, and write it down."""
        ...

    def restore(self, entry: JournalEntry) -> None:
        """Take in again what an entry of the journal tells of it."""
        ...

    def restored(self, now_ms: int) -> None:
        """Finish what was under way when the journal ended."""
        ...

    def standing(self) -> LegStanding:
        """Return how it stands."""
        ...


class Runner:
    """Runs legs over the markets of their symbols.

    Parameters
    ----------
    intakes : mapping of str to Intake
        By symbol.
    legs : sequence of Leg
    """

    def __init__(self, intakes: Mapping[str, Intake], legs: Sequence[Leg]) -> None:
        self._intakes = dict(intakes)
        self.legs = tuple(legs)
        self._legs_of: dict[str, list[Leg]] = {symbol: [] for symbol in intakes}
        for leg in legs:
            self._legs_of[leg.symbol].append(leg)

    @property
    def markets(self) -> dict[str, SymbolMarket]:
        """What is known of each symbol."""
        return {symbol: intake.market for symbol, intake in self._intakes.items()}

    def topics(self) -> dict[CandleTopic, int]:
        """Return what to subscribe to, each with the opening time of the first candle that is wanted."""
        found: dict[CandleTopic, int] = {}
        for intake in self._intakes.values():
            found |= intake.topics()
        return found

    def take(self, candle: ClosedCandle, now_ms: int) -> None:
        """Take in a candle that has closed, and make the decisions it was waited for with.

        Raises
        ------
        ExchangeError
            If something has to be asked and is not answered; `catch_up` makes good for it later.
        DataError
            If the journal cannot be written.
        """
        intake = self._intakes.get(candle.topic.symbol)
        if intake is not None and intake.take(candle, now_ms):
            self._decide(candle.topic.symbol, now_ms)

    def catch_up(self, now_ms: int) -> None:
        """Fetch what has closed and was not told, and make the decisions that are due. Raises as `take`."""
        for symbol, intake in self._intakes.items():
            intake.catch_up(now_ms)
            self._decide(symbol, now_ms)

    def restore(self, entries: Iterable[JournalEntry], now_ms: int) -> None:
        """Bring back what a journal tells, entry by entry.

        Raises
        ------
        CorruptData
            If the journal does not belong to these cards.
        """
        legs = {(leg.plan.card.id, leg.symbol): leg for leg in self.legs}
        for entry in entries:
            try:
                if entry.kind is JournalKind.CANDLE:
                    Intake.restore_into(self._intakes[entry.symbol].market, entry.data)
                elif entry.card_id:
                    legs[entry.card_id, entry.symbol].restore(entry)
            except (KeyError, ValueError, TypeError, DataError) as error:
                raise CorruptData(
                    f"the journal's {entry.kind} of {format_utc(entry.ts_ms)} does not fit the run: {error}",
                    way_out="move the run's folder away, and start the run anew",
                ) from error
        for leg in self.legs:
            leg.restored(now_ms)

    def _decide(self, symbol: str, now_ms: int) -> None:
        intake, legs = self._intakes[symbol], self._legs_of[symbol]
        while legs:
            ts_close = min(leg.next_close for leg in legs)
            if not intake.market.is_complete_at(ts_close):
                return
            intake.settle(ts_close, now_ms)
            # one history for all who decide now: what one computes, the others find
            history = intake.market.history(ts_close)
            for leg in legs:
                if leg.next_close == ts_close:
                    leg.on_close(decision_at(leg.plan, history, ts_close), history, now_ms)


def refuse_other_cards(folder: RunFolder, plans: Sequence[CardPlan]) -> None:
    """Refuse to go on with a run whose cards are others now.

    Raises
    ------
    ConfigurationError
        If one has changed.
    """
    now = {plan.card.id: plan.system_hash for plan in plans}
    for card in folder.identity().cards:
        if now.get(card.card_id) != card.system_hash:
            raise ConfigurationError(
                f"the run in {folder.path} is of card {card.card_id} as it was at its start "
                f"({card.system_hash[:10]}), and the card is another now",
                way_out="run the card as it was, or start a new run of what it is now",
            )


def open_runner(
    folder: RunFolder,
    markets: Mapping[str, SymbolMarket],
    client: MarketDataClient,
    journal: Journal,
    legs: Sequence[Leg],
    *,
    with_marks: bool,
    with_funding: bool,
    now_ms: int,
) -> Runner:
    """Return a runner that goes on where its journal ends.

    Raises
    ------
    CorruptData
        If the journal is of another run.
    """
    intakes = {
        symbol: Intake(market, client, journal, with_marks=with_marks, with_funding=with_funding)
        for symbol, market in markets.items()
    }
    runner = Runner(intakes, legs)
    runner.restore(read_journal(folder.journal_path).entries, now_ms)
    return runner

"""One card on one symbol in shadow: live candles, and the simulated exchange in the place of the real one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.backtest.history import History, Window
from engine.backtest.named_signals import named_signals
from engine.errors import ConfigurationError, DataError
from engine.live.decider import Decision
from engine.live.journal import Journal, JournalEntry, JournalKind
from engine.live.market import SymbolMarket
from engine.live.runner import LegStanding
from engine.sim.contract import contract_of, tiers_of
from engine.sim.exchange import SimulatedExchange
from engine.sim.exchange_views import Bar, Position, bar_rows
from engine.sim.market import FundingEvents
from engine.sim.records import Floats
from engine.sim.signal_terms import with_signal_terms
from engine.sim.state import FillReason, StopReason
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe, format_utc

_SIDES = {1: "buy", -1: "sell"}


@dataclass(frozen=True, eq=False, slots=True)
class ShadowBar:
    """What became of one bar.

    Attributes
    ----------
    decision : Decision
    equity : float
        USDT, after the bar.
    position : Position or None
        What was open at its close.
    fills : tuple of dict
        What was filled inside it, as lines of the journal.
    rejects : int
        Orders refused so far.
    stop_reason : StopReason
    """

    decision: Decision
    equity: float
    position: Position | None
    fills: tuple[dict[str, Any], ...]
    rejects: int
    stop_reason: StopReason

    def to_plain(self) -> dict[str, Any]:
        """Return the decision as a line of the journal."""
        plain: dict[str, Any] = {
            **self.decision.to_plain(),
            "equity_usdt": self.equity,
            "rejects": self.rejects,
        }
        if self.position is not None:
            plain["position"] = position_to_plain(self.position)
        if self.stop_reason is not StopReason.NONE:
            plain["stopped"] = self.stop_reason.name.lower()
        return plain


class ShadowLeg:
    """One card on one symbol: its account at the simulated exchange.

    Parameters
    ----------
    plan : CardPlan
        Of a card with conditions.
    market : SymbolMarket
    first_open : int
        The bar it trades first.
    journal : Journal, optional
        Where its decisions and fills are written; nowhere without one.

    Raises
    ------
    ConfigurationError
        If the card's signals come from Python.
    """

    def __init__(
        self, plan: CardPlan, market: SymbolMarket, first_open: int, journal: Journal | None = None
    ) -> None:
        refuse_strategy(plan)
        self._journal = journal
        self.plan, self.market, self.first_open = plan, market, first_open
        self.decided_until = first_open
        contract = with_signal_terms(contract_of(plan.card, market.instrument), named_signals(plan).terms)
        equity = float(plan.card.account.starting_equity_usdt)
        self._exchange = SimulatedExchange(
            contract, tiers_of(market.instrument), equity, FundingEvents.none()
        )
        self._expected_ts = first_open
        self._levels_before: Floats | None = None
        self._told_fills = 0
        self._written_fills = 0
        self.last: ShadowBar | None = None

    @property
    def card_id(self) -> str:
        """The card's id."""
        return self.plan.card.id

    @property
    def symbol(self) -> str:
        """The symbol."""
        return self.market.symbol

    @property
    def next_close(self) -> int:
        """When it decides next."""
        return self.decided_until + self.plan.card.timeframes.exec.ms

    @property
    def exchange(self) -> SimulatedExchange:
        """Its account."""
        return self._exchange

    def on_close(self, decision: Decision, history: History, now_ms: int) -> None:
        """Trade the bar that has closed, and write down what became of it.

        Raises
        ------
        DataError
            If the journal cannot be written.
        """
        bar = self.advance(decision, history)
        for number, fill in enumerate(bar.fills, start=self._told_fills - len(bar.fills)):
            if number >= self._written_fills:
                self._write(JournalKind.FILL, fill, now_ms)
        self._written_fills = self._told_fills
        self._write(JournalKind.DECISION, bar.to_plain(), now_ms)

    def restore(self, entry: JournalEntry) -> None:
        """Take in again what an entry of the journal tells: a decision is carried out once more.

        Raises
        ------
        DataError
            If the account does not come to where it was.
        """
        if entry.kind is JournalKind.FILL:
            self._written_fills += 1
        elif entry.kind is JournalKind.DECISION:
            bar = self.advance(Decision.from_plain(entry.data))
            if bar.equity != entry.data["equity_usdt"]:
                raise DataError(
                    f"card {self.card_id} on {self.symbol} had {entry.data['equity_usdt']} USDT at "
                    f"{format_utc(self.decided_until)}, and comes to {bar.equity}",
                    way_out="the program or the journal is another than it was: start the run anew",
                )

    def restored(self, now_ms: int) -> None:
        """Do nothing more: the candles that follow bring the rest."""

    def standing(self) -> LegStanding:
        """Return how it stands, as of the last close."""
        exchange = self._exchange
        position, order = exchange.position, exchange.resting_order
        starting = float(self.plan.card.account.starting_equity_usdt)
        stop = exchange.stop_reason
        return LegStanding(
            direction=0 if position is None else int(position.direction),
            equity_usdt=exchange.equity,
            pnl_usdt=exchange.equity - starting,
            position=None if position is None else position_to_plain(position),
            order=None
            if order is None
            else {"side": order.side.name.lower(), "price": order.price, "size": order.size},
            fills=len(exchange.fills),
            rejects=sum(exchange.rejects.values()),
            stopped=None if stop is StopReason.NONE else stop.name.lower(),
        )

    def _write(self, kind: JournalKind, data: Mapping[str, Any], now_ms: int) -> None:
        if self._journal is not None:
            self._journal.append(JournalEntry(now_ms, kind, self.card_id, self.symbol, data))

    def advance(self, decision: Decision, history: History | None = None) -> ShadowBar:
        """Trade the bar that closes with the next decision, and carry the decision out.

        Parameters
        ----------
        decision : Decision
            Of `next_close`.
        history : History, optional
            What was known then, where it is at hand.

        Raises
        ------
        DataError
            If it is another bar's.
        """
        if decision.ts_close != self.next_close:
            raise DataError(
                f"card {self.card_id} on {self.symbol} decides at {format_utc(self.next_close)} next, and "
                f"was given a decision of {format_utc(decision.ts_close)}",
                way_out="hand over every close, one after the other",
            )
        timeframe, finer = self.plan.card.timeframes.exec, self.plan.card.timeframes.detail
        self._expect_funding(decision.ts_close)
        series = self.market.series[timeframe]
        bar = series.bar(series.rows_by(decision.ts_close) - 1)
        if self._exchange.stop_reason is StopReason.NONE:
            if finer is None:
                self._exchange.trade(bar, decision.levels)
            else:
                known = self.market.history(decision.ts_close) if history is None else history
                self._trade_inside(known, bar, finer, decision.levels)
            self._exchange.decide(decision.bits, decision.levels)
        self._levels_before = decision.levels
        self.decided_until = decision.ts_close
        return self._told(decision)

    def _trade_inside(self, history: History, bar: Bar, finer: Timeframe, levels: Floats) -> None:
        """Trade a bar on its finer ones, where it has them all."""
        timeframe = self.plan.card.timeframes.exec
        last = len(history.bars(timeframe))
        rows = slice(last - 1, last)
        window = Window(rows, history.bars(timeframe).cut(rows), FundingEvents.none())
        detail = history.detail(timeframe, window, finer)
        first = int(detail.first[0])
        if first < 0:
            self._exchange.trade(bar, levels)
            return
        # inside the bar only what was known at the close before it
        before = levels if self._levels_before is None else self._levels_before
        *inside, closing = bar_rows(detail.finer, first, first + detail.finer_per_bar)
        for each in inside:
            self._exchange.trade(each, before, ts_exec_open=bar.ts_open)
        self._exchange.trade(closing, levels, ts_exec_open=bar.ts_open)

    def _expect_funding(self, ts_close: int) -> None:
        known = self.market.funding
        new = (known.ts > self._expected_ts) & (known.ts <= ts_close)
        if new.any():
            self._exchange.expect(FundingEvents(known.ts[new], known.rate[new], known.mark_price[new]))
            self._expected_ts = int(known.ts[new][-1])

    def _told(self, decision: Decision) -> ShadowBar:
        exchange = self._exchange
        fills = exchange.fills
        new = tuple(fill_to_plain(fill, self.plan.tags) for fill in fills[self._told_fills :])
        self._told_fills = len(fills)
        self.last = ShadowBar(
            decision=decision,
            equity=exchange.equity,
            position=exchange.position,
            fills=new,
            rejects=sum(exchange.rejects.values()),
            stop_reason=exchange.stop_reason,
        )
        return self.last


def refuse_strategy(plan: CardPlan) -> None:
    """Refuse a card whose signals come from Python.

    Raises
    ------
    ConfigurationError
        If they do.
    """
    if plan.strategy is not None:
        raise ConfigurationError(
            f"card {plan.card.id} takes its signals from {plan.strategy.name} in Python, and the runner "
            "decides by conditions only: a strategy's own state could not be brought back after a crash",
            way_out="write its rules as conditions under signal_rules",
        )


def position_to_plain(position: Position) -> dict[str, Any]:
    """Return an open position as plain data; levels that are not set are None."""
    return {
        "direction": position.direction.name.lower(),
        "size": position.size,
        "entry_price": position.entry_price,
        "stop_price": _or_none(position.stop_price),
        "target_price": _or_none(position.target_price),
        "liquidation_price": _or_none(position.liquidation_price),
        "unrealised_usdt": position.unrealised_pnl,
        "bars_held": position.bars_held,
    }


def fill_to_plain(fill: Any, tags: tuple[str, ...]) -> dict[str, Any]:
    """Return a fill of the simulated exchange as a line of the journal."""
    reason = FillReason(int(fill.reason))
    tag = int(fill.tag)
    return {
        "ts_ms": int(fill.ts),
        "trade_id": int(fill.trade_id),
        "side": _SIDES[int(np.sign(fill.side))],
        "price": float(fill.price),
        "size": float(fill.quantity),
        "fee_usdt": float(fill.fee),
        "slippage_usdt": float(fill.slippage),
        "is_maker": bool(fill.is_maker),
        "reason": reason.name.lower(),
        "tag": tags[tag - 1] if tag else "",
    }


def _or_none(price: float) -> float | None:
    return price if math.isfinite(price) else None

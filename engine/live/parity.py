"""Whether a run and a backtest agree: what the run has seen, replayed through the `BacktestEngine`.

The backtest runs over the very candles, funding and rules that the run has written down, with the same
warm-up. So what its rules say at each close must be what the run decided, to the bit; and in shadow, where
the exchange is the simulated one, every fill and every equity as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.backtest.engine import BacktestEngine
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.backtest.result import BacktestResult
from engine.errors import ConfigurationError, DataNotFound
from engine.live.decider import Decision
from engine.live.fill_parity import FillComparison, compare_fills, run_trades
from engine.live.intake import Intake
from engine.live.journal import JournalEntry, JournalKind, read_journal
from engine.live.market import SymbolMarket
from engine.live.run_folder import RunCard, RunFolder, RunIdentity
from engine.strategies.card_plan import CardPlan
from engine.timeframes import format_utc

_END = "end_of_data"


@dataclass(frozen=True)
class Difference:
    """Something the run did otherwise than its replay.

    Attributes
    ----------
    ts_ms : int
        When.
    what : str
        "decision", "fill" or "equity".
    run, replay : object
        What either says; None where it says nothing.
    """

    ts_ms: int
    what: str
    run: Any
    replay: Any

    def __str__(self) -> str:
        return f"{self.what} at {format_utc(self.ts_ms)}: the run {self.run}, the replay {self.replay}"


@dataclass(frozen=True, eq=False)
class LegParity:
    """One card on one symbol, run and replayed.

    Attributes
    ----------
    card_id, symbol, timeframe, system_hash : str
    first_open, last_close : int
        The window that was decided on.
    bars : int
        Closes that were decided.
    late_bars : int
        Of these, decided more than a tenth of a bar after the close: after an outage.
    differences : tuple of Difference
        None in a sound run.
    result : BacktestResult
        The replay.
    fills : FillComparison or None
        On an account: how the exchange filled, next to the replay. In shadow every fill is the same.
    """

    card_id: str
    symbol: str
    timeframe: str
    system_hash: str
    first_open: int
    last_close: int
    bars: int
    late_bars: int
    differences: tuple[Difference, ...]
    result: BacktestResult
    fills: FillComparison | None = None

    @property
    def agrees(self) -> bool:
        """Whether there is no difference."""
        return not self.differences


@dataclass(frozen=True, eq=False)
class SeenRun:
    """A run's folder and journal, read.

    Attributes
    ----------
    identity : RunIdentity
    markets : mapping of str to SymbolMarket
        With everything the run has seen.
    first_opens : mapping of (card id, symbol) to int
        The first bar of each leg.
    entries : tuple of JournalEntry
    """

    identity: RunIdentity
    markets: Mapping[str, SymbolMarket]
    entries: tuple[JournalEntry, ...]
    first_opens: Mapping[tuple[str, str], int]

    @classmethod
    def read(cls, folder: RunFolder) -> SeenRun:
        """Read a run. Raises CorruptData if its folder cannot be read."""
        identity, markets = folder.identity(), folder.markets()
        entries = read_journal(folder.journal_path).entries
        opens = {
            (card.card_id, symbol): _exec_series(markets[symbol], card).next_open
            for card in identity.cards
            for symbol in card.symbols
        }
        for entry in entries:
            if entry.kind is JournalKind.CANDLE:
                Intake.restore_into(markets[entry.symbol], entry.data)
        return cls(identity, markets, entries, opens)

    def of(self, card_id: str, symbol: str, kind: JournalKind) -> list[JournalEntry]:
        """Return the entries of one kind of one leg."""
        return [
            entry
            for entry in self.entries
            if entry.kind is kind and entry.card_id == card_id and entry.symbol == symbol
        ]


def replayed(run: SeenRun, plan: CardPlan, symbol: str) -> PreparedFrame:
    """Return what a leg has seen, prepared for the backtest.

    Raises
    ------
    ConfigurationError
        If the card is not the one that was run.
    DataNotFound
        If the leg has not decided anything yet.
    """
    card = next((each for each in run.identity.cards if each.card_id == plan.card.id), None)
    if card is None or card.system_hash != plan.system_hash:
        raise ConfigurationError(
            f"the run is not of card {plan.card.id} as it is now ({plan.system_hash[:10]})",
            way_out="give the card as it was run",
        )
    decided = run.of(plan.card.id, symbol, JournalKind.DECISION)
    if not decided:
        raise DataNotFound(
            f"card {plan.card.id} has not decided on {symbol} yet",
            way_out="wait for the first close",
        )
    last_close = int(decided[-1].data["ts_close"])
    first_open = run.first_opens[plan.card.id, symbol]
    history = run.markets[symbol].history(last_close)
    return prepare_history(plan, history, start_ms=first_open, end_ms=last_close)


def compare_shadow(run: SeenRun, plan: CardPlan, symbol: str) -> LegParity:
    """Replay a shadow leg through the backtest, and hold both against each other. Raises as `replayed`."""
    prepared = replayed(run, plan, symbol)
    result = BacktestEngine().run(prepared)
    decided = run.of(plan.card.id, symbol, JournalKind.DECISION)
    differences = [
        *decision_differences(prepared, decided),
        *_fill_differences(result, run.of(plan.card.id, symbol, JournalKind.FILL)),
        *_equity_differences(result, decided),
    ]
    return _parity(prepared, decided, differences, result, None)


def compare_account(run: SeenRun, plan: CardPlan, symbol: str) -> LegParity:
    """Replay a leg on an account through the backtest: decisions must agree, fills are measured.

    Raises as `replayed`.
    """
    prepared = replayed(run, plan, symbol)
    result = BacktestEngine().run(prepared)
    decided = run.of(plan.card.id, symbol, JournalKind.DECISION)
    bar_ms, first_open = prepared.bars.bar_ms, prepared.window[0]
    refusals = {
        int(entry.data["ts_close"]): f"refused by {entry.data['by']}: {entry.data['code']}"
        for entry in run.of(plan.card.id, symbol, JournalKind.REFUSAL)
        if not entry.data.get("reduce_only")
    }
    late = {int(each.data["ts_close"]): _lateness(each) for each in decided if _is_late(each, bar_ms)}
    trades = run_trades(run.of(plan.card.id, symbol, JournalKind.FILL), first_open, bar_ms)
    fills = compare_fills(trades, result.trades, refusals, late, first_open, bar_ms, len(prepared.bars))
    return _parity(prepared, decided, decision_differences(prepared, decided), result, fills)


def _parity(
    prepared: PreparedFrame,
    decided: Sequence[JournalEntry],
    differences: Sequence[Difference],
    result: BacktestResult,
    fills: FillComparison | None,
) -> LegParity:
    plan = prepared.plan
    return LegParity(
        card_id=plan.card.id,
        symbol=prepared.symbol,
        timeframe=str(plan.card.timeframes.exec),
        system_hash=plan.system_hash,
        first_open=prepared.window[0],
        last_close=prepared.window[1],
        bars=len(decided),
        late_bars=sum(_is_late(entry, prepared.bars.bar_ms) for entry in decided),
        differences=tuple(sorted(differences, key=lambda each: each.ts_ms)),
        result=result,
        fills=fills,
    )


def _lateness(decided: JournalEntry) -> int:
    return decided.ts_ms - int(decided.data["ts_close"])


def _is_late(decided: JournalEntry, bar_ms: int) -> bool:
    return _lateness(decided) > bar_ms // 10


def decision_differences(prepared: PreparedFrame, decided: Sequence[JournalEntry]) -> list[Difference]:
    """Return the closes at which the run decided otherwise than the replay, or not at all."""
    by_close = {int(entry.data["ts_close"]): Decision.from_plain(entry.data) for entry in decided}
    found = []
    signals, bars = prepared.signals, prepared.bars
    for bar, opened in enumerate(bars.ts_open.tolist()):
        levels = np.ascontiguousarray(signals.features[:, bar : bar + 1])
        expected = Decision(opened + bars.bar_ms, int(signals.bits[bar]), levels)
        there = by_close.pop(expected.ts_close, None)
        if there is None or not there.says(expected):
            said = None if there is None else there.to_plain()
            found.append(Difference(expected.ts_close, "decision", said, expected.to_plain()))
    found += [Difference(ts, "decision", extra.to_plain(), None) for ts, extra in by_close.items()]
    return found


def _fill_differences(result: BacktestResult, filled: Sequence[JournalEntry]) -> list[Difference]:
    """Return the fills that are not in both; the replay closes at its end what the run still holds."""
    frame = result.fills[result.fills["reason"] != _END]
    names = ("side", "price", "size", "reason")
    expected = [(int(row["ts"]), *(row[name] for name in names)) for row in frame.to_dict("records")]
    there = [(int(each.data["ts_ms"]), *(each.data[name] for name in names)) for each in filled]
    found = []
    for number in range(max(len(expected), len(there))):
        ran = there[number] if number < len(there) else None
        replay = expected[number] if number < len(expected) else None
        if ran != replay:
            found.append(Difference((ran or replay or (0,))[0], "fill", ran, replay))
    return found


def _equity_differences(result: BacktestResult, decided: Sequence[JournalEntry]) -> list[Difference]:
    equity = dict(zip(result.equity["ts_close"].tolist(), result.equity["equity_usdt"].tolist(), strict=True))
    last = max(equity)
    found = []
    for entry in decided:
        ts_close, there = int(entry.data["ts_close"]), entry.data["equity_usdt"]
        # at its end the replay has closed what was open, with the costs of that
        if ts_close < last and equity.get(ts_close) != there:
            found.append(Difference(ts_close, "equity", there, equity.get(ts_close)))
    return found


def _exec_series(market: SymbolMarket, card: RunCard) -> Any:
    return next(series for timeframe, series in market.series.items() if str(timeframe) == card.timeframe)

"""The driver for cards whose signals come from Python: the step-by-step exchange, asked bar by bar.

At each exec bar's close the strategy is shown a snapshot of what is known then, the position included, and
its signals go the way those of conditions go: the same warm-up, the same trading session, the same step. So
a strategy that says what a card's conditions say gets the same fills, to the bit.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from inspect import getfile
from pathlib import Path

import numpy as np

from engine.backtest.decisions import admitted
from engine.backtest.history import History
from engine.backtest.named_signals import strategy_tag_rows
from engine.backtest.prepare import PreparedFrame
from engine.backtest.visible import VisibleColumns
from engine.errors import SimulationError, StrategyError, TradeError
from engine.runtime.snapshot import OpenPosition, RuntimeSnapshotView
from engine.runtime.unfolding import ClosedBars, Unfolding
from engine.sim.detail import DetailBars
from engine.sim.exchange import SimulatedExchange
from engine.sim.exchange_views import Bar, Position, bar_rows
from engine.sim.market import MarketBars
from engine.sim.records import Floats
from engine.sim.simulate import SimulationOutput
from engine.sim.state import Direction, RejectReason, SignalBit, StopReason
from engine.strategies.base import BaseStrategy
from engine.strategies.card_plan import CardPlan
from engine.strategies.planned import PlannedStrategy
from engine.strategies.signal import Kind, Side, Signal
from engine.timeframes import format_utc

_BIT_OF_SIGNAL: dict[tuple[Kind, Side], int] = {
    ("enter", "long"): int(SignalBit.ENTER_LONG),
    ("exit", "long"): int(SignalBit.EXIT_LONG),
    ("enter", "short"): int(SignalBit.ENTER_SHORT),
    ("exit", "short"): int(SignalBit.EXIT_SHORT),
}
_RULE_OF_SIGNAL: dict[tuple[Kind, Side], str] = {
    ("enter", "long"): "entry_long",
    ("exit", "long"): "exit_long",
    ("enter", "short"): "entry_short",
    ("exit", "short"): "exit_short",
}
_EVERY_BIT = np.int8(sum(SignalBit))
_BARS_AT_ONCE = 4096


def run_strategy(prepared: PreparedFrame, *, detail: DetailBars | None = None) -> SimulationOutput:
    """Run a prepared card that takes its signals from a strategy in Python.

    Parameters
    ----------
    prepared : PreparedFrame
    detail : DetailBars, optional
        Finer bars to run on.

    Raises
    ------
    SimulationError
        If the card has no strategy.
    StrategyError
        If the strategy fails, or returns something else than signals.
    """
    planned = prepared.plan.strategy
    if planned is None:
        raise SimulationError(
            f"card {prepared.plan.card.id} has no strategy in Python",
            way_out="run it as BacktestEngine does, which knows which driver a card needs",
        )
    return _Run(prepared, planned, detail).output()


class _Run:
    """One run of one strategy."""

    def __init__(self, prepared: PreparedFrame, planned: PlannedStrategy, detail: DetailBars | None) -> None:
        plan, history, bars = prepared.plan, prepared.history, prepared.bars
        self._bars = bars if detail is None else detail.bars
        self._detail = detail
        self._exchange = SimulatedExchange(
            prepared.contract, prepared.tiers, plan.card.account.starting_equity_usdt, prepared.funding
        )
        window = history.window(plan.card.timeframes.exec, *prepared.window)
        # Rows of features stand together for a bar, so that each is handed on as it is.
        self._features = np.array(prepared.signals.features.T, order="C")[:, :, None]
        self._tag_rows = strategy_tag_rows(plan)
        self._tag_numbers = {tag: number for number, tag in enumerate(("", *plan.tags))}
        # What the session adds of its own is all there is of a card without conditions.
        self._added = prepared.signals.bits.tolist()
        self._kept = admitted(plan, history, window, np.full(len(bars), _EVERY_BIT)).tolist()
        self._unfolding = _unfolding(plan, planned, history)
        self._unfolding.show_until(window.rows.start)
        self._name = planned.name
        self._strategy = _guarded_new(planned)

    def output(self) -> SimulationOutput:
        """Run it."""
        exchange, unfolding, store = self._exchange, self._unfolding, self._unfolding.store
        count = len(self._bars)
        equity, size, margin = (np.zeros(count) for _ in range(3))
        bar = 0
        for bar in self._trade():
            unfolding.show_next()
            position = exchange.position
            bits = self._added[bar]
            if self._kept[bar]:
                seen = None if position is None else _shown(position)
                snapshot = RuntimeSnapshotView(store, len(store) - 1, seen, exchange.equity)
                bits |= self._asked(snapshot, self._features[bar]) & self._kept[bar]
            exchange.decide(bits, self._features[bar])
            equity[bar] = exchange.equity
            if position is not None:
                size[bar] = position.direction * position.size
                margin[bar] = exchange.used_margin
            if exchange.stop_reason is not StopReason.NONE:
                break
        exchange.close()
        equity[bar], size[bar], margin[bar] = exchange.equity, 0.0, 0.0
        ran = slice(bar + 1)
        capped, partial = exchange.entry_counts
        rejects = np.array([exchange.rejects.get(reason, 0) for reason in RejectReason], np.int64)
        return SimulationOutput(
            bars=bar + 1,
            equity=equity[ran],
            position_size=size[ran],
            used_margin=margin[ran],
            fills=exchange.fills,
            trades=exchange.trades,
            payments=exchange.payments,
            rejects=rejects,
            capped_entries=capped,
            partial_entries=partial,
            partial_liquidations=exchange.partial_liquidations,
            stop_reason=exchange.stop_reason,
            cash=exchange.ledger.cash,
        )

    def _trade(self) -> Iterator[int]:
        """Trade every exec bar, on its finer bars where it has them; yield at each close."""
        exchange, detail, features = self._exchange, self._detail, self._features
        for bar, whole in enumerate(_bars(self._bars)):
            row = -1 if detail is None else int(detail.first[bar])
            if detail is None or row < 0:
                exchange.trade(whole, features[bar])
            else:
                *inside, closing = bar_rows(detail.finer, row, row + detail.finer_per_bar)
                for finer in inside:
                    # only the features of the bar before are known yet
                    exchange.trade(finer, features[max(bar - 1, 0)], ts_exec_open=whole.ts_open)
                exchange.trade(closing, features[bar], ts_exec_open=whole.ts_open)
            yield bar

    def _asked(self, snapshot: RuntimeSnapshotView, features: Floats) -> int:
        """Return the bits of what the strategy wants, and note the tags of it in the bar's features."""
        try:
            signals = self._strategy.generate_signals(snapshot)
        except Exception as error:
            # whatever it is, it happened in code that is not ours
            raise _failure(self._name, type(self._strategy), error, snapshot.ts_close) from error
        bits = 0
        try:
            for signal in signals:
                wish = signal.kind, signal.direction
                if signal.tag not in self._tag_numbers:
                    raise self._undeclared(signal, snapshot.ts_close)
                if self._tag_rows and not bits & _BIT_OF_SIGNAL[wish]:
                    features[self._tag_rows[_RULE_OF_SIGNAL[wish]], 0] = self._tag_numbers[signal.tag]
                bits |= _BIT_OF_SIGNAL[wish]
        except (TypeError, AttributeError):
            raise StrategyError(
                f"the strategy {self._name} returned {signals!r} at {format_utc(snapshot.ts_close)} UTC, "
                "which is no list of signals",
                way_out=f"return a list of {Signal.__name__}, and [] where there is nothing to say",
            ) from None
        return bits

    def _undeclared(self, signal: Signal, ts_close: int) -> StrategyError:
        return StrategyError(
            f"the strategy {self._name} tagged a signal {signal.tag!r} at {format_utc(ts_close)} UTC, "
            "and that is none of its tags",
            way_out=f"name it in the tags of {type(self._strategy).__name__}: "
            f"tags = {(*(tag for tag in self._tag_numbers if tag), signal.tag)!r}",
        )


def _unfolding(plan: CardPlan, planned: PlannedStrategy, history: History) -> Unfolding:
    """Return the bars of a history, ready to be shown, with what the strategy declares to look at."""
    columns, roles = VisibleColumns(plan, history), plan.card.timeframes.roles()
    furthest: dict[str, dict[str, int]] = {role: {} for role in roles}
    for reference in planned.inputs:
        known = furthest[reference.role]
        known[reference.name] = max(reference.offset, known.get(reference.name, 0))
    bars = {
        role: ClosedBars(
            timeframe,
            history.bars(timeframe).ts_open,
            {name: columns.values(name, role) for name in furthest[role]},
        )
        for role, timeframe in roles.items()
    }
    return Unfolding(bars, furthest)


def _bars(bars: MarketBars) -> Iterator[Bar]:
    for first in range(0, len(bars), _BARS_AT_ONCE):
        yield from bar_rows(bars, first, first + _BARS_AT_ONCE)


def _shown(position: Position) -> OpenPosition:
    return OpenPosition(
        "long" if position.direction is Direction.LONG else "short",
        position.size,
        position.entry_price,
        position.stop_price,
        position.target_price,
        position.liquidation_price,
        position.unrealised_pnl,
        position.bars_held,
    )


def _guarded_new(planned: PlannedStrategy) -> BaseStrategy:
    try:
        return planned.new()
    except Exception as error:
        raise _failure(planned.name, planned.strategy, error, None) from error


def _failure(
    name: str, strategy: type[BaseStrategy], error: Exception, ts_close: int | None
) -> StrategyError:
    """Return what a strategy's own error is to whoever runs it: where, when, and what it says."""
    when = "before its first bar" if ts_close is None else f"at {format_utc(ts_close)} UTC"
    if isinstance(error, TradeError):
        return StrategyError(f"the strategy {name} failed {when}: {error.problem}", way_out=error.way_out)
    file = Path(getfile(strategy))
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename) == file] or frames
    return StrategyError(
        f"the strategy {name} failed {when}: {type(error).__name__}: {error}",
        way_out=f"look at line {own[-1].lineno} of {file.name} ({own[-1].line})",
    )

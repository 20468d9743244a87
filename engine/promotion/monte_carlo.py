"""Monte Carlo: what else could have come of the same trades, of the same kind of market, of blind entries."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.backtest.measure import account_runs, basic_metrics_of
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.errors import ConfigurationError
from engine.metrics.basic import BasicMetrics
from engine.metrics.selection import stationary_bootstrap
from engine.sim.market import BarSignals, FundingEvents
from engine.sim.state import SignalBit
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe

_ENTRIES = int(SignalBit.ENTER_LONG | SignalBit.ENTER_SHORT)
_KINDS = ("", "mark_")
_CHANGES = ("open", "high", "low", "close")
_PATHS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What many paths came to.

    Attributes
    ----------
    net_return_pct : float64[paths]
    max_drawdown_pct : float64[paths]
    """

    net_return_pct: NDArray[np.float64]
    max_drawdown_pct: NDArray[np.float64]

    def drawdown_at(self, confidence: float) -> float:
        """Return the drawdown in percent that `confidence` (0 to 1) of the paths did not exceed."""
        return float(np.quantile(self.max_drawdown_pct, confidence))

    def loss_probability(self) -> float:
        """Return the share of the paths that ended with a loss."""
        return float((self.net_return_pct < 0).mean())


def bootstrapped_trades(
    trade_net_pnl: NDArray[np.float64], starting_equity_usdt: float, *, paths: int, seed: int
) -> Outcomes:
    """Draw as many trades as there were, with replacement, and add them up in each order that comes of it.

    A trade keeps its PnL as a share of the equity before it, so that sizes follow the account. A path that
    loses everything ends there.

    Parameters
    ----------
    trade_net_pnl : float64[trades]
        USDT, in the order of the exits; one at least.
    starting_equity_usdt : float
    paths : int
    seed : int

    Raises
    ------
    ConfigurationError
        If there is no trade.
    """
    if not len(trade_net_pnl):
        raise ConfigurationError(
            "a run without trades has none to draw from", way_out="give it a longer window"
        )
    before = starting_equity_usdt + np.concatenate(([0.0], np.cumsum(trade_net_pnl)[:-1]))
    growth = np.maximum(1.0 + trade_net_pnl / np.where(before > 0, before, np.inf), 0.0)
    rng = np.random.default_rng(seed)
    returns, drawdowns = np.empty(paths), np.empty(paths)
    for first in range(0, paths, _PATHS_AT_ONCE):
        here = slice(first, min(first + _PATHS_AT_ONCE, paths))
        drawn = growth[rng.integers(0, len(growth), (here.stop - first, len(growth)))]
        curve = np.cumprod(drawn, axis=1)
        peak = np.maximum(np.maximum.accumulate(curve, axis=1), 1.0)
        returns[here] = (curve[:, -1] - 1.0) * 100
        drawdowns[here] = ((peak - curve) / peak).max(axis=1) * 100
    return Outcomes(returns, drawdowns)


def bootstrapped_markets(
    plan: CardPlan,
    history: History,
    *,
    paths: int,
    seed: int,
    mean_block_days: float = 5.0,
    workers: int = 1,
) -> Outcomes:
    """Run a card through the whole engine over markets put together from blocks of its own.

    Blocks begin at closes of the card's largest timeframe. What is drawn are the bars of its smallest
    timeframe as changes from the close before, with their range, volume and distance of the mark; the larger
    timeframes are made of them. Funding rates stay at their times.

    Parameters
    ----------
    plan : CardPlan
    history : History
    paths : int
    seed : int
        The same seed gives the same markets, on any number of workers.
    mean_block_days : float
        Mean length of a block.
    workers : int
        Threads.

    Raises
    ------
    DataNotFound, DataError
        As `prepare_history` does.
    """
    timeframes = sorted(set(plan.card.timeframes.all_timeframes().values()))
    source = _MarketSource(history, timeframes)
    mean_blocks = mean_block_days * 86_400_000 / timeframes[-1].ms
    drawn = stationary_bootstrap(source.units, paths, max(mean_blocks, 1.0), np.random.default_rng(seed))

    def run(units: NDArray[np.int64]) -> BasicMetrics:
        prepared = prepare_history(plan, source.market_of(units))
        [found] = account_runs([prepared])
        return basic_metrics_of(prepared, found)

    with ThreadPoolExecutor(workers) as pool:
        return _outcomes(list(pool.map(run, drawn)))


def random_entries(prepared: PreparedFrame, *, samples: int, seed: int) -> Outcomes:
    """Run a card with its exits, sizing and costs, and with entries at random closes.

    As many entry signals as the card gave, of each side, at closes drawn without replacement from those after
    its first signal. What the card earns beyond these is what its entries are worth.

    Parameters
    ----------
    prepared : PreparedFrame
        Of a card whose conditions decide; one whose signals come from Python has none to move.
    samples : int
    seed : int

    Raises
    ------
    ConfigurationError
        If the card's signals come from Python, or there are none.
    """
    bits = prepared.signals.bits
    with_entry = np.flatnonzero(bits & _ENTRIES)
    if prepared.plan.strategy is not None or not len(with_entry):
        raise ConfigurationError(
            f"card {prepared.plan.card.id} has no entry signals that could be moved",
            way_out="use it on a card with conditions, over a window in which it trades",
        )
    rng = np.random.default_rng(seed)
    places = np.arange(with_entry[0], len(bits))
    changed = []
    for _ in range(samples):
        other = bits & ~_ENTRIES
        other[rng.choice(places, len(with_entry), replace=False)] |= bits[with_entry] & _ENTRIES
        changed.append(replace(prepared, signals=BarSignals(other, prepared.signals.features)))
    runs = account_runs(changed)
    return _outcomes([basic_metrics_of(each, run) for each, run in zip(changed, runs, strict=True)])


class _MarketSource:
    """A history taken apart into units of its largest timeframe, to be put together in another order."""

    def __init__(self, history: History, timeframes: list[Timeframe]) -> None:
        self._history = history
        self._timeframes = timeframes
        smallest, largest = timeframes[0], timeframes[-1]
        bars = history.bars(smallest)
        self._per_unit = largest.ms // smallest.ms
        first = int(np.searchsorted(bars.ts_open, largest.floor(int(bars.ts_open[0]) + largest.ms - 1)))
        self.units = (len(bars) - first) // self._per_unit
        rows = slice(first, first + self.units * self._per_unit)
        self._ts_open = bars.ts_open[rows]
        before = np.concatenate(([bars.open[first]], bars.close[rows][:-1]))
        self._start = float(bars.open[first])
        self._changes = {
            f"{kind}{name}": getattr(bars, f"{kind}{name}")[rows] / before
            for kind in (_KINDS if bars.has_marks else _KINDS[:1])
            for name in _CHANGES
        }
        self._volume, self._is_filled = bars.volume[rows], bars.is_filled[rows]

    def market_of(self, units: NDArray[np.int64]) -> History:
        """Return the history in which the units follow one another in this order."""
        rows = (units[:, None] * self._per_unit + np.arange(self._per_unit)).ravel()
        level = self._start * np.cumprod(self._changes["close"][rows])
        before = np.concatenate(([self._start], level[:-1]))
        columns = {name: before * changes[rows] for name, changes in self._changes.items()}
        # the close is where the next bar goes on from, to the bit
        columns["close"] = level
        columns["high"] = np.maximum(columns["high"], np.maximum(columns["open"], level))
        columns["low"] = np.minimum(columns["low"], np.minimum(columns["open"], level))
        smallest = Candles(
            ts_open=self._ts_open, volume=self._volume[rows], is_filled=self._is_filled[rows], **columns
        )
        candles = {
            timeframe: _aggregated(smallest, timeframe.ms // self._timeframes[0].ms)
            for timeframe in self._timeframes
        }
        return History(
            self._history.symbol, candles, self._funding(columns["open"]), self._history.instrument
        )

    def _funding(self, opens: NDArray[np.float64]) -> FundingEvents:
        known = self._history.funding
        at = np.clip(np.searchsorted(self._ts_open, known.ts, side="right") - 1, 0, len(opens) - 1)
        return FundingEvents(known.ts, known.rate, opens[at])


def _aggregated(candles: Candles, per_bar: int) -> Candles:
    """Return bars of so many candles each; the candles are whole bars."""
    if per_bar == 1:
        return candles
    columns: dict[str, NDArray[np.float64]] = {}
    for field in fields(candles):
        values = getattr(candles, field.name)
        if values is None or field.name in ("ts_open", "is_filled", "volume"):
            continue
        rows = values.reshape(-1, per_bar)
        name = field.name.removeprefix("mark_")
        picked = {"open": rows[:, 0], "close": rows[:, -1]}.get(name)
        if picked is None:
            picked = rows.max(axis=1) if name == "high" else rows.min(axis=1)
        columns[field.name] = np.ascontiguousarray(picked)
    filled = None
    if candles.is_filled is not None:
        filled = np.logical_or.reduce(candles.is_filled.reshape(-1, per_bar), axis=1)
    volume = candles.volume.reshape(-1, per_bar).sum(axis=1)
    return Candles(candles.ts_open[::per_bar].copy(), volume=volume, is_filled=filled, **columns)


def _outcomes(found: list[BasicMetrics]) -> Outcomes:
    return Outcomes(
        np.array([each.net_return_pct for each in found]),
        np.array([each.max_drawdown_pct for each in found]),
    )


def share_beaten(value: float, others: NDArray[np.float64]) -> float:
    """Return the share of `others` that are below `value`, ties half; NaN where there are none."""
    if not len(others):
        return math.nan
    return float((others < value).mean() + (others == value).mean() / 2)

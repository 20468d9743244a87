"""Finer markets, the exec bars they make, and the rules of simulation run over them bar by bar."""

from __future__ import annotations

import numpy as np

from engine.sim.closing import close_at_end
from engine.sim.detail import DetailBars
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import (
    FILL_DTYPE,
    PAYMENT_DTYPE,
    TRADE_DTYPE,
    BarValues,
    Books,
    Floats,
    FundingArrays,
    Records,
    new_position,
    new_records,
    new_wallet,
)
from engine.sim.simulate import bar_values
from engine.sim.state import RejectReason
from engine.sim.step import advance_bar


def made_of(finer: MarketBars, count: int) -> MarketBars:
    """Return the bars that `count` finer bars each make; what is left over at the end makes none."""
    whole = len(finer) // count

    def groups(values: np.ndarray) -> np.ndarray:
        return values[: whole * count].reshape(whole, count)

    def prices(prefix: str) -> dict[str, np.ndarray]:
        return {
            f"{prefix}open": groups(getattr(finer, f"{prefix}open"))[:, 0],
            f"{prefix}high": groups(getattr(finer, f"{prefix}high")).max(axis=1),
            f"{prefix}low": groups(getattr(finer, f"{prefix}low")).min(axis=1),
            f"{prefix}close": groups(getattr(finer, f"{prefix}close"))[:, -1],
        }

    last = prices("")
    marks = prices("mark_") if finer.has_marks else {f"mark_{name}": of for name, of in last.items()}
    return MarketBars(
        bar_ms=finer.bar_ms * count,
        ts_open=groups(finer.ts_open)[:, 0],
        is_filled=groups(finer.is_filled).all(axis=1),
        volume=groups(finer.volume).sum(axis=1),
        **last,
        **marks,
    )


def without(bars: MarketBars, rows: np.ndarray) -> MarketBars:
    """Return the bars that are left when some are taken out."""
    kept = np.ones(len(bars), bool)
    kept[rows] = False
    names = ("open", "high", "low", "close")
    columns = (*names, *(f"mark_{name}" for name in names), "ts_open", "is_filled", "volume")
    return MarketBars(bar_ms=bars.bar_ms, **{name: getattr(bars, name)[kept] for name in columns})


def run_bar_by_bar(
    detail: DetailBars,
    signals: BarSignals,
    funding: FundingEvents,
    contract: Records,
    tiers: Floats,
    starting_equity: float,
) -> tuple[list[float], Books, Records]:
    """Advance an account by every bar; return the equity at exec closes, the books and the wallet."""
    wallet, position = new_wallet(starting_equity)[0], new_position(funding.ts)[0]
    books = Books(
        new_records(20_000, FILL_DTYPE),
        new_records(5_000, TRADE_DTYPE),
        new_records(len(funding), PAYMENT_DTYPE),
        np.zeros(len(RejectReason), np.int64),
    )
    events = FundingArrays(funding.ts, funding.rate, funding.mark_price)
    equity: list[float] = []
    last: BarValues | None = None
    for bar in range(len(detail.bars)):
        for last in _bars_inside(detail, bar):
            known = bar if last.closes else max(0, bar - 1)
            advance_bar(
                wallet,
                position,
                contract[0],
                tiers,
                last,
                int(signals.bits[bar]),
                signals.features,
                known,
                events,
                books,
            )
        equity.append(float(wallet.equity))
        if wallet.stop_reason:
            break
    assert last is not None
    close_at_end(wallet, position, contract[0], tiers, last, books)
    equity[-1] = float(wallet.equity)
    return equity, books, wallet


def _bars_inside(detail: DetailBars, bar: int) -> list[BarValues]:
    first, count = int(detail.first[bar]), detail.finer_per_bar
    execution = bar_values(detail.bars, bar)
    if first < 0:
        return [execution]
    return [
        bar_values(detail.finer, first + piece)._replace(
            bar=bar, ts_exec_open=execution.ts_exec_open, closes=piece == count - 1
        )
        for piece in range(count)
    ]

"""What trades came to by the tags of the rules that opened and closed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.metrics.breakdown import TradeGroup, trades_by

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class TagMetrics:
    """The trades of one tag.

    Attributes
    ----------
    tag : str
    trades : int
    win_rate_pct : float
        Share of them with a net PnL above zero.
    net_pnl_usdt : float
        Sum, after fees, slippage and funding.
    expectancy_usdt : float
        Average net PnL of one of them.
    """

    tag: str
    trades: int
    win_rate_pct: float
    net_pnl_usdt: float
    expectancy_usdt: float


@dataclass(frozen=True)
class TagBreakdown:
    """All trades of a run by their entry tags, where some have one, and once more by what ended them."""

    entries: tuple[TagMetrics, ...] = ()
    exits: tuple[TagMetrics, ...] = ()


def tag_breakdown(trades: pd.DataFrame) -> TagBreakdown:
    """Return the breakdown of a trades frame; nothing where no trade has a tag.

    Trades that no tagged exit rule ended stand under their exit reason. The most trades come first.
    """
    entries, exits = ((trades[name] != "").any() for name in ("entry_tag", "exit_tag"))
    return TagBreakdown(
        _by(trades, TradeGroup.ENTRY_TAG) if entries else (),
        _by(trades, TradeGroup.ENDED_BY) if entries or exits else (),
    )


def _by(trades: pd.DataFrame, group: TradeGroup) -> tuple[TagMetrics, ...]:
    found = [
        TagMetrics(
            tag=str(row[group.value]),
            trades=int(row["trades"]),
            win_rate_pct=float(row["win_rate_pct"]),
            net_pnl_usdt=float(row["net_pnl_usdt"]),
            expectancy_usdt=float(row["expectancy_usdt"]),
        )
        for row in trades_by(trades, group).to_dict("records")
    ]
    return tuple(sorted(found, key=lambda each: -each.trades))

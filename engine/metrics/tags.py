"""What trades came to by the tags of the rules that opened and closed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.metrics.trades import win_rate_pct

if TYPE_CHECKING:
    import pandas as pd

UNTAGGED = "(none)"
"""How trades whose entry rule has no tag are called."""


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
    """All trades of a run by their entry tags, and once more by what ended them."""

    entries: tuple[TagMetrics, ...] = ()
    exits: tuple[TagMetrics, ...] = ()


def tag_breakdown(trades: pd.DataFrame) -> TagBreakdown:
    """Return the breakdown of a trades frame; nothing where no trade has a tag.

    Trades that no tagged exit rule ended stand under their exit reason. The most trades come first.
    """
    entry, leave = (trades[name].to_numpy(dtype=object) for name in ("entry_tag", "exit_tag"))
    if not (entry != "").any() and not (leave != "").any():
        return TagBreakdown()
    net = trades["net_pnl_usdt"].to_numpy(dtype=np.float64)
    ended_by = np.where(leave != "", leave, trades["exit_reason"].to_numpy(dtype=object))
    return TagBreakdown(_by(np.where(entry != "", entry, UNTAGGED), net), _by(ended_by, net))


def _by(labels: NDArray[np.object_], net: NDArray[np.float64]) -> tuple[TagMetrics, ...]:
    found = [_of(str(label), net[labels == label]) for label in sorted(set(labels))]
    return tuple(sorted(found, key=lambda each: -each.trades))


def _of(tag: str, net: NDArray[np.float64]) -> TagMetrics:
    return TagMetrics(
        tag=tag,
        trades=len(net),
        win_rate_pct=win_rate_pct(net),
        net_pnl_usdt=float(net.sum()),
        expectancy_usdt=float(net.mean()),
    )

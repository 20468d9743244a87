"""Small pictures for places that cannot run a report: the Dagster UI, messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from engine.metrics.benchmark import buy_and_hold_equity
from engine.metrics.drawdown import drawdown_pct
from engine.reports.canvas import new_figure, png, title_of
from engine.reports.thinning import extremes

if TYPE_CHECKING:
    from engine.promotion.walk_forward import WalkForward

# About two points for each pixel across
_MOST_POINTS = 1_600


def equity_png(equity: pd.DataFrame, *, starting_equity_usdt: float, title: str = "") -> bytes:
    """Return a PNG of the equity against buy and hold, with the drawdown below; at most 50 kB.

    The same frame gives the same bytes on the same machine: nothing about the program or the time is
    written into the file.

    Parameters
    ----------
    equity : DataFrame
        With ts_close (UTC milliseconds), equity_usdt and close.
    starting_equity_usdt : float
        Equity before the first bar.
    title : str, optional
        Shown above the curve.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    moments = equity["ts_close"].to_numpy(dtype=np.int64).astype("datetime64[ms]")
    curve = equity["equity_usdt"].to_numpy(dtype=np.float64)
    held = buy_and_hold_equity(
        equity["close"].to_numpy(dtype=np.float64), starting_equity_usdt=starting_equity_usdt
    )
    below = -drawdown_pct(curve, starting_equity_usdt=starting_equity_usdt)

    figure = new_figure(4.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for values, colour, width, label in (
        (held, "#9aa4b2", 1.0, "buy and hold"),
        (curve, "#2563c9", 1.4, "equity"),
    ):
        kept = extremes(values, _MOST_POINTS)
        upper.plot(moments[kept], values[kept], color=colour, linewidth=width, label=label)
    kept = extremes(below, _MOST_POINTS)
    lower.fill_between(moments[kept], below[kept], 0.0, color="#c0362c", alpha=0.55, linewidth=0)

    upper.set_ylabel("USDT")
    upper.legend(loc="upper left", frameon=False, fontsize=8)
    lower.set_ylabel("drawdown, %")
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    lower.xaxis.set_major_locator(locator)
    lower.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    for axes in (upper, lower):
        axes.grid(visible=True, color="#e3e7ec", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    if title:
        upper.set_title(title_of(title), fontsize=10, loc="left")
    return png(figure)


def walk_forward_png(walked: WalkForward, *, title: str = "") -> bytes:
    """Return a PNG of a walk-forward, at most 50 kB: a strip per window, pale where parameters were chosen.

    Strips are green or red by the net return outside, which stands in them in percent.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    figure = new_figure(1.1 + 0.24 * len(walked.windows))
    axes = figure.subplots()
    for number, window in enumerate(walked.windows, start=1):
        split, net_pct = window.split, window.outside.net_return_pct
        edges = np.array(
            [split.inside_start_ms, split.inside_end_ms, split.outside_start_ms, split.outside_end_ms]
        )
        inside_start, inside_end, outside_start, outside_end = edges.astype("datetime64[ms]")
        axes.barh(number, inside_end - inside_start, left=inside_start, color="#d3d9e0", height=0.7)
        colour = "#1a7f4b" if net_pct > 0 else "#c0362c"
        axes.barh(number, outside_end - outside_start, left=outside_start, color=colour, height=0.7)
        axes.text(outside_end, number, f" {net_pct:+.1f} %", va="center", fontsize=7)
    axes.invert_yaxis()
    axes.set_yticks(range(1, len(walked.windows) + 1))
    axes.tick_params(labelsize=7)
    axes.margins(x=0.08)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(title_of(title), fontsize=10, loc="left")
    return png(figure)

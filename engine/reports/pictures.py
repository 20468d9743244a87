"""Small pictures for places that cannot run a report: the Dagster UI, messages."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from engine.metrics.benchmark import buy_and_hold_equity
from engine.metrics.drawdown import drawdown_pct
from engine.reports.thinning import extremes

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
    # The Figure object itself, without pyplot: no global state, safe in any thread and without a screen
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from PIL import Image

    moments = equity["ts_close"].to_numpy(dtype=np.int64).astype("datetime64[ms]")
    curve = equity["equity_usdt"].to_numpy(dtype=np.float64)
    held = buy_and_hold_equity(
        equity["close"].to_numpy(dtype=np.float64), starting_equity_usdt=starting_equity_usdt
    )
    below = -drawdown_pct(curve, starting_equity_usdt=starting_equity_usdt)

    figure = Figure(figsize=(8, 4.2), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
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
        # "$" would start a formula
        upper.set_title(title.replace("$", r"\$"), fontsize=10, loc="left")
    canvas.draw()  # type: ignore[no-untyped-call]
    # 64 colours are all that such a picture has, and a third of the bytes
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(64)  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()

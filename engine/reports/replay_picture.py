"""The picture of a replay of promotion: the promoted next to the refused, month by month."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.promotion.replay_summary import Fate, MonthSummary
from engine.reports.canvas import new_figure, png, title_of
from engine.timeframes import format_utc

_PROMOTED, _REFUSED = "#2a7f3f", "#9a9a9a"
_HEIGHT_INCHES = 4.5
_MOST_LABELS = 14
_WIDTH = 0.4


def replay_png(months: Sequence[MonthSummary], *, title: str = "") -> bytes:
    """Return a PNG of what became of the promoted and the refused of each month.

    Above, the mean net return after each month's end; below, these added up, where a month in which nothing
    was promoted adds nothing. The same months give the same bytes on the same machine.

    Parameters
    ----------
    months : sequence of MonthSummary
        In the order of time.
    title : str, optional
        Shown above.
    """
    known = [month for month in months if month.promoted.decisions or month.refused.decisions]
    places = np.arange(len(known))
    figure = new_figure(_HEIGHT_INCHES)
    above, below = figure.subplots(2, 1, sharex=True)
    sets = (
        ("promoted", _PROMOTED, -_WIDTH / 2, _means([month.promoted for month in known])),
        ("refused", _REFUSED, _WIDTH / 2, _means([month.refused for month in known])),
    )
    for name, colour, shift, means in sets:
        above.bar(places + shift, means, _WIDTH, color=colour, label=name)
        below.plot(places, np.cumsum(means), color=colour, marker="o", markersize=3, label=name)
    for axes, label in ((above, "mean return after, %"), (below, "added up, %")):
        axes.axhline(0.0, color="black", linewidth=0.6)
        axes.set_ylabel(label, fontsize=8)
        axes.tick_params(labelsize=7)
    every = max(1, -(-len(known) // _MOST_LABELS))
    dates = [format_utc(month.moment_ms)[:7] for month in known]
    below.set_xticks(places[::every], dates[::every], fontsize=7)
    above.legend(fontsize=7, frameon=False)
    if title:
        above.set_title(title_of(title), fontsize=10, loc="left")
    return png(figure)


def _means(fates: Sequence[Fate]) -> NDArray[np.float64]:
    return np.array([fate.mean_return_pct if fate.decisions else 0.0 for fate in fates], np.float64)

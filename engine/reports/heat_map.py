"""The picture of a sweep: what each pair of values of its two widest parameters came to at best."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.backtest.sweep_results import PARAMETER
from engine.reports.canvas import new_figure, png, title_of

_MOST_LABELS = 24


def heat_map_png(table: pd.DataFrame, metric: str, *, higher_is_better: bool, title: str = "") -> bytes:
    """Return a PNG of a metric over the two parameters that have most values, at most 50 kB.

    Each cell is the best of the sets that have its two values, whatever their other values; what was not
    tried, and what has no value, is left white. The same table gives the same bytes on the same machine.

    Parameters
    ----------
    table : DataFrame
        A row per set, as `results_table` makes it.
    metric : str
        A column of it.
    higher_is_better : bool
    title : str, optional
        Shown above.
    """
    across, up = _widest(table)
    columns, rows = (_values(table, name) for name in (across, up))
    cells = _cells(table, metric, (across, columns), (up, rows), higher_is_better=higher_is_better)
    figure = new_figure(min(2.0 + 0.35 * len(rows), 6.0))
    axes = figure.subplots()
    colours = "RdYlGn" if higher_is_better else "RdYlGn_r"
    image = axes.imshow(cells, cmap=colours, aspect="auto", origin="lower", interpolation="nearest")
    figure.colorbar(image, ax=axes, label=metric)
    for axis, name, values in ((axes.xaxis, across, columns), (axes.yaxis, up, rows)):
        every = -(-len(values) // _MOST_LABELS)
        axis.set_ticks(range(0, len(values), every), [str(each) for each in values[::every]], fontsize=7)
        axis.set_label_text("" if name is None else name.removeprefix(PARAMETER))
    axes.spines[:].set_visible(False)
    if title:
        axes.set_title(title_of(title), fontsize=10, loc="left")
    return png(figure)


def _widest(table: pd.DataFrame) -> tuple[str | None, str | None]:
    """Return the two parameters with most different values, the widest first; None where there is none."""
    names = [str(name) for name in table.columns if str(name).startswith(PARAMETER)]
    found = sorted(names, key=lambda name: -table[name].nunique())[:2]
    first, second = (*found, None, None)[:2]
    return first, second


def _values(table: pd.DataFrame, name: str | None) -> list[object]:
    return [""] if name is None else sorted(table[name].unique().tolist())


def _cells(
    table: pd.DataFrame,
    metric: str,
    across: tuple[str | None, list[object]],
    up: tuple[str | None, list[object]],
    *,
    higher_is_better: bool,
) -> NDArray[np.float64]:
    cells = np.full((len(up[1]), len(across[1])), np.nan)
    places = []
    for name, values in (up, across):
        place = {value: number for number, value in enumerate(values)}
        places.append([0] * len(table) if name is None else [place[each] for each in table[name].tolist()])
    better = np.fmax if higher_is_better else np.fmin
    for row, column, value in zip(*places, table[metric].to_numpy(np.float64), strict=True):
        cells[row, column] = better(cells[row, column], value)
    return cells

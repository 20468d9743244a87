"""Features drawn on candles, for a person to see whether they are right.

Market structures and averages are drawn on the candles, each in its own way; any other indicator has a panel
below them. A level is drawn from the bar on at which it was known, so that what looks ahead would be seen.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.builder import compute_feature
from engine.features.spec import FloatArray
from engine.idea_card.features import FeatureSpec
from engine.timeframes import format_utc

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UP, DOWN, PLAIN = "#1f8a5b", "#c0362c", "#2563c9"
_SECOND = "#b7791f"
_THIN = 0.9


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a painter draws on: the axes, and the bars and outputs that are shown.

    Attributes
    ----------
    axes : Axes
        Bars stand at 0, 1, 2 …
    bars : mapping of str to float64[bars]
        open, high, low and close.
    outputs : mapping of str to float64[bars]
        The feature's, by name.
    """

    axes: Axes
    bars: Mapping[str, FloatArray]
    outputs: Mapping[str, FloatArray]

    @property
    def places(self) -> FloatArray:
        """Where the bars stand."""
        return np.arange(len(self.bars["close"]), dtype=np.float64)

    def line(self, output: str, colour: str, label: str = "", style: str = "-") -> None:
        """Draw an output as a line that is broken where it is missing."""
        self.axes.plot(
            self.places, self.outputs[output], style, color=colour, linewidth=1.3, label=label or output
        )

    def level(self, output: str, colour: str, label: str = "", style: str = "-") -> None:
        """Draw a level as flat steps: one that moves does so at the bar at which that was known."""
        for first, after in _runs(self.outputs[output]):
            value = self.outputs[output][first]
            self.axes.plot([first - 0.5, after - 0.5], [value, value], style, color=colour, linewidth=1.4)
        self.axes.plot([], [], style, color=colour, label=label or output)

    def band(self, bottom: str, top: str, colour: str, label: str) -> None:
        """Fill the zone between two levels while it is known and stays the same."""
        low, high = self.outputs[bottom], self.outputs[top]
        for first, after in _runs(low, high):
            self.axes.fill_between(
                [first - 0.5, after - 0.5], low[first], high[first], color=colour, alpha=0.22, linewidth=0
            )
            # a zone of one level is no area
            for edge in (low[first], high[first]):
                self.axes.plot([first - 0.5, after - 0.5], [edge, edge], color=colour, linewidth=_THIN)
        self.axes.fill_between([], [], color=colour, alpha=0.22, label=label)

    def from_origin(self, level: float, at: int, colour: str, *, of_high: bool) -> None:
        """Draw a level from the swing that made it to the bar that used it up."""
        made = np.flatnonzero(self.bars["high" if of_high else "low"][:at] == level)
        first = made[-1] if len(made) else -0.5
        self.axes.plot([first, at + 0.5], [level, level], "--", color=colour, linewidth=1)

    def note(self, at: int, text: str, colour: str, *, above: bool) -> None:
        """Write a word over or under a bar."""
        price = self.bars["high"][at] if above else self.bars["low"][at]
        self.axes.annotate(
            text,
            (at, price),
            xytext=(0, 7 if above else -7),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=7,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5},
        )


def feature_png(
    columns: Mapping[str, FloatArray], feature: FeatureSpec, *, bars: int = 160, title: str = ""
) -> bytes:
    """Return a PNG of the last candles with a feature on them or below them.

    Parameters
    ----------
    columns : mapping of str to array
        As `engine.features.inputs` names them; the feature is computed on all of them.
    feature : FeatureSpec
        A checked one.
    bars : int, optional
        How many of the last are shown.
    title : str, optional
        In front of what the feature is.
    """
    # The Figure object itself, without pyplot: no global state, safe in any thread and without a screen
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = slice(max(len(columns["close"]) - bars, 0), None)
    seen = {name: np.asarray(columns[name])[shown] for name in ("ts_open", "open", "high", "low", "close")}
    outputs = {name: values[shown] for name, values in compute_feature(feature, columns).items()}
    painter = _PAINTERS.get(feature.indicator)
    figure = Figure(figsize=(11, 6), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(
        1 if painter else 2, 1, sharex=True, height_ratios=[1] if painter else [2, 1], squeeze=False
    )[:, 0]
    _draw_candles(panels[0], seen)
    if painter is None:
        for output, values in outputs.items():
            panels[1].plot(np.arange(len(values)), values, label=output or "value")
    else:
        painter(Drawn(panels[0], seen, outputs))
    _label(panels, seen["ts_open"])
    params = ", ".join(f"{name} {value}" for name, value in feature.params.items())
    source = f"of {feature.source}" if feature.source else ""
    words = (title, feature.indicator, source, params)
    panels[0].set_title(" ".join(each for each in words if each), loc="left", fontsize=10)
    # beside the title, where it covers no candle
    panels[-1].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=7, frameon=False)
    canvas.draw()  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_candles(axes: Axes, bars: Mapping[str, FloatArray]) -> None:
    places = np.arange(len(bars["close"]))
    colours = np.where(bars["close"] >= bars["open"], UP, DOWN)
    axes.vlines(places, bars["low"], bars["high"], color=colours, linewidth=0.7)
    low, high = np.minimum(bars["open"], bars["close"]), np.maximum(bars["open"], bars["close"])
    axes.bar(places, high - low, bottom=low, width=0.7, color=colours, linewidth=0, alpha=0.75)
    # a body of nothing is a line
    flat = high == low
    axes.hlines(low[flat], places[flat] - 0.35, places[flat] + 0.35, color=colours[flat], linewidth=0.7)


def _label(panels: Any, ts_open: Any) -> None:
    for axes in panels:
        axes.grid(visible=True, color="#e3e7ec", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
    step = max(len(ts_open) // 6, 1)
    places = list(range(0, len(ts_open), step))
    panels[-1].set_xticks(places, [format_utc(int(ts_open[place]))[:16] for place in places], fontsize=7)


def _runs(*levels: FloatArray) -> list[tuple[int, int]]:
    """Return where all levels are there and unchanged: first row, and the row after the last."""
    together = np.stack(levels)
    there: NDArray[np.bool_] = np.all(np.isfinite(together), axis=0)
    same = there[1:] & there[:-1] & np.all(together[:, 1:] == together[:, :-1], axis=0)
    firsts = np.flatnonzero(np.r_[True, ~same])
    return [
        (int(first), int(after))
        for first, after in zip(firsts, np.r_[firsts[1:], len(there)], strict=True)
        if there[first]
    ]


def _paint_swings(drawn: Drawn) -> None:
    for output, colour, marker in (("high", DOWN, "v"), ("low", UP, "^")):
        drawn.level(output, colour, f"last swing {output}, from its confirmation on")
        ages = drawn.outputs[f"{output}_age"]
        for confirmed in np.flatnonzero(np.r_[False, np.diff(ages) <= 0]):
            at, price = confirmed - ages[confirmed], drawn.outputs[output][confirmed]
            drawn.axes.plot([at], [price], marker, color=colour, markersize=5)
            drawn.axes.plot([at, confirmed - 0.5], [price, price], ":", color=colour, linewidth=1)


def _paint_breaks(drawn: Drawn) -> None:
    trend = drawn.outputs["trend"]
    for first, after in _runs(trend):
        colour = {1.0: UP, -1.0: DOWN}.get(float(trend[first]), "#ffffff")
        drawn.axes.axvspan(first - 0.5, after - 0.5, color=colour, alpha=0.07, linewidth=0)
    for kind, word in (("bos", "BOS"), ("choch", "CHoCH")):
        for at in np.flatnonzero(np.nan_to_num(drawn.outputs[kind])):
            up = drawn.outputs[kind][at] > 0
            colour, level = UP if up else DOWN, drawn.outputs["level"][at]
            drawn.from_origin(level, int(at), colour, of_high=bool(up))
            drawn.note(int(at), word, colour, above=bool(up))
    drawn.axes.plot([], [], "--", color=UP, label="broken upwards; the background is the trend")
    drawn.axes.plot([], [], "--", color=DOWN, label="broken downwards")


def _paint_sweeps(drawn: Drawn) -> None:
    for at in np.flatnonzero(np.nan_to_num(drawn.outputs["sweep"])):
        up, level = drawn.outputs["sweep"][at] > 0, drawn.outputs["level"][at]
        drawn.from_origin(level, int(at), UP if up else DOWN, of_high=not up)
        drawn.note(int(at), "sweep", UP if up else DOWN, above=not up)
    drawn.axes.plot([], [], "--", color=UP, label="a low that was pierced and closed above")
    drawn.axes.plot([], [], "--", color=DOWN, label="a high that was pierced and closed below")


def _paint_fib(drawn: Drawn) -> None:
    drawn.level("retracement", PLAIN)
    drawn.level("extension", _SECOND)


def _paint_premium(drawn: Drawn) -> None:
    drawn.level("premium", DOWN, "premium above")
    drawn.level("equilibrium", PLAIN, style="--")
    drawn.level("discount", UP, "discount below")


def _paint_displacement(drawn: Drawn) -> None:
    for at in np.flatnonzero(np.nan_to_num(drawn.outputs["direction"])):
        up = drawn.outputs["direction"][at] > 0
        word = f"{drawn.outputs['ratio'][at]:.1f} ATR"
        drawn.note(int(at), word, UP if up else DOWN, above=bool(up))
    drawn.axes.plot([], [], color=UP, label="displacement, with the size of its body")


def _paint_zones(below: tuple[str, str], above: tuple[str, str]) -> Callable[[Drawn], None]:
    def paint(drawn: Drawn) -> None:
        for (bottom, top), colour in ((below, UP), (above, DOWN)):
            drawn.band(bottom, top, colour, bottom.rpartition("_")[0])

    return paint


def _paint_support(drawn: Drawn) -> None:
    _paint_zones(("support_bottom", "support_top"), ("resistance_bottom", "resistance_top"))(drawn)
    for side, colour in (("support", UP), ("resistance", DOWN)):
        top, touches = drawn.outputs[f"{side}_top"], drawn.outputs[f"{side}_touches"]
        for first, after in _runs(top, touches):
            if after - first > 3:
                drawn.axes.text(
                    first, top[first], f"{touches[first]:.0f}", fontsize=7, color=colour, va="bottom"
                )


def _paint_lines(*outputs: str) -> Callable[[Drawn], None]:
    def paint(drawn: Drawn) -> None:
        for output, colour in zip(outputs, (PLAIN, _SECOND, UP, DOWN), strict=False):
            drawn.line(output, colour, output or "value")

    return paint


_PAINTERS: Mapping[str, Callable[[Drawn], None]] = {
    "swing": _paint_swings,
    "market_structure": _paint_breaks,
    "liquidity_sweep": _paint_sweeps,
    "fib": _paint_fib,
    "premium_discount": _paint_premium,
    "displacement": _paint_displacement,
    "order_block": _paint_zones(("bull_bottom", "bull_top"), ("bear_bottom", "bear_top")),
    "fvg": _paint_zones(("bull_bottom", "bull_top"), ("bear_bottom", "bear_top")),
    "support_resistance": _paint_support,
    "rolling_range": _paint_lines("low", "high"),
    "vwap": _paint_lines(""),
    "vwap_swing": _paint_lines("high", "low"),
}

DRAWN_ON_CANDLES = frozenset(_PAINTERS)
"""Indicators that are drawn on the candles; any other has a panel below them."""

"""The pictures of the evidence on a card: walk-forward, parameters, stress, Monte Carlo."""

from __future__ import annotations

import html
import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.reports.fragments import gate_table

if TYPE_CHECKING:
    from engine.promotion.validation import Validation

_MOST_HEAT_MAPS = 3
_BINS = 40
# What lies beyond is drawn in the outermost bins: a few wild paths would press all others together.
_TAIL_PCT = 1.0


def evidence_section(found: Validation | None) -> str:
    """Return the part of a report about the evidence; nothing where none was gathered."""
    if found is None:
        return ""
    refused_by = found.refused_by
    verdict = (
        '<p class="verdict good">Validated</p>'
        if refused_by is None
        else f'<p class="verdict bad">Not validated: refused by {html.escape(refused_by)}</p>'
    )
    maps = "".join(
        f'<div class="panel"><div class="chart heat" id="heat-{number}"></div></div>'
        for number in range(len(_heat_maps(found)))
    )
    return (
        "<h2>Evidence</h2>"
        f'<section class="panel scroll" id="evidence">{verdict}{gate_table(found.gates)}</section>'
        "<h2>Walk-forward</h2>"
        '<p class="note">Parameters were chosen on the pale stretch and judged on the strong one after it; '
        "labels are net returns outside.</p>"
        '<div class="panel"><div class="chart" id="strips"></div></div>'
        + (f'<h2>Parameters</h2><div class="pair">{maps}</div>' if maps else "")
        + '<div class="pair"><section><h2>Stress</h2>'
        '<div class="panel"><div class="chart" id="stress"></div></div></section>'
        "<section><h2>Monte Carlo</h2>"
        '<div class="panel"><div class="chart" id="paths"></div></div></section>'
        "<section><h2>Regimes</h2>"
        '<div class="panel"><div class="chart" id="regimes"></div></div></section></div>'
    )


def evidence_data(found: Validation | None) -> dict[str, Any] | None:
    """Return the plain data that evidence.js draws; None where no evidence was gathered."""
    if found is None:
        return None
    outcomes = {
        "Trades drawn anew": found.trades,
        "Markets of blocks": found.markets,
        "Blind entries": found.entries,
    }
    return {
        "strips": [
            {
                "inside": [window.split.inside_start_ms, window.split.inside_end_ms],
                "outside": [window.split.outside_start_ms, window.split.outside_end_ms],
                "inside_pct": _number(window.inside.net_return_pct),
                "outside_pct": _number(window.outside.net_return_pct),
                "chosen": html.escape(
                    ", ".join(f"{name} {value}" for name, value in window.binding.items()) or "no parameters"
                ),
            }
            for window in found.walk_forward.windows
        ],
        "objective": found.objective,
        "heat": _heat_maps(found),
        "stress": {
            "labels": ["as it is", *(name.replace("_", " ") for name in found.stress.scenarios)],
            "values": [
                _number(metrics.net_return_pct)
                for metrics in (found.stress.base, *found.stress.scenarios.values())
            ],
        },
        "paths": [
            {"name": name, **_histogram(of.net_return_pct)} for name, of in outcomes.items() if of is not None
        ],
        "regimes": {
            "labels": [f"{regime.kind}: {regime.regime}, {regime.days} days" for regime in found.regimes],
            "values": [_number(regime.net_pnl_usdt) for regime in found.regimes],
        },
        "own_pct": _number(found.stress.base.net_return_pct),
    }


def _heat_maps(found: Validation) -> list[dict[str, Any]]:
    """Return a map for each pair of parameters, of one parameter a row: the mean of the objective."""
    points = [(result.binding, float(result.metrics[found.objective])) for result in found.tried]
    if found.neighbourhood is not None:
        points += [(each.binding, each.value) for each in found.neighbourhood.neighbours]
    names = [name for name in found.chosen if len({repr(binding[name]) for binding, _ in points}) > 1]
    axes: list[tuple[str, str | None]] = [*itertools.combinations(names, 2)] or [
        (name, None) for name in names
    ]
    return [_heat_map(across, up, points, found.chosen) for across, up in axes[:_MOST_HEAT_MAPS]]


def _heat_map(
    across: str, up: str | None, points: Sequence[tuple[Mapping[str, Any], float]], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    def row(binding: Mapping[str, Any]) -> Any:
        return "" if up is None else binding[up]

    columns, rows = (
        sorted(set(values), key=_place)
        for values in ([binding[across] for binding, _ in points], [row(binding) for binding, _ in points])
    )
    cells: dict[tuple[Any, Any], list[float]] = defaultdict(list)
    for binding, value in points:
        if math.isfinite(value):
            cells[binding[across], row(binding)].append(value)
    return {
        "across": html.escape(across),
        "up": html.escape(up or ""),
        "x": [html.escape(str(value)) for value in columns],
        "y": [html.escape(str(value)) for value in rows],
        "z": [[_mean(cells[column, each]) for column in columns] for each in rows],
        "chosen": [html.escape(str(chosen[across])), html.escape(str(row(chosen)))],
    }


def _place(value: Any) -> tuple[bool, Any]:
    """Numbers by their value, before words by theirs."""
    return (True, value) if isinstance(value, str) else (False, value)


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _histogram(values: NDArray[np.float64]) -> dict[str, Any]:
    """Return the middle of each bin and the share of the paths in it, in percent."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {"middles": [], "shares": []}
    lowest, highest = np.percentile(finite, [_TAIL_PCT, 100 - _TAIL_PCT])
    edges = np.linspace(lowest, max(highest, lowest + 1e-9), _BINS + 1)
    counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
    return {
        "middles": [round(float(middle), 4) for middle in (edges[1:] + edges[:-1]) / 2],
        "shares": [round(float(count) / len(finite) * 100, 4) for count in counts],
    }

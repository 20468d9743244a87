"""The report that sets several runs beside each other: one file that opens from disk, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from upath import UPath

from engine.backtest.result import BacktestResult
from engine.metrics.catalogue import METRICS
from engine.metrics.compute import Metrics
from engine.metrics.described import Better, MetricSpec
from engine.metrics.drawdown import drawdown_pct
from engine.metrics.returns import last_bars_of_days, returns_between
from engine.reports.fragments import banners
from engine.reports.page import page, write_page
from engine.timeframes import DAY_MS, format_utc


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A run and its metrics."""

    result: BacktestResult
    metrics: Metrics

    @property
    def title(self) -> str:
        """What tells it from the others."""
        run = self.result
        return f"{run.card_id} {run.card_version} on {run.symbol} {run.exec_timeframe}"


def daily_correlation(runs: Sequence[MeasuredRun]) -> pd.DataFrame:
    """Return the correlation of the daily returns of each pair of runs, over the days both have.

    NaN where they share fewer than two days or one of them did not move.
    """
    series = {number: _daily_returns(run.result) for number, run in enumerate(runs)}
    return pd.DataFrame(series).corr()


def render_comparison(runs: Sequence[MeasuredRun], *, generated: bool) -> str:
    """Return the comparison as HTML; the same runs give the same text.

    Parameters
    ----------
    runs : sequence of MeasuredRun
        In the order in which they are shown.
    generated : bool
        Whether the market is the sandbox's generated one; the report then says so in large letters.
    """
    body = "\n".join(
        (
            banners(runs[0].result, generated=generated),
            "<h1>Comparison</h1>",
            "<h2>Equity, % of the start</h2>",
            '<p class="note">Click a name to hide its line, double-click to see it alone.</p>',
            '<div class="panel"><div class="chart" id="curves"></div></div>',
            "<h2>Correlation of daily returns</h2>",
            '<div class="panel"><div class="chart" id="correlation"></div></div>',
            "<h2>Metrics</h2>",
            '<p class="note">The best of a line is green. Point at a line to see what it means.</p>',
            _metric_table(runs),
        )
    )
    return page("Comparison", body, comparison_data(runs), "comparison.js")


def write_comparison(runs: Sequence[MeasuredRun], path: Path | UPath, *, generated: bool) -> None:
    """Write the report of `render_comparison` to `path`; it appears whole or not at all."""
    write_page(render_comparison(runs, generated=generated), path)


def comparison_data(runs: Sequence[MeasuredRun]) -> dict[str, Any]:
    """Return the plain data that comparison.js draws: a point a day of each run."""
    correlation = daily_correlation(runs).to_numpy()
    return {
        "runs": [{"name": escape(run.title), **_curve(run.result)} for run in runs],
        "correlation": [
            [round(float(value), 4) if np.isfinite(value) else None for value in row] for row in correlation
        ],
    }


def _curve(result: BacktestResult) -> dict[str, list[Any]]:
    ts = result.equity["ts_close"].to_numpy(np.int64)
    equity = result.equity["equity_usdt"].to_numpy(np.float64)
    last = last_bars_of_days(ts)
    fall = drawdown_pct(equity, starting_equity_usdt=result.starting_equity_usdt)
    # of a day the deepest point counts, or a fall within it would not show
    deepest = np.maximum.reduceat(fall, np.concatenate(([0], last[:-1] + 1)))
    return {
        "days": [format_utc(int(each) - 1)[:10] for each in ts[last]],
        "equity_pct": np.round(equity[last] / result.starting_equity_usdt * 100, 3).tolist(),
        "drawdown_pct": np.round(-deepest, 3).tolist(),
    }


def _daily_returns(result: BacktestResult) -> pd.Series[float]:
    ts = result.equity["ts_close"].to_numpy(np.int64)
    last = last_bars_of_days(ts)
    returns = returns_between(
        result.equity["equity_usdt"].to_numpy(np.float64)[last],
        starting_equity_usdt=result.starting_equity_usdt,
    )
    return pd.Series(returns, index=((ts[last] - 1) // DAY_MS)[: len(returns)])


def _metric_table(runs: Sequence[MeasuredRun]) -> str:
    head = "".join(f'<th class="number">{escape(run.title)}</th>' for run in runs)
    rows = []
    family = ""
    for spec in METRICS:
        if spec.family != family:
            family = spec.family
            rows.append(f'<tr><th colspan="{len(runs) + 1}" class="muted">{escape(family)}</th></tr>')
        values = [float(getattr(run.metrics, spec.name)) for run in runs]
        best = _best(spec, values)
        cells = "".join(
            f'<td class="number{" good" if number in best else ""}">{escape(spec.shown(value))}</td>'
            for number, value in enumerate(values)
        )
        rows.append(f'<tr title="{escape(spec.description)}"><th>{escape(spec.title)}</th>{cells}</tr>')
    return (
        f'<div class="panel scroll"><table id="metrics"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _best(spec: MetricSpec, values: Sequence[float]) -> set[int]:
    """Return which values are the best; none where all are the same or none is better than another."""
    finite = [value for value in values if np.isfinite(value)]
    if spec.better is Better.NEITHER or len(set(finite)) < 2:
        return set()
    best = max(finite) if spec.better is Better.HIGHER else min(finite)
    return {number for number, value in enumerate(values) if value == best}

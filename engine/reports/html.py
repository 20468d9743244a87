"""The HTML report of one backtest: one file that opens from disk, without a network."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from upath import UPath

from engine.backtest.artifacts import write_atomically
from engine.backtest.result import BacktestResult
from engine.errors import ConfigurationError
from engine.metrics.compute import Metrics
from engine.promotion.policy import PromotionDecision
from engine.reports.fragments import (
    banners,
    decision_section,
    detail_note,
    header,
    headline,
    metric_tables,
    trade_table,
)
from engine.reports.payload import chart_data, packed, packed_chart_data
from engine.reports.tag_tables import tag_section

# The browser itself is told not to fetch anything, whatever a script may try.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"


def render_report(
    result: BacktestResult, metrics: Metrics, decision: PromotionDecision | None, *, generated: bool
) -> str:
    """Return the report as HTML; the same inputs give the same text.

    Parameters
    ----------
    result : BacktestResult
        The run.
    metrics : Metrics
        Its metrics.
    decision : PromotionDecision or None
        What was decided on it, if anything was.
    generated : bool
        Whether the market is the sandbox's generated one; the report then says so in large letters.
    """
    title = f"{result.card_id} on {result.symbol} {result.exec_timeframe}"
    body = "\n".join(
        (
            banners(result, generated=generated),
            header(result),
            headline(metrics),
            detail_note(result.detail),
            "<h2>Decision</h2>",
            decision_section(decision),
            "<h2>Course</h2>",
            '<p class="note" id="course-note"></p>',
            '<div class="panel"><div class="chart" id="course"></div></div>',
            "<h2>Monthly returns, %</h2>",
            '<div class="panel"><div class="chart" id="months"></div></div>',
            '<div class="pair"><section><h2>Trades by holding time</h2>'
            '<div class="panel"><div class="chart" id="scatter"></div></div></section>'
            "<section><h2>From gross to net</h2>"
            '<div class="panel"><div class="chart" id="costs"></div></div></section></div>',
            "<h2>Metrics</h2>",
            '<p class="note">Ratios are of daily UTC returns, annualised over 365.25 days. '
            "Point at a line to see what it means.</p>",
            metric_tables(metrics),
            tag_section(result.trades),
            "<h2>Trades</h2>",
            trade_table(result.trades),
        )
    )
    return _PAGE.format(
        policy=escape(_POLICY),
        title=escape(title),
        style=_asset("report.css"),
        body=body,
        plotly=_packed_plotly(),
        data=packed_chart_data(chart_data(result, metrics)),
        script=_asset("report.js"),
    )


def write_report(
    result: BacktestResult,
    metrics: Metrics,
    decision: PromotionDecision | None,
    path: Path | UPath,
    *,
    generated: bool,
) -> None:
    """Write the report of `render_report` to `path`; on disk it appears whole or not at all.

    The folder is made where there is none.
    """
    content = render_report(result, metrics, decision, generated=generated).encode()
    target = UPath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, content)


def _asset(name: str) -> str:
    return files("engine.reports").joinpath("assets", name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _packed_plotly() -> str:
    """Return plotly.js, packed: 4.8 MB become 2 MB. The file is found without importing the package."""
    found = find_spec("plotly")
    if found is None or not found.submodule_search_locations:
        raise ConfigurationError("plotly is not installed", way_out="run `make setup`")
    folder = Path(found.submodule_search_locations[0])
    return packed((folder / "package_data" / "plotly.min.js").read_text(encoding="utf-8"))


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<noscript><p class="banner">The charts need JavaScript. The figures below are complete.</p></noscript>
{body}
</main>
<script type="text/plain" id="plotly">{plotly}</script>
<script type="text/plain" id="data">{data}</script>
<script>
{script}</script>
</body>
</html>
"""

"""The HTML report of one backtest: one file that opens from disk, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from upath import UPath

from engine.backtest.result import BacktestResult
from engine.metrics.compute import Metrics
from engine.promotion.policy import PromotionDecision
from engine.reports.breakdown_tables import breakdown_section
from engine.reports.evidence import evidence_data, evidence_section
from engine.reports.fragments import (
    banners,
    decision_section,
    detail_note,
    header,
    headline,
    metric_tables,
    trade_table,
)
from engine.reports.page import page, write_page
from engine.reports.payload import ROLLING_DAYS, chart_data
from engine.reports.tag_tables import tag_section

if TYPE_CHECKING:
    from engine.promotion.validation import Validation


def render_report(
    result: BacktestResult,
    metrics: Metrics,
    decision: PromotionDecision | None,
    candles: pd.DataFrame,
    *,
    generated: bool,
    evidence: Validation | None = None,
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
    candles : DataFrame
        Those of the exec timeframe: ts_open (UTC ms, ascending), open, high, low, close.
    generated : bool
        Whether the market is the sandbox's generated one; the report then says so in large letters.
    evidence : Validation, optional
        What was gathered on the card over the same market.
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
            f"<h2>Sharpe ratio of the last {ROLLING_DAYS} days</h2>",
            '<div class="panel"><div class="chart" id="rolling"></div></div>',
            '<div class="pair"><section><h2>Trades by holding time</h2>'
            '<div class="panel"><div class="chart" id="scatter"></div></div></section>'
            "<section><h2>From gross to net</h2>"
            '<div class="panel"><div class="chart" id="costs"></div></div></section></div>',
            evidence_section(evidence),
            "<h2>Metrics</h2>",
            '<p class="note">Ratios are of daily UTC returns, annualised over 365.25 days. '
            "Point at a line to see what it means.</p>",
            metric_tables(metrics),
            tag_section(result.trades),
            breakdown_section(result),
            "<h2>Trades</h2>",
            trade_table(result.trades),
        )
    )
    data = chart_data(result, metrics, candles) | {"evidence": evidence_data(evidence)}
    return page(title, body, data, "evidence.js", "report.js")


def write_report(
    result: BacktestResult,
    metrics: Metrics,
    decision: PromotionDecision | None,
    candles: pd.DataFrame,
    path: Path | UPath,
    *,
    generated: bool,
    evidence: Validation | None = None,
) -> None:
    """Write the report of `render_report` to `path`; on disk it appears whole or not at all.

    The folder is made where there is none.
    """
    write_page(
        render_report(result, metrics, decision, candles, generated=generated, evidence=evidence), path
    )

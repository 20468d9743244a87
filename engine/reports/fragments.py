"""The parts of a report that are plain HTML: readable without a script. Every text is escaped here."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from engine.backtest.detail_report import DetailReport
from engine.backtest.result import BacktestResult
from engine.gates.base import GateResult
from engine.metrics.catalogue import METRICS, metric_spec
from engine.metrics.compute import Metrics
from engine.promotion.policy import PromotionDecision
from engine.timeframes import format_utc

MOST_TRADE_ROWS = 300

_HEADLINE = (
    "net_return_pct",
    "buy_and_hold_return_pct",
    "max_drawdown_pct",
    "sharpe",
    "profit_factor",
    "trades",
    "win_rate_pct",
    "fees_usdt",
    "slippage_usdt",
    "funding_usdt",
)


def banners(result: BacktestResult, *, generated: bool) -> str:
    """Return what a reader must not overlook: a generated market, a run that ended early."""
    parts = []
    if generated:
        parts.append(
            '<p class="banner" id="generated">'
            "<strong>Generated market: this is the sandbox, not Bybit</strong>"
            "A seeded generator made these candles up: nothing here says anything about a real market.</p>"
        )
    if result.counters.stopped_early is not None:
        reason = result.counters.stopped_early.replace("_", " ")
        at = "" if result.counters.stopped_at is None else f" at {format_utc(result.counters.stopped_at)} UTC"
        parts.append(
            f'<p class="banner"><strong>The run stopped early</strong>{escape(reason)}{escape(at)}</p>'
        )
    return "".join(parts)


def header(result: BacktestResult) -> str:
    """Return which card ran on what, and the hashes that identify the run."""
    start_ms, end_ms = result.window
    rows = {
        "Run": result.run_id,
        "System": result.system_hash,
        "Data": result.data_fingerprint,
        "Engine": result.engine_version,
    }
    listed = "".join(
        f"<tr><th>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>"
        for name, value in rows.items()
    )
    return (
        f'<h1>{escape(result.card_id)} <span class="muted">{escape(result.card_version)}</span> on '
        f"{escape(result.symbol)} {escape(str(result.exec_timeframe))}</h1>"
        f'<p class="muted">{format_utc(start_ms)} to {format_utc(end_ms)} UTC, '
        f"{len(result.equity):,} bars, starting with {result.starting_equity_usdt:,.2f} USDT</p>"
        f'<div class="panel scroll"><table class="identity">{listed}</table></div>'
    )


def headline(metrics: Metrics) -> str:
    """Return the tiles with the figures people look at first."""
    tiles = []
    for name in _HEADLINE:
        spec = metric_spec(name)
        tiles.append(
            f'<div class="panel tile" title="{escape(spec.description)}">'
            f"<b>{escape(spec.shown(getattr(metrics, name)))}</b><span>{escape(spec.title)}</span></div>"
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def detail_note(detail: DetailReport | None) -> str:
    """Return what the finer bars of a run changed; nothing for a card without a detail timeframe."""
    if detail is None:
        return ""
    return (
        f'<p class="note" id="detail">Filled on {escape(str(detail.timeframe))} bars in '
        f"{detail.covered_pct:,.1f} % of the bars. Without them {detail.ambiguous_without:,} of "
        f"{detail.trades_without:,} trades were ambiguous, with them {detail.ambiguous_with:,} of "
        f"{detail.trades_with:,}; {detail.changed_trades:,} trades ended otherwise, and the net PnL "
        f"changed by {detail.net_pnl_difference_usdt:+,.2f} USDT.</p>"
    )


def decision_section(decision: PromotionDecision | None) -> str:
    """Return the decision with the verdict of every gate and, where one refused, what to do."""
    if decision is None:
        return '<section class="panel"><p class="verdict">No decision was asked for</p></section>'
    stage = escape(decision.stage.value)
    refused_by = escape(decision.refused_by or "")
    verdict = (
        f'<p class="verdict good">Promoted to {stage}</p>'
        if decision.promoted
        else f'<p class="verdict bad">Not promoted to {stage}: refused by {refused_by}</p>'
    )
    return f'<section class="panel scroll" id="decision">{verdict}{gate_table(decision.gates)}</section>'


def gate_table(gates: Sequence[GateResult]) -> str:
    """Return a row for each gate: its verdict, what it found and, where it refused, what to do."""
    rows = []
    for gate in gates:
        mark = '<span class="good">✓ passed</span>' if gate.passed else '<span class="bad">✗ failed</span>'
        remedies = "".join(
            f'<br><span class="muted">{escape(violation.how_much)}. {escape(violation.remedy)}</span>'
            for violation in gate.violations
        )
        rows.append(
            f'<tr><td class="mark">{mark}</td><td>{escape(gate.gate)}</td>'
            f"<td>{escape(gate.summary)}{remedies}</td>"
            f'<td class="muted">{escape(gate.checks)}</td></tr>'
        )
    return (
        "<table><thead><tr><th>Verdict</th><th>Gate</th><th>Found</th><th>Checks that</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def metric_tables(metrics: Metrics) -> str:
    """Return every metric, a panel for each family, and the counts by exit and rejection reason."""
    families: dict[str, list[tuple[str, str, str]]] = {}
    for spec in METRICS:
        shown = spec.shown(getattr(metrics, spec.name))
        families.setdefault(spec.family, []).append((spec.title, shown, spec.description))
    for title, counts in (
        ("Exits by reason", metrics.exit_reasons),
        ("Rejected orders by reason", metrics.rejection_reasons),
    ):
        if counts:
            families[title] = [(reason, f"{count:,}", "") for reason, count in sorted(counts.items())]
    panels = "".join(
        f'<div class="panel"><h3>{escape(family)}</h3><table>'
        + "".join(
            f'<tr title="{escape(description)}"><th>{escape(title)}</th>'
            f'<td class="number">{escape(shown)}</td></tr>'
            for title, shown, description in lines
        )
        + "</table></div>"
        for family, lines in families.items()
    )
    return f'<div class="families">{panels}</div>'


def trade_table(trades: pd.DataFrame) -> str:
    """Return the first trades as a table, and how many are left out."""
    if not len(trades):
        return '<p class="muted">No trades.</p>'
    left_out = len(trades) - MOST_TRADE_ROWS
    note = (
        f"The first {MOST_TRADE_ROWS:,} of {len(trades):,} trades; {left_out:,} later ones are left out here "
        "and are in trades.parquet."
        if left_out > 0
        else f"All {len(trades):,} trades."
    )
    heads: tuple[tuple[str, bool], ...] = (
        ("Trade", True), ("Direction", False), ("Entry, UTC", False), ("Entry price", True),
        ("Exit, UTC", False), ("Exit price", True), ("Size", True), ("Net PnL, USDT", True),
        ("Fees", True), ("Funding", True), ("R", True), ("Bars", True), ("Exit", False),
    )  # fmt: skip
    has_tags = bool((trades["entry_tag"] != "").any())
    if has_tags:
        heads = (*heads[:2], ("Entered by", False), *heads[2:])
    head = "".join(f"<th{' class=number' if right else ''}>{escape(name)}</th>" for name, right in heads)
    first = trades.head(MOST_TRADE_ROWS).to_dict("records")
    rows = "".join(_trade_row(trade, has_tags=has_tags) for trade in first)
    return (
        f'<p class="note">{escape(note)}</p><div class="panel scroll trades"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _trade_row(trade: Mapping[Hashable, Any], *, has_tags: bool) -> str:
    net, r_multiple = trade["net_pnl_usdt"], trade["r_multiple"]
    colour = "good" if net > 0 else "bad" if net < 0 else "muted"
    ambiguous = ' <span class="muted">(ambiguous)</span>' if trade["ambiguous"] else ""
    ended_by = f"{trade['exit_reason']}: {trade['exit_tag']}" if trade["exit_tag"] else trade["exit_reason"]
    cells = (
        _right(str(trade["trade_id"])),
        f"<td>{escape(trade['direction'])}</td>",
        *([f"<td>{escape(trade['entry_tag'])}</td>"] if has_tags else []),
        f"<td>{format_utc(trade['ts_entry'])}</td>",
        _right(_price(trade["entry_price"])),
        f"<td>{format_utc(trade['ts_exit'])}</td>",
        _right(_price(trade["exit_price"])),
        _right(_price(trade["size"])),
        f'<td class="number {colour}">{net:,.2f}</td>',
        _right(f"{trade['fees_usdt']:,.2f}"),
        _right(f"{trade['funding_usdt']:,.2f}"),
        _right("" if math.isnan(r_multiple) else f"{r_multiple:.2f}"),
        _right(str(trade["bars_held"])),
        f"<td>{escape(ended_by)}{ambiguous}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _right(text: str) -> str:
    return f'<td class="number">{escape(text)}</td>'


def _price(value: float) -> str:
    """Show as many decimals as there are, without an exponent and without rounding noise."""
    return f"{value:,.10f}".rstrip("0").rstrip(".")

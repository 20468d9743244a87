"""What a run is made of, as tables of a report: its deepest drawdowns, its trades by group."""

from __future__ import annotations

from html import escape

import pandas as pd

from engine.backtest.result import BacktestResult
from engine.metrics.breakdown import TradeGroup, trades_by
from engine.metrics.drawdown import drawdown_table
from engine.timeframes import format_utc

_GROUPS = (
    (TradeGroup.EXIT_REASON, "Exit"),
    (TradeGroup.DIRECTION, "Direction"),
    (TradeGroup.WEEKDAY, "Weekday of the entry"),
    (TradeGroup.HOUR, "Hour of the entry"),
)
_NEVER = -1


def breakdown_section(result: BacktestResult) -> str:
    """Return the deepest drawdowns, and the trades by exit, direction, weekday and hour (UTC)."""
    groups = ""
    if len(result.trades):
        tables = (_group_table(title, trades_by(result.trades, group)) for group, title in _GROUPS)
        groups = f'<h2>Trades by group</h2><div class="pair">{"".join(tables)}</div>'
    return f"<h2>Deepest drawdowns</h2>{_drawdowns(result)}{groups}"


def _drawdowns(result: BacktestResult) -> str:
    table = drawdown_table(
        result.equity["ts_close"].to_numpy(),
        result.equity["equity_usdt"].to_numpy(),
        starting_equity_usdt=result.starting_equity_usdt,
    )
    if not len(table):
        return '<p class="muted">The equity never closed below a peak.</p>'
    rows = []
    for row in table.to_dict("records"):
        recovered = "not yet" if row["ts_recovered"] == _NEVER else format_utc(row["ts_recovered"])
        rows.append(
            f"<tr>{_number(f'{row["depth_pct"]:.2f} %')}{_number(f'{row["depth_usdt"]:,.2f}')}"
            f"<td>{format_utc(row['ts_peak'])}</td><td>{format_utc(row['ts_trough'])}</td>"
            f"<td>{recovered}</td>{_number(f'{row["bars"]:,}')}</tr>"
        )
    heads = (
        ("Depth", True), ("USDT", True), ("Peak, UTC", False), ("Trough, UTC", False),
        ("Recovered, UTC", False), ("Bars", True),
    )  # fmt: skip
    return _table("drawdowns", heads, "".join(rows))


def _group_table(title: str, groups: pd.DataFrame) -> str:
    name = str(groups.columns[0])
    rows = "".join(
        f"<tr><td>{escape(str(row[name]))}</td>{_number(f'{row["trades"]:,}')}"
        f"{_number(f'{row["win_rate_pct"]:.1f}')}"
        f"{_number(f'{row["net_pnl_usdt"]:,.2f}', 'good' if row['net_pnl_usdt'] > 0 else 'bad')}"
        f"{_number(f'{row["expectancy_usdt"]:,.2f}')}</tr>"
        for row in groups.to_dict("records")
    )
    heads = (
        (title, False),
        ("Trades", True),
        ("Won, %", True),
        ("Net PnL, USDT", True),
        ("Expectancy, USDT", True),
    )
    return f"<section>{_table(f'by-{name}', heads, rows)}</section>"


def _table(name: str, heads: tuple[tuple[str, bool], ...], rows: str) -> str:
    head = "".join(f"<th{' class=number' if right else ''}>{escape(text)}</th>" for text, right in heads)
    return (
        f'<div class="panel scroll"><table id="{escape(name)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _number(text: str, colour: str = "") -> str:
    return f'<td class="number {colour}">{escape(text)}</td>'

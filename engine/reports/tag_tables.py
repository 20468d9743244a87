"""The trades of a report by the tags of the rules that opened and closed them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd

from engine.metrics.tags import TagMetrics, tag_breakdown


def tag_section(trades: pd.DataFrame) -> str:
    """Return the trades by entry tag and by what ended them; nothing where no rule has tags."""
    breakdown = tag_breakdown(trades)
    if not breakdown.exits:
        return ""
    tables = (("Entered by", breakdown.entries), ("Ended by", breakdown.exits))
    sections = (f"<section>{_table(title, of_tags)}</section>" for title, of_tags in tables if of_tags)
    return (
        "<h2>Trades by tag</h2>"
        '<p class="note">Tags are those of the rules; a trade that no tagged exit rule ended stands under '
        "its exit reason.</p>"
        f'<div class="pair">{"".join(sections)}</div>'
    )


def _table(title: str, of_tags: Sequence[TagMetrics]) -> str:
    heads = (title, "Trades", "Won, %", "Net PnL, USDT", "Expectancy, USDT")
    head = "".join(
        f"<th{' class=number' if place else ''}>{escape(name)}</th>" for place, name in enumerate(heads)
    )
    rows = "".join(
        f'<tr><td>{escape(each.tag)}</td><td class="number">{each.trades:,}</td>'
        f'<td class="number">{each.win_rate_pct:.1f}</td>'
        f'<td class="number {"good" if each.net_pnl_usdt > 0 else "bad"}">{each.net_pnl_usdt:,.2f}</td>'
        f'<td class="number">{each.expectancy_usdt:,.2f}</td></tr>'
        for each in of_tags
    )
    return (
        f'<div class="panel scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )

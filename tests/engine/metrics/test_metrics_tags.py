"""Trades by the tags of the rules that opened and closed them."""

from __future__ import annotations

import pytest
from metrics_frames import trades_frame

from engine.metrics.tags import TagBreakdown, TagMetrics, tag_breakdown


def test_every_trade_counts_once_by_its_entry_and_once_by_what_ended_it():
    trades = trades_frame(
        [10.0, -4.0, 6.0, -2.0, 0.0],
        entry_tag=["pullback", "breakout", "pullback", "pullback", ""],
        exit_tag=["tired", "", "tired", "", ""],
        exit_reason=["signal", "stop_loss", "signal", "stop_loss", "signal"],
    )
    found = tag_breakdown(trades)
    assert found.entries == (
        TagMetrics(
            tag="pullback",
            trades=3,
            win_rate_pct=pytest.approx(200 / 3),
            net_pnl_usdt=14.0,
            expectancy_usdt=pytest.approx(14 / 3),
        ),
        TagMetrics(tag="(none)", trades=1, win_rate_pct=0.0, net_pnl_usdt=0.0, expectancy_usdt=0.0),
        TagMetrics(tag="breakout", trades=1, win_rate_pct=0.0, net_pnl_usdt=-4.0, expectancy_usdt=-4.0),
    )
    ended = {each.tag: (each.trades, each.net_pnl_usdt) for each in found.exits}
    assert ended == {"tired": (2, 16.0), "stop_loss": (2, -6.0), "signal": (1, 0.0)}


def test_entries_without_any_tag_are_not_broken_down():
    found = tag_breakdown(trades_frame([1.0, 2.0], entry_tag=["", ""], exit_tag=["late", ""]))
    assert found.entries == ()
    assert [(each.tag, each.trades) for each in found.exits] == [("late", 1), ("signal", 1)]


def test_without_tags_there_is_nothing_to_break_down():
    untagged = trades_frame([1.0, 2.0], entry_tag=["", ""], exit_tag=["", ""])
    assert tag_breakdown(untagged) == TagBreakdown()
    assert tag_breakdown(trades_frame([], entry_tag=[], exit_tag=[])) == TagBreakdown()

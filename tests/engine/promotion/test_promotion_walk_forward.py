"""Walk-forward: what is chosen inside, and that it is judged outside only."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from evidence_case import START, history, space
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest.measure import evaluate
from engine.backtest.prepare import prepare_history
from engine.errors import ConfigurationError
from engine.promotion.walk_forward import Anchor, walk_forward, walk_forward_splits
from engine.strategies.card_plan import plan_card
from engine.timeframes import DAY_MS, HOUR_MS, Timeframe

H1 = Timeframe.H1
END = START + 100 * DAY_MS


def days(moment_ms: int) -> float:
    return (moment_ms - START) / DAY_MS


def test_anchored_splits_by_hand() -> None:
    splits = walk_forward_splits(
        START,
        END,
        H1,
        windows=3,
        inside_share=0.4,
        anchor=Anchor.ANCHORED,
        purge_ms=DAY_MS,
        embargo_ms=HOUR_MS,
    )
    assert [days(split.inside_start_ms) for split in splits] == [0, 0, 0]
    assert [days(split.inside_end_ms) for split in splits] == [39, 59, 79]
    assert [days(split.outside_start_ms) for split in splits] == [
        pytest.approx(edge + 1 / 24) for edge in (40, 60, 80)
    ]
    assert [days(split.outside_end_ms) for split in splits] == [60, 80, 100]


def test_rolling_splits_keep_their_length() -> None:
    splits = walk_forward_splits(START, END, H1, windows=3, inside_share=0.4, anchor=Anchor.ROLLING)
    assert [(days(each.inside_start_ms), days(each.inside_end_ms)) for each in splits] == [
        (0, 40),
        (20, 60),
        (40, 80),
    ]


@given(
    st.integers(1, 12),
    st.floats(0.1, 0.8),
    st.sampled_from(Anchor),
    st.integers(0, 48),
    st.integers(0, 24),
    st.integers(2000, 9000),
)
def test_nothing_inside_reaches_outside(windows, share, anchor, purge_hours, embargo_hours, hours) -> None:
    end = START + hours * HOUR_MS
    splits = walk_forward_splits(
        START,
        end,
        H1,
        windows=windows,
        inside_share=share,
        anchor=anchor,
        purge_ms=purge_hours * HOUR_MS,
        embargo_ms=embargo_hours * HOUR_MS,
    )
    assert len(splits) == windows
    assert splits[-1].outside_end_ms == end
    for split in splits:
        edges = (split.inside_start_ms, split.inside_end_ms, split.outside_start_ms, split.outside_end_ms)
        assert all(edge % HOUR_MS == 0 for edge in edges)
        assert START <= edges[0] < edges[1] <= edges[2] < edges[3] <= end
        assert edges[2] - edges[1] >= (purge_hours + embargo_hours) * HOUR_MS
    for before, after in pairwise(splits):
        assert before.outside_end_ms + embargo_hours * HOUR_MS == after.outside_start_ms


@pytest.mark.parametrize(
    "changes",
    [{"windows": 0}, {"inside_share": 1.0}, {"windows": 5000}, {"purge_ms": 50 * DAY_MS}],
)
def test_impossible_splits_are_refused(changes: dict[str, float]) -> None:
    asked = {"windows": 3, "inside_share": 0.4, "anchor": Anchor.ROLLING, "purge_ms": 0} | changes
    with pytest.raises(ConfigurationError):
        walk_forward_splits(START, END, H1, **asked)


def test_the_best_inside_is_run_outside() -> None:
    made, market = space(), history()
    sets = list(made.grid())
    splits = walk_forward_splits(
        START, START + 120 * DAY_MS, H1, windows=4, inside_share=0.4, anchor=Anchor.ROLLING
    )
    found = walk_forward(made, sets, market, splits, objective="net_return_pct", workers=2)
    assert [window.split for window in found.windows] == list(splits)

    def net(binding: dict[str, int], start: int, end: int) -> float:
        plan = plan_card(made.bind(binding))
        return evaluate(prepare_history(plan, history(), start_ms=start, end_ms=end)).net_return_pct

    for window in found.windows[:2]:
        split = window.split
        inside = [net(binding, split.inside_start_ms, split.inside_end_ms) for binding in sets]
        assert window.binding == sets[int(np.argmax(inside))]
        assert window.inside.net_return_pct == max(inside)
        assert window.outside.net_return_pct == net(
            window.binding, split.outside_start_ms, split.outside_end_ms
        )
        assert window.efficiency == pytest.approx(window.outside.cagr_pct / window.inside.cagr_pct)
    # 72 days outside, each window measured from a fresh account
    assert len(found.outside_returns) == 72
    grown = math.prod(1 + window.outside.net_return_pct / 100 for window in found.windows)
    assert np.prod(1 + found.outside_returns) == pytest.approx(grown)
    profitable = np.mean([window.outside.net_return_pct > 0 for window in found.windows]) * 100
    assert found.profitable_share_pct == profitable


def test_what_comes_after_a_window_does_not_change_it() -> None:
    made, sets = space(), list(space().grid())[:6]
    splits = walk_forward_splits(
        START, START + 120 * DAY_MS, H1, windows=3, inside_share=0.5, anchor=Anchor.ANCHORED
    )
    found = walk_forward(made, sets, history(), splits, objective="sharpe")
    fewer = walk_forward(made, sets, history(100), splits[:2], objective="sharpe")
    assert fewer.windows == found.windows[:2]


def test_workers_change_nothing() -> None:
    made, sets = space(), list(space().grid())
    splits = walk_forward_splits(
        START, START + 120 * DAY_MS, H1, windows=2, inside_share=0.5, anchor=Anchor.ANCHORED
    )
    one, two = (
        walk_forward(made, sets, history(), splits, objective="sharpe", workers=workers) for workers in (1, 2)
    )
    assert one.windows == two.windows

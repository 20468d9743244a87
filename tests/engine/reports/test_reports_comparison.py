"""Several runs side by side: curves, correlation, and which figure is the best."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_runs import metrics_of_run, sample_run

from engine.reports.comparison import MeasuredRun, comparison_data, daily_correlation, render_comparison
from engine.timeframes import DAY_MS, Timeframe


def measured(card_id: str = "trend_pullback", **kwargs) -> MeasuredRun:
    run = sample_run(400, trades=20, timeframe=Timeframe.H1, card_id=card_id, **kwargs)
    return MeasuredRun(run, metrics_of_run(run))


def of_days(*equity: float) -> MeasuredRun:
    """A run that had this equity at the end of each day, and 50 USDT less in the middle of it."""
    run = sample_run(400, trades=2, timeframe=Timeframe.H1)
    ends = run.window[0] + DAY_MS * np.arange(1, len(equity) + 1)
    moments = np.sort(np.concatenate((ends - DAY_MS // 2, ends)))
    values = np.repeat(equity, 2) - np.tile([50.0, 0.0], len(equity))
    frame = pd.DataFrame({"ts_close": moments, "equity_usdt": values})
    return MeasuredRun(replace(run, equity=frame, starting_equity_usdt=1_000.0), metrics_of_run(run))


def test_a_point_a_day_with_the_deepest_fall_within_it() -> None:
    [curve] = comparison_data([of_days(1_000.0, 1_100.0, 990.0)])["runs"]
    assert curve["days"] == ["2023-01-01", "2023-01-02", "2023-01-03"]
    assert curve["equity_pct"] == [100.0, 110.0, 99.0]
    # 950 of 1,000; 1,050 is a new high; 940 of 1,100
    assert curve["drawdown_pct"] == [-5.0, 0.0, pytest.approx(-160 / 11, abs=1e-3)]


def test_runs_that_move_together_and_against_each_other() -> None:
    up, same, against = (
        of_days(1_100.0, 1_100.0, 1_210.0),
        of_days(1_200.0, 1_200.0, 1_440.0),
        of_days(900.0, 900.0, 810.0),
    )
    still = of_days(1_000.0, 1_000.0, 1_000.0)
    found = daily_correlation([up, same, against, still]).to_numpy()
    assert found[0, 1] == pytest.approx(1.0)
    assert found[0, 2] == pytest.approx(-1.0)
    assert math.isnan(found[0, 3])
    assert comparison_data([up, still])["correlation"][0][1] is None


def test_the_best_of_a_line_is_marked_by_what_is_good_news() -> None:
    one, other = measured("one", seed=1), measured("other", seed=2)
    page = render_comparison([one, other], generated=False)
    assert page == render_comparison([one, other], generated=False)
    line = page.split("<th>Max drawdown</th>")[1].split("</tr>")[0]
    cells = line.split("<td class=")[1:]
    smaller = int(other.metrics.max_drawdown_pct < one.metrics.max_drawdown_pct)
    assert [cell.startswith('"number good"') for cell in cells] == [smaller == 0, smaller == 1]
    same = render_comparison([one, one], generated=False).split("<th>Max drawdown</th>")[1].split("</tr>")[0]
    assert "good" not in same


def test_text_from_a_card_stays_text() -> None:
    page = render_comparison([measured("<b>bold</b>"), measured()], generated=True)
    assert "<b>bold</b>" not in page
    assert "Generated market" in page

import io

import pytest
from PIL import Image
from report_runs import sample_run

from engine.reports.pictures import equity_png
from engine.timeframes import Timeframe


@pytest.mark.parametrize(
    ("bars", "timeframe"), [(1, Timeframe.D1), (2_000, Timeframe.M15), (70_000, Timeframe.M15)]
)
def test_a_picture_is_a_png_below_50_kb_that_opens(bars, timeframe):
    run = sample_run(bars, trades=bars // 50, timeframe=timeframe)
    png = equity_png(run.equity, starting_equity_usdt=10_000.0, title="trend on BTCUSDT $15m$ 50 %")
    assert len(png) < 50_000
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (800, 420))
        assert image.info.keys() <= {"transparency", "dpi"}


def test_the_same_curve_gives_the_same_bytes_and_another_one_others():
    equity = sample_run().equity
    first = equity_png(equity, starting_equity_usdt=10_000.0)
    assert equity_png(equity.copy(), starting_equity_usdt=10_000.0) == first
    other = equity.assign(equity_usdt=equity["equity_usdt"] * 1.01)
    assert equity_png(other, starting_equity_usdt=10_000.0) != first

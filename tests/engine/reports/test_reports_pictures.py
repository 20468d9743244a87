import io

import pytest
from PIL import Image
from report_evidence import judged_run
from report_runs import sample_run

from engine.reports.pictures import equity_png, walk_forward_png
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


def test_a_walk_forward_is_a_small_picture_with_a_strip_for_each_window():
    _, _, found = judged_run()
    png = walk_forward_png(found.walk_forward, title="50 $")
    assert len(png) < 50_000
    assert walk_forward_png(found.walk_forward, title="50 $") == png
    with Image.open(io.BytesIO(png)) as image:
        pixels = image.convert("RGB")
        colours = {pixels.getpixel((x, y)) for x in range(0, 800, 4) for y in range(0, image.height, 4)}
    # what earned outside is green, as all windows of this card did
    assert any(green > red + 50 and green > blue + 20 for red, green, blue in colours)
    assert not any(red > green + 80 for red, green, blue in colours)

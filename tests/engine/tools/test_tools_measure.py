"""Time and memory of stages, and whose market it is."""

from __future__ import annotations

import sys
import time

import pytest

from engine.tools.market import MarketKind, market_of
from engine.tools.measure import StageMeter, peak_memory_mb, reset_peak_memory
from engine.tools.progress import NullProgress

MB = 1024 * 1024


def test_a_stage_has_its_steps_and_its_time():
    meter = StageMeter(NullProgress())
    meter.start("sync", 3)
    meter.advance("sync", 2, note="BTCUSDT")
    time.sleep(0.05)
    meter.finish("sync")
    [stage] = meter.stages
    assert (stage.name, stage.steps) == ("sync", 2)
    assert 0.05 <= stage.seconds < 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak")
def test_the_peak_of_one_stage_is_not_the_next_ones():
    meter = StageMeter(NullProgress())
    meter.start("large", 1)
    block = bytearray(200 * MB)
    block[::4096] = b"x" * len(block[::4096])
    meter.finish("large")
    del block
    meter.start("small", 1)
    meter.finish("small")
    large, small = meter.stages
    assert large.peak_memory_mb - small.peak_memory_mb > 150


def test_the_peak_is_of_this_process():
    reset_peak_memory()
    assert 5 < peak_memory_mb() < 100_000


@pytest.mark.parametrize(
    ("identity", "kind"),
    [
        (None, MarketKind.UNKNOWN),
        ("sandbox:generated:seed=7", MarketKind.GENERATED),
        ("sandbox:replay:market:0123456789ab", MarketKind.RECORDED),
        ("sandbox:something-new", MarketKind.GENERATED),
        ("bybit:mainnet", MarketKind.EXCHANGE),
    ],
)
def test_a_market_is_told_by_its_identity(identity, kind):
    assert market_of(identity).kind is kind

"""The card trend_pullback in Python: its conditions written out, its thresholds as parameters."""

from __future__ import annotations

from typing import override

from engine.idea_card.base import Percent, Positive
from engine.runtime.snapshot import RuntimeSnapshotView
from engine.strategies.base import BaseStrategy, StrategyParameters
from engine.strategies.conditions import crosses_above, crosses_below
from engine.strategies.signal import ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT, Signal


class PullbackParameters(StrategyParameters):
    """Thresholds of the pullback."""

    rsi_low: Percent
    """A long needs an RSI of at least this much, a short of at most 100 less this much."""
    rsi_high: Percent
    """A long needs an RSI of at most this much, a short of at least 100 less this much."""
    volume_factor: Positive
    """Volume of the turn, in multiples of its average."""


class TrendPullback(BaseStrategy):
    """Buy pullbacks inside an uptrend of the higher timeframe; sell the mirror image."""

    name = "trend_pullback"
    version = "1.0.0"
    inputs = ("close@htf", "ema_trend", "ema_fast[1]", "ema_slow[1]", "rsi_1h", "volume", "vol_avg")
    takes = PullbackParameters
    parameters: PullbackParameters

    @override
    def generate_signals(self, snapshot: RuntimeSnapshotView) -> list[Signal]:
        turns_up = crosses_above(snapshot, "ema_fast", "ema_slow")
        turns_down = crosses_below(snapshot, "ema_fast", "ema_slow")
        if not (turns_up or turns_down):
            return []
        signals = [EXIT_LONG if turns_down else EXIT_SHORT]
        asked = self.parameters
        if not snapshot.value("volume") > asked.volume_factor * snapshot.value("vol_avg"):
            return signals
        close, trend = snapshot.value("close", "htf"), snapshot.value("ema_trend", "htf")
        rsi = snapshot.value("rsi_1h", "mtf")
        if turns_up and close > trend and asked.rsi_low <= rsi <= asked.rsi_high:
            signals.append(ENTER_LONG)
        if turns_down and close < trend and 100 - asked.rsi_high <= rsi <= 100 - asked.rsi_low:
            signals.append(ENTER_SHORT)
        return signals

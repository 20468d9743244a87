"""The card channel_breakout in Python: its conditions written out, its thresholds as parameters."""

from __future__ import annotations

from typing import override

from engine.idea_card.base import NotNegative, Positive
from engine.runtime.snapshot import RuntimeSnapshotView
from engine.strategies.base import BaseStrategy, StrategyParameters
from engine.strategies.signal import ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT, Signal


class BreakoutParameters(StrategyParameters):
    """Thresholds of the breakout."""

    min_strength: NotNegative
    """ADX above which there is a trend to follow."""
    max_distance_atr: Positive
    """How far beyond the level a close may be, in ATR: farther, and the stop is too far."""


class ChannelBreakout(BaseStrategy):
    """Enter closes beyond the channel in the direction of the higher trend; leave at the shorter channel."""

    name = "channel_breakout"
    version = "1.0.0"
    # The channel of this bar contains this bar: the level to break is that of the bar before.
    inputs = (
        "close",
        "channel.upper[1]",
        "channel.lower[1]",
        "exit_channel.upper[1]",
        "exit_channel.lower[1]",
        "atr",
        "strength.adx",
        "close@htf",
        "trend",
    )
    takes = BreakoutParameters
    parameters: BreakoutParameters

    @override
    def generate_signals(self, snapshot: RuntimeSnapshotView) -> list[Signal]:
        signals = []
        close = snapshot.value("close")
        if close < snapshot.value("exit_channel.lower", offset=1):
            signals.append(EXIT_LONG)
        if close > snapshot.value("exit_channel.upper", offset=1):
            signals.append(EXIT_SHORT)
        if not snapshot.value("strength.adx") > self.parameters.min_strength:
            return signals
        farthest = self.parameters.max_distance_atr * snapshot.value("atr")
        higher_close, trend = snapshot.value("close", "htf"), snapshot.value("trend", "htf")
        above = close - snapshot.value("channel.upper", offset=1)
        if 0.0 < above <= farthest and higher_close > trend:
            signals.append(ENTER_LONG)
        below = snapshot.value("channel.lower", offset=1) - close
        if 0.0 < below <= farthest and higher_close < trend:
            signals.append(ENTER_SHORT)
        return signals

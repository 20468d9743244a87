"""What running in shadow must show before a card may trade, with the thresholds as shipped and why."""

from __future__ import annotations

from engine.idea_card.base import CardPart, Count, NotNegative, Percent


class ShadowPolicy(CardPart):
    """Thresholds of the shadow gates; each may be left out, and is then as shipped.

    They ask whether what runs is what was tested. Whether it earns is not asked: a few weeks cannot say,
    and asking would promote the lucky ones.
    """

    # Two of every weekday and 42 funding settlements: what happens by the clock has then happened twice.
    min_shadow_days: NotNegative = 14.0
    """Least length of the run, in days."""
    # The rest is restarts and outages; more of them, and what was missed may be what matters.
    min_shadow_compared_pct: Percent = 99.0
    """Least share of closed candles at which the decision was compared with the backtest's, in %."""
    # The same functions over the same candles: one difference is a fault, and the next may be larger.
    max_shadow_decision_differences: Count = 0
    """Most decisions that differ from those of a backtest over the same candles."""
    # A fill that one of them has and the other has not makes all that comes after incomparable.
    max_shadow_fill_differences: Count = 0
    """Most fills that only one of shadow run and backtest has, or that differ in size."""
    # The cards assume 2 to 3 bps of slippage; five more than was assumed is another system's costs.
    max_shadow_fill_price_bps: NotNegative = 5.0
    """Largest mean distance of fill prices from those of the backtest, in bps, against the trader."""
    # One trade shows that an order goes through, five have mostly seen both exits. A slow card runs longer.
    min_shadow_trades: Count = 5
    """Fewest closed trades."""
    # Deeper in weeks than the card allows over years: either it was overfitted or the market has changed.
    max_shadow_drawdown_factor: NotNegative = 1.0
    """Deepest fall of equity, as a multiple of max_drawdown_pct."""


SHADOW_AS_SHIPPED = ShadowPolicy()

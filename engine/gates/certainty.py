"""Gates on how far a result can be believed: the size of the sample and the assumptions in it."""

from __future__ import annotations

from engine.gates.threshold import Bound, ThresholdGate


class TradeCountGate(ThresholdGate):
    """Refuse a run with too few trades to say anything."""

    name = "min_trades"
    checks = "There are enough trades for the other figures to mean something."
    metric = "trades"
    bound = Bound.AT_LEAST
    remedy = "Test over a longer window or more symbols, or loosen the entry conditions."


class AmbiguousShareGate(ThresholdGate):
    """Refuse a run that rests on bars in which stop and target were both touched."""

    name = "max_ambiguous_share_pct"
    checks = "Few trades depend on which of stop and target a bar touched first."
    metric = "ambiguous_share_pct"
    bound = Bound.AT_MOST
    remedy = "Use a finer exec timeframe, or set stop and target further apart."


class FilledShareGate(ThresholdGate):
    """Refuse a run over data with too many holes."""

    name = "max_filled_share_pct"
    checks = "Few bars are filled holes in the data."
    metric = "filled_share_pct"
    bound = Bound.AT_MOST
    remedy = "Sync the symbol again; what the exchange does not have, leave out of the window."

"""From a card and the exchange's rules to the flat records the simulator runs on."""

from __future__ import annotations

import numpy as np

from engine.errors import SimulationError
from engine.idea_card.card import IdeaCard
from engine.idea_card.sizing import FixedUsdtSizing, PercentEquitySizing, RiskBasedSizing, Sizing
from engine.idea_card.stops import (
    AtrMultipleStop,
    FixedPointsStop,
    PercentStop,
    StopLoss,
    TrailingAtrStop,
    TrailingPercentStop,
)
from engine.idea_card.targets import (
    AtrMultipleTarget,
    FixedPointsTarget,
    PercentTarget,
    RrRatioTarget,
    TakeProfit,
)
from engine.market_data.instruments import InstrumentRules
from engine.sim.state import REGIMES, RULES_DTYPE, DistanceKind, Floats, Records, SizingKind

BASIS_POINT = 1e-4

_DISTANCE_KINDS: dict[type[object], DistanceKind] = {
    PercentStop: DistanceKind.PERCENT,
    PercentTarget: DistanceKind.PERCENT,
    FixedPointsStop: DistanceKind.POINTS,
    FixedPointsTarget: DistanceKind.POINTS,
    AtrMultipleStop: DistanceKind.FEATURE_MULTIPLE,
    TrailingPercentStop: DistanceKind.PERCENT,
    TrailingAtrStop: DistanceKind.FEATURE_MULTIPLE,
    AtrMultipleTarget: DistanceKind.FEATURE_MULTIPLE,
    RrRatioTarget: DistanceKind.RISK_MULTIPLE,
}


def contract_of(card: IdeaCard, instrument: InstrumentRules) -> Records:
    """Return what card and exchange lay down for every order, as a `RULES_DTYPE` record array of length 1.

    Raises
    ------
    SimulationError
        If the card's leverage is above what the exchange allows for the symbol at all.
    """
    account = card.account
    if account.leverage > instrument.max_leverage:
        raise SimulationError(
            f"card {card.id}: account.leverage is {account.leverage:g}, "
            f"and {instrument.symbol} allows at most {instrument.max_leverage:g}",
            way_out="lower account.leverage, or take the symbol out of the card",
        )
    contract = np.zeros(1, RULES_DTYPE).view(np.recarray)
    contract.leverage = account.leverage
    contract.taker_rate = account.fee_model.taker_bps * BASIS_POINT
    contract.maker_rate = account.fee_model.maker_bps * BASIS_POINT
    contract.slippage_rate = account.slippage_bps * BASIS_POINT
    contract.tick_size = instrument.tick_size
    contract.qty_step = instrument.qty_step
    contract.min_qty = instrument.min_order_qty
    contract.max_qty = instrument.max_market_order_qty
    contract.min_notional = max(instrument.min_notional_usdt, account.min_trade_notional_usdt)
    contract.smallest_margin = contract.min_notional / account.leverage
    limit = card.risk_model.max_notional_usdt
    contract.max_notional = np.inf if limit is None else limit
    contract.regime = int(REGIMES[account.liquidation_regime])
    stop = card.risk_model.stop_loss
    contract.stop_kind, contract.stop_value = _distance(stop)
    if isinstance(stop, TrailingPercentStop | TrailingAtrStop):
        contract.trails = True
        contract.trail_activation_pct = stop.activation_pct
    break_even = card.risk_model.break_even
    if break_even is not None:
        contract.moves_to_break_even = True
        contract.break_even_trigger_pct = break_even.trigger_pct
        contract.break_even_offset_pct = break_even.offset_pct
    contract.target_kind, contract.target_value = _distance(card.risk_model.take_profit)
    target = card.risk_model.take_profit
    contract.target_is_limit = target is not None and target.order_type == "limit"
    contract.sizing_kind, contract.sizing_value = _sizing(card.risk_model.sizing)
    policy = card.position_policy
    contract.allow_long = "long" in policy.directions
    contract.allow_short = "short" in policy.directions
    contract.allow_flip = policy.allow_flip
    contract.cooldown_bars = policy.cooldown_bars
    contract.max_bars = policy.max_bars_in_trade or 0
    return contract


def tiers_of(instrument: InstrumentRules) -> Floats:
    """Return the tiers as float64[n, 4]: limit (USDT), maintenance rate, deduction (USDT), leverage."""
    return np.array(
        [
            (
                tier.risk_limit_value_usdt,
                tier.maintenance_margin_rate,
                tier.mm_deduction_usdt,
                tier.max_leverage,
            )
            for tier in instrument.tiers
        ],
        dtype=np.float64,
    )


def _distance(level: StopLoss | TakeProfit | None) -> tuple[int, float]:
    if level is None:
        return int(DistanceKind.NONE), 0.0
    return int(_DISTANCE_KINDS[type(level)]), level.value


def _sizing(sizing: Sizing) -> tuple[int, float]:
    match sizing:
        case PercentEquitySizing():
            return int(SizingKind.PERCENT_EQUITY), sizing.equity_pct
        case FixedUsdtSizing():
            return int(SizingKind.FIXED_USDT), sizing.notional_usdt
        case RiskBasedSizing():
            return int(SizingKind.RISK_BASED), sizing.risk_pct

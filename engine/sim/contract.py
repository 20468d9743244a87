"""From a card and the exchange's rules to the flat records the simulator runs on."""

from __future__ import annotations

from math import sqrt

import numpy as np

from engine.errors import SimulationError
from engine.idea_card.account import AccountConfig
from engine.idea_card.card import IdeaCard
from engine.idea_card.entry_order import AtrMultipleOffset, EntryOrder, LimitEntry, RestingEntry
from engine.idea_card.position_policy import PositionPolicy
from engine.idea_card.risk_model import RiskModel
from engine.idea_card.sizing import (
    FixedUsdtSizing,
    PercentEquitySizing,
    RiskBasedSizing,
    VolatilityTargetSizing,
)
from engine.idea_card.stops import AtrMultipleStop, StructureStop, TrailingAtrStop, TrailingPercentStop
from engine.idea_card.targets import AtrMultipleTarget, Rung, TakeProfit
from engine.market_data.instruments import InstrumentRules
from engine.sim.state import (
    REGIMES,
    RULES_DTYPE,
    DistanceKind,
    EntryKind,
    Floats,
    Records,
    Reprice,
    SizingKind,
    TimeInForce,
)

type Rows = dict[str, int]

BASIS_POINT = 1e-4

_NO_ROW = -1  # in place of a row of the signals' features

_STOP_KINDS = {
    "percent": DistanceKind.PERCENT,
    "atr_multiple": DistanceKind.FEATURE_MULTIPLE,
    "fixed_points": DistanceKind.POINTS,
    "trailing_percent": DistanceKind.PERCENT,
    "trailing_atr": DistanceKind.FEATURE_MULTIPLE,
    "structure": DistanceKind.LEVEL,
}
_TARGET_KINDS = {
    "percent": DistanceKind.PERCENT,
    "rr_ratio": DistanceKind.RISK_MULTIPLE,
    "atr_multiple": DistanceKind.FEATURE_MULTIPLE,
    "fixed_points": DistanceKind.POINTS,
}
_OFFSET_KINDS = {
    "percent": DistanceKind.PERCENT,
    "atr_multiple": DistanceKind.FEATURE_MULTIPLE,
    "ticks": DistanceKind.TICKS,
}


def contract_of(card: IdeaCard, instrument: InstrumentRules) -> Records:
    """Return what card and exchange lay down for every order, as a `RULES_DTYPE` record array of length 1.

    Raises
    ------
    SimulationError
        If the card's leverage is above what the exchange allows for the symbol at all.
    """
    if card.account.leverage > instrument.max_leverage:
        raise SimulationError(
            f"card {card.id}: account.leverage is {card.account.leverage:g}, "
            f"and {instrument.symbol} allows at most {instrument.max_leverage:g}",
            way_out="lower account.leverage, or take the symbol out of the card",
        )
    contract = np.zeros(1, RULES_DTYPE).view(np.recarray)
    rows = {name: row for row, name in enumerate(card.level_features)}
    _fill_account(contract, card.account)
    _fill_instrument(contract, card, instrument)
    _fill_entry(contract, card.entry_order, rows)
    _fill_stop(contract, card.risk_model, rows)
    _fill_targets(contract, card.risk_model.take_profit, rows)
    _fill_size(contract, card, rows)
    _fill_policy(contract, card.position_policy)
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


def _fill_account(contract: Records, account: AccountConfig) -> None:
    contract.leverage = account.leverage
    contract.regime = int(REGIMES[account.liquidation_regime])
    contract.taker_rate = account.fee_model.taker_bps * BASIS_POINT
    contract.maker_rate = account.fee_model.maker_bps * BASIS_POINT
    contract.slippage_rate = (account.slippage_bps + account.half_spread_bps) * BASIS_POINT
    contract.impact_rate = account.impact_bps * BASIS_POINT
    participation = account.max_participation_pct
    contract.max_participation = np.inf if participation is None else participation / 100


def _fill_instrument(contract: Records, card: IdeaCard, instrument: InstrumentRules) -> None:
    contract.tick_size = instrument.tick_size
    contract.qty_step = instrument.qty_step
    contract.min_qty = instrument.min_order_qty
    is_limit = isinstance(card.entry_order, LimitEntry)
    contract.max_qty = instrument.max_order_qty if is_limit else instrument.max_market_order_qty
    contract.min_notional = max(instrument.min_notional_usdt, card.account.min_trade_notional_usdt)
    contract.smallest_margin = contract.min_notional / card.account.leverage


def _fill_entry(contract: Records, entry: EntryOrder, rows: Rows) -> None:
    contract.entry_kind = int(EntryKind[entry.type.upper()])
    contract.offset_feature = _NO_ROW
    if isinstance(entry, LimitEntry):
        contract.time_in_force = int(TimeInForce[entry.time_in_force.upper()])
    if isinstance(entry, RestingEntry):
        contract.offset_kind = int(_OFFSET_KINDS[entry.offset.type])
        contract.offset_value = entry.offset.value
        contract.expiry_bars = entry.expiry_bars or 0
        contract.reprice = int(Reprice[entry.reprice.upper()])
        if isinstance(entry.offset, AtrMultipleOffset):
            contract.offset_feature = rows[entry.offset.feature]


def _fill_stop(contract: Records, risk: RiskModel, rows: Rows) -> None:
    stop = risk.stop_loss
    contract.stop_feature_long = contract.stop_feature_short = _NO_ROW
    match stop:
        case None:
            pass
        case StructureStop():
            contract.stop_value = stop.buffer_pct
            contract.stop_feature_long = _NO_ROW if stop.long is None else rows[stop.long]
            contract.stop_feature_short = _NO_ROW if stop.short is None else rows[stop.short]
        case AtrMultipleStop() | TrailingAtrStop():
            contract.stop_value = stop.value
            contract.stop_feature_long = contract.stop_feature_short = rows[stop.feature]
        case _:
            contract.stop_value = stop.value
    contract.stop_kind = int(DistanceKind.NONE if stop is None else _STOP_KINDS[stop.type])
    if isinstance(stop, TrailingPercentStop | TrailingAtrStop):
        contract.trails = True
        contract.trail_activation_pct = stop.activation_pct
    if risk.break_even is not None:
        contract.moves_to_break_even = True
        contract.break_even_trigger_pct = risk.break_even.trigger_pct
        contract.break_even_offset_pct = risk.break_even.offset_pct
    if risk.time_stop is not None:
        contract.time_stop_bars = risk.time_stop.bars
        contract.time_stop_profit_pct = risk.time_stop.min_profit_pct


def _fill_targets(contract: Records, take_profit: TakeProfit | None, rows: Rows) -> None:
    targets = take_profit if isinstance(take_profit, tuple) else () if take_profit is None else (take_profit,)
    contract.target_count = len(targets)
    contract.target_features = _NO_ROW
    for place, target in enumerate(targets):
        contract.target_kinds[0, place] = int(_TARGET_KINDS[target.type])
        contract.target_values[0, place] = target.value
        contract.target_portions[0, place] = target.portion_pct / 100 if isinstance(target, Rung) else 1.0
        contract.target_limits[0, place] = target.order_type == "limit"
        if isinstance(target, AtrMultipleTarget):
            contract.target_features[0, place] = rows[target.feature]
    contract.target_kind = contract.target_kinds[0, 0]
    contract.target_value = contract.target_values[0, 0]
    contract.target_is_limit = contract.target_limits[0, 0]


def _fill_size(contract: Records, card: IdeaCard, rows: Rows) -> None:
    risk = card.risk_model
    contract.max_notional = np.inf if risk.max_notional_usdt is None else risk.max_notional_usdt
    leverage_cap = risk.max_effective_leverage
    contract.max_effective_leverage = np.inf if leverage_cap is None else leverage_cap
    contract.sizing_feature = _NO_ROW
    match sizing := risk.sizing:
        case PercentEquitySizing():
            contract.sizing_kind = int(SizingKind.PERCENT_EQUITY)
            contract.sizing_value = sizing.equity_pct
        case FixedUsdtSizing():
            contract.sizing_kind = int(SizingKind.FIXED_USDT)
            contract.sizing_value = sizing.notional_usdt
        case RiskBasedSizing():
            contract.sizing_kind = int(SizingKind.RISK_BASED)
            contract.sizing_value = sizing.risk_pct
        case VolatilityTargetSizing():
            role = card.features[sizing.feature.partition(".")[0]].tf
            bars_per_year = card.timeframes.timeframe(role).bars_per_year()
            contract.sizing_kind = int(SizingKind.VOLATILITY_TARGET)
            # the year's share of equity, brought down to one bar: quantity = equity * this / feature
            contract.sizing_value = sizing.annual_volatility_pct / 100 / sqrt(bars_per_year)
            contract.sizing_feature = rows[sizing.feature]


def _fill_policy(contract: Records, policy: PositionPolicy) -> None:
    contract.allow_long = "long" in policy.directions
    contract.allow_short = "short" in policy.directions
    contract.allow_flip = policy.allow_flip
    contract.cooldown_bars = policy.cooldown_bars
    contract.max_bars = policy.max_bars_in_trade or 0
    contract.add_profit_pct = -np.inf
    if (scale_in := policy.scale_in) is not None:
        contract.max_adds = scale_in.max_adds
        contract.add_fraction = scale_in.size_pct / 100
        if scale_in.min_profit_pct is not None:
            contract.add_profit_pct = scale_in.min_profit_pct

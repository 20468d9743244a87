"""From a card and the exchange's rules to the flat records the simulator runs on."""

from __future__ import annotations

from math import sqrt
from typing import Any

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
from engine.sim.liquidation import LiquidationRegime
from engine.sim.records import MAX_TARGETS, RULES_DTYPE, Floats, Records
from engine.sim.signal_terms import signal_rows_needed
from engine.sim.state import DistanceKind, EntryKind, Reprice, SizingKind, TimeInForce

type Rows = dict[str, int]
type Terms = dict[str, Any]

BASIS_POINT = 1e-4

_NO_ROW = -1  # in place of a row of the signals' features

# What holds where a card says nothing; every other field is then 0.
_UNSAID = {
    "max_participation": np.inf,
    "max_notional": np.inf,
    "max_effective_leverage": np.inf,
    "add_profit_pct": -np.inf,
    "offset_feature": _NO_ROW,
    "stop_feature_long": _NO_ROW,
    "stop_feature_short": _NO_ROW,
    "sizing_feature": _NO_ROW,
    "target_features": [_NO_ROW] * MAX_TARGETS,
}

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
_REGIMES = {"legacy": LiquidationRegime.LEGACY, "mark_2025": LiquidationRegime.MARK_2025}
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
    rows = {name: row for row, name in enumerate(card.level_features)}
    terms = (
        _UNSAID
        | _account_terms(card.account)
        | _instrument_terms(card, instrument)
        | _entry_terms(card.entry_order, rows)
        | _stop_terms(card.risk_model, rows)
        | _target_terms(card.risk_model.take_profit, rows)
        | _size_terms(card, rows)
        | _policy_terms(card.position_policy)
    )
    contract = np.zeros(1, RULES_DTYPE)
    for name, value in terms.items():
        contract[name] = value
    return contract.view(np.recarray)


def features_needed(contract: Records) -> int:
    """Return how many rows the signals' features must have for what the contract looks at."""
    rules = contract[0]
    rows = [-1]
    if rules["stop_kind"] in (DistanceKind.FEATURE_MULTIPLE, DistanceKind.LEVEL):
        rows += [rules["stop_feature_long"], rules["stop_feature_short"]]
    if rules["entry_kind"] != EntryKind.MARKET and rules["offset_kind"] == DistanceKind.FEATURE_MULTIPLE:
        rows.append(rules["offset_feature"])
    if rules["sizing_kind"] == SizingKind.VOLATILITY_TARGET:
        rows.append(rules["sizing_feature"])
    for rung in range(rules["target_count"]):
        if rules["target_kinds"][rung] == DistanceKind.FEATURE_MULTIPLE:
            rows.append(rules["target_features"][rung])
    return max(int(max(rows)) + 1, signal_rows_needed(contract))


def refuse_missing_features(contract: Records, there: int) -> None:
    """Hold the features a run is given against those its orders look at.

    Raises
    ------
    SimulationError
        If there are too few: compiled code would read what lies behind them.
    """
    needed = features_needed(contract)
    if there < needed:
        raise SimulationError(
            f"the orders look at {needed} features, and there are {there}",
            way_out="give a row of features for each of the card's level_features, and those of its signals",
        )


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


def _account_terms(account: AccountConfig) -> Terms:
    terms: Terms = {
        "leverage": account.leverage,
        "regime": int(_REGIMES[account.liquidation_regime]),
        "taker_rate": account.fee_model.taker_bps * BASIS_POINT,
        "maker_rate": account.fee_model.maker_bps * BASIS_POINT,
        "slippage_rate": (account.slippage_bps + account.half_spread_bps) * BASIS_POINT,
        "impact_rate": account.impact_bps * BASIS_POINT,
    }
    if account.max_participation_pct is not None:
        terms["max_participation"] = account.max_participation_pct / 100
    return terms


def _instrument_terms(card: IdeaCard, instrument: InstrumentRules) -> Terms:
    is_limit = isinstance(card.entry_order, LimitEntry)
    min_notional = max(instrument.min_notional_usdt, card.account.min_trade_notional_usdt)
    return {
        "tick_size": instrument.tick_size,
        "qty_step": instrument.qty_step,
        "min_qty": instrument.min_order_qty,
        "max_qty": instrument.max_order_qty if is_limit else instrument.max_market_order_qty,
        "min_notional": min_notional,
        "smallest_margin": min_notional / card.account.leverage,
    }


def _entry_terms(entry: EntryOrder, rows: Rows) -> Terms:
    terms: Terms = {"entry_kind": int(EntryKind[entry.type.upper()])}
    if isinstance(entry, RestingEntry):
        terms |= {
            "offset_kind": int(_OFFSET_KINDS[entry.offset.type]),
            "offset_value": entry.offset.value,
            "expiry_bars": entry.expiry_bars or 0,
            "reprice": int(Reprice[entry.reprice.upper()]),
        }
        if isinstance(entry.offset, AtrMultipleOffset):
            terms["offset_feature"] = rows[entry.offset.feature]
    if isinstance(entry, LimitEntry):
        terms["time_in_force"] = int(TimeInForce[entry.time_in_force.upper()])
    return terms


def _stop_terms(risk: RiskModel, rows: Rows) -> Terms:
    terms: Terms = {}
    stop = risk.stop_loss
    if stop is not None:
        terms["stop_kind"] = int(_STOP_KINDS[stop.type])
        terms["stop_value"] = stop.buffer_pct if isinstance(stop, StructureStop) else stop.value
    if isinstance(stop, StructureStop):
        terms |= {
            f"stop_feature_{direction}": rows[level]
            for direction, level in (("long", stop.long), ("short", stop.short))
            if level is not None
        }
    if isinstance(stop, AtrMultipleStop | TrailingAtrStop):
        terms["stop_feature_long"] = terms["stop_feature_short"] = rows[stop.feature]
    if isinstance(stop, TrailingPercentStop | TrailingAtrStop):
        terms |= {"trails": 1, "trail_activation_pct": stop.activation_pct}
    if risk.break_even is not None:
        terms |= {
            "moves_to_break_even": 1,
            "break_even_trigger_pct": risk.break_even.trigger_pct,
            "break_even_offset_pct": risk.break_even.offset_pct,
        }
    if risk.time_stop is not None:
        terms |= {
            "time_stop_bars": risk.time_stop.bars,
            "time_stop_profit_pct": risk.time_stop.min_profit_pct,
        }
    return terms


def _target_terms(take_profit: TakeProfit | None, rows: Rows) -> Terms:
    if take_profit is None:
        return {}
    targets = take_profit if isinstance(take_profit, tuple) else (take_profit,)
    kinds = [int(_TARGET_KINDS[target.type]) for target in targets]
    values = [target.value for target in targets]
    limits = [int(target.order_type == "limit") for target in targets]
    features = [
        rows[target.feature] if isinstance(target, AtrMultipleTarget) else _NO_ROW for target in targets
    ]
    portions = [target.portion_pct / 100 if isinstance(target, Rung) else 1.0 for target in targets]
    return {
        "target_count": len(targets),
        "target_kinds": _padded(kinds, int(DistanceKind.NONE)),
        "target_values": _padded(values, 0.0),
        "target_features": _padded(features, _NO_ROW),
        "target_portions": _padded(portions, 0.0),
        "target_limits": _padded(limits, 0),
    }


def _padded(of_targets: list[Any], filler: float) -> list[Any]:
    return of_targets + [filler] * (MAX_TARGETS - len(of_targets))


def _size_terms(card: IdeaCard, rows: Rows) -> Terms:
    risk = card.risk_model
    terms: Terms = {}
    if risk.max_notional_usdt is not None:
        terms["max_notional"] = risk.max_notional_usdt
    if risk.max_effective_leverage is not None:
        terms["max_effective_leverage"] = risk.max_effective_leverage
    match sizing := risk.sizing:
        case PercentEquitySizing():
            kind, value = SizingKind.PERCENT_EQUITY, sizing.equity_pct
        case FixedUsdtSizing():
            kind, value = SizingKind.FIXED_USDT, sizing.notional_usdt
        case RiskBasedSizing():
            kind, value = SizingKind.RISK_BASED, sizing.risk_pct
        case VolatilityTargetSizing():
            role = card.features[sizing.feature.partition(".")[0]].tf
            bars_per_year = card.timeframes.timeframe(role).bars_per_year()
            # the year's share of equity, brought down to one bar: quantity = equity * this / feature
            kind, value = (
                SizingKind.VOLATILITY_TARGET,
                sizing.annual_volatility_pct / 100 / sqrt(bars_per_year),
            )
            terms["sizing_feature"] = rows[sizing.feature]
    return terms | {"sizing_kind": int(kind), "sizing_value": value}


def _policy_terms(policy: PositionPolicy) -> Terms:
    terms: Terms = {
        "allow_long": int("long" in policy.directions),
        "allow_short": int("short" in policy.directions),
        "allow_flip": int(policy.allow_flip),
        "cooldown_bars": policy.cooldown_bars,
        "max_bars": policy.max_bars_in_trade or 0,
    }
    if (scale_in := policy.scale_in) is not None:
        terms |= {"max_adds": scale_in.max_adds, "add_fraction": scale_in.size_pct / 100}
        if scale_in.min_profit_pct is not None:
            terms["add_profit_pct"] = scale_in.min_profit_pct
    return terms

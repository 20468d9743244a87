"""The limits, a function each: it gives the verdict that refuses an order that opens, or None."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from engine.exchange.trading.orders import ZERO, OrderKind
from engine.live.risk.case import HUNDRED, Case, exact
from engine.live.risk.exposure import SymbolExposure
from engine.live.risk.in_flight import sent_lately
from engine.live.risk.verdict import DenialCode, RiskVerdict, denied
from engine.live.risk.view import AccountView
from engine.market_data.instruments import InstrumentRules

type Check = Callable[[Case], RiskVerdict | None]


def trading_hours(case: Case) -> RiskVerdict | None:
    """Refuse outside every session of `trading_hours`, where there are any."""
    sessions = case.limits.trading_hours
    now = np.array([case.now_ms], dtype=np.int64)
    if not sessions or any(bool(session.entries_allowed(now)[0]) for session in sessions):
        return None
    return denied(DenialCode.TRADING_HOURS, "positions are opened within trading_hours only")


def order_rate(case: Case) -> RiskVerdict | None:
    """Refuse when as many orders as are allowed were sent within the last minute."""
    sent = len(sent_lately(case.record, case.now_ms))
    most = case.limits.orders.max_per_minute
    return _above(DenialCode.ORDER_RATE, "orders within a minute", Decimal(sent + 1), Decimal(most), "orders")


def fat_finger(case: Case) -> RiskVerdict | None:
    """Refuse a price too far from the last: limit, trigger, of a market order that it was decided at."""
    request = case.intent.request
    last = case.view.last_price[case.symbol][0]
    named = [price for price in (request.price, request.trigger_price) if price is not None]
    if request.kind is OrderKind.MARKET and not named:
        named = [case.intent.reference_price]
    most = exact(case.limits.orders.max_distance_from_last_pct)
    furthest = max((abs(price / last - 1) * HUNDRED for price in named), default=ZERO)
    return _above(DenialCode.FAT_FINGER, f"distance from the last price {last}", furthest, most, "%")


def order_notional(case: Case) -> RiskVerdict | None:
    """Refuse an order that is too large."""
    most = exact(case.limits.orders.max_notional_usdt)
    return _above(DenialCode.ORDER_NOTIONAL, "the order's value", case.order_notional, most, "USDT")


def leverage(case: Case) -> RiskVerdict | None:
    """Refuse where the symbol's leverage, as set at the exchange, is too high."""
    set_to = case.view.positions[case.symbol].leverage
    most = exact(case.limits.positions.max_leverage)
    return _above(DenialCode.LEVERAGE, f"the leverage of {case.symbol}", set_to, most, "x")


def position_notional(case: Case) -> RiskVerdict | None:
    """Refuse what could make the symbol's position too large."""
    most = exact(case.limits.positions.max_notional_usdt)
    what = f"what {case.symbol} may come to"
    return _above(DenialCode.POSITION_NOTIONAL, what, case.own.notional, most, "USDT")


def open_positions(case: Case) -> RiskVerdict | None:
    """Refuse a position in one symbol too many."""
    most = case.limits.positions.max_open
    count = Decimal(len(case.after))
    return _above(DenialCode.OPEN_POSITIONS, "symbols in play", count, Decimal(most), "positions")


def total_exposure(case: Case) -> RiskVerdict | None:
    """Refuse what could make all positions together too large."""
    most = exact(case.limits.exposure.max_total_usdt)
    what = "what all positions may come to"
    return _above(DenialCode.TOTAL_EXPOSURE, what, case.total_notional, most, "USDT")


def account_leverage(case: Case) -> RiskVerdict | None:
    """Refuse what could make all positions together too large for the equity."""
    most = exact(case.limits.exposure.max_account_leverage)
    what = "what all positions may come to, over the equity"
    return _above(DenialCode.ACCOUNT_LEVERAGE, what, case.total_notional / case.equity, most, "x")


def group_exposure(case: Case) -> RiskVerdict | None:
    """Refuse what could make one side of a correlation group too large."""
    for name, group in case.limits.exposure.groups.items():
        if case.symbol not in group.symbols:
            continue
        value = group_notional(case.after, group.symbols)
        most = exact(group.max_notional_usdt)
        what = f"what the group {name} may come to on one side"
        if refusal := _above(DenialCode.GROUP_EXPOSURE, what, value, most, "USDT"):
            return refusal
    return None


def group_notional(after: dict[str, SymbolExposure], symbols: tuple[str, ...]) -> Decimal:
    """Return the larger of the longs and the shorts of some symbols, in USDT."""
    of_group = [each for symbol, each in after.items() if symbol in symbols]
    longs = sum((each.long_notional for each in of_group), ZERO)
    shorts = sum((each.short_notional for each in of_group), ZERO)
    return max(longs, shorts)


def funding_cost(case: Case) -> RiskVerdict | None:
    """Refuse what could make the next funding too dear, unless the order is on the side that receives it."""
    rate = case.view.funding_rate[case.symbol]
    if rate * case.direction <= 0:
        return None
    most = exact(case.limits.funding.max_cost_pct_of_equity)
    cost = funding_of(case.after, case.view) / case.equity * HUNDRED
    return _above(DenialCode.FUNDING_COST, "the next funding", cost, most, "% of the equity")


def funding_of(after: dict[str, SymbolExposure], view: AccountView) -> Decimal:
    """Return what the next funding may cost, in USDT: of each symbol the dearer side. Nothing is set off."""
    cost = ZERO
    for symbol, each in after.items():
        rate = view.funding_rate.get(symbol, ZERO)
        cost += rate * each.long_notional if rate > 0 else -rate * each.short_notional
    return cost


def liquidation_distance(case: Case) -> RiskVerdict | None:
    """Refuse where the position, or what the order may make of it, would be liquidated too near the mark."""
    position = case.view.positions[case.symbol]
    mark = case.view.mark_price[case.symbol][0]
    least = exact(case.limits.positions.min_liquidation_distance_pct)
    size = case.own.longest if case.direction > 0 else case.own.shortest
    prices = [
        liquidation_estimate(
            case.view.instruments[case.symbol], case.direction, size, mark, position.leverage
        )
    ]
    if not position.is_flat and position.liquidation_price is not None:
        prices.append(position.liquidation_price)
    nearest = min(abs(price / mark - 1) * HUNDRED for price in prices)
    if nearest >= least:
        return None
    return denied(
        DenialCode.LIQUIDATION_DISTANCE,
        f"{case.symbol} would be liquidated {nearest:.2f} % from the mark, at least {least} % are asked for",
        limit=least,
        value=nearest,
    )


def liquidation_estimate(
    rules: InstrumentRules, direction: int, size: Decimal, entry_price: Decimal, leverage: Decimal
) -> Decimal:
    """Return where a position opened at `entry_price` would be liquidated, in USDT.

    By the simulator's formula for the regime in force, with the tiers of `rules` and no added margin.
    """
    from engine.sim.liquidation import LiquidationRegime, liquidation_price_in_tiers

    limits = np.array([tier.risk_limit_value_usdt for tier in rules.tiers])
    rates = np.array([tier.maintenance_margin_rate for tier in rules.tiers])
    deductions = np.array([tier.mm_deduction_usdt for tier in rules.tiers])
    price = liquidation_price_in_tiers(
        direction,
        float(size),
        float(entry_price),
        float(leverage),
        limits,
        rates,
        deductions,
        0.0,
        0.0,
        int(LiquidationRegime.MARK_2025),
    )
    return Decimal(repr(float(price)))


LIMIT_CHECKS: tuple[Check, ...] = (
    trading_hours,
    order_rate,
    fat_finger,
    order_notional,
    leverage,
    position_notional,
    open_positions,
    total_exposure,
    account_leverage,
    group_exposure,
    funding_cost,
    liquidation_distance,
)
"""In the order in which they are asked; the first refusal is told."""


def _above(code: DenialCode, what: str, value: Decimal, most: Decimal, unit: str) -> RiskVerdict | None:
    if value <= most:
        return None
    return denied(code, f"{what}: {_shown(value)} {unit}, {_shown(most)} allowed", limit=most, value=value)


def _shown(value: Decimal) -> str:
    return f"{value:,.2f}" if value == value.to_integral() or abs(value) >= 1 else f"{value:.4g}"

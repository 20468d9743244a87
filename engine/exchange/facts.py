"""What the exchange says of an instrument, read strictly from its own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from engine.errors import ExchangeError
from engine.exchange.faults import FaultKind, RequestFault

PERPETUAL = "LinearPerpetual"
SETTLE_COIN = "USDT"
TRADING = "Trading"


@dataclass(frozen=True)
class InstrumentFacts:
    """Trading rules of a USDT perpetual; the fields mean what they mean in `InstrumentRules`.

    Prices and notionals are in USDT, quantities in base coin, `launch_ts` and `delisting_ts` (None if there
    is none) in epoch milliseconds.
    """

    symbol: str
    tick_size: float
    qty_step: float
    min_order_qty: float
    max_order_qty: float
    max_market_order_qty: float
    min_notional_usdt: float
    max_leverage: float
    leverage_step: float
    funding_interval_minutes: int
    launch_ts: int
    status: str
    delisting_ts: int | None


@dataclass(frozen=True)
class RiskTierFacts:
    """One row of a risk-limit ladder; rates are fractions. The fields mean what they mean in `RiskTier`."""

    tier: int
    risk_limit_value_usdt: float
    maintenance_margin_rate: float
    initial_margin_rate: float
    max_leverage: float
    mm_deduction_usdt: float


def is_usdt_perpetual(row: Mapping[str, Any]) -> bool:
    """Whether a row of instruments-info is a perpetual that settles in USDT."""
    return row.get("contractType") == PERPETUAL and row.get("settleCoin") == SETTLE_COIN


def describe_contract(row: Mapping[str, Any]) -> str:
    """Return in words what a row of instruments-info is."""
    if row.get("contractType") == PERPETUAL:
        return f"a perpetual that settles in {row.get('settleCoin')}"
    if row.get("contractType") == "LinearFutures":
        return "a dated future"
    return f"a contract of type {row.get('contractType')}"


def instrument_facts(row: Mapping[str, Any]) -> InstrumentFacts:
    """Return the facts of a row of instruments-info.

    Raises
    ------
    ExchangeError
        If a field is missing or not a number.
    """
    symbol = str(row.get("symbol"))
    lots = row.get("lotSizeFilter", {})
    leverage = row.get("leverageFilter", {})

    def number(section: Mapping[str, Any], name: str) -> float:
        return _number(section, name, f"instruments-info of {symbol}")

    return InstrumentFacts(
        symbol=symbol,
        tick_size=number(row.get("priceFilter", {}), "tickSize"),
        qty_step=number(lots, "qtyStep"),
        min_order_qty=number(lots, "minOrderQty"),
        max_order_qty=number(lots, "maxOrderQty"),
        max_market_order_qty=number(lots, "maxMktOrderQty"),
        min_notional_usdt=number(lots, "minNotionalValue"),
        max_leverage=number(leverage, "maxLeverage"),
        leverage_step=number(leverage, "leverageStep"),
        funding_interval_minutes=int(number(row, "fundingInterval")),
        launch_ts=int(number(row, "launchTime")),
        status=str(row.get("status")),
        # of a perpetual the delivery time is its delisting; "0" if there is none
        delisting_ts=int(number(row, "deliveryTime")) or None,
    )


def server_ms_of(result: Mapping[str, Any]) -> int:
    """Return the exchange's clock from its answer, in epoch milliseconds.

    Raises
    ------
    RequestFault
        If the answer does not say it.
    """
    try:
        return int(result["timeNano"]) // 1_000_000
    except (KeyError, TypeError, ValueError):
        raise RequestFault(FaultKind.UNSOUND, f"the answer has no usable timeNano: {result}") from None


def risk_tier_facts(symbol: str, rows: Sequence[Mapping[str, Any]]) -> tuple[RiskTierFacts, ...]:
    """Return the ladder of `symbol` from the rows of a risk-limit answer, lowest tier first.

    The exchange numbers its rows across all symbols, so tiers are numbered here by their limit. The first
    tier's deduction comes as "" and is 0.

    A delisted symbol has none.

    Raises
    ------
    RequestFault
        If two rows have one limit.
    ExchangeError
        If a field is missing, or the rates are not fractions that fit the leverage.
    """
    endpoint = f"risk-limit of {symbol}"

    def rate_like(row: Mapping[str, Any]) -> Callable[[str], float]:
        return lambda name: _number(row, name, endpoint)

    by_limit = sorted(rows, key=lambda row: rate_like(row)("riskLimitValue"))
    limits = [rate_like(row)("riskLimitValue") for row in by_limit]
    if len(set(limits)) < len(limits):
        raise RequestFault(FaultKind.UNSOUND, "two tiers of the answer have one limit")
    tiers = []
    for tier, row in enumerate(by_limit, start=1):
        read = rate_like(row)
        tiers.append(
            RiskTierFacts(
                tier=tier,
                risk_limit_value_usdt=read("riskLimitValue"),
                maintenance_margin_rate=read("maintenanceMargin"),
                initial_margin_rate=read("initialMargin"),
                max_leverage=read("maxLeverage"),
                mm_deduction_usdt=read("mmDeduction") if row.get("mmDeduction") else 0.0,
            )
        )
        _check_rates(tiers[-1], endpoint)
    return tuple(tiers)


def _check_rates(tier: RiskTierFacts, endpoint: str) -> None:
    # Bybit's documentation shows the rates in percent in its example; live answers are fractions, with an
    # initial rate of one over the leverage, rounded
    fits = 0.9 < tier.initial_margin_rate * tier.max_leverage < 1.1
    if not (0 < tier.maintenance_margin_rate < 1 and fits):
        raise ExchangeError(
            f"{endpoint}: tier {tier.tier} has a maintenance rate of {tier.maintenance_margin_rate} and an "
            f"initial rate of {tier.initial_margin_rate} at leverage {tier.max_leverage}",
            way_out="rates must be fractions, the initial one near 1 / leverage; "
            "report what the exchange changed",
        )


def _number(section: Mapping[str, Any], name: str, endpoint: str) -> float:
    try:
        value = float(section[name])
    except (KeyError, TypeError, ValueError):
        value = float("nan")
    if not isfinite(value):
        shown = section.get(name) if isinstance(section, Mapping) else section
        raise ExchangeError(
            f"{endpoint}: {name} is {shown!r}, a number was expected",
            way_out="report what the exchange changed",
        )
    return value

"""How much of each limit is used, for the status screen."""

from __future__ import annotations

from decimal import Decimal

from engine.exchange.trading.orders import ZERO
from engine.live.risk.case import HUNDRED, exact
from engine.live.risk.checks import funding_of, group_notional
from engine.live.risk.exposure import exposures, opening_orders
from engine.live.risk.in_flight import sent_lately
from engine.live.risk.limits import RiskLimits
from engine.live.risk.record import RiskRecord
from engine.live.risk.stops import drawdown_pct, loss_pct
from engine.live.risk.verdict import LimitUsage
from engine.live.risk.view import AccountView


def limit_usage(
    limits: RiskLimits, record: RiskRecord, view: AccountView, now_ms: int
) -> tuple[LimitUsage, ...]:
    """Return how much of each limit is used, in the order of `risk.yaml`.

    Limits of a single order (its size, its distance from the last price) are used by orders only and left
    out. What depends on an account, a price or a wallet that is not known is None.
    """
    orders = opening_orders(view, record.in_flight)
    after = None if view.account_ms is None else exposures(view.positions, orders, view)
    equity = None if view.wallet is None or view.wallet.equity <= 0 else view.wallet.equity
    total = None if after is None else sum((each.notional for each in after.values()), ZERO)
    held = [position for position in view.positions.values() if not position.is_flat]
    funding = None if after is None or equity is None else funding_of(after, view) / equity * HUNDRED
    ages = [
        abs(now_ms - prices[symbol][1])
        for prices in (view.last_price, view.mark_price)
        for symbol in view.positions
        if symbol in prices
    ]
    account_age_ms = None if view.account_ms is None else abs(now_ms - view.account_ms)

    def used(name: str, value: Decimal | None, limit: float, unit: str, *, floor: bool = False) -> LimitUsage:
        return LimitUsage(name, value, exact(limit), unit, floor)

    positions, exposure, losses = limits.positions, limits.exposure, limits.losses
    groups = tuple(
        used(
            f"exposure.groups.{name}.max_notional_usdt",
            None if after is None else group_notional(after, group.symbols),
            group.max_notional_usdt,
            "USDT",
        )
        for name, group in exposure.groups.items()
    )
    return (
        used(
            "orders.max_per_minute",
            Decimal(len(sent_lately(record, now_ms))),
            limits.orders.max_per_minute,
            "orders",
        ),
        used(
            "positions.max_notional_usdt",
            None if after is None else max((each.notional for each in after.values()), default=ZERO),
            positions.max_notional_usdt,
            "USDT",
        ),
        used(
            "positions.max_leverage",
            max((position.leverage for position in view.positions.values()), default=None),
            positions.max_leverage,
            "x",
        ),
        used(
            "positions.max_open",
            None if after is None else Decimal(len(after)),
            positions.max_open,
            "positions",
        ),
        used(
            "positions.min_liquidation_distance_pct",
            min(
                (
                    abs(position.liquidation_price / position.mark_price - 1) * HUNDRED
                    for position in held
                    if position.liquidation_price is not None and position.mark_price > 0
                ),
                default=None,
            ),
            positions.min_liquidation_distance_pct,
            "%",
            floor=True,
        ),
        used("exposure.max_total_usdt", total, exposure.max_total_usdt, "USDT"),
        used(
            "exposure.max_account_leverage",
            None if total is None or equity is None else total / equity,
            exposure.max_account_leverage,
            "x",
        ),
        *groups,
        used("losses.max_daily_pct", loss_pct(record, record.day), losses.max_daily_pct, "%"),
        used("losses.max_weekly_pct", loss_pct(record, record.week), losses.max_weekly_pct, "%"),
        used("losses.max_drawdown_pct", drawdown_pct(record), losses.max_drawdown_pct, "%"),
        used("losses.streak_trades", Decimal(record.losing_streak), losses.streak_trades, "trades"),
        used("funding.max_cost_pct_of_equity", funding, limits.funding.max_cost_pct_of_equity, "%"),
        used(
            "certainty.max_price_age_s",
            Decimal(max(ages)) / 1000 if ages else None,
            limits.certainty.max_price_age_s,
            "s",
        ),
        used(
            "certainty.max_account_age_s",
            None if account_age_ms is None else Decimal(account_age_ms) / 1000,
            limits.certainty.max_account_age_s,
            "s",
        ),
        used(
            "certainty.max_clock_offset_ms",
            None if view.clock_offset_ms is None else Decimal(abs(view.clock_offset_ms)),
            limits.certainty.max_clock_offset_ms,
            "ms",
        ),
    )

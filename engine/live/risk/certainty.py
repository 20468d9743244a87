"""Whether enough is known to open a position. Each check gives the verdict that refuses, or None."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engine.live.risk.limits import RiskLimits
from engine.live.risk.verdict import DenialCode, RiskVerdict, denied
from engine.live.risk.view import AccountView, OrderIntent

type CertaintyCheck = Callable[[OrderIntent, AccountView, RiskLimits, int], RiskVerdict | None]


def _reconciled(
    _intent: OrderIntent, view: AccountView, _limits: RiskLimits, _now_ms: int
) -> RiskVerdict | None:
    if view.is_reconciled:
        return None
    return denied(
        DenialCode.NOT_RECONCILED,
        "what is known of the account has not been found the same as the exchange's",
    )


def _fresh_account(
    _intent: OrderIntent, view: AccountView, limits: RiskLimits, now_ms: int
) -> RiskVerdict | None:
    if view.account_ms is None:
        return denied(DenialCode.STALE_ACCOUNT, "the account has not been read")
    what = "the account was read"
    return _age(DenialCode.STALE_ACCOUNT, what, view.account_ms, now_ms, limits.certainty.max_account_age_s)


def _clock(_intent: OrderIntent, view: AccountView, limits: RiskLimits, _now_ms: int) -> RiskVerdict | None:
    offset_ms, most_ms = view.clock_offset_ms, limits.certainty.max_clock_offset_ms
    if offset_ms is None:
        return denied(DenialCode.CLOCK_SKEW, "our clock has not been compared with the exchange's")
    if abs(offset_ms) <= most_ms:
        return None
    return denied(
        DenialCode.CLOCK_SKEW,
        f"the exchange's clock is {offset_ms:+d} ms from ours, {most_ms} ms are allowed",
        limit=Decimal(most_ms),
        value=Decimal(abs(offset_ms)),
    )


def _fresh_decision(
    intent: OrderIntent, _view: AccountView, limits: RiskLimits, now_ms: int
) -> RiskVerdict | None:
    what = "it was decided"
    return _age(
        DenialCode.STALE_DECISION, what, intent.decided_ms, now_ms, limits.certainty.max_decision_age_s
    )


def _wallet(_intent: OrderIntent, view: AccountView, _limits: RiskLimits, _now_ms: int) -> RiskVerdict | None:
    if view.wallet is None or not view.wallet.equity.is_finite():
        return denied(DenialCode.UNKNOWN_WALLET, "the wallet is not known")
    if view.wallet.equity <= 0:
        return denied(DenialCode.UNKNOWN_WALLET, f"the equity is {view.wallet.equity} USDT: nothing to risk")
    return None


def _position(
    intent: OrderIntent, view: AccountView, _limits: RiskLimits, _now_ms: int
) -> RiskVerdict | None:
    if intent.request.symbol in view.positions:
        return None
    return denied(
        DenialCode.UNKNOWN_POSITION, f"whether there is a position in {intent.request.symbol} is not known"
    )


def _prices(intent: OrderIntent, view: AccountView, limits: RiskLimits, now_ms: int) -> RiskVerdict | None:
    for symbol in _at_stake(intent, view):
        for what, prices in (("last", view.last_price), ("mark", view.mark_price)):
            if symbol not in prices or not prices[symbol][0] > 0:
                return denied(DenialCode.UNKNOWN_PRICE, f"the {what} price of {symbol} is not known")
            said = f"the {what} price of {symbol} is"
            seconds = limits.certainty.max_price_age_s
            if refusal := _age(DenialCode.STALE_PRICE, said, prices[symbol][1], now_ms, seconds):
                return refusal
    return None


def _funding(intent: OrderIntent, view: AccountView, limits: RiskLimits, now_ms: int) -> RiskVerdict | None:
    for symbol in _at_stake(intent, view):
        next_ms = view.next_funding_ms.get(symbol)
        if symbol not in view.funding_rate or next_ms is None:
            return denied(DenialCode.UNKNOWN_FUNDING, f"the next funding of {symbol} is not known")
        if now_ms - next_ms > limits.certainty.max_account_age_s * 1000:
            return denied(DenialCode.UNKNOWN_FUNDING, f"the funding rate of {symbol} is of a past settlement")
    return None


def _at_stake(intent: OrderIntent, view: AccountView) -> list[str]:
    """Return the order's symbol and all others that count towards exposure and funding."""
    positions = {symbol for symbol, position in view.positions.items() if not position.is_flat}
    orders = {order.symbol for order in view.open_orders if not order.reduce_only}
    return sorted({intent.request.symbol} | positions | orders)


def _instrument(
    intent: OrderIntent, view: AccountView, _limits: RiskLimits, _now_ms: int
) -> RiskVerdict | None:
    if intent.request.symbol in view.instruments:
        return None
    return denied(DenialCode.UNKNOWN_INSTRUMENT, f"the risk tiers of {intent.request.symbol} are not known")


CERTAINTY_CHECKS: tuple[CertaintyCheck, ...] = (
    _reconciled,
    _fresh_account,
    _clock,
    _fresh_decision,
    _wallet,
    _position,
    _prices,
    _funding,
    _instrument,
)
"""In the order in which they are asked; the first refusal is told."""


def _age(code: DenialCode, what: str, ts_ms: int, now_ms: int, most_s: int) -> RiskVerdict | None:
    # what is ahead of our clock is as wrong as what is behind it
    age_ms = abs(now_ms - ts_ms)
    if age_ms <= most_s * 1000:
        return None
    direction = "ago" if now_ms >= ts_ms else "ahead"
    return denied(
        code,
        f"{what} {age_ms / 1000:,.1f} s {direction}, {most_s} s are allowed",
        limit=Decimal(most_s),
        value=Decimal(age_ms) / 1000,
    )

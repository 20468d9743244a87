"""Funding: what a position pays or receives at a funding timestamp."""

from __future__ import annotations

from engine.compiled import compiled_bare


@compiled_bare
def funding_payment(direction: int, size: float, mark_price: float, funding_rate: float) -> float:
    """Return the change of the account in USDT: positive is received, negative is paid.

    Parameters
    ----------
    direction : int
        +1 long, -1 short.
    size : float
        Position size in base coin, not negative.
    mark_price : float
        Mark price at the funding timestamp, in USDT.
    funding_rate : float
        Rate of the event as a fraction. Above 0 long pays short, below 0 short pays long.

    Notes
    -----
    Source: Bybit help centre, "Funding fee": position value at the mark price * rate, exchanged only by
    positions held at the timestamp.
    """
    return -direction * size * mark_price * funding_rate


@compiled_bare
def funding_fee(direction: int, size: float, mark_price: float, funding_rate: float) -> float:
    """Return the fee of a funding event in USDT: positive is paid, negative is received.

    The sign of `execFee` in Bybit's execution list; `funding` in its transaction log, and `funding_payment`
    here, is the opposite. Arguments as in `funding_payment`.
    """
    return -funding_payment(direction, size, mark_price, funding_rate)


@compiled_bare
def funding_from_margin(payment: float, available_balance: float) -> float:
    """Return how much of a payment is taken from the position's margin, in USDT, not negative.

    Parameters
    ----------
    payment : float
        As `funding_payment` gives it: negative is paid.
    available_balance : float
        Wallet balance that no margin locks, in USDT; below 0 counts as 0.

    Notes
    -----
    Source: Bybit help centre, "Funding fee": taken from the available balance first, then from the position's
    margin, which moves the liquidation price towards the mark.
    """
    return max(0.0, -payment - max(0.0, available_balance))

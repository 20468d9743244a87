"""Funding: what a position pays or receives at a funding timestamp."""

from __future__ import annotations

from engine.compiled import compiled


@compiled
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

"""How a position at a real exchange stands, for whoever watches."""

from __future__ import annotations

import math
from typing import Any

from engine.exchange.trading.orders import PositionReport
from engine.live.twin import TwinAccount


def held_at(twin: TwinAccount, report: PositionReport | None, bar_number: int) -> dict[str, Any] | None:
    """Return what is held, as a shadow run tells it; None if nothing is.

    Parameters
    ----------
    twin : TwinAccount
    report : PositionReport or None
        As the exchange has it: for the price of liquidation and what is not realised yet.
    bar_number : int
        The bar that forms.
    """
    position = twin.position
    if position.direction == 0:
        return None
    target = float(position.target_price)
    liquidation = None if report is None else report.liquidation_price
    return {
        "direction": "long" if position.direction > 0 else "short",
        "size": float(position.quantity),
        "entry_price": float(position.entry_price),
        "stop_price": float(position.stop_price),
        "target_price": target if math.isfinite(target) else None,
        "liquidation_price": None if liquidation is None else float(liquidation),
        "unrealised_usdt": 0.0 if report is None else float(report.unrealised_pnl),
        "bars_held": bar_number - int(position.entry_bar),
    }


def waiting_entry(twin: TwinAccount) -> dict[str, Any]:
    """Return the entry that waits."""
    position = twin.position
    return {
        "side": "long" if position.order_side > 0 else "short",
        "price": float(position.order_price),
        "size": float(position.order_quantity),
    }

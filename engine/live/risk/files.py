"""Where the limits and the memory of an environment are, and the risk manager over them."""

from __future__ import annotations

from pathlib import Path

from engine.live.risk.limits import LIVE_LIMITS, RiskLimits, load_risk_limits
from engine.live.risk.manager import RiskManager
from engine.live.risk.memory import RiskMemory
from engine.settings import Exchange, TradeSettings


def default_limits(settings: TradeSettings) -> RiskLimits:
    """Return the limits that hold where none are written: small ones where the money is real."""
    return LIVE_LIMITS if settings.exchange is Exchange.BYBIT else RiskLimits()


def risk_limits_file(settings: TradeSettings) -> Path:
    """Return the file of the limits; without it the defaults hold."""
    return settings.data_dir / settings.exchange.value / "risk.yaml"


def risk_memory_file(settings: TradeSettings) -> Path:
    """Return the file the risk manager remembers by: one for each environment, shared by its processes."""
    return settings.data_dir / settings.exchange.value / "risk_memory.json"


def risk_manager(settings: TradeSettings) -> RiskManager:
    """Return the risk manager of the settings' environment.

    Raises
    ------
    ConfigurationError
        If the limits cannot be used.
    """
    limits = load_risk_limits(risk_limits_file(settings), default_limits(settings))
    return RiskManager(limits, RiskMemory(risk_memory_file(settings)))

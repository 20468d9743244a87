"""Where the limits and the memory of an environment are, and the risk manager over them."""

from __future__ import annotations

from pathlib import Path

from engine.live.risk.limits import load_risk_limits
from engine.live.risk.manager import RiskManager
from engine.live.risk.memory import RiskMemory
from engine.settings import TradeSettings


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
    return RiskManager(load_risk_limits(risk_limits_file(settings)), RiskMemory(risk_memory_file(settings)))

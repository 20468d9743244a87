"""What the exchange allows for a symbol: steps, limits and risk tiers, as a dated snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from engine.errors import DataError
from engine.hashing import hash_of


@dataclass(frozen=True)
class RiskTier:
    """One row of a symbol's risk-limit ladder. Rates are fractions; `risk_limit_value_usdt` is inclusive."""

    tier: int
    risk_limit_value_usdt: float
    maintenance_margin_rate: float
    initial_margin_rate: float
    max_leverage: float
    mm_deduction_usdt: float


@dataclass(frozen=True)
class InstrumentRules:
    """Trading rules of a USDT perpetual as they were at `as_of_ms`.

    Quantities are in base coin, prices and notionals in USDT. Bybit changes these without history, so a
    rule is always a snapshot with its date. `delisting_ts` is the moment from which the contract does not
    trade any more, past or ahead; None if there is none.
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
    as_of_ms: int
    tiers: tuple[RiskTier, ...]
    delisting_ts: int | None = None

    def __post_init__(self) -> None:
        limits = [tier.risk_limit_value_usdt for tier in self.tiers]
        if not limits or any(a >= b for a, b in pairwise(limits)):
            raise DataError(
                f"{self.symbol}: risk tiers must be given, with limits that rise: {limits}",
                way_out="sync the symbol again; its risk-limit answer was incomplete",
            )
        for name in ("tick_size", "qty_step", "min_order_qty", "max_leverage"):
            if not getattr(self, name) > 0:
                raise DataError(f"{self.symbol}: {name} is {getattr(self, name)}, it must be above 0")

    def to_plain(self) -> dict[str, Any]:
        """Return the rules as plain data that JSON can hold; `from_plain` gives them back exactly."""
        plain = asdict(self)
        if self.delisting_ts is None:  # so that rules without one keep the hash they had before there was one
            del plain["delisting_ts"]
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> InstrumentRules:
        """Return the rules that `to_plain` described."""
        return cls(**{**plain, "tiers": tuple(RiskTier(**tier) for tier in plain["tiers"])})

    def fingerprint(self) -> str:
        """Return the hash of the rules without their date: equal as long as nothing changed."""
        plain = self.to_plain()
        del plain["as_of_ms"]
        return hash_of(plain)

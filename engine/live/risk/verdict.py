"""What the risk manager answers: whether an order may leave, why not, and how much of a limit is used."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class TradingState(StrEnum):
    """What may be sent: everything, only what makes a position smaller, or nothing but the panic button's."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class DenialCode(StrEnum):
    """Why an order was refused. The first group says that something is not certain."""

    NOT_SEEDED = "not_seeded"
    """The losses of this week have not been asked of the exchange since the start."""
    NOT_RECONCILED = "not_reconciled"
    """What is known of the account and what the exchange has differ, or have not been compared."""
    STALE_ACCOUNT = "stale_account"
    """Positions, orders and wallet were last read too long ago."""
    UNKNOWN_WALLET = "unknown_wallet"
    UNKNOWN_POSITION = "unknown_position"
    UNKNOWN_PRICE = "unknown_price"
    """No last price or no mark price."""
    STALE_PRICE = "stale_price"
    UNKNOWN_FUNDING = "unknown_funding"
    """No funding rate, or one whose settlement has passed."""
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    """No instrument rules, so the liquidation price cannot be told."""
    CLOCK_SKEW = "clock_skew"
    """Our clock and the exchange's differ too much, or have not been compared."""
    STALE_DECISION = "stale_decision"
    """The decision was made too long ago: its market is gone."""
    MEMORY_UNREADABLE = "memory_unreadable"
    """The file of past losses is there and cannot be read."""

    MANUAL_HALT = "manual_halt"
    PANIC = "panic"
    DRAWDOWN = "drawdown"
    LIQUIDATED = "liquidated"
    DAILY_LOSS = "daily_loss"
    WEEKLY_LOSS = "weekly_loss"
    LOSS_STREAK = "loss_streak"

    BAD_ORDER = "bad_order"
    """A size or price that cannot be, or one without the reduce-only mark that says it reduces."""
    FAT_FINGER = "fat_finger"
    ORDER_NOTIONAL = "order_notional"
    ORDER_RATE = "order_rate"
    LEVERAGE = "leverage"
    POSITION_NOTIONAL = "position_notional"
    OPEN_POSITIONS = "open_positions"
    TOTAL_EXPOSURE = "total_exposure"
    ACCOUNT_LEVERAGE = "account_leverage"
    GROUP_EXPOSURE = "group_exposure"
    FUNDING_COST = "funding_cost"
    LIQUIDATION_DISTANCE = "liquidation_distance"
    TRADING_HOURS = "trading_hours"


@dataclass(frozen=True, slots=True)
class StateReason:
    """Why trading is not free.

    Parameters
    ----------
    code : DenialCode
        The reason's name; orders are refused with it.
    state : TradingState
        What it asks for: REDUCING or HALTED.
    message : str
        In words.
    since_ms : int
        When it came up, UTC epoch milliseconds.
    until_ms : int or None
        When it ends by itself; None if somebody has to `resume`.
    """

    code: DenialCode
    state: TradingState
    message: str
    since_ms: int
    until_ms: int | None = None

    def holds_at(self, now_ms: int) -> bool:
        """Whether it has not ended by itself."""
        return self.until_ms is None or now_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class RiskVerdict:
    """Whether an order may leave.

    Parameters
    ----------
    allowed : bool
        Whether it may.
    code : DenialCode or None
        Why not.
    message : str
        In words, with the figures; "" if it may.
    limit, value : Decimal or None
        What the limit allows and what the order would make of it, where it is a matter of figures.
    """

    allowed: bool
    code: DenialCode | None = None
    message: str = ""
    limit: Decimal | None = None
    value: Decimal | None = None


ALLOWED = RiskVerdict(True)


def denied(
    code: DenialCode, message: str, *, limit: Decimal | None = None, value: Decimal | None = None
) -> RiskVerdict:
    """Return the verdict that refuses."""
    return RiskVerdict(False, code, message, limit, value)


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """How much of a limit is used.

    Parameters
    ----------
    name : str
        As the limit's key in `risk.yaml`: "positions.max_open".
    used : Decimal or None
        In `unit`; None where it cannot be told now.
    limit : Decimal
        What is allowed.
    unit : str
        "USDT", "%", "x", "positions", "orders", "trades", "ms".
    is_floor : bool
        Whether `used` has to stay above the limit (a distance), and not below it.
    """

    name: str
    used: Decimal | None
    limit: Decimal
    unit: str
    is_floor: bool = False

    @property
    def share(self) -> Decimal | None:
        """How near the limit is: 0 far, 1 reached, above 1 broken; None where it cannot be told."""
        if self.used is None:
            return None
        over, under = (self.limit, self.used) if self.is_floor else (self.used, self.limit)
        if under > 0:
            return over / under
        return Decimal(0) if over <= 0 else Decimal("Infinity")

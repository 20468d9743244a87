"""Bybit's limits per account: so many calls of a kind in any second."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from engine.sandbox.rate_limit import Admission, Limiter, RateLimit


class CallGroup(Enum):
    """Paths that share a limit, and the calls a second it allows (bybit-exchange/docs, `v5/rate-limit`)."""

    CREATE = ("create", 10)
    AMEND = ("amend", 10)
    CANCEL = ("cancel", 10)
    CANCEL_ALL = ("cancel-all", 10)
    POSITION_CHANGE = ("position-change", 10)
    ORDER_LIST = ("order-list", 50)
    ORDER_HISTORY = ("order-history", 50)
    POSITION_LIST = ("position-list", 50)
    CLOSED_PNL = ("closed-pnl", 50)
    EXECUTION_LIST = ("execution-list", 50)
    WALLET = ("wallet", 50)
    ACCOUNT_INFO = ("account-info", 50)
    TRANSACTION_LOG = ("transaction-log", 25)
    ACCOUNT_CHANGE = ("account-change", 5)
    FEE_RATE = ("fee-rate", 5)

    @property
    def calls_per_second(self) -> int:
        """The limit."""
        return self.value[1]


class CallLimits:
    """Counts the calls of each account by group, in real time.

    Parameters
    ----------
    monotonic_s : Callable[[], float]
        What measures real time, in seconds.
    is_enforced : bool
        Whether what is too much is refused; otherwise the limits are only shown.
    """

    def __init__(self, monotonic_s: Callable[[], float], *, is_enforced: bool) -> None:
        self._monotonic_s = monotonic_s
        self._is_enforced = is_enforced
        self._limiters: dict[tuple[str, CallGroup], Limiter] = {}

    def admit(self, key: str, group: CallGroup, calls: int = 1) -> Admission:
        """Count so many calls of an account, and say whether they are within the limit."""
        if not self._is_enforced:
            return Admission(True, False, group.calls_per_second, 0)
        limiter = self._limiters.setdefault(
            (key, group), Limiter(RateLimit(group.calls_per_second, 1.0, 0.0), self._monotonic_s)
        )
        admission = limiter.admit()
        for _ in range(calls - 1):
            admission = limiter.admit()
        return admission

"""The ways a request can fail, told apart, and what is done about each: one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PARAMETER_ERROR = 10001


class FaultKind(Enum):
    """What went wrong with one attempt. The value says it in words."""

    UNREACHABLE = "nobody answers"
    TIMEOUT = "the answer did not come in time"
    DROPPED = "the connection was lost before the answer was whole"
    GARBLED = "the answer is not JSON"
    UNSOUND = "the rows of the answer cannot be right"
    SERVER = "a fault of the exchange"
    OVERLOADED = "the exchange is overloaded"
    RATE_LIMITED = "too many requests"
    CLOCK = "the clocks differ"
    BANNED = "this address is shut out"
    REFUSED = "the request is refused"


@dataclass(frozen=True)
class RetryRule:
    """What to do about a kind of fault.

    Parameters
    ----------
    attempts : int
        How often a request that fails so is sent in all; 1 gives up at once.
    first_wait_s : float
        Wait before the second attempt. Each further wait is twice as long, and every wait is shortened by up
        to a half at random.
    longest_wait_s : float
        No wait is longer.
    is_outage : bool
        Whether it tells that the exchange as a whole is in trouble, so that the circuit breaker counts it.
    """

    attempts: int
    first_wait_s: float = 0.0
    longest_wait_s: float = 0.0
    is_outage: bool = True


RETRY_RULES: dict[FaultKind, RetryRule] = {
    FaultKind.UNREACHABLE: RetryRule(attempts=3, first_wait_s=0.5, longest_wait_s=2.0),
    FaultKind.TIMEOUT: RetryRule(attempts=3, first_wait_s=0.5, longest_wait_s=4.0),
    FaultKind.DROPPED: RetryRule(attempts=5, first_wait_s=0.25, longest_wait_s=4.0),
    FaultKind.GARBLED: RetryRule(attempts=5, first_wait_s=0.5, longest_wait_s=4.0),
    FaultKind.UNSOUND: RetryRule(attempts=4, first_wait_s=0.5, longest_wait_s=4.0, is_outage=False),
    FaultKind.SERVER: RetryRule(attempts=5, first_wait_s=0.5, longest_wait_s=8.0),
    FaultKind.OVERLOADED: RetryRule(attempts=5, first_wait_s=1.0, longest_wait_s=8.0),
    # waits until the exchange's own stamp, where it gives one that makes sense
    FaultKind.RATE_LIMITED: RetryRule(attempts=6, first_wait_s=2.0, longest_wait_s=10.0),
    # measured anew, then once more: a difference that stays is the user's to mend
    FaultKind.CLOCK: RetryRule(attempts=2, is_outage=False),
    # every further request would prolong it
    FaultKind.BANNED: RetryRule(attempts=1),
    FaultKind.REFUSED: RetryRule(attempts=1, is_outage=False),
}

# Bybit's documentation, error codes, and HTTP statuses of its integration guidance
_KIND_OF_RET_CODE = {
    10000: FaultKind.SERVER,  # server time-out
    10002: FaultKind.CLOCK,
    10006: FaultKind.RATE_LIMITED,
    10016: FaultKind.SERVER,
    10018: FaultKind.RATE_LIMITED,  # of the whole address
    429: FaultKind.OVERLOADED,
}
_KIND_OF_STATUS = {403: FaultKind.BANNED, 429: FaultKind.OVERLOADED}


class RequestFault(Exception):
    """One attempt failed. Never leaves the session, which makes an `ExchangeError` of the last one.

    Parameters
    ----------
    kind : FaultKind
        Which way.
    said : str
        What the exchange or the network said, to follow the name of the endpoint.
    ret_code : int, optional
        Bybit's code, where it gave one.
    reset_ms : int, optional
        When the rate limit is said to end, in the exchange's epoch milliseconds.
    status : int, optional
        The HTTP status, if it was not 200.
    """

    def __init__(
        self,
        kind: FaultKind,
        said: str,
        *,
        ret_code: int | None = None,
        reset_ms: int | None = None,
        status: int | None = None,
    ) -> None:
        self.kind = kind
        self.said = said
        self.ret_code = ret_code
        self.reset_ms = reset_ms
        self.status = status
        super().__init__(said)


def kind_of_ret_code(ret_code: int) -> FaultKind:
    """Return what a retCode other than 0 means for the request that got it."""
    return _KIND_OF_RET_CODE.get(ret_code, FaultKind.REFUSED)


def kind_of_status(status: int) -> FaultKind:
    """Return what an HTTP status other than 200 means for the request that got it."""
    if status >= 500:
        return FaultKind.SERVER
    return _KIND_OF_STATUS.get(status, FaultKind.REFUSED)

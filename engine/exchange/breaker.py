"""A circuit breaker: an exchange that fails again and again is left alone for a while, and that is said."""

from __future__ import annotations

import logging
import threading
from functools import cache

from engine.errors import ExchangeUnavailable
from engine.exchange.timing import Timing

_LOG = logging.getLogger(__name__)

FAILURES = 5
REST_S = 30.0
# Bybit lifts the ban of an IP address ten minutes after the last request at the earliest.
BAN_S = 600.0


class CircuitBreaker:
    """Counts failed requests in a row, over all threads; past a number it refuses for a while.

    When the while is over one request is let through: if it succeeds all is well again, if not the rest
    begins anew. A request counts as failed when all its attempts have.

    Parameters
    ----------
    name : str
        Whose circuit it is, for messages: the address of the exchange.
    failures : int, optional
        How many in a row are too many.
    rest_s : float, optional
        For how many seconds no request is made then.
    timing : Timing, optional
        The clock.
    """

    def __init__(
        self, name: str, *, failures: int = FAILURES, rest_s: float = REST_S, timing: Timing | None = None
    ) -> None:
        self._name = name
        self._failures = failures
        self._rest_s = rest_s
        self._timing = timing or Timing()
        self._lock = threading.Lock()
        self._failed = 0
        self._why = ""
        self._way_out = ""
        self._closed_from_s: float | None = None

    def check(self) -> None:
        """Let a request pass.

        Raises
        ------
        ExchangeUnavailable
            If the exchange is being left alone. Nothing is to be sent then.
        """
        with self._lock:
            if self._closed_from_s is None:
                return
            left_s = self._closed_from_s - self._timing.monotonic_s()
            if left_s <= 0:
                # this one tries; the others wait for what comes of it
                self._closed_from_s = self._timing.monotonic_s() + self._rest_s
                return
        raise ExchangeUnavailable(
            f"the exchange at {self._name} is left alone for {left_s:.0f} more seconds: {self._why}",
            way_out="nothing was sent now, and what is stored stays whole; "
            + (self._way_out or "try again after that"),
        )

    def succeeded(self) -> None:
        """Note that a request was answered."""
        with self._lock:
            if self._closed_from_s is not None:
                _LOG.warning("the exchange at %s answers again", self._name)
            self._failed, self._closed_from_s = 0, None

    def failed(self, why: str, way_out: str = "") -> None:
        """Note that a request failed for good by the fault of the exchange, and what would help."""
        with self._lock:
            self._failed += 1
            self._way_out = way_out
            if self._failed >= self._failures:
                self._rest(self._rest_s, f"{self._failed} requests in a row failed, the last with: {why}")

    def banned(self, why: str) -> None:
        """Note that the exchange has shut this address out: every request would prolong it."""
        with self._lock:
            self._way_out = ""
            self._rest(BAN_S, why)

    def _rest(self, seconds: float, why: str) -> None:
        self._why = why
        self._closed_from_s = self._timing.monotonic_s() + seconds
        _LOG.warning("the exchange at %s is left alone for %.0f seconds: %s", self._name, seconds, why)


@cache
def process_breaker(base_url: str) -> CircuitBreaker:
    """Return the one breaker of this process for `base_url`: what one client learns all shall know."""
    return CircuitBreaker(base_url)

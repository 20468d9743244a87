"""What a running sandbox is made of: the market, its clock, what goes wrong, its limits and its log."""

from __future__ import annotations

import threading
import time
from collections import Counter

from engine.sandbox.clock import Clock, wall_clock_ms
from engine.sandbox.conditions import ConditionedMarket
from engine.sandbox.endpoints import MarketEndpoints
from engine.sandbox.faults import NO_FAULTS, FaultPlan, HttpFault, StreamFault
from engine.sandbox.open_streams import OpenStreams
from engine.sandbox.private.call_limits import CallLimits
from engine.sandbox.private.desk import PrivateDesk
from engine.sandbox.protocol import Market
from engine.sandbox.rate_limit import Limiter, RateLimit
from engine.sandbox.request_log import RequestLog


class ExchangeState:
    """The state of one running sandbox; everything in it may be read and changed by several threads.

    Parameters
    ----------
    market : Market
        What is served.
    clock : Clock
        The time there.
    faults : FaultPlan, optional
        What goes wrong; `put_in_force` changes it.
    limit : RateLimit, optional
        Enforced if given; so are then the limits of each account.

    Attributes
    ----------
    signing_offset_ms : int
        By how much the clocks that judge signed requests run ahead of the wall's: a client whose own clock is
        wrong is made by it.
    """

    def __init__(
        self,
        market: Market,
        clock: Clock,
        *,
        faults: FaultPlan = NO_FAULTS,
        limit: RateLimit | None = None,
    ) -> None:
        self.clock = clock
        self.limiter = Limiter(limit, time.monotonic)
        self.call_limits = CallLimits(time.monotonic, is_enforced=limit is not None)
        self.log = RequestLog()
        self.streams = OpenStreams()
        self.signing_offset_ms = 0
        self._market = market
        self._lock = threading.Lock()
        self._look_at(faults)
        self._faults = faults
        self._numbers: Counter[str] = Counter()
        self.desk = PrivateDesk(lambda: self._conditioned, clock)

    @property
    def faults(self) -> FaultPlan:
        """The plan in force."""
        return self._faults

    @property
    def market(self) -> ConditionedMarket:
        """The market under the plan's conditions."""
        return self._conditioned

    @property
    def endpoints(self) -> MarketEndpoints:
        """The answers of that market."""
        return self._endpoints

    @property
    def signing_clocks_ms(self) -> tuple[int, int]:
        """What time it is for signed requests: on the wall, and at the exchange."""
        return wall_clock_ms() + self.signing_offset_ms, self.clock() + self.signing_offset_ms

    def catch_up(self) -> None:
        """Return when everything has happened up to the time of the clock, and every stream has told of it.

        Never on the server's own thread, which is the one that tells.
        """
        self.desk.advance_to(self.clock())
        self.streams.call()

    def put_in_force(self, faults: FaultPlan) -> None:
        """Let this plan decide from now on; the numbers of its scripts count from here.

        Raises
        ------
        ConfigurationError
            If a condition is of a symbol the market does not have; the plan before stays in force.
        """
        with self._lock:
            if faults.conditions != self._faults.conditions:
                self._look_at(faults)
            self._faults = faults
            self._numbers = Counter()

    def _look_at(self, faults: FaultPlan) -> None:
        """Put the market under the conditions of a plan."""
        self._conditioned = ConditionedMarket(self._market, faults.conditions)
        self._endpoints = MarketEndpoints(self._conditioned, self.clock)

    def next_request(self, path: str, query: str) -> HttpFault | None:
        """Count and log a request, and return the fault it meets."""
        with self._lock:
            self._numbers[path] += 1
            fault = self._faults.http_fault(path, self._numbers[path])
        self.log.add(path, query, type(fault).__name__ if fault else "")
        return fault

    def next_message(self, path: str, topic: str) -> StreamFault | None:
        """Count and log a message of a stream, and return the fault it meets."""
        with self._lock:
            self._numbers[path] += 1
            fault = self._faults.stream_fault(path, self._numbers[path])
        self.log.add(path, topic, type(fault).__name__ if fault else "")
        return fault

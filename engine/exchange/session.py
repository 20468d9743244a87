"""One request to Bybit through pybit: sent within the limit, tried again where it helps.

Faults of three libraries become `RequestFault`s of a named kind (`http`); `RETRY_RULES` says what to do
about each; what remains is an `ExchangeError` with the endpoint, the exchange's own code and the way out
(`given_up`).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.errors import ConfigurationError, ExchangeError
from engine.exchange.breaker import CircuitBreaker
from engine.exchange.facts import server_ms_of
from engine.exchange.faults import RETRY_RULES, FaultKind, RequestFault, RetryRule
from engine.exchange.given_up import error_of
from engine.exchange.limits import SharedRequestLimiter
from engine.exchange.timing import Timing

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from engine.exchange.http import PybitSession

_LOG = logging.getLogger(__name__)

# No attempt of a call is begun later than this after its first.
PATIENCE_S = 60.0

# An answer that took longer says too little about the clock.
_SLOW_MS = 1_000

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(base_url: str) -> bool:
    """Whether an address is on this machine."""
    return urlsplit(base_url).hostname in _LOOPBACK


class BybitSession:
    """Requests to one base address. Threads may share it: each has its own connection.

    Parameters
    ----------
    base_url : str
        For example https://api.bybit.com or http://127.0.0.1:8765.
    timeout_s : float, optional
        How long one answer may take, to its last byte.
    limiter : SharedRequestLimiter, optional
        Who says when a request may be sent; without one they are sent at once.
    breaker : CircuitBreaker, optional
        Who says whether the exchange is to be left alone; one of its own by default.
    timing : Timing, optional
        The clock and the way to wait.

    Raises
    ------
    ConfigurationError
        If `base_url` is not an http(s) address.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 10.0,
        limiter: SharedRequestLimiter | None = None,
        breaker: CircuitBreaker | None = None,
        timing: Timing | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username
            or parts.path.strip("/")
        ):
            raise ConfigurationError(
                f"{parts._replace(netloc=parts.hostname or '').geturl()!r} is not the address of an exchange",
                way_out="give http(s)://host[:port] and nothing more, for example https://api.bybit.com",
            )
        self.base_url = base_url.rstrip("/")
        self.host = parts.hostname
        self.clock_offset_ms = 0
        self._timeout_s = timeout_s
        self._limiters = () if limiter is None else (limiter,)
        self._timing = timing or Timing()
        self._breaker = breaker or CircuitBreaker(self.base_url, timing=self._timing)
        self._threads = threading.local()

    def call[T](
        self, method: str, endpoint: str, read: Callable[[dict[str, Any]], T], **parameters: object
    ) -> T:
        """Return what `read` makes of an answer's `result`, asked for again as `RETRY_RULES` says.

        Parameters
        ----------
        method : str
            Name of the method of pybit's HTTP class, for example "get_kline".
        endpoint : str
            What was asked, for messages.
        read : callable
            Takes the `result`. It may raise `RequestFault`.
        parameters : object
            What pybit's method is given.

        Raises
        ------
        ExchangeUnavailable
            If nobody answers, or only with faults that may pass, or the exchange is being left alone.
        SymbolNotListed
            If the exchange refuses the symbol.
        ExchangeError
            If the exchange refuses the request, or its answer is not one of Bybit's.
        """

        return self._patiently(
            lambda session: self._answer(session, method, parameters, self._limiters),
            lambda answer: read(answer["result"]),
            endpoint,
        )

    def _answer(
        self,
        session: PybitSession,
        method: str,
        parameters: Mapping[str, object],
        limiters: Sequence[SharedRequestLimiter],
    ) -> dict[str, Any]:
        """Return the whole answer to one request; `limiters` are told what it says of the limit."""
        from engine.exchange.http import not_bybit

        sent_ms = self._timing.epoch_ms()
        answer, _, headers = getattr(session, method)(**parameters)
        self._read_clock(answer.get("time"), sent_ms)
        self._heed(headers, limiters)
        if not isinstance(answer.get("result"), dict):
            raise not_bybit()
        return dict(answer)

    @property
    def timing(self) -> Timing:
        """The clock and the way to wait."""
        return self._timing

    def server_ms(self) -> int:
        """Return the exchange's clock as far as it is known, in epoch milliseconds. Asks nobody."""
        return self._timing.epoch_ms() + self.clock_offset_ms

    def fetch(self, path: str) -> Any:
        """Return the JSON at `path` of the base address, which need not be Bybit's; None where there is none.

        Raises
        ------
        ExchangeUnavailable, ExchangeError
            As `call`.
        """

        def get(session: PybitSession) -> Any:
            from engine.exchange.http import bad_status

            response = session.client.get(f"{self.base_url}{path}", timeout=session.timeout)
            if response.status_code == 200:
                return response.json()
            fault = bad_status(response.status_code)
            if fault.kind is not FaultKind.REFUSED:
                raise fault
            return None

        return self._patiently(get, lambda answer: answer, path)

    def _patiently[A, T](
        self,
        ask: Callable[[PybitSession], A],
        read: Callable[[A], T],
        endpoint: str,
        *,
        rules: Mapping[FaultKind, RetryRule] = RETRY_RULES,
        limiters: Sequence[SharedRequestLimiter] | None = None,
        given_up: Callable[[RequestFault, str, int], ExchangeError] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> T:
        """Return what `read` makes of what `ask` returns, after as many attempts as `rules` allow.

        Each attempt asks all `limiters` first (by default the session's own); the last of them is the one
        that the exchange's words on a limit are about. `given_up` makes the error of the last fault, the
        endpoint and the number of attempts. No attempt begins later than `patience_s` after the first.
        """
        from tenacity import Retrying, retry_if_exception_type

        from engine.exchange.http import attempt

        waits_for = self._limiters if limiters is None else limiters

        def once() -> T:
            self._breaker.check()
            for limiter in waits_for:
                limiter.acquire()
            return read(attempt(lambda: ask(self._session())))

        patience = _Patience(self, self._timing, rules, patience_s)
        retrying = Retrying(
            retry=retry_if_exception_type(RequestFault),
            wait=patience.wait_s,
            stop=patience.is_at_an_end,
            before_sleep=lambda state: self._prepare(_fault_of(state), patience, endpoint, waits_for),
            sleep=self._timing.sleep,
            reraise=True,
        )
        try:
            answer = retrying(once)
        except RequestFault as fault:
            error = (given_up or self._given_up)(fault, endpoint, patience.faults.total())
            if fault.kind is FaultKind.BANNED:
                self._breaker.banned(error.problem)
            elif RETRY_RULES[fault.kind].is_outage:
                self._breaker.failed(error.problem, error.way_out)
            else:
                self._breaker.succeeded()  # it has answered
            raise error from None
        self._breaker.succeeded()
        return answer

    def _given_up(self, fault: RequestFault, endpoint: str, attempts: int) -> ExchangeError:
        """Return the error for the last of the faults of a request."""
        return error_of(
            fault, self.base_url, endpoint, attempts=attempts, is_loopback=is_loopback(self.base_url)
        )

    def _prepare(
        self,
        fault: RequestFault,
        patience: _Patience,
        endpoint: str,
        limiters: Sequence[SharedRequestLimiter],
    ) -> None:
        """Do what is to be done between a fault and the next attempt, but for the waiting."""
        wait_s = patience.next_wait_s
        _LOG.info("%s, %s: %s; next attempt in %.1f s", self.base_url, endpoint, fault.said, wait_s)
        if fault.kind is FaultKind.CLOCK:
            self._measure_clock()
        if fault.kind is FaultKind.RATE_LIMITED and limiters:
            limiters[-1].pause(wait_s)

    def _heed(self, headers: Mapping[str, str], limiters: Sequence[SharedRequestLimiter]) -> None:
        """Let everybody wait if the exchange says that this was the last request it takes for now."""
        from engine.exchange.http import reset_ms

        if not limiters or headers.get("X-Bapi-Limit-Status") != "0":
            return
        left_s = self.seconds_until(reset_ms(headers))
        if left_s is not None:
            limiters[-1].pause(left_s)

    def seconds_until(self, stamp_ms: int | None) -> float | None:
        """Return how long it is until the exchange's clock shows `stamp_ms`, as the end of a rate limit.

        None if it is absent, past, or further ahead than any limit lasts: it tells of two clocks then, and
        not of the limit.
        """
        if stamp_ms is None:
            return None
        left_s = (stamp_ms - self._timing.epoch_ms() - self.clock_offset_ms) / 1000
        return left_s if 0 < left_s <= RETRY_RULES[FaultKind.RATE_LIMITED].longest_wait_s else None

    def _read_clock(self, server_ms: object, sent_ms: int) -> None:
        """Take the difference of the clocks from the stamp of an answer to what was sent at `sent_ms`."""
        received_ms = self._timing.epoch_ms()
        if isinstance(server_ms, int) and 0 <= received_ms - sent_ms <= _SLOW_MS:
            # the exchange read its clock somewhere between the two moments: the middle is the best guess
            self.clock_offset_ms = server_ms - (sent_ms + received_ms) // 2

    def _measure_clock(self) -> None:
        """Ask the exchange's time, and keep how far this machine's is behind it."""
        from engine.exchange.http import attempt

        sent_ms = self._timing.epoch_ms()
        server_ms = server_ms_of(attempt(lambda: self._session().get_server_time()[0]["result"]))
        self._read_clock(server_ms, sent_ms)
        _LOG.warning("the clock of %s is %d ms ahead of this machine's", self.base_url, self.clock_offset_ms)

    def _session(self) -> PybitSession:
        session: PybitSession | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = self._new_session()
        return session

    def _new_session(self) -> PybitSession:
        from engine.exchange.http import PybitSession

        return PybitSession(
            self.base_url,
            timeout_s=self._timeout_s,
            monotonic_s=self._timing.monotonic_s,
            use_proxies=not is_loopback(self.base_url),
        )

    def __repr__(self) -> str:
        """Return the address; a session shows nothing else."""
        return f"{type(self).__name__}({self.base_url!r})"


class _Patience:
    """How often and how long one call goes on: `RETRY_RULES`, by the kinds of fault it has met."""

    def __init__(
        self,
        session: BybitSession,
        timing: Timing,
        rules: Mapping[FaultKind, RetryRule],
        patience_s: float,
    ) -> None:
        self.faults: Counter[FaultKind] = Counter()
        self.next_wait_s = 0.0
        self._session = session
        self._timing = timing
        self._rules = rules
        self._patience_s = patience_s
        self._began_s = timing.monotonic_s()

    def wait_s(self, state: RetryCallState) -> float:
        """Count the fault that has just happened; return how long to wait after it, in seconds."""
        fault = _fault_of(state)
        self.faults[fault.kind] += 1
        rule = self._rules[fault.kind]
        longest_s = min(rule.first_wait_s * 2 ** (self.faults[fault.kind] - 1), rule.longest_wait_s)
        self.next_wait_s = self._timing.jitter(longest_s / 2, longest_s)
        left_s = self._session.seconds_until(fault.reset_ms)
        if fault.kind is FaultKind.RATE_LIMITED and left_s is not None:
            self.next_wait_s = left_s + self._timing.jitter(0.0, rule.first_wait_s / 4)
        return self.next_wait_s

    def is_at_an_end(self, state: RetryCallState) -> bool:
        """Whether this fault was one too many, or the next attempt would begin too late."""
        kind = _fault_of(state).kind
        next_s = self._timing.monotonic_s() - self._began_s + self.next_wait_s
        return self.faults[kind] >= self._rules[kind].attempts or next_s > self._patience_s


def _fault_of(state: RetryCallState) -> RequestFault:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, RequestFault)  # the only kind that is tried again
    return error

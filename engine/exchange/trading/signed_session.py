"""Signed requests for one account: what only reads is asked again, what changes something only if it may be.

A request that changes the account and whose answer was lost may have been obeyed. Where obeying it twice
comes to the same (cancel, amend, leverage, a bracket) it is sent again; where it does not (an order, added
margin) `OutcomeUnknown` says so, and whoever asked has to look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engine.errors import ExchangeError, OutcomeUnknown
from engine.exchange.breaker import CircuitBreaker
from engine.exchange.facts import server_ms_of
from engine.exchange.faults import RETRY_RULES, FaultKind, RequestFault, RetryRule
from engine.exchange.limits import SharedRequestLimiter
from engine.exchange.session import BybitSession, is_loopback
from engine.exchange.timing import Timing
from engine.exchange.trading.endpoint_limits import EndpointLimits
from engine.exchange.trading.environment import ApiCredentials
from engine.exchange.trading.refusals import is_not_modified, refusal_of

if TYPE_CHECKING:
    from engine.exchange.http import PybitSession

# Bybit takes no request whose signature is older than this (or `recv_window`): what has not arrived by then
# never will.
RECV_WINDOW_MS = 5_000

# A little longer than that: whether an order was taken is decided by then, and can be looked up.
TIMEOUT_S = 6.0

# After so many failures in a row requests wait; shortly, for it may be a position that is to be closed.
_FAILURES = 8
_REST_S = 3.0

# A change that could not be sent for so long is out of date: whoever wanted it has to decide anew.
CHANGE_PATIENCE_S = 15.0

# After these nobody knows whether the request was obeyed.
_UNCLEAR = frozenset(
    {
        FaultKind.TIMEOUT,
        FaultKind.DROPPED,
        FaultKind.GARBLED,
        FaultKind.UNSOUND,
        FaultKind.SERVER,
        FaultKind.OVERLOADED,
    }
)
_ONCE_RULES: Mapping[FaultKind, RetryRule] = MappingProxyType(
    {kind: replace(rule, attempts=1) if kind in _UNCLEAR else rule for kind, rule in RETRY_RULES.items()}
)

type Answer = dict[str, Any]


class SignedSession(BybitSession):
    """Requests of one account at one base address. Threads may share it: each has its own connection.

    Parameters
    ----------
    base_url : str
        For example https://api-demo.bybit.com.
    credentials : ApiCredentials
        The account's key.
    limits : EndpointLimits, optional
        Who says when a request may be sent; without them they are sent at once.
    timeout_s : float, optional
        How long one answer may take, to its last byte.
    breaker : CircuitBreaker, optional
        One of its own by default, which rests for a few seconds only.
    timing : Timing, optional
        The clock and the way to wait.
    """

    def __init__(
        self,
        base_url: str,
        credentials: ApiCredentials,
        *,
        limits: EndpointLimits | None = None,
        timeout_s: float = TIMEOUT_S,
        breaker: CircuitBreaker | None = None,
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        breaker = breaker or CircuitBreaker(base_url, failures=_FAILURES, rest_s=_REST_S, timing=timing)
        super().__init__(base_url, timeout_s=timeout_s, breaker=breaker, timing=timing)
        self.credentials = credentials
        self._limits = limits

    def measure_clock(self) -> int:
        """Ask the exchange's time; return how far this machine's clock is behind it, in milliseconds.

        Raises
        ------
        ExchangeError
            As `ask`.
        """
        self.call("get_server_time", "server time", server_ms_of)
        return self.clock_offset_ms  # taken from the stamp that every answer bears

    def ask[T](self, method: str, read: Callable[[dict[str, Any]], T], **parameters: object) -> T:
        """Return what `read` makes of the `result` of a request that changes nothing.

        Parameters
        ----------
        method : str
            Name of the method of pybit's HTTP class, for example "get_positions".
        read : callable
            Takes the `result`; it may raise `RequestFault`.
        parameters : object
            What pybit's method is given; those that are None are left out.

        Raises
        ------
        ExchangeUnavailable, AuthenticationFailed, ExchangeError
            As `BybitSession.call`.
        """
        limiters = self._limiters_of(method, 1)
        return self._patiently(
            lambda session: self._answer(session, method, parameters, limiters),
            lambda answer: read(answer["result"]),
            _named(method, parameters),
            limiters=limiters,
        )

    def change(
        self, method: str, parameters: Mapping[str, object], *, repeatable: bool = True, orders: int = 1
    ) -> Answer:
        """Return the answer to a request that changes the account.

        Parameters
        ----------
        method : str
            Name of the method of pybit's HTTP class, for example "set_leverage".
        parameters : mapping
            What pybit's method is given; those that are None are left out.
        repeatable : bool, optional
            Whether obeying it twice comes to the same. If not it is sent again only after faults that tell
            that it was not obeyed.
        orders : int, optional
            How many orders it is about: the limit counts them.

        Returns
        -------
        dict
            With `result` and `retExtInfo`; both empty if all was as asked for already.

        Raises
        ------
        OutcomeUnknown
            If it is not `repeatable` and nobody knows whether it was obeyed.
        OrderRefused, AuthenticationFailed, ExchangeUnavailable, ExchangeError
            If it was not.
        """
        limiters = self._limiters_of(method, orders)

        def ask(session: PybitSession) -> Answer:
            return self._answer(session, method, parameters, limiters)

        def given_up(fault: RequestFault, endpoint: str, attempts: int) -> ExchangeError:
            error = self._given_up(fault, endpoint, attempts)
            if is_not_modified(fault):
                return _NotModified(error.problem)
            if not repeatable and _is_unclear(fault):
                return OutcomeUnknown(
                    f"{error.problem}: whether it was done is not known",
                    way_out="look at the account before asking for it again",
                    ret_code=fault.ret_code,
                )
            return error

        try:
            return self._patiently(
                ask,
                lambda answer: answer,
                _named(method, parameters),
                rules=RETRY_RULES if repeatable else _ONCE_RULES,
                limiters=limiters,
                given_up=given_up,
                patience_s=CHANGE_PATIENCE_S,
            )
        except _NotModified:
            return {"result": {}, "retExtInfo": {}}

    def _limiters_of(self, method: str, orders: int) -> tuple[SharedRequestLimiter, ...]:
        return () if self._limits is None else self._limits.of(method, orders)

    def _given_up(self, fault: RequestFault, endpoint: str, attempts: int) -> ExchangeError:
        error = super()._given_up(fault, endpoint, attempts)
        return refusal_of(fault, error.problem) or error

    def _new_session(self) -> PybitSession:
        from engine.exchange.trading.signed_http import SignedPybitSession

        return SignedPybitSession(
            self.base_url,
            timeout_s=self._timeout_s,
            monotonic_s=self._timing.monotonic_s,
            use_proxies=not is_loopback(self.base_url),
            credentials=self.credentials,
            server_ms=self.server_ms,
        )


class _NotModified(ExchangeError):
    """All is as it was asked to be already. Never leaves this module."""


def _is_unclear(fault: RequestFault) -> bool:
    # a refusal without a code is an answer that is none of Bybit's: it may have come after the deed
    return fault.kind in _UNCLEAR or (
        fault.kind is FaultKind.REFUSED and fault.ret_code is None and fault.status is None
    )


def _named(method: str, parameters: Mapping[str, object]) -> str:
    what = method.replace("_", " ")
    about = [str(parameters[key]) for key in ("symbol", "orderLinkId", "orderId") if parameters.get(key)]
    return f"{what} ({', '.join(about)})" if about else what

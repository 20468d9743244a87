"""What is said when a request is given up: the endpoint, the exchange's words and code, and the way out."""

from __future__ import annotations

from engine.errors import ExchangeError, ExchangeUnavailable, SymbolNotListed
from engine.exchange.faults import PARAMETER_ERROR, FaultKind, RequestFault

_FINAL = frozenset({FaultKind.REFUSED, FaultKind.BANNED, FaultKind.CLOCK, FaultKind.UNSOUND})
_NETWORK = frozenset({FaultKind.UNREACHABLE, FaultKind.TIMEOUT, FaultKind.DROPPED})

_WAYS_OUT = {
    FaultKind.BANNED: "send nothing for ten minutes, if it was too many requests (another program on this "
    "address?); otherwise Bybit does not serve this region",
    FaultKind.CLOCK: "set this machine's clock, for example with NTP: it is to be within a second",
    FaultKind.RATE_LIMITED: "let other programs on this address send less, and try again in a minute",
    FaultKind.GARBLED: "try again in a minute; Bybit tells of maintenance on its status page",
    FaultKind.UNSOUND: "nothing of this request was kept; ask again later, and report it if it stays",
    FaultKind.SERVER: "try again in a minute; Bybit tells of maintenance on its status page",
    FaultKind.OVERLOADED: "try again in a minute",
}


def error_of(
    fault: RequestFault, base_url: str, endpoint: str, *, attempts: int, is_loopback: bool
) -> ExchangeError:
    """Return the error for the last of the faults of a request.

    Parameters
    ----------
    fault : RequestFault
        What happened in the end.
    base_url, endpoint : str
        Who was asked, for what.
    attempts : int
        How often.
    is_loopback : bool
        Whether it is the sandbox that was asked, so that the user can start it.
    """
    code = "" if fault.ret_code is None else f" (retCode {fault.ret_code})"
    times = "" if attempts == 1 else f" {attempts} times"
    problem = f"the exchange at {base_url}, asked{times} for {endpoint}: {fault.said}{code}"
    if fault.ret_code == PARAMETER_ERROR and "symbol" in fault.said.lower():
        return SymbolNotListed(problem, way_out="check the spelling of the symbol", ret_code=fault.ret_code)
    kind = ExchangeError if fault.kind in _FINAL else ExchangeUnavailable
    return kind(problem, way_out=_way_out(fault, is_loopback), ret_code=fault.ret_code)


def _way_out(fault: RequestFault, is_loopback: bool) -> str:
    if fault.kind in _NETWORK and is_loopback:
        return (
            "start the sandbox exchange with `trade sandbox`, or point TRADE_SANDBOX_URL at the one that runs"
        )
    if fault.kind in _NETWORK:
        return "check the network connection and try again"
    if fault.kind is FaultKind.REFUSED:
        if fault.ret_code is None:
            return "check that the address is that of Bybit's API or of the sandbox"
        return "the code is explained in Bybit's documentation, under error codes"
    return _WAYS_OUT[fault.kind]

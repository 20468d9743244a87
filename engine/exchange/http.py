"""pybit's HTTP session, built so that none of its habits reaches the rest, and its faults told apart.

It has no argument for the base address, prints its secret in `repr`, compares by it, adds a log handler
of its own, retries by rules of its own (which lose the exchange's code and fail on a stale stamp), and
takes proxies from the environment, for loopback as well. requests limits the wait for each piece of an
answer and not for the whole: an answer that drips would never end.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from typing import Any

import requests
import urllib3.exceptions
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from engine.exchange.faults import FaultKind, RequestFault, kind_of_ret_code, kind_of_status

_CONNECT_TIMEOUT_S = 3.0
_PIECE = 1 << 16
# the longest answer asked for (1,000 candles) is about 100 kB
_LONGEST_ANSWER = 1 << 26
# pybit takes an empty set of codes to retry for its default one
_NO_SUCH_CODE = -1
# pybit's own word for an answer that is not JSON
_NOT_JSON = 409


class PybitSession(HTTP):  # type: ignore[misc] # pybit has no types
    """pybit's session for one thread and one base address. Shows and compares nothing of itself.

    Parameters
    ----------
    base_url : str
        For example https://api.bybit.com or http://127.0.0.1:8765.
    timeout_s : float
        How long a whole answer may take, from the request to its last byte.
    monotonic_s : callable
        The clock that measures it.
    use_proxies : bool
        Whether the proxies named in the environment are asked.
    keys : dict of str to str, optional
        pybit's `api_key` and `api_secret`, for private requests.
    """

    client: requests.Session

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float,
        monotonic_s: Callable[[], float],
        use_proxies: bool,
        **keys: str,
    ) -> None:
        logger = logging.getLogger("pybit._http_manager")
        handlers = list(logger.handlers)
        super().__init__(
            timeout=(_CONNECT_TIMEOUT_S, timeout_s),
            max_retries=1,
            retry_codes={_NO_SUCH_CODE},
            return_response_headers=True,
            **keys,
        )
        logger.handlers = handlers or [logging.NullHandler()]
        self.endpoint = base_url
        headers = self.client.headers
        self.client = _WholeAnswers(timeout_s, monotonic_s)
        self.client.headers.update(headers)
        self.client.trust_env = use_proxies

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint!r})"

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class _WholeAnswers(requests.Session):
    """Sends requests and reads each answer to its end, within one time."""

    def __init__(self, timeout_s: float, monotonic_s: Callable[[], float]) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self._monotonic_s = monotonic_s

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Return the answer, read to its end; `ReadTimeout` if that takes too long."""
        until_s = self._monotonic_s() + self._timeout_s
        # a redirection would take the signature to another address
        response = super().send(request, **{**options, "stream": True, "allow_redirects": False})
        body = bytearray()
        try:
            while piece := _piece_of(response):
                body += piece
                if self._monotonic_s() > until_s or len(body) > _LONGEST_ANSWER:
                    raise requests.exceptions.ReadTimeout("the answer goes on and on", request=request)
        except BaseException:
            response.close()
            raise
        response.raw.release_conn()
        response.raw = io.BytesIO(bytes(body))
        return response


def _piece_of(response: requests.Response) -> bytes:
    """Return what has come of an answer, b"" at its end; what requests raises if it reads one itself."""
    try:
        return bytes(response.raw.read1(_PIECE, decode_content=True))
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.exceptions.ReadTimeout(error) from error
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except (urllib3.exceptions.ProtocolError, urllib3.exceptions.SSLError, OSError) as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def attempt[T](ask: Callable[[], T]) -> T:
    """Return what `ask` returns.

    Raises
    ------
    RequestFault
        If it fails in any of the ways of pybit, requests and urllib3.
    """
    try:
        return ask()
    except InvalidRequestError as error:
        raise _bad_ret_code(error.status_code, str(error.message), error.resp_headers) from None
    except FailedRequestError as error:
        if error.status_code == _NOT_JSON and error.resp_headers is None:
            raise _not_json() from None
        raise bad_status(int(error.status_code)) from None
    except requests.exceptions.JSONDecodeError:
        raise _not_json() from None
    except requests.exceptions.ConnectTimeout:
        raise RequestFault(FaultKind.UNREACHABLE, "no connection in time") from None
    except requests.exceptions.Timeout:
        raise RequestFault(FaultKind.TIMEOUT, "did not answer in time") from None
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        raise RequestFault(FaultKind.DROPPED, "the connection was lost in the answer") from None
    except requests.exceptions.RequestException as error:
        # requests has one type for an address where nobody listens and for a connection that is cut off
        if _may_have_been_sent(error):
            raise RequestFault(FaultKind.DROPPED, "the connection was lost before the answer") from None
        raise RequestFault(FaultKind.UNREACHABLE, f"cannot be reached ({type(error).__name__})") from None
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        # an answer that is JSON, but not the object pybit takes for granted
        raise not_bybit() from error


def _may_have_been_sent(error: requests.exceptions.RequestException) -> bool:
    """Whether a connection was there, so that the other side may have the request: of an order it matters."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, urllib3.exceptions.MaxRetryError):
        cause = cause.reason
    never_sent = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ProxyError)
    return isinstance(cause, urllib3.exceptions.HTTPError) and not isinstance(cause, never_sent)


def bad_status(status: int) -> RequestFault:
    """Return the fault of an answer whose HTTP status is not 200."""
    return RequestFault(kind_of_status(status), f"HTTP status {status}", status=status)


def not_bybit() -> RequestFault:
    """Return the fault of an answer that is JSON and yet none of Bybit's."""
    return RequestFault(FaultKind.REFUSED, "answered with something that is not an answer of Bybit's")


def reset_ms(headers: Mapping[str, str]) -> int | None:
    """Return when the rate limit is said to end, in the exchange's epoch milliseconds, if it is said."""
    try:
        return int(headers.get("X-Bapi-Limit-Reset-Timestamp", ""))
    except ValueError:
        return None


def _bad_ret_code(code: object, message: str, headers: Mapping[str, str]) -> RequestFault:
    if not isinstance(code, int):
        return not_bybit()
    return RequestFault(kind_of_ret_code(code), message, ret_code=code, reset_ms=reset_ms(headers))


def _not_json() -> RequestFault:
    return RequestFault(FaultKind.GARBLED, "answered with something that is not JSON")

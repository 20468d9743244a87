"""One request to Bybit through pybit, with every way it can fail told apart in our own errors.

What pybit leaves to its caller is settled here: the base address (it has no argument for it), the log handler
it adds to itself, its own retries (which lose the code and can fail on a stale stamp: switched off), proxies
from the environment (which would take loopback requests), and errors of three libraries.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.errors import ConfigurationError, ExchangeError, ExchangeUnavailable, SymbolNotListed

if TYPE_CHECKING:
    from pybit.unified_trading import HTTP

PARAMETER_ERROR = 10001
# server time-out, too many requests, server error, trading overload
TEMPORARY_CODES = frozenset({10000, 10006, 10016, 429})

_CONNECT_TIMEOUT_S = 3.0
_ATTEMPTS = 3
# no further attempt is begun after this many seconds
_PATIENCE_S = 5.0

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NO_SUCH_CODE = -1  # pybit takes an empty set of codes to retry for its default one


class BybitSession:
    """Requests to one base address. Threads may share it: each has its own connection.

    Parameters
    ----------
    base_url : str
        For example https://api.bybit.com or http://127.0.0.1:8765.
    timeout_s : float, optional
        How long an answer may take.

    Raises
    ------
    ConfigurationError
        If `base_url` is not an http(s) address.
    """

    def __init__(self, base_url: str, *, timeout_s: float = 10.0) -> None:
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
        self._timeout_s = timeout_s
        self._threads = threading.local()

    @property
    def is_loopback(self) -> bool:
        """Whether the address is on this machine."""
        return self.host in _LOOPBACK

    def call(self, method: str, endpoint: str, **parameters: object) -> dict[str, Any]:
        """Return the `result` of pybit's market method `method`.

        Faults that may pass are tried again, up to three times within a few seconds.

        Parameters
        ----------
        method : str
            Name of the method of pybit's HTTP class, for example "get_kline".
        endpoint : str
            What was asked, for messages.

        Raises
        ------
        ExchangeUnavailable
            If nobody answers, or only with faults that may pass.
        SymbolNotListed
            If the exchange refuses the symbol.
        ExchangeError
            If the exchange refuses the request, or its answer is not one of Bybit's.
        """

        def ask() -> dict[str, Any]:
            answer = self._guarded(lambda session: getattr(session, method)(**parameters), endpoint)
            result = answer.get("result") if isinstance(answer, dict) else None
            if not isinstance(result, dict):
                raise _not_bybit(self.base_url, endpoint)
            return result

        return self._patiently(ask)

    def fetch(self, path: str) -> Any:
        """Return the JSON at `path` of the base address, which need not be Bybit's; None where there is none.

        Raises
        ------
        ExchangeUnavailable, ExchangeError
            As `call`.
        """

        def get(session: HTTP) -> Any:
            response = session.client.get(f"{self.base_url}{path}", timeout=session.timeout)
            return response.json() if response.status_code == 200 else None

        return self._patiently(lambda: self._guarded(get, path))

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay
        from tenacity.wait import wait_random_exponential

        retrying = Retrying(
            retry=retry_if_exception_type(ExchangeUnavailable),
            stop=stop_after_attempt(_ATTEMPTS) | stop_after_delay(_PATIENCE_S),
            wait=wait_random_exponential(multiplier=0.25, max=2),
            reraise=True,
        )
        return retrying(ask)

    def _guarded(self, ask: Callable[[HTTP], Any], endpoint: str) -> Any:
        import requests
        from pybit.exceptions import FailedRequestError, InvalidRequestError

        try:
            return ask(self._session())
        except InvalidRequestError as error:
            raise self._refusal(int(error.status_code), str(error.message), endpoint) from None
        except FailedRequestError as error:
            raise self._failure(int(error.status_code), endpoint) from None
        except requests.exceptions.Timeout:
            raise self._unavailable(f"did not answer {endpoint} in time") from None
        except requests.exceptions.RequestException as error:
            raise self._unavailable(f"cannot be reached ({endpoint}: {type(error).__name__})") from None
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            # an answer that is JSON, but not the object pybit takes for granted
            raise _not_bybit(self.base_url, endpoint) from error

    def _refusal(self, code: int, message: str, endpoint: str) -> ExchangeError:
        said = f"{self.base_url} refused {endpoint}: {message} (retCode {code})"
        if code in TEMPORARY_CODES:
            return ExchangeUnavailable(said, way_out="try again in a minute")
        if code == PARAMETER_ERROR and "symbol" in message.lower():
            return SymbolNotListed(said, way_out="check the spelling of the symbol")
        return ExchangeError(
            said, way_out="the code is explained in Bybit's documentation, under error codes"
        )

    def _failure(self, status: int, endpoint: str) -> ExchangeError:
        if status == 409:
            # pybit's word for an answer that is not JSON
            return self._unavailable(f"answered {endpoint} with something that is not JSON")
        if status == 403:
            return ExchangeError(
                f"{self.base_url} refused {endpoint} with HTTP status 403",
                way_out="too many requests (wait ten minutes), or a region that Bybit does not serve",
            )
        if status == 429 or status >= 500:
            return self._unavailable(f"answered {endpoint} with HTTP status {status}")
        return ExchangeError(
            f"{self.base_url} answered {endpoint} with HTTP status {status}",
            way_out="check that the address is that of Bybit's API or of the sandbox",
        )

    def _unavailable(self, what: str) -> ExchangeUnavailable:
        way_out = (
            "start the sandbox exchange with `trade sandbox`, or point TRADE_SANDBOX_URL at the one that runs"
            if self.is_loopback
            else "check the network connection and try again"
        )
        return ExchangeUnavailable(f"the exchange at {self.base_url} {what}", way_out=way_out)

    def _session(self) -> HTTP:
        session: HTTP | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = self._new_session()
        return session

    def _new_session(self) -> HTTP:
        from pybit.unified_trading import HTTP

        logger = logging.getLogger("pybit._http_manager")
        handlers = list(logger.handlers)
        session = HTTP(
            timeout=(_CONNECT_TIMEOUT_S, self._timeout_s), max_retries=1, retry_codes={_NO_SUCH_CODE}
        )
        logger.handlers = handlers or [logging.NullHandler()]
        session.endpoint = self.base_url
        session.client.trust_env = not self.is_loopback
        return session

    def __repr__(self) -> str:
        """Return the address; a session shows nothing else."""
        return f"{type(self).__name__}({self.base_url!r})"


def _not_bybit(base_url: str, endpoint: str) -> ExchangeError:
    return ExchangeError(
        f"{base_url} answered {endpoint} with something that is not an answer of Bybit's",
        way_out="check that the address is that of Bybit's API or of the sandbox",
    )

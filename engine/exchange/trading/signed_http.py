"""pybit's session with a key: signed by the exchange's clock, its secret out of sight."""

from __future__ import annotations

from collections.abc import Callable

from engine.exchange.http import PybitSession
from engine.exchange.trading.environment import ApiCredentials


class SignedPybitSession(PybitSession):
    """Signs its requests with the time of the exchange, as far as it is known.

    pybit takes the machine's clock, whatever the exchange's shows; Bybit refuses what is more than a second
    ahead of it.

    Parameters
    ----------
    base_url, timeout_s, monotonic_s, use_proxies
        As of `PybitSession`.
    credentials : ApiCredentials
        The key.
    server_ms : callable
        The exchange's clock as this machine knows it, epoch milliseconds.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float,
        monotonic_s: Callable[[], float],
        use_proxies: bool,
        credentials: ApiCredentials,
        server_ms: Callable[[], int],
    ) -> None:
        self._server_ms = server_ms
        super().__init__(
            base_url,
            timeout_s=timeout_s,
            monotonic_s=monotonic_s,
            use_proxies=use_proxies,
            api_key=credentials.api_key,
            api_secret=_Unseen(credentials.api_secret),
        )

    def _prepare_headers(
        self, payload: str, recv_window: int, content_type: str = "application/json"
    ) -> dict[str, str]:
        """Return the headers that sign `payload`, as pybit's own but for the clock."""
        timestamp = self._server_ms()
        return {
            "Content-Type": content_type,
            "X-BAPI-API-KEY": self.api_key,
            "X-BAPI-SIGN": self._auth(payload, recv_window, timestamp),
            "X-BAPI-SIGN-TYPE": "2",
            "X-BAPI-TIMESTAMP": str(timestamp),
            "X-BAPI-RECV-WINDOW": str(recv_window),
        }


class _Unseen(str):
    """Text that a debugger, a traceback with locals or a log line shows as dots."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"

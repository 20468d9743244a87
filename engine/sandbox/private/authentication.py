"""Who sends a request: keys, signatures and the window of time.

As in bybit-exchange/docs, `docs/v5/guide` and `docs/v5/ws/connect`: HMAC-SHA256 in hexadecimal over
timestamp, key, receive window and the query string or the body; of a stream over "GET/realtime" and the
expiry.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from engine.sandbox.private.refusal import Refusal

RECEIVE_WINDOW_MS = 5000
_AHEAD_MS = 1000
_LONGEST_EXPIRY_MS = 3_600_000  # Bybit sets no bound; one tells the two clocks apart


@dataclass(frozen=True)
class Signed:
    """What a signed request says of itself.

    Attributes
    ----------
    key, stamp, window, signature : str
        The headers X-BAPI-API-KEY, -TIMESTAMP, -RECV-WINDOW and -SIGN, as they came.
    """

    key: str
    stamp: str
    window: str
    signature: str

    @staticmethod
    def of(headers: Mapping[str, str]) -> Signed:
        """Return what the headers of a request say."""
        return Signed(
            headers.get("X-BAPI-API-KEY", ""),
            headers.get("X-BAPI-TIMESTAMP", ""),
            headers.get("X-BAPI-RECV-WINDOW", "") or str(RECEIVE_WINDOW_MS),
            headers.get("X-BAPI-SIGN", ""),
        )


def refuse_forged(signed: Signed, payload: str, secret: str | None, clocks_ms: tuple[int, ...]) -> None:
    """Refuse a request that is not signed with the secret of its key, or out of time.

    Parameters
    ----------
    payload : str
        The query string of a GET, the body of a POST, exactly as sent.
    secret : str, optional
        Of the key; None if there is no such key.
    clocks_ms : tuple[int, ...]
        What time it is: a stamp has to fit one of them. A client signs with the time on its wall, also when
        the sandbox's own clock is moved by hand.

    Raises
    ------
    Refusal
        10001 without a stamp, 10003 for an unknown key, 10002 out of time, 10004 for a wrong signature.
    """
    if not signed.stamp.isdecimal() or not signed.window.isdecimal():
        raise Refusal(10001, "params error: X-BAPI-TIMESTAMP or X-BAPI-RECV-WINDOW is invalid")
    if secret is None:
        raise Refusal(10003, "API key is invalid.")
    stamp, window = int(signed.stamp), int(signed.window)
    if not any(now_ms - window <= stamp < now_ms + _AHEAD_MS for now_ms in clocks_ms):
        raise Refusal(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{clocks_ms[0]}],recv_window[{window}]",
        )
    if not is_signature(secret, f"{signed.stamp}{signed.key}{signed.window}{payload}", signed.signature):
        raise Refusal(10004, "error sign! please check your signature generation algorithm.")


def refuse_forged_stream(
    expires: object, signature: object, secret: str | None, clocks_ms: tuple[int, ...]
) -> None:
    """Refuse the authentication of a stream that is not signed with the secret of its key, or has expired.

    Raises
    ------
    Refusal
        10003 for an unknown key, 10004 for a wrong signature, 10002 if it has expired.
    """
    if secret is None:
        raise Refusal(10003, "API key is invalid.")
    if not isinstance(expires, int) or not isinstance(signature, str):
        raise Refusal(10001, "params error")
    if not is_signature(secret, f"GET/realtime{expires}", signature):
        raise Refusal(10004, "error sign! please check your signature generation algorithm.")
    if not any(now_ms < expires <= now_ms + _LONGEST_EXPIRY_MS for now_ms in clocks_ms):
        raise Refusal(10002, "request expired")


def is_signature(secret: str, message: str, signature: str) -> bool:
    """Whether `signature` is that of the message under the secret."""
    expected = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())

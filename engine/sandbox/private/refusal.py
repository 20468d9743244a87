"""How the exchange says no."""

from __future__ import annotations

PARAMETER_ERROR = 10001


class Refusal(Exception):
    """A request is refused with Bybit's retCode and message. Never leaves the server.

    Parameters
    ----------
    code : int
        The retCode.
    message : str
        The retMsg.
    """

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code} {message}")


def parameter_error(message: str) -> Refusal:
    """Return the refusal of a parameter that cannot be."""
    return Refusal(PARAMETER_ERROR, message)

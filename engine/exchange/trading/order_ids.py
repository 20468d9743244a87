"""The names of orders: made from the decision, so that the same decision always has the same name.

The exchange takes an order of one name once (retCode 110072 the second time). So whoever does not know
whether an order went out (the answer was lost, the process was killed) may send it again: there is never
a second one.
"""

from __future__ import annotations

import base64
import hashlib
import re

from engine.errors import ConfigurationError

LONGEST_ID = 36
_PREFIX = "t"
_DIGEST_LENGTH = 20  # base 32, so 100 bits: any two of a billion decisions meet with a chance of 4e-13
_LEG = re.compile(r"[A-Za-z0-9-]{1,11}")
_VALID = re.compile(r"[A-Za-z0-9_-]{1,36}")


def order_link_id(system_hash: str, symbol: str, ts_bar_close: int, leg: str, attempt: int = 0) -> str:
    """Return the name of an order.

    Parameters
    ----------
    system_hash : str
        Of the card that decided.
    symbol : str
        For example BTCUSDT.
    ts_bar_close : int
        The close at which it was decided, epoch milliseconds.
    leg : str
        Which of the orders of that decision: "entry", "exit", "target1"; letters, digits and -, at most 11,
        and legible in the name.
    attempt : int, optional
        Another order in the place of one that is over (refused, or cancelled), counted up by whoever knows
        that it is over. 0 to 99.

    Returns
    -------
    str
        Letters, digits, - and _; at most 36 characters.

    Raises
    ------
    ConfigurationError
        If `leg` or `attempt` is not of that form.
    """
    if not _LEG.fullmatch(leg):
        raise ConfigurationError(
            f"{leg!r} cannot be the leg of an order", way_out="use 1 to 11 letters, digits or -"
        )
    if not 0 <= attempt <= 99:
        raise ConfigurationError(
            f"attempt {attempt} of the {leg} of {symbol} is beyond 99",
            way_out="find out why the exchange refuses it",
        )
    decision = "\n".join((system_hash, symbol, str(ts_bar_close), leg))
    name = base64.b32encode(hashlib.sha256(decision.encode()).digest()).decode().lower()
    return f"{_PREFIX}{name[:_DIGEST_LENGTH]}-{leg}" + (f"-{attempt}" if attempt else "")


def is_order_link_id(text: str) -> bool:
    """Whether the exchange would take `text` as the name of an order."""
    return bool(_VALID.fullmatch(text))


def is_ours(text: str) -> bool:
    """Whether `text` looks like a name that `order_link_id` gives."""
    return bool(re.fullmatch(r"t[a-z2-7]{20}-[A-Za-z0-9-]{1,14}", text))

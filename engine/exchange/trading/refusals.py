"""What Bybit's codes mean for whoever asked: the error, the way out, and which are no failures at all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.errors import AuthenticationFailed, ExchangeError, InsufficientMargin, OrderGone, OrderRefused
from engine.exchange.faults import FaultKind, RequestFault

DUPLICATE_LINK_ID = 110072
# Sources: bybit-exchange/docs, `docs/v5/error`; 34040 and the words are those of live answers.
_NOT_MODIFIED = frozenset({34040, 110025, 110026, 110027, 110043})
_NOT_MODIFIED_WORDS = ("not modified", "remains unchanged")
_GONE = frozenset({110001, 110008, 110010, 110019})

# of a bracket: the code is the general one
_NO_POSITION = "zero position"

_HAVE_MORE = "order less, lower the margin other orders and positions hold, or add funds to the account"
_ROUND = "use the instrument's steps and limits: `trade orders rules SYMBOL` shows them"
_PRICE_SIDE = "the trigger has to lie on the side of the present price from which it is to be reached"
_PRICE_BAND = "move the price nearer to the market: Bybit has a band around it"
_LEVERAGE = "lower the leverage, or the position: the risk limit of its size allows less"
_KEY = "check the key of this environment: that it exists, is not expired, and was made for it (a demo key "
_KEY += "works on the demo account only)"
_RIGHTS = "give the key the rights to trade contracts and to read the account, and no right to withdraw"

_REFUSED: Mapping[int, tuple[type[OrderRefused], str]] = MappingProxyType(
    {
        **dict.fromkeys((110004, 110007, 110012, 110044, 110045, 110052), (InsufficientMargin, _HAVE_MORE)),
        **dict.fromkeys((110017, 110094), (OrderRefused, _ROUND)),
        **dict.fromkeys((110003, 110120, 110121), (OrderRefused, _PRICE_BAND)),
        **dict.fromkeys((110092, 110093), (OrderRefused, _PRICE_SIDE)),
        **dict.fromkeys((110013, 110086, 110090), (OrderRefused, _LEVERAGE)),
        110009: (OrderRefused, "cancel conditional orders: the symbol has as many as it may"),
        110020: (OrderRefused, "cancel orders: the account has as many open ones as it may (500)"),
        110021: (OrderRefused, "the market's open interest is at its limit: wait, or trade another symbol"),
        110023: (OrderRefused, "the exchange lets positions in this contract only be reduced now"),
        110074: (OrderRefused, "the contract does not trade now"),
        30228: (OrderRefused, "the contract is being delisted: positions can only be closed"),
    }
)
# margin mode, position mode
_NOT_WHILE_HOLDING = frozenset({3400045, 110024, 110028})
_LET_GO = "close the positions and cancel the orders of the account first, then set it again"

_NO_KEY = frozenset({10003, 10004, 10007, 33004})
_NO_RIGHT = frozenset({10005, 10010, 10024, 10028, 10029})


def is_not_modified(fault: RequestFault) -> bool:
    """Whether all is already as it was asked to be, which Bybit tells as an error."""
    said = fault.said.lower()
    return fault.ret_code in _NOT_MODIFIED or any(words in said for words in _NOT_MODIFIED_WORDS)


def is_gone(ret_code: int | None) -> bool:
    """Whether a code says that an order is not open any more, or never was."""
    return ret_code in _GONE


def refusal_of(fault: RequestFault, problem: str) -> ExchangeError | None:
    """Return the error for a refusal that is about the account or an order; None for any other fault.

    Parameters
    ----------
    fault : RequestFault
        What the exchange said.
    problem : str
        The same as a sentence.
    """
    code = fault.ret_code
    if fault.kind is not FaultKind.REFUSED:
        return None
    if code in _NO_KEY or fault.status == 401:
        return AuthenticationFailed(problem, way_out=_KEY, ret_code=code)
    if code in _NO_RIGHT:
        return AuthenticationFailed(problem, way_out=_RIGHTS, ret_code=code)
    if _NO_POSITION in fault.said.lower():
        return OrderGone(problem, way_out="open a position first; a bracket belongs to one", ret_code=code)
    if is_gone(code):
        return OrderGone(
            problem, way_out="look at the order: it is filled, cancelled or unknown", ret_code=code
        )
    if code in _NOT_WHILE_HOLDING:
        return ExchangeError(problem, way_out=_LET_GO, ret_code=code)
    if code is not None and code in _REFUSED:
        kind, way_out = _REFUSED[code]
        return kind(problem, way_out=way_out, ret_code=code)
    if code is not None and 110000 <= code < 111000:
        return OrderRefused(
            problem,
            way_out="the code is explained in Bybit's documentation, under error codes",
            ret_code=code,
        )
    return None

"""Bybit's limits on private requests: so many a second for each endpoint and account, kept beforehand.

Beside them the limit of the whole address holds (600 in 5 s over all hosts), which private requests share
with those for market data. Source: bybit-exchange/docs, `docs/v5/rate-limit`, the default of accounts
without a VIP level.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from engine.exchange.limits import RequestLimit, SharedRequestLimiter
from engine.exchange.timing import Timing

# The window is kept a little longer than Bybit's: what was sent a second apart may arrive closer together.
_WINDOW_S = 1.05
_DEFAULT_A_SECOND = 5

# By the name of pybit's method; how many a second.
REQUESTS_A_SECOND: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("place_order", "amend_order", "cancel_order", "cancel_all_orders"), 10),
        # a batch counts by its orders, and apart from single orders
        **dict.fromkeys(("place_batch_order", "amend_batch_order", "cancel_batch_order"), 10),
        **dict.fromkeys(
            ("set_leverage", "set_trading_stop", "add_or_reduce_margin", "switch_position_mode"), 10
        ),
        **dict.fromkeys(("get_positions", "get_closed_pnl", "get_open_orders", "get_order_history"), 50),
        **dict.fromkeys(("get_executions", "get_wallet_balance", "get_account_info"), 50),
        "get_transaction_log": 25,
    }
)


class EndpointLimits:
    """The limiters of one account's endpoints, shared by every process that names the same folder.

    Parameters
    ----------
    folder : Path
        Where the state files are; one folder for each account.
    address : SharedRequestLimiter
        The limit of this machine's address, shared with the market data.
    timing : Timing, optional
        The clock and the way to wait.
    """

    def __init__(self, folder: Path, address: SharedRequestLimiter, timing: Timing | None = None) -> None:
        self._address = address
        self._limiters = {
            method: SharedRequestLimiter(folder / method, RequestLimit(requests, _WINDOW_S), timing)
            for method, requests in REQUESTS_A_SECOND.items()
        }
        self._others = SharedRequestLimiter(
            folder / "others", RequestLimit(_DEFAULT_A_SECOND, _WINDOW_S), timing
        )

    def of(self, method: str, orders: int = 1) -> tuple[SharedRequestLimiter, ...]:
        """Return who is to be asked before a request: the address's limiter, then the endpoint's.

        Parameters
        ----------
        method : str
            Name of pybit's method.
        orders : int, optional
            How many the request counts for: the orders of a batch. Each takes a place of the endpoint's.
        """
        return (self._address, *[self._limiters.get(method, self._others)] * orders)

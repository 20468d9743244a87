"""All accounts of a sandbox and the one clock they live by."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial

from engine.errors import ConfigurationError
from engine.sandbox.clock import Clock
from engine.sandbox.private.account_state import STARTING_BALANCE_USDT, AccountState
from engine.sandbox.private.book import arrive
from engine.sandbox.private.ending import cancel_for_absence, settle_delisted
from engine.sandbox.private.executing import pay_funding
from engine.sandbox.private.matching import next_event, settle_moment, symbols_at_work
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.terms import MarginMode
from engine.sandbox.private.walk import PriceWalks
from engine.sandbox.protocol import Market, RowWindow
from engine.timeframes import DAY_MS

DEFAULT_KEY = "sandbox-key"
DEFAULT_SECRET = "sandbox-secret"
_FIRST_USER_ID = 100_001


@dataclass(frozen=True)
class _Event:
    """Something that happens to an account; of one moment, what has the lower rank comes first."""

    ts_ms: int
    rank: int
    key: str
    symbol: str
    do: Callable[[Quotes], None]


class PrivateDesk:
    """The accounts of a sandbox. Threads may share it: whoever works on accounts holds `at_now`.

    Parameters
    ----------
    market : Callable[[], Market]
        Gives the market under the conditions in force.
    clock : Clock
        The time there. What happens up to it is caught up with by whoever asks.
    """

    def __init__(self, market: Callable[[], Market], clock: Clock) -> None:
        self._give_market = market
        self._clock = clock
        self._lock = threading.RLock()
        self._accounts: dict[str, AccountState] = {}
        self._secrets: dict[str, str] = {}
        self._now_ms = clock()
        self._look_at(market())
        self.open_account(DEFAULT_KEY, DEFAULT_SECRET)

    def open_account(
        self,
        key: str,
        secret: str,
        *,
        balance_usdt: Decimal = STARTING_BALANCE_USDT,
        margin_mode: MarginMode = MarginMode.ISOLATED,
    ) -> AccountState:
        """Open an account, or open it anew: nothing of a former one of that key is left.

        A real account starts in cross margin; one that does here takes no order until it is switched.

        Raises
        ------
        ConfigurationError
            If the key or the secret is empty, or the balance negative.
        """
        if not key or not secret or balance_usdt < 0:
            raise ConfigurationError(
                f"an account with key {key!r} and {balance_usdt} USDT cannot be opened",
                way_out="give a key, a secret and a balance of 0 or more",
            )
        with self._lock:
            known = self._accounts.get(key)
            user_id = known.user_id if known else _FIRST_USER_ID + len(self._accounts)
            self._secrets[key] = secret
            self._accounts[key] = AccountState(key, user_id, cash=balance_usdt, margin_mode=margin_mode)
            return self._accounts[key]

    def watch(self, key: str, connections: int) -> None:
        """Count connections whose client is watched, 1 for a new one, -1 for one that is gone.

        When the last is gone, its absence begins.
        """
        with self.at_now() as quotes:
            state = self._accounts[key]
            state.watched_connections += connections
            state.gone_since_ms = quotes.now_ms if state.watched_connections == 0 else None

    def secret_of(self, key: str) -> str | None:
        """Return the secret of a key; None if nobody has it."""
        return self._secrets.get(key)

    def account(self, key: str) -> AccountState:
        """Return the account of a key that has a secret."""
        return self._accounts[key]

    @property
    def keys(self) -> list[str]:
        """The keys of all accounts."""
        return list(self._accounts)

    @contextmanager
    def at_now(self) -> Iterator[Quotes]:
        """Hold the accounts, caught up with the clock, and give the quotes of this moment."""
        with self._lock:
            self.advance_to(self._clock())
            yield self._quotes(self._now_ms)

    def advance_to(self, ts_ms: int) -> None:
        """Let everything happen that happens up to this moment, in order of time."""
        with self._lock:
            market = self._give_market()
            if market is not self._market:
                self._look_at(market)
            while together := self._next_events(ts_ms):
                self._now_ms = together[0].ts_ms
                for event in together:
                    event.do(self._quotes(event.ts_ms))
            self._now_ms = max(self._now_ms, ts_ms)

    def _look_at(self, market: Market) -> None:
        self._market = market
        self._instruments = market.instruments
        self._walks = PriceWalks(market)
        self._funding_of_day = lru_cache(maxsize=256)(self._load_funding)

    def _quotes(self, now_ms: int) -> Quotes:
        return Quotes(self._walks, self._instruments, now_ms)

    def _next_events(self, to_ms: int) -> list[_Event]:
        """Return what happens next up to `to_ms`: all of one kind that happens at one moment.

        Together, because funding is due to everybody who held into its moment, whoever is looked at first.
        """
        events = [
            event
            for key, state in self._accounts.items()
            for events_of in (
                self._own_events_of(key, state),
                *(self._events_of(key, state, symbol, to_ms) for symbol in symbols_at_work(state)),
            )
            for event in events_of
            if event.ts_ms <= to_ms
        ]
        first = min(((event.ts_ms, event.rank) for event in events), default=None)
        together = [event for event in events if (event.ts_ms, event.rank) == first]
        return sorted(together, key=lambda event: (event.key, event.symbol))

    def _own_events_of(self, key: str, state: AccountState) -> Iterator[_Event]:
        """Yield what happens to an account whatever the prices: delayed orders arrive, its client is gone."""
        for delayed in state.delayed:
            yield _Event(delayed.due_ms, 4, key, delayed.order_id, partial(arrive, state, delayed))
        if state.gone_since_ms is not None and state.dcp_window_s is not None:
            due_ms = state.gone_since_ms + state.dcp_window_s * 1000
            yield _Event(max(due_ms, self._now_ms), 3, key, "", partial(cancel_for_absence, state))

    def _events_of(self, key: str, state: AccountState, symbol: str, to_ms: int) -> Iterator[_Event]:
        reached = next_event(state, symbol, self._quotes(self._now_ms), self._walks, to_ms)
        if reached is not None:
            yield _Event(reached, 1, key, symbol, partial(settle_moment, state, symbol))
        settled = None if state.position(symbol).is_flat else self._next_funding(symbol, to_ms)
        if settled is not None:
            ts_ms, rate = settled
            yield _Event(ts_ms, 0, key, symbol, partial(pay_funding, state, symbol, rate))
        delisted_ms = self._instruments[symbol].delivery_ms
        if delisted_ms:
            moment = max(delisted_ms, self._now_ms)
            yield _Event(moment, 2, key, symbol, partial(settle_delisted, state, symbol))

    def _next_funding(self, symbol: str, to_ms: int) -> tuple[int, Decimal] | None:
        """Return the next funding event of a position, up to `to_ms`.

        One that is stamped now is due only to what was held into this moment, which is why what was opened
        at it waits for the next one.
        """
        after_ms = self._now_ms
        for day in range(after_ms // DAY_MS, to_ms // DAY_MS + 1):
            for ts_ms, rate in self._funding_of_day(symbol, day):
                if after_ms < ts_ms <= to_ms:
                    return ts_ms, rate
        return None

    def _load_funding(self, symbol: str, day: int) -> tuple[tuple[int, Decimal], ...]:
        start = day * DAY_MS
        window = RowWindow(start, start + DAY_MS - 1, 48)
        rows = self._market.funding(symbol, window, start + DAY_MS)
        return tuple(
            (int(ts), Decimal(repr(float(rate))))
            for ts, rate in zip(rows["ts"], rows["funding_rate"], strict=True)
        )

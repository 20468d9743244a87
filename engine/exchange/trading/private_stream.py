"""What happens to an account, as it happens: each fill exactly once, over however many connections.

The private stream tells of orders, executions, positions and the wallet. What it does not tell (before it
was connected, while it was not, a message that was lost) is fetched over REST: after each connecting, once
more shortly after, and from then on every minute; a stream that keeps fills to itself is given up.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import AuthenticationFailed, ExchangeUnavailable
from engine.exchange.connection import StreamLost
from engine.exchange.faults import RequestFault
from engine.exchange.stream import Outage
from engine.exchange.timing import Timing
from engine.exchange.trading import reading
from engine.exchange.trading.account_reader import LINEAR, AccountReader
from engine.exchange.trading.orders import ExecutionReport, OrderReport, PositionReport, WalletReport
from engine.exchange.trading.private_connection import PrivateConnection, SignInRefused
from engine.exchange.trading.seen import Seen

_LOG = logging.getLogger(__name__)

_TOPICS = ("order", "execution", "position", "wallet")
# Whoever hears this topic is watched: when all that do are gone the exchange cancels the orders, where that
# is set (`ExchangeManager.disconnect_cancel`).
_DISCONNECT_TOPIC = "dcp.future"

# How long it may take until a reader that was asked to stop does.
_LOOK_S = 0.25
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
# A key that is refused once may have met two clocks that differed; one that is refused thrice is wrong.
_REFUSALS = 3
# Executions are asked for from so long before the last that is known: they may be listed out of order.
_OVERLAP_MS = 60_000
# A fill that is listed and was not told for so long was kept back.
_LATE_MS = 5_000
_SECOND_LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class Connected:
    """The stream is connected and all that was missed has been told: what is known of the account is whole.

    `ts_ms` is the exchange's clock (epoch milliseconds), `connections` counts them from 1.
    """

    ts_ms: int
    connections: int


type AccountEvent = Connected | Outage | OrderReport | ExecutionReport | PositionReport | WalletReport


class PrivateStream:
    """Tells what happens to an account.

    Parameters
    ----------
    reader : AccountReader
        The account: for what the stream does not tell. Its session has the key.
    url : str
        Address of the private stream; see `environment.private_stream_url`.
    cancel_on_disconnect : bool, optional
        Whether the exchange is to watch this connection (see `ExchangeManager.disconnect_cancel`).
    silence_s : float, optional
        After so many seconds in which nothing is heard, in spite of pings, the connection is given up.
    audit_s : float, optional
        How often the executions are compared with the exchange's list.
    timing : Timing, optional
        The clock and the way to wait.
    """

    def __init__(
        self,
        reader: AccountReader,
        url: str,
        *,
        cancel_on_disconnect: bool = False,
        silence_s: float = 45.0,
        audit_s: float = 60.0,
        timing: Timing | None = None,
    ) -> None:
        self._reader = reader
        self._url = url
        self._topics = (*_TOPICS, _DISCONNECT_TOPIC) if cancel_on_disconnect else _TOPICS
        self._silence_s = silence_s
        self._audit_s = audit_s
        self._timing = timing or Timing()
        self._stopping = threading.Event()
        self._seen = Seen()
        self._since_ms: int | None = None
        self._connections = 0

    def stop(self) -> None:
        """Let `events` end soon; any thread may call it."""
        self._stopping.set()

    def events(self, since_ms: int | None = None) -> Iterator[AccountEvent]:
        """Yield what happens, until `stop`.

        After each connecting first comes what was missed (executions, the present state of orders,
        positions and wallet), then `Connected`. An `Outage` says that from now on nothing is known.

        Parameters
        ----------
        since_ms : int, optional
            From when on executions are wanted, epoch milliseconds of the exchange; by default from now on,
            or, if `events` was called before, from where it was left.

        Raises
        ------
        AuthenticationFailed
            If the exchange does not let the key in.
        ExchangeError
            If the exchange refuses to tell what was missed, for another reason than being out of reach.
        """
        if since_ms is not None:
            self._since_ms = since_ms
        session = self._reader.session
        failures = refusals = 0
        while not self._stopping.is_set():
            try:
                session.measure_clock()
                with PrivateConnection(
                    self._url,
                    self._topics,
                    credentials=session.credentials,
                    server_ms=session.server_ms,
                    silence_s=self._silence_s,
                    timing=self._timing,
                ) as connection:
                    for event in self._read(connection):
                        failures = refusals = 0
                        yield event
            except SignInRefused as error:
                refusals += 1
                if refusals >= _REFUSALS:
                    raise AuthenticationFailed(
                        f"the private stream at {self._url} refuses the key: {error}",
                        way_out="check the key of this environment, and that it may read the account",
                    ) from None
                reason = str(error)
            except (StreamLost, ExchangeUnavailable) as error:
                reason = str(error)
            else:
                continue
            failures += 1
            longest_s = min(_FIRST_WAIT_S * 2 ** (failures - 1), _LONGEST_WAIT_S)
            outage = Outage(reason, failures, self._timing.jitter(longest_s / 2, longest_s))
            _LOG.warning("%s is lost: %s; next attempt in %.1f s", self._url, reason, outage.next_attempt_s)
            yield outage
            self._pause(outage.next_attempt_s)

    def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until somebody wants to stop."""
        until_s = self._timing.monotonic_s() + seconds
        while not self._stopping.is_set() and (left_s := until_s - self._timing.monotonic_s()) > 0:
            self._timing.sleep(min(left_s, _LOOK_S))

    def _read(self, connection: PrivateConnection) -> Iterator[AccountEvent]:
        """Yield what was missed, then what one connection tells, until it is lost or nobody wants more."""
        yield from self._missed()
        self._connections += 1
        yield Connected(self._reader.session.server_ms(), self._connections)
        audit_at_s = self._timing.monotonic_s() + min(_SECOND_LOOK_S, self._audit_s)
        is_first_audit = True
        while not self._stopping.is_set():
            message = connection.receive(_LOOK_S)
            if message is not None:
                yield from self._told(message)
            if self._timing.monotonic_s() >= audit_at_s:
                untold = self._new_executions()
                yield from untold
                now_ms = self._reader.session.server_ms()
                if not is_first_audit and any(now_ms - each.ts_ms > _LATE_MS for each in untold):
                    raise StreamLost("the stream kept fills to itself")
                is_first_audit = False
                audit_at_s = self._timing.monotonic_s() + self._audit_s

    def _missed(self) -> Iterator[AccountEvent]:
        """Yield how the account stands, as far as that is new."""
        yield from self._new_executions()
        open_now = self._reader.open_orders()
        names = {order.order_id for order in open_now}
        ended = [order for order in self._seen.open_orders() if order.order_id not in names]
        looked_up = [self._reader.order(order.symbol, order_id=order.order_id) for order in ended]
        for order in (*open_now, *(order for order in looked_up if order is not None)):
            if self._seen.is_new_order(order):
                yield order
        positions = self._reader.positions()
        held = {position.symbol for position in positions}
        closed = [symbol for symbol in self._seen.held_symbols() if symbol not in held]
        for position in (*positions, *map(self._reader.position, closed)):
            if self._seen.is_new_position(position):
                yield position
        yield self._reader.wallet()

    def _new_executions(self) -> list[ExecutionReport]:
        if self._since_ms is None:
            self._since_ms = self._reader.session.server_ms()
        known_ms = self._seen.last_execution_ms or 0
        since_ms = max(self._since_ms, known_ms - _OVERLAP_MS)
        return [
            execution
            for execution in self._reader.executions(since_ms=since_ms)
            if self._seen.is_new_execution(execution)
        ]

    def _told(self, message: Mapping[str, Any]) -> Iterator[AccountEvent]:
        """Yield what a message tells that is new.

        Raises
        ------
        StreamLost
            If it cannot be read: what is not understood is fetched.
        """
        rows = message.get("data")
        try:
            for row in rows if isinstance(rows, list) else ():
                event = self._event_of(str(message["topic"]), row, message)
                if event is not None:
                    yield event
        except RequestFault as fault:
            raise StreamLost(f"a message of {message['topic']} cannot be read: {fault.said}") from None

    def _event_of(
        self, topic: str, row: Mapping[str, Any], message: Mapping[str, Any]
    ) -> AccountEvent | None:
        if row.get("category", LINEAR) != LINEAR:
            return None
        if topic == "execution":
            execution = reading.execution_report(row)
            return execution if self._seen.is_new_execution(execution) else None
        if topic == "order":
            order = reading.order_report(row)
            return order if self._seen.is_new_order(order) else None
        if topic == "position":
            position = reading.position_report(row)
            return position if self._seen.is_new_position(position) else None
        if topic == "wallet":
            return reading.wallet_report(row, int(message.get("creationTime", 0)))
        return None

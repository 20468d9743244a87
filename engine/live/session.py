"""A run as it goes on: a thread listens to the exchange, this one decides. Nothing else runs beside it.

Everything the exchange tells arrives in one queue, so that whatever is known changes in one place and in one
order. What fails outside (the exchange does not answer, a connection is lost) is written down and tried
again; what must not fail (the journal) ends the run.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.errors import ExchangeError
from engine.exchange.client import BybitMarketClient
from engine.exchange.stream import CandleStream, ClosedCandle, Outage
from engine.exchange.timing import Timing
from engine.live.journal import JournalEntry, JournalKind
from engine.live.opening import OpenRun

_LOG = logging.getLogger(__name__)

_LOOK_S = 0.5
_MINUTE_S = 60.0
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 60.0


@dataclass(frozen=True)
class StreamEnded:
    """The candle stream ended with an error: it has to be opened anew."""

    error: ExchangeError


class AccountWatch(Protocol):
    """What looks after the account in demo and live: told of time and of what the private stream says."""

    def start(self, put: Callable[[object], None]) -> None:
        """Begin to listen; what is heard goes to `put`."""
        ...

    def take(self, event: object, now_ms: int) -> bool:
        """Take in what was heard; return whether it was for the account."""
        ...

    def minute(self, now_ms: int) -> None:
        """Compare with the exchange."""
        ...

    def stop(self) -> None:
        """Listen no more."""
        ...


@dataclass
class SessionState:
    """How a session stands, for whoever watches.

    Attributes
    ----------
    connected : bool
        Whether the last that was heard of the candle stream is a candle, and not its loss.
    outages, errors : int
    last_error : str
    last_heard_ms : int
    """

    connected: bool = False
    outages: int = 0
    errors: int = 0
    last_error: str = ""
    last_heard_ms: int = 0


class Session:
    """Keeps a run going until it is told to stop.

    Parameters
    ----------
    run : OpenRun
    client : BybitMarketClient
    stream_url : str
        Of the public stream.
    account : AccountWatch, optional
        In demo and live.
    on_change : callable, optional
        Called after whatever happened, and every half second, with the state and the time.
    timing : Timing, optional
    """

    def __init__(
        self,
        run: OpenRun,
        client: BybitMarketClient,
        stream_url: str,
        *,
        account: AccountWatch | None = None,
        on_change: Callable[[SessionState, int], None] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._run, self._client, self._stream_url = run, client, stream_url
        self._account, self._on_change = account, on_change
        self._timing = timing or Timing()
        self._events: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._stream: CandleStream | None = None
        self._offset_ms = 0
        self._retry_s = 0.0
        self._retry_at_s: float | None = None
        self.state = SessionState()

    def stop(self) -> None:
        """Let `keep_going` end soon; any thread may call it."""
        self._stopping.set()

    def now_ms(self) -> int:
        """Return the exchange's clock, as last compared with this machine's."""
        return self._timing.epoch_ms() + self._offset_ms

    def keep_going(self, *, for_s: float | None = None) -> None:
        """Run until `stop`, or for so many seconds.

        Raises
        ------
        DataError
            If the journal cannot be written.
        """
        started_s = self._timing.monotonic_s()
        next_minute_s = started_s
        self._tell("started")
        if self._account is not None:
            self._account.start(self._events.put)
        listening = self._listen()
        try:
            while not self._stopping.is_set():
                now_s = self._timing.monotonic_s()
                if for_s is not None and now_s - started_s >= for_s:
                    break
                if now_s >= next_minute_s:
                    next_minute_s = now_s + _MINUTE_S
                    self._guarded(self._minute)
                if self._retry_at_s is not None and now_s >= self._retry_at_s:
                    self._retry_at_s = None
                    self._guarded(lambda: self._run.runner.catch_up(self.now_ms()))
                try:
                    event = self._events.get(timeout=_LOOK_S)
                except queue.Empty:
                    event = None
                if isinstance(event, StreamEnded):
                    self._note_error(event.error)
                    listening = self._listen()
                elif event is not None:
                    self._take(event)
                if self._on_change is not None:
                    self._on_change(self.state, self.now_ms())
        finally:
            if self._stream is not None:
                self._stream.stop()
            listening.join(timeout=2.0)
            if self._account is not None:
                self._account.stop()
            self._tell("stopped")

    def _take(self, event: object) -> None:
        if isinstance(event, ClosedCandle):
            candle = event
            # a candle is told after it has closed: a clock that says otherwise is behind
            self._offset_ms += max(0, candle.topic.timeframe.close(candle.ts_open) - self.now_ms())
            self.state.connected, self.state.last_heard_ms = True, self.now_ms()
            self._guarded(lambda: self._run.runner.take(candle, self.now_ms()))
        elif isinstance(event, Outage):
            self.state.connected = False
            self.state.outages += 1
            self._write_error(f"the candle stream is lost: {event.reason}")
        elif self._account is not None:
            account = self._account
            self._guarded(lambda: account.take(event, self.now_ms()))

    def _guarded(self, work: Callable[[], object]) -> None:
        """Do what asks the exchange; if that fails, note it and catch up a little later."""
        try:
            work()
            self._retry_s = 0.0
        except ExchangeError as error:
            self._note_error(error)
            self._retry_s = min(max(2 * self._retry_s, _FIRST_RETRY_S), _LONGEST_RETRY_S)
            self._retry_at_s = self._timing.monotonic_s() + self._retry_s

    def _minute(self) -> None:
        before = self._timing.epoch_ms()
        server_ms = self._client.server_time_ms()
        after = self._timing.epoch_ms()
        self._offset_ms = server_ms - (before + after) // 2
        if self._account is not None:
            self._account.minute(self.now_ms())

    def _listen(self) -> threading.Thread:
        topics = self._run.runner.topics()
        stream = CandleStream(self._client, self._stream_url, list(topics), timing=self._timing)
        self._stream = stream

        def listen() -> None:
            try:
                for candle in stream.candles(topics, on_outage=self._events.put):
                    self._events.put(candle)
            except ExchangeError as error:
                self._timing.sleep(_FIRST_RETRY_S)
                self._events.put(StreamEnded(error))

        thread = threading.Thread(target=listen, name="candles", daemon=True)
        thread.start()
        return thread

    def _note_error(self, error: ExchangeError) -> None:
        _LOG.warning("%s", error)
        self._write_error(error.problem)

    def _write_error(self, problem: str) -> None:
        self.state.errors += 1
        self.state.last_error = problem
        self._run.journal.append(JournalEntry(self.now_ms(), JournalKind.ERROR, data={"problem": problem}))

    def _tell(self, what: str) -> None:
        self._run.journal.append(JournalEntry(self.now_ms(), JournalKind.STATE, data={"session": what}))

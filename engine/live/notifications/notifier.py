"""Tells people what happens without ever keeping trading from happening.

`notify` puts a notification into a short queue and returns. A thread of its own sends them, each channel by
itself: at most one message in three seconds, in which what has come up meanwhile is told together. What
cannot be delivered is tried again for a while and then dropped, and when the queue is full the oldest notes
go first, alarms last; how much was left out is told. Nothing of this raises, waits or stops anybody.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from engine.errors import NotificationFailed
from engine.exchange.timing import Timing
from engine.live.notifications.channels import Channel
from engine.live.notifications.message import Notification, Severity
from engine.redaction import Redactor

_LOG = logging.getLogger(__name__)

# Telegram lets a bot send about 20 messages a minute to a group, Discord 30 to a webhook.
INTERVAL_S = 3.0
QUEUE = 200
_TOGETHER = 20
_TRIES = 6
_LONGEST_WAIT_S = 300.0
_LOOK_EVERY_S = 0.25


class ChannelQueue:
    """What is to be told on one channel, and when it may be. Threads may share it.

    Parameters
    ----------
    channel : Channel
        Where to.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._lock = threading.Lock()
        self._waiting: deque[Notification] = deque()
        self._dropped = 0
        self._failures = 0
        self._free_from_s = float("-inf")

    def put(self, notification: Notification) -> None:
        """Add a notification; the least important and oldest one goes if there is no room."""
        with self._lock:
            self._waiting.append(notification)
            if len(self._waiting) > QUEUE:
                self._drop_one()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        with self._lock:
            return not self._waiting

    def send_due(self, now_s: float) -> bool:
        """Send what waits, as one message, if it may be sent now; return whether something was delivered.

        Parameters
        ----------
        now_s : float
            Monotonic seconds.
        """
        with self._lock:
            if not self._waiting or now_s < self._free_from_s:
                return False
            batch = tuple(self._waiting)[:_TOGETHER]
            told = _together(batch, self._dropped)
        try:
            self.channel.send(told)
        except NotificationFailed as error:
            self._failed(error, batch, now_s)
            return False
        with self._lock:
            self._sent(batch)
            self._dropped = self._failures = 0
            self._free_from_s = now_s + INTERVAL_S
        return True

    def _failed(self, error: NotificationFailed, batch: tuple[Notification, ...], now_s: float) -> None:
        with self._lock:
            self._failures += 1
            wait_s = min(INTERVAL_S * 2.0**self._failures, _LONGEST_WAIT_S)
            if error.retry_after_s is not None:
                wait_s = min(max(error.retry_after_s, INTERVAL_S), _LONGEST_WAIT_S)
            self._free_from_s = now_s + wait_s
            if error.is_final or self._failures >= _TRIES:
                self._sent(batch)
                self._dropped += len(batch)
                self._failures = 0
        _LOG.warning("%s", error.problem)

    def _sent(self, batch: tuple[Notification, ...]) -> None:
        told = {id(each) for each in batch}
        self._waiting = deque(each for each in self._waiting if id(each) not in told)

    def _drop_one(self) -> None:
        order = list(Severity)
        least = min(self._waiting, key=lambda each: order.index(each.severity))
        self._waiting.remove(least)
        self._dropped += 1


class Notifier:
    """Takes notifications and has them sent; to be closed, or used as a context.

    Parameters
    ----------
    channels : sequence of Channel
        Where to. Without any, nothing is sent and no thread is started.
    redactor : Redactor
        Takes the secrets out of every notification.
    timing : Timing, optional
        The clock.
    """

    def __init__(self, channels: Sequence[Channel], redactor: Redactor, timing: Timing | None = None) -> None:
        self._redactor = redactor
        self._timing = timing or Timing()
        self._queues = tuple(map(ChannelQueue, channels))
        self._closing = threading.Event()
        self._threads = tuple(
            threading.Thread(target=self._keep_sending, args=(queue,), name="notifications", daemon=True)
            for queue in self._queues
        )
        for thread in self._threads:
            thread.start()

    @property
    def has_channels(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self._queues)

    def notify(self, notification: Notification) -> None:
        """Have a notification sent. Returns at once, and never raises."""
        if self._closing.is_set():
            return
        told = replace(
            notification,
            title=self._redactor.text(notification.title),
            text=self._redactor.text(notification.text),
        )
        for queue in self._queues:
            queue.put(told)

    def close(self, patience_s: float = 5.0) -> None:
        """Send what waits, for so long at most, and end. Closing twice does no harm."""
        self._closing.set()
        for thread in self._threads:
            thread.join(timeout=patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep_sending(self, queue: ChannelQueue) -> None:
        while not self._closing.wait(_LOOK_EVERY_S):
            queue.send_due(self._timing.monotonic_s())
        # whatever the clock says, what waits is the last that is told; unless it does not arrive
        while queue.send_due(float("inf")):
            pass


def _together(batch: tuple[Notification, ...], dropped: int) -> tuple[Notification, ...]:
    """Return what is told of a batch: what is the same but for its time once, with how often."""
    counts = Counter(replace(each, ts_ms=0) for each in batch)
    last = {replace(each, ts_ms=0): each for each in batch}
    told = tuple(
        replace(each, text=f"{each.text} ({counts[key]} times)") if counts[key] > 1 else each
        for key, each in last.items()
    )
    if dropped:
        left_out = Notification(batch[-1].ts_ms, Severity.WARNING, "left out", f"{dropped} notifications")
        told = (*told, left_out)
    return told

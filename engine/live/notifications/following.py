"""Notifications of a run: its journal and the risk manager are watched from beside, by a thread of its own.

The run knows nothing of it. What cannot be read now is read at the next look; what a run wrote before it was
watched is not told again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DataError
from engine.exchange.timing import Timing
from engine.live.journal import read_journal, tail_journal
from engine.live.notifications.message import Notification, Severity, notification_of, notification_of_reason
from engine.live.notifications.notifier import Notifier
from engine.live.risk.manager import RiskManager
from engine.live.risk.verdict import StateReason

_LOG = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


class Follower:
    """Tells a notifier what is new in a journal and in the state of the risk manager.

    Parameters
    ----------
    journal : Path
        The file; it need not be there yet.
    risk : RiskManager or None
        None where nothing limits trading, as in shadow.
    notifier : Notifier
        Whom to tell.
    now_ms : int
        UTC epoch milliseconds: what stands in the way of trading by now is not new.

    Raises
    ------
    DataError
        If the journal cannot be read.
    """

    def __init__(self, journal: Path, risk: RiskManager | None, notifier: Notifier, now_ms: int) -> None:
        self._journal = journal
        self._risk = risk
        self._notifier = notifier
        self._offset = tail_journal(journal, 1).next_offset
        self._reasons: tuple[StateReason, ...] = () if risk is None else risk.reasons(now_ms)

    def look(self, now_ms: int) -> None:
        """Tell what is new.

        Raises
        ------
        DataError
            If the journal cannot be read.
        """
        self._look_at_risk(now_ms)
        reading = read_journal(self._journal, self._offset)
        self._offset = reading.next_offset
        for entry in reading.entries:
            notification = notification_of(entry)
            if notification is not None:
                self._notifier.notify(notification)

    def _look_at_risk(self, now_ms: int) -> None:
        if self._risk is None:
            return
        reasons = self._risk.reasons(now_ms)
        known = {reason.code for reason in self._reasons}
        for reason in reasons:
            if reason.code not in known:
                self._notifier.notify(notification_of_reason(reason))
        if self._reasons and not reasons:
            self._notifier.notify(Notification(now_ms, Severity.NOTE, "trading is active again"))
        self._reasons = reasons


@contextmanager
def followed(
    journal: Path, risk: RiskManager | None, notifier: Notifier, timing: Timing | None = None
) -> Iterator[None]:
    """Tell what happens while the block runs.

    Parameters
    ----------
    journal, risk, notifier
        As of `Follower`.
    timing : Timing, optional
        The clock.
    """
    if not notifier.has_channels:
        yield
        return
    clock = timing or Timing()
    done = threading.Event()

    def keep_looking() -> None:
        try:
            follower = Follower(journal, risk, notifier, clock.epoch_ms())
        except DataError as error:
            _LOG.warning("nothing is told of this run: %s", error.problem)
            return
        is_last = False
        while not is_last:
            is_last = done.wait(LOOK_EVERY_S)
            try:
                follower.look(clock.epoch_ms())
            except DataError as error:
                _LOG.warning("%s", error.problem)

    thread = threading.Thread(target=keep_looking, name="following", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=5.0)

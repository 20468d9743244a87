"""The trials of one search on their way into the sweep ledger."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from engine.backtest.sweep_results import SetResult
from engine.promotion.sweep_ledger import SweepLedger
from engine.promotion.trials import Searched

# A write takes some hundredths of a second, a set some thousandths.
_TOGETHER = 1_000


class TrialNotes:
    """The trials of one search on their way into the ledger, some hundreds at a time. Used with `with`.

    What was noted is in the ledger when the block is left, however it is left; a killed process loses the
    last few, which are noted when the search is asked for again.

    Parameters
    ----------
    ledger : SweepLedger
    searched : Searched
    now_ms : callable
        The clock, UTC epoch milliseconds.
    """

    def __init__(self, ledger: SweepLedger, searched: Searched, now_ms: Callable[[], int]) -> None:
        self._ledger, self._searched, self._now_ms = ledger, searched, now_ms
        self._waiting: list[SetResult] = []
        self.added = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()

    def note(self, result: SetResult) -> None:
        """Take a trial that is done."""
        self._waiting.append(result)
        if len(self._waiting) >= _TOGETHER:
            self._write()

    def _write(self) -> None:
        results, self._waiting = self._waiting, []
        self.added += self._ledger.append(self._searched, results, at_ms=self._now_ms())

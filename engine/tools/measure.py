"""Time and peak memory of the stages of a job, measured from outside by watching its progress."""

from __future__ import annotations

import re
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from engine.tools.progress import Progress

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True)
class Stage:
    """One stage: wall time, and the most resident memory the process held while it ran."""

    name: str
    steps: int
    seconds: float
    peak_memory_mb: float


def peak_memory_mb() -> float:
    """Return the most resident memory (MB of 2^20 bytes) of this process since the last `reset_peak_memory`.

    Where there is no /proc it is the most since the process began.
    """
    if found := _PEAK.search(_STATUS.read_text()) if _STATUS.exists() else None:
        return int(found[1]) / 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1024 * 1024 if sys.platform == "darwin" else 1024)


def reset_peak_memory() -> None:
    """Begin a new measurement of the peak (Linux; elsewhere it cannot be reset and nothing happens)."""
    if _RESET.exists():
        # 5 sets the high-water mark back to what is held now: proc(5)
        _RESET.write_text("5")


class StageMeter:
    """A progress watcher that measures every task between start and finish, and passes all on to another."""

    def __init__(self, watched_by: Progress) -> None:
        self._inner = watched_by
        self._began: dict[str, float] = {}
        self._steps: dict[str, int] = {}
        self.stages: list[Stage] = []

    def start(self, task: str, total: int) -> None:
        """Begin to measure `task`."""
        reset_peak_memory()
        self._began[task], self._steps[task] = time.perf_counter(), 0
        self._inner.start(task, total)

    def advance(self, task: str, steps: int = 1, *, note: str = "") -> None:
        """Count steps."""
        self._steps[task] += steps
        self._inner.advance(task, steps, note=note)

    def finish(self, task: str) -> None:
        """End the measurement of `task`."""
        seconds = time.perf_counter() - self._began[task]
        self.stages.append(Stage(task, self._steps[task], seconds, peak_memory_mb()))
        self._inner.finish(task)

"""How a long job tells whoever watches it how far it is.

The job names a task, says how many steps it has and counts them; what becomes of that (bars, lines, nothing)
is the watcher's business. Works across rooms by shape: nobody has to import this to report progress.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A watcher of long jobs. Tasks are told apart by their names."""

    def start(self, task: str, total: int) -> None:
        """Begin `task`, which has `total` steps; starting it again sets it back to nothing done."""

    def advance(self, task: str, steps: int = 1, *, note: str = "") -> None:
        """Count `steps` of `task` as done; `note` says which ("BTCUSDT 15m")."""

    def finish(self, task: str) -> None:
        """End `task`, whether or not every step was counted."""


class NullProgress:
    """Watches nothing."""

    def start(self, task: str, total: int) -> None:
        """Do nothing."""

    def advance(self, task: str, steps: int = 1, *, note: str = "") -> None:
        """Do nothing."""

    def finish(self, task: str) -> None:
        """Do nothing."""

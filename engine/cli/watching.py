"""Progress on the screen: bars where there is a terminal, a line now and then where there is none."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichBars

LINE_EVERY_S = 10.0


class BarProgress:
    """Draws one bar per task on a terminal. Used with `with`, so that the cursor always comes back."""

    def __init__(self, console: Console) -> None:
        self._bars = RichBars(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, task: str, total: int) -> None:
        """Draw an empty bar for `task`."""
        if task in self._tasks:
            self._bars.reset(self._tasks[task], total=total, note="")
        else:
            self._tasks[task] = self._bars.add_task(task, total=total, note="")

    def advance(self, task: str, steps: int = 1, *, note: str = "") -> None:
        """Fill the bar by `steps` and show `note` beside it."""
        self._bars.update(self._tasks[task], advance=steps, note=note)

    def finish(self, task: str) -> None:
        """Stop the task's clock."""
        self._bars.update(self._tasks[task], note="")
        self._bars.stop_task(self._tasks[task])


class LineProgress:
    """Writes a line when a task ends, and every ten seconds before that, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._last_line_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def start(self, task: str, total: int) -> None:
        """Begin to count."""
        self._done[task], self._total[task] = 0, total
        self._began[task] = self._last_line_at = time.monotonic()

    def advance(self, task: str, steps: int = 1, *, note: str = "") -> None:
        """Count; say so if nothing was said for a while."""
        self._done[task] += steps
        if time.monotonic() - self._last_line_at >= LINE_EVERY_S:
            self._write(f"{task}: {self._done[task]} of {self._total[task]} {note}".rstrip())

    def finish(self, task: str) -> None:
        """Say how far `task` came and how long it took."""
        seconds = time.monotonic() - self._began[task]
        self._write(f"{task}: {self._done[task]} of {self._total[task]}, {seconds:.1f} s")

    def _write(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)
        self._last_line_at = time.monotonic()


def watch(console: Console) -> BarProgress | LineProgress:
    """Return the progress display that suits `console`."""
    return BarProgress(console) if console.is_terminal else LineProgress(console)

"""How figures are shown: what was asked beside what was measured; and measuring in a process of its own."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]


@dataclass(frozen=True)
class Figure:
    """One measured number, the most it may be (None: shown for comparison), and what it stands for.

    `value` is the median of several runs and decides. Where other work disturbs the machine, `best`, the
    fastest of them, and `cpu`, the least processor time one took (of all its threads), tell how far.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    note: str = ""
    best: float = math.nan
    cpu: float = math.nan

    @property
    def verdict(self) -> str:
        """Whether the number is what was asked for."""
        if self.at_most is None:
            return ""
        return "met" if self.value <= self.at_most else "NOT MET"


def show(figures: Sequence[Figure]) -> None:
    """Print the figures as one table."""
    rows = [("", "median", "best", "CPU", "asked", "", "")]
    for each in figures:
        asked = "" if each.at_most is None else f"<= {each.at_most:g} {each.unit}"
        median, best, cpu = f"{_short(each.value)} {each.unit}", _short(each.best), _short(each.cpu)
        rows.append((each.name, median, best, cpu, asked, each.verdict, each.note))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for name, *cells, note in rows:
        line = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        print(f"{name:<{widths[0]}}  {line}  {note}".rstrip())


def _short(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def timed(
    name: str,
    work: Callable[[], object],
    repeats: int,
    unit: str,
    per_second: float,
    at_most: float | None = None,
    note: str = "",
) -> Figure:
    """Return a figure of how long `work` takes, after a warm-up call; `per_second` units are one second."""
    work()
    taken, used = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - start) * per_second)
        used.append((time.process_time() - start_cpu) * per_second)
    return Figure(name, statistics.median(taken), unit, at_most, note, best=min(taken), cpu=min(used))


def measured_in_child(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a command that prints JSON on its last line, and return that.

    Raises
    ------
    RuntimeError
        If it fails, with what it said.
    """
    parts = [str(part) for part in command]
    variables = os.environ | dict(environment or {})
    done = subprocess.run(parts, cwd=PROJECT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(parts)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def peak_mb() -> float:
    """Return the most memory this process has held, in MB.

    Not from `getrusage`: what that calls the peak of a new process begins at its parent's.
    """
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def own_python(script: str, *arguments: str) -> list[str | Path]:
    """Return the command that runs a script of this folder with the Python that runs now."""
    return [sys.executable, HERE / script, *arguments]

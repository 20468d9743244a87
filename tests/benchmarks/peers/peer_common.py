"""What the scripts of the peers share: the market, the cross of the two averages, and how a run is timed.

Runs under the peers' own Python (`.venv-peers`), which has nothing of this project: numpy is all it needs.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FAST, SLOW = 12, 26
TAKER_RATE = 0.00055
STOP, TARGET = 0.01, 0.02
STARTING_EQUITY = 1_000_000.0
QUANTITY = 0.1
# Engines start their averages differently; after this many bars nothing of that is left.
SETTLED_BAR = 2_000

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]


def market() -> dict[str, NDArray[np.generic]]:
    """Return the columns of the file named on the command line."""
    with np.load(Path(sys.argv[1])) as stored:
        return {name: stored[name] for name in stored.files}


def crosses(fast: Floats, slow: Floats) -> tuple[Flags, Flags]:
    """Return where `fast` crosses above and below `slow`, at the bar's close."""
    above = fast > slow
    up, down = np.zeros(len(fast), np.bool_), np.zeros(len(fast), np.bool_)
    np.logical_and(above[1:], ~above[:-1], out=up[1:])
    np.logical_and(~above[1:], above[:-1], out=down[1:])
    return up, down


def report(works: dict[str, Callable[[], int]], repeats: int) -> None:
    """Time each work, first call and warm, and print JSON: seconds, settled trades and peak memory in MB."""
    found: dict[str, object] = {}
    for name, work in works.items():
        started = time.perf_counter()
        trades = work()
        first = time.perf_counter() - started
        taken, used = [], []
        for _ in range(repeats):
            started, started_cpu = time.perf_counter(), time.process_time()
            work()
            taken.append(time.perf_counter() - started)
            used.append(time.process_time() - started_cpu)
        found[name] = {
            "first_s": first,
            "warm_s": statistics.median(taken),
            "best_s": min(taken),
            "cpu_s": min(used),
            "trades": trades,
        }
    status = Path("/proc/self/status").read_text()  # what getrusage calls the peak begins at the parent's
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    found["peak_mb"] = int(peak.split()[1]) / 1024
    print(json.dumps(found))

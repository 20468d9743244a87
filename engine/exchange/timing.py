"""The client's clock and its way to wait: given from outside, so that tests need not wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


def _epoch_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Timing:
    """A clock, a way to wait and a source of jitter.

    Parameters
    ----------
    monotonic_s : callable, optional
        Seconds that only ever rise, the same for every process of the machine.
    epoch_ms : callable, optional
        UTC epoch milliseconds of this machine; the exchange's may differ.
    sleep : callable, optional
        Waits so many seconds.
    jitter : callable, optional
        A number between its two arguments, another each time: clients that failed together must not all
        come back at the same moment.
    """

    monotonic_s: Callable[[], float] = time.monotonic
    epoch_ms: Callable[[], int] = _epoch_ms
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = field(default_factory=lambda: random.Random().uniform)

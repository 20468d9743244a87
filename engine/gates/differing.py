"""Decisions that only one of two runs took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.gates.trace import RunTrace

_FILL = ("ts", "price", "side", "reason")


@dataclass
class Differing:
    """Decisions of two runs: those of either, those of only one of them, and when (UTC ms, 0 for never)."""

    there: int = 0
    differ: int = 0
    first: int = 0
    last: int = 0

    def count(self, whole: set[tuple[float, ...]], short: set[tuple[float, ...]]) -> None:
        """Add the decisions of two runs; the first entry of each is its time (UTC ms)."""
        other = whole ^ short
        self.there += len(whole | short)
        self.differ += len(other)
        times = [int(decision[0]) for decision in other]
        if times:
            self.first = min(self.first or times[0], *times)
            self.last = max(self.last, *times)

    @property
    def share(self) -> float:
        """The share that differs; 0 where there are none."""
        return self.differ / self.there if self.there else 0.0


def signals_of(trace: RunTrace) -> set[tuple[float, ...]]:
    """Return the signals of a run: when, and the bits of the rules."""
    series = trace.series["the signals of the rules"]
    there = np.flatnonzero(series.values)
    return set(zip(series.known_at[there].tolist(), series.values[there].tolist(), strict=True))


def fills_of(trace: RunTrace) -> set[tuple[float, ...]]:
    """Return the fills of a run, without their size: it depends on the equity and so on the first trade."""
    columns = [trace.series[f"{name} of the fills"].values.tolist() for name in _FILL]
    return set(zip(*columns, strict=True))

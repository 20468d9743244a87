"""The gate on stored funding events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.gates.base import GateResult, GateViolation
from engine.gates.market_evidence import MarketEvidence, MarketGate, at
from engine.timeframes import HOUR_MS, MINUTE_MS, format_utc

# Bybit settles every 1, 2, 4 or 8 hours, by symbol, and changes it over time.
INTERVALS_MS = tuple(hours * HOUR_MS for hours in (1, 2, 4, 8))


class FundingSpacingGate(MarketGate):
    """Refuse funding events with some missing between them.

    The interval may change at any event, so no grid is assumed: a step is a hole if it is longer than the
    longest interval there is, or longer than the steps before and after it where these are equal. A step
    that is no interval of the exchange's and no hole is a stamp in the wrong place.
    """

    name = "funding_spacing"
    checks = "Funding events follow each other by 1, 2, 4 or 8 hours, without one missing."
    threshold = 0.0
    remedy = (
        "Fetch the stretch again, in windows of at most 200 events: of a longer one the exchange gives the "
        "newest 200 and says nothing. If it is from files, import a complete one."
    )

    def run(self, evidence: MarketEvidence) -> GateResult:
        """Return the verdict; what is observed is the number of missing events, as far as it can be told."""
        name = f"funding {evidence.symbol}"
        times = evidence.funding["ts"].to_numpy()
        steps = np.diff(times)
        missing = missing_events(steps)
        violations = [
            GateViolation(
                where=at(name, int(times[row])),
                what=f"no event until {format_utc(int(times[row + 1]))}",
                how_much=f"{steps[row] / HOUR_MS:g} h, about {missing[row]} event(s) missing",
                remedy=self.remedy,
            )
            for row in np.flatnonzero(missing)
        ]
        strange = np.flatnonzero((missing == 0) & ~np.isin(steps, INTERVALS_MS))
        violations += [
            GateViolation(
                where=at(name, int(times[row + 1])),
                what="it is not a whole interval after the event before",
                how_much=f"{steps[row] / MINUTE_MS:g} min",
                remedy="Look at its stamp: it may be in another time zone, or of another exchange.",
            )
            for row in strange
        ]
        holes = int((missing > 0).sum())
        total = int(missing.sum())
        summary = f"{len(times)} events, about {total} missing in {holes} hole(s)"
        return self.verdict(violations, summary, float(total))


def missing_events(steps_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many events are missing in each step between two events, by the interval around it."""
    if not len(steps_ms):
        return np.zeros(0, np.int64)
    before = np.concatenate([steps_ms[:1], steps_ms[:-1]])
    after = np.concatenate([steps_ms[1:], steps_ms[-1:]])
    around = np.minimum(before, after)
    too_long = steps_ms > INTERVALS_MS[-1]
    between_equals = (before == after) & (steps_ms > around)
    interval = np.where(around > INTERVALS_MS[-1], INTERVALS_MS[-1], around)
    missing = np.maximum((steps_ms + interval - 1) // interval - 1, 1)
    return np.where(too_long | between_equals, missing, 0)

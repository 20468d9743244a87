"""Gates that hold one metric of a backtest against a threshold of its card."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from engine.gates.base import Gate, GateResult, GateViolation
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.metrics.catalogue import metric_spec
from engine.metrics.compute import Metrics
from engine.metrics.described import MetricSpec


@dataclass(frozen=True)
class BacktestEvidence:
    """What the promotion gates judge: the metrics of a run against the policy of its card.

    `where` names the run in violations, for example "trend_pullback on BTCUSDT 15m".
    """

    metrics: Metrics
    policy: PromotionPolicy
    where: str


class Bound(Enum):
    """On which side of the threshold the metric must be; the threshold itself passes."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


class ThresholdGate(Gate[BacktestEvidence]):
    """Compares one metric with the threshold of the same name as the gate in the card's `promotion` block.

    A metric that is not defined (NaN) never passes: nothing was shown.
    """

    metric: ClassVar[str]
    bound: ClassVar[Bound]
    remedy: ClassVar[str]

    def run(self, evidence: BacktestEvidence) -> GateResult:
        """Return the verdict on the metrics of one run."""
        spec = metric_spec(self.metric)
        observed = float(getattr(evidence.metrics, self.metric))
        threshold = float(getattr(evidence.policy, self.name))
        good = observed >= threshold if self.bound is Bound.AT_LEAST else observed <= threshold
        shown, limit = _shown_apart(spec, observed, threshold)
        violation = GateViolation(
            where=evidence.where,
            what=f"{spec.title} is {shown}, {self.name} asks for {self.bound.value} {limit}",
            how_much=_distance(spec, observed, threshold),
            remedy=self.remedy,
        )
        return GateResult(
            gate=self.name,
            checks=self.checks,
            severity=self.severity,
            summary=f"{spec.title} {shown} ({self.bound.value} {limit})",
            violations=() if good else (violation,),
            observed=observed if math.isfinite(observed) else None,
            threshold=threshold,
        )


def _shown_apart(spec: MetricSpec, observed: float, threshold: float) -> tuple[str, str]:
    """Show both with their unit, with more digits where rounding would make different numbers look equal."""
    shown, limit = spec.shown(observed), spec.shown(threshold)
    if shown == limit and observed != threshold:
        return f"{observed:.12g} {spec.unit.suffix}".rstrip(), f"{threshold:.12g} {spec.unit.suffix}".rstrip()
    return shown, limit


def _distance(spec: MetricSpec, observed: float, threshold: float) -> str:
    if not math.isfinite(observed):
        return "not defined for this run"
    side = "below" if observed < threshold else "above"
    distance = abs(observed - threshold)
    shown = spec.shown(distance)
    if shown == spec.shown(0.0):  # rounded away
        shown = f"{distance:.2g} {spec.unit.suffix}".rstrip()
    return f"{shown} {side}"

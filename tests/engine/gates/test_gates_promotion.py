import json
import math

import pytest

from engine.errors import CorruptData
from engine.gates.base import Gate, GateResult, GateViolation, Severity
from engine.gates.catalogue import PROMOTION_GATES
from engine.gates.threshold import BacktestEvidence
from engine.gates.validation import VALIDATION_GATES
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.idea_card.validation_policy import ValidationPolicy
from engine.metrics.catalogue import METRICS, metric_spec
from engine.metrics.compute import Metrics

POLICY = PromotionPolicy(
    min_trades=100,
    min_net_return_pct=5.0,
    min_sharpe=1.0,
    min_profit_factor=1.2,
    max_drawdown_pct=20.0,
    max_ambiguous_share_pct=5.0,
    max_filled_share_pct=1.0,
    max_liquidations=0,
)
AT_THE_THRESHOLD = {
    "trades": 100,
    "net_return_pct": 5.0,
    "sharpe": 1.0,
    "profit_factor": 1.2,
    "max_drawdown_pct": 20.0,
    "ambiguous_share_pct": 5.0,
    "filled_share_pct": 1.0,
    "liquidations": 0,
}
# gate, metric, a value just on the wrong side
JUST_BEYOND = [
    ("min_trades", "trades", 99),
    ("min_net_return_pct", "net_return_pct", 4.9999999),
    ("min_sharpe", "sharpe", 0.9999999),
    ("min_profit_factor", "profit_factor", 1.1999999),
    ("max_drawdown_pct", "max_drawdown_pct", 20.0000001),
    ("max_ambiguous_share_pct", "ambiguous_share_pct", 5.0000001),
    ("max_filled_share_pct", "filled_share_pct", 1.0000001),
    ("max_liquidations", "liquidations", 1),
]


def evidence(**changed: float | None) -> BacktestEvidence:
    zeros = {spec.name: 0 for spec in METRICS} | {"exit_reasons": {}, "rejection_reasons": {}}
    metrics = Metrics.from_plain(zeros | AT_THE_THRESHOLD | changed)
    return BacktestEvidence(metrics=metrics, policy=POLICY, where="demo on BTCUSDT 15m")


def failures(given: BacktestEvidence) -> list[str]:
    return [result.gate for result in (gate.run(given) for gate in PROMOTION_GATES) if not result.passed]


def test_every_threshold_of_the_card_has_its_gate_and_no_gate_is_without_one():
    no_thresholds = {"validation", "shadow", "lower_on_refusal"}
    for gates, thresholds in (
        (PROMOTION_GATES, set(PromotionPolicy.model_fields) - no_thresholds),
        (VALIDATION_GATES, set(ValidationPolicy.model_fields)),
    ):
        assert sorted(gate.name for gate in gates) == sorted(thresholds)


def test_a_run_exactly_at_every_threshold_passes():
    assert failures(evidence()) == []


@pytest.mark.parametrize(("gate", "metric", "value"), JUST_BEYOND)
def test_a_run_just_beyond_one_threshold_is_refused_by_that_gate_only(gate, metric, value):
    assert failures(evidence(**{metric: value})) == [gate]


@pytest.mark.parametrize(("gate", "metric"), [(gate, metric) for gate, metric, _ in JUST_BEYOND])
def test_a_metric_that_is_not_defined_never_passes(gate, metric):
    given = evidence(**{metric: None})
    assert failures(given) == [gate]
    result = next(item for item in PROMOTION_GATES if item.name == gate).run(given)
    assert result.observed is None
    assert result.violations[0].how_much == "not defined for this run"


def test_a_violation_says_where_what_how_much_and_what_to_do():
    gate = next(item for item in PROMOTION_GATES if item.name == "min_sharpe")
    result = gate.run(evidence(sharpe=0.42))
    assert result.summary == "Sharpe ratio 0.42 (at least 1.00)"
    assert (result.observed, result.threshold) == (0.42, 1.0)
    violation = result.violations[0]
    assert violation.where == "demo on BTCUSDT 15m"
    assert violation.what == "Sharpe ratio is 0.42, min_sharpe asks for at least 1.00"
    assert violation.how_much == "0.58 below"
    assert violation.remedy == gate.remedy
    assert str(violation).startswith("demo on BTCUSDT 15m: Sharpe ratio is 0.42")


def test_two_numbers_that_round_to_the_same_are_shown_apart():
    gate = next(item for item in PROMOTION_GATES if item.name == "max_drawdown_pct")
    assert (
        gate.run(evidence(max_drawdown_pct=20.0000001)).summary == "Max drawdown 20.0000001 % (at most 20 %)"
    )


def test_every_promotion_gate_blocks_and_names_a_metric_that_exists():
    for gate in PROMOTION_GATES:
        assert gate.severity is Severity.ERROR
        assert metric_spec(gate.metric)
        assert gate.to_plain() == {"name": gate.name, "checks": gate.checks, "severity": "error"}


def test_a_result_survives_json():
    for metric in ("sharpe", "trades"):
        for value in (math.pi, None):
            for gate in PROMOTION_GATES:
                result = gate.run(evidence(**{metric: value}))
                plain = json.loads(json.dumps(result.to_plain(), allow_nan=False))
                assert GateResult.from_plain(plain) == result


def test_a_plain_result_that_contradicts_itself_is_refused():
    plain = PROMOTION_GATES[0].run(evidence(trades=1)).to_plain()
    with pytest.raises(CorruptData, match="contradict"):
        GateResult.from_plain(plain | {"passed": True})
    with pytest.raises(CorruptData, match="not the plain form"):
        GateResult.from_plain({"gate": "min_trades"})


def test_a_warning_is_recorded_and_does_not_block():
    class LongWindow(Gate[int]):
        name = "long_window"
        checks = "The window is long."
        severity = Severity.WARN

        def run(self, evidence: int) -> GateResult:
            short = GateViolation("the window", "is short", f"{evidence} bars", "Take a longer one.")
            return GateResult(self.name, self.checks, self.severity, f"{evidence} bars", (short,))

    result = LongWindow().run(3)
    assert (result.passed, result.blocks) == (False, False)

"""The whole evidence on a card: what earns is told from what does not, and the same is found every time."""

from __future__ import annotations

import dataclasses
import math

import pytest
from evidence_case import CARD, history, space

from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SweepHistory
from engine.errors import ConfigurationError
from engine.gates.base import Severity
from engine.gates.threshold import Bound
from engine.gates.validation import VALIDATION_GATES, ValidationEvidence
from engine.idea_card.validation_policy import ValidationPolicy
from engine.promotion.sweep_ledger import ledger_in_memory
from engine.promotion.trials import searched_over
from engine.promotion.validation import Validation, ValidationSettings, validate

FEW = ValidationSettings(windows=4, most_sets=12, paths=60, random_entries=40)
GOOD = ValidationEvidence(
    where="crossing on BTCUSDT 1h",
    policy=ValidationPolicy(),
    max_drawdown_pct=20.0,
    walk_forward_efficiency=0.8,
    profitable_windows_pct=75.0,
    outside_sharpe=1.2,
    deflated_sharpe=0.97,
    overfitting_probability=0.1,
    superior_ability_p_value=0.04,
    bootstrapped_drawdown_pct=28.0,
    market_loss_probability=0.2,
    random_entries_beaten=0.96,
    return_at_double_costs_pct=5.0,
    return_one_bar_late_pct=8.0,
    return_at_double_funding_pct=9.0,
    return_without_best_trades_pct=1.0,
    regime_profit_share=0.8,
    neighbourhood_share=0.9,
)


def validated(text: str = CARD, **market: float) -> Validation:
    made = space(text)
    return validate(
        made, made.defaults, history(**market), settings=FEW, policy=ValidationPolicy(), workers=2
    )


@pytest.mark.parametrize("gate", VALIDATION_GATES, ids=lambda gate: gate.name)
def test_each_gate_by_hand(gate) -> None:
    assert gate.run(GOOD).passed
    threshold = gate.threshold(GOOD)
    worse = threshold - 0.01 if gate.bound is Bound.AT_LEAST else threshold + 0.01
    refused = gate.run(dataclasses.replace(GOOD, **{gate.figure: worse}))
    assert refused.blocks
    assert refused.severity is Severity.ERROR
    assert refused.violations[0].remedy
    assert gate.run(dataclasses.replace(GOOD, **{gate.figure: threshold})).passed
    undefined = gate.run(dataclasses.replace(GOOD, **{gate.figure: math.nan}))
    assert undefined.blocks
    assert undefined.observed is None
    assert "nothing was shown" in undefined.violations[0].how_much


def test_the_names_of_the_gates_are_those_of_the_policy() -> None:
    policy = set(ValidationPolicy.model_fields)
    assert {gate.name for gate in VALIDATION_GATES} == policy
    assert {gate.figure for gate in VALIDATION_GATES} < set(vars(GOOD))


def test_a_figure_that_does_not_apply_passes_and_says_so() -> None:
    [gate] = [gate for gate in VALIDATION_GATES if gate.figure == "overfitting_probability"]
    result = gate.run(dataclasses.replace(GOOD, overfitting_probability=None))
    assert result.passed
    assert "does not apply" in result.summary


def test_swings_that_go_on_are_found_worth_trading() -> None:
    found = validated(wave=0.05)
    assert found.refused_by is None, [gate.summary for gate in found.gates if not gate.passed]
    assert found.gates[0].gate == "look_ahead"
    assert len(found.gates) == len(VALIDATION_GATES) + 1
    # each of the sample and of the neighbours, the chosen one among them, counts once
    made = space()
    sets = [*made.sample(12, 0), *(each.binding for each in found.neighbourhood.neighbours), made.defaults]
    assert found.trials == len({(each["fast"], each["slow"]) for each in sets}) > 12


def test_noise_is_refused() -> None:
    found = validated(wave=0.0)
    refused = {gate.gate for gate in found.gates if not gate.passed}
    assert "min_deflated_sharpe" in refused
    assert found.refused_by is not None


def test_a_card_without_parameters_was_not_chosen() -> None:
    text = CARD.replace("{param: fast}", "4").replace("{param: slow}", "20").partition("parameters:")[0]
    found = validated(text)
    assert found.trials == 1
    assert found.neighbourhood is None
    assert found.evidence.overfitting_probability is None
    assert len({tuple(window.binding) for window in found.walk_forward.windows}) == 1


def test_earlier_trials_count() -> None:
    made = space()
    found = validate(
        made,
        made.defaults,
        history(wave=0.01),
        settings=FEW,
        policy=ValidationPolicy(),
        earlier_trials=10_000,
        workers=2,
    )
    alone = validated(wave=0.01)
    assert found.trials == 10_000 + alone.trials
    assert found.evidence.deflated_sharpe < alone.evidence.deflated_sharpe


def test_what_the_ledger_knows_of_the_family_counts_and_the_same_again_changes_nothing() -> None:
    made, ledger, market = space(), ledger_in_memory(), history(wave=0.01)

    def again() -> Validation:
        return validate(
            made, made.defaults, market, settings=FEW, policy=ValidationPolicy(), ledger=ledger, workers=2
        )

    first = again()
    assert (again().trials, again().evidence) == (first.trials, first.evidence)
    assert {each.searched.search for each in ledger.sweeps()} == {
        "walk_forward",
        "validation",
        "neighbourhood",
    }
    # a version of the card that says something else is one more try of the same family
    other = space(CARD.replace("equity_pct: 50", "equity_pct: 40"))
    swept = SweepHistory(market)
    of = searched_over(other, swept, search="grid", sweep_id="by hand")
    sets = list(other.grid())
    assert ledger.append(of, run_sweep(other, sets, swept), at_ms=0) == len(sets) == 16
    more = again()
    assert more.trials == first.trials + 16
    assert more.evidence.deflated_sharpe < first.evidence.deflated_sharpe


def test_the_same_evidence_is_found_on_any_number_of_workers() -> None:
    made, told = space(), []
    one = validate(
        made, made.defaults, history(), settings=FEW, policy=ValidationPolicy(), on_step=told.append
    )
    assert one.evidence == validated().evidence
    assert one.gates == validated().gates
    assert told == [
        "look-ahead",
        "walk-forward",
        "overfitting",
        "neighbourhood",
        "stress",
        "Monte Carlo",
        "random entries",
    ]


def test_too_short_a_history_is_refused() -> None:
    made = space()
    settings = dataclasses.replace(FEW, windows=2000)
    with pytest.raises(ConfigurationError, match="windows"):
        validate(made, made.defaults, history(20), settings=settings, policy=ValidationPolicy())

"""A card's ranges are checked against the registry and the rules, not only its defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import CardError
from engine.strategies.card_plan import load_plan

SHIPPED = Path(__file__).resolve().parents[3] / "idea_cards" / "trend_pullback.yaml"


def free(folder: Path, old: str, declared: str) -> Path:
    """Write a shipped card with one of its values free."""
    text = SHIPPED.read_text()
    assert text.count(old) == 1
    path = folder / "free.yaml"
    path.write_text(
        f"{text.replace(old, old.rpartition(' ')[0] + ' {param: x}')}parameters:\n  x: {declared}\n"
    )
    return path


def test_a_card_with_parameters_has_the_plan_of_its_defaults(tmp_path):
    path = free(tmp_path, "length: 50", "{default: 50, min: 2, max: 200, step: 2}")
    assert load_plan(path).system_hash == load_plan(SHIPPED).system_hash


@pytest.mark.parametrize(
    ("old", "declared", "place", "words"),
    [
        ("length: 50", "{default: 50, min: 0, max: 200, step: 10}", "parameters.x.min", "params.length"),
        (
            "indicator: rsi",
            "{default: rsi, values: [rsi, rsy]}",
            "parameters.x.values[1]",
            "rsi_1h.indicator",
        ),
        (
            '">", ema_trend',
            "{default: ema_trend, values: [ema_trend, ema]}",
            "parameters.x.values[1]",
            "entry_long",
        ),
    ],
)
def test_a_range_that_leads_to_no_plan_is_refused_with_its_line(tmp_path, old, declared, place, words):
    path = free(tmp_path, old, declared)
    with pytest.raises(CardError) as refused:
        load_plan(path)
    [problem] = refused.value.problems
    assert problem.key_path == place
    assert words in problem.problem
    assert path.read_text().splitlines()[problem.line - 1].startswith("  x:")

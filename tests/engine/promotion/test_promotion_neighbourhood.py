"""The parameters around the chosen ones."""

from __future__ import annotations

import math

import pytest
from evidence_case import CARD, history, space

from engine.errors import ConfigurationError
from engine.promotion.neighbourhood import Neighbour, Neighbourhood, neighbourhood, neighbours_of


def test_neighbours_by_hand() -> None:
    found = neighbours_of(space(), {"fast": 4, "slow": 20}, radius=1, seed=0)
    assert [(binding["fast"], binding["slow"], steps) for binding, steps in found] == [
        (2, 20, 1),
        (4, 10, 1),
        (4, 30, 1),
        (6, 20, 1),
    ]
    corner = neighbours_of(space(), {"fast": 8, "slow": 10}, radius=2, seed=0)
    assert [(binding["fast"], binding["slow"]) for binding, _ in corner] == [
        (6, 10),
        (8, 20),
        (4, 10),
        (6, 20),
        (8, 30),
    ]


def test_what_the_constraints_exclude_is_no_neighbour() -> None:
    text = CARD.replace("min: 2, max: 8, step: 2", "min: 4, max: 12, step: 4")
    found = neighbours_of(space(text), {"fast": 8, "slow": 10}, radius=1, seed=0)
    # fast 12 would be above slow 10
    assert [(binding["fast"], binding["slow"]) for binding, _ in found] == [(4, 10), (8, 20)]


def test_a_large_ball_is_drawn_from() -> None:
    text = CARD.replace("max: 8, step: 2", "max: 62, step: 1").replace(
        "max: 40, step: 10", "max: 200, step: 1"
    )
    chosen = {"fast": 30, "slow": 100}
    found = neighbours_of(space(text), chosen, radius=15, seed=1)
    assert len(found) == 200
    assert [steps for _, steps in found] == sorted(steps for _, steps in found)
    assert found == neighbours_of(space(text), chosen, radius=15, seed=1)
    assert found != neighbours_of(space(text), chosen, radius=15, seed=2)


def test_a_set_off_the_grid_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="fast"):
        neighbours_of(space(), {"fast": 3, "slow": 20}, radius=1, seed=0)


def test_the_share_that_holds_up() -> None:
    def of(*values: float) -> Neighbourhood:
        return Neighbourhood(2.0, tuple(Neighbour({}, 1, value) for value in values))

    assert of(1.9, 1.0, 0.5, math.nan).share_at_least(0.5) == 0.5
    assert math.isnan(of().share_at_least(0.5))
    assert Neighbourhood(-1.0, of(0.0).neighbours).share_at_least(0.5) == 1.0


def test_neighbours_are_run_as_sets_of_a_sweep_are() -> None:
    made = space()
    found = neighbourhood(made, made.defaults, history(60), objective="net_return_pct", radius=1, workers=2)
    assert len(found.neighbours) == 4
    assert len({each.value for each in found.neighbours} | {found.chosen}) == 5
    again = neighbourhood(
        made, found.neighbours[0].binding, history(60), objective="net_return_pct", radius=1
    )
    assert again.chosen == found.neighbours[0].value

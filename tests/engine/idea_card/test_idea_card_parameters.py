"""Parameters of a card: what a range holds, which sets there are, and the card each of them makes."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from idea_card_example import EXAMPLE

from engine.errors import CardError, ConfigurationError
from engine.idea_card.load import card_from_plain, card_from_text, load_card, load_space, space_from_text
from engine.idea_card.parameters import Parameter

FREE = (
    EXAMPLE.replace("params: {length: 9}", "params: {length: {param: fast}}")
    .replace("length: 20, std: 2.5", "length: {param: slow}, std: 2.5")
    .replace("{type: atr_multiple, value: 1.5, feature: atr}", "{param: stop}")
    .replace('[close, "<", {"*": [0.5, ema_fast]}]', '[close, "<", {"*": [{param: share}, ema_fast]}]')
    .replace("[close, between, [1, 2.5]]", "[close, {param: relation}, 2.5]")
)
BLOCKS = """\
parameters:
  fast: {default: 9, min: 5, max: 9, step: 2}
  slow: {default: 20, values: [20, 7]}
  stop:
    default: {type: atr_multiple, value: 1.5, feature: atr}
    values: [{type: percent, value: 2}, {type: atr_multiple, value: 1.5, feature: atr}]
  share: {default: 0.5, min: 0.25, max: 1, log: 3}
  relation: {default: ">", values: [">", "<"]}
parameter_constraints:
  - [fast, "<", slow]
"""
CARD = FREE + BLOCKS
FIXED = EXAMPLE.replace("[close, between, [1, 2.5]]", '[close, ">", 2.5]')

SMALL = """
parameters:
  fast: {default: 2, min: 1, max: 3, step: 1}
  slow: {default: 3, values: [2, 3]}
parameter_constraints: [[fast, "<", slow]]
"""


def small(blocks: str = SMALL) -> str:
    """A card with two whole numbers free."""
    return (
        EXAMPLE.replace("cooldown_bars: 2", "cooldown_bars: {param: fast}").replace(
            "max_bars_in_trade: 192", "max_bars_in_trade: {param: slow}"
        )
        + blocks
    )


def problems(text: str):
    """Return the problems of a card that is refused."""
    with pytest.raises(CardError) as refused:
        space_from_text(text, "free.yaml")
    return {problem.key_path: problem for problem in refused.value.problems}


# ---- what a range holds


@pytest.mark.parametrize(
    ("block", "choices"),
    [
        ({"min": 5, "max": 20, "step": 5}, (5, 10, 15, 20)),
        ({"min": 5, "max": 19, "step": 5}, (5, 10, 15)),
        ({"min": 0.1, "max": 0.5, "step": 0.1}, (0.1, 0.2, 0.3, 0.4, 0.5)),
        ({"min": 1, "max": 2, "step": 0.5}, (1, 1.5, 2)),
        ({"min": 0.25, "max": 4.0, "log": 5}, (0.25, 0.5, 1, 2, 4)),
        ({"min": 1, "max": 1000, "log": 4}, (1, 10, 100, 1000)),
        ({"values": [3, "a", True, None]}, (3, "a", True, None)),
    ],
)
def test_a_range_holds_these_values(block, choices):
    parameter = Parameter.model_validate({"default": choices[1], **block})
    assert parameter.choices == choices
    assert [type(choice) for choice in parameter.choices] == [type(choice) for choice in choices]


@given(st.integers(-1000, 1000), st.integers(1, 1000), st.integers(1, 50))
def test_every_step_of_a_range_of_decimals_is_the_decimal_itself(first, steps, step):
    block = {
        "default": first / 100,
        "min": first / 100,
        "max": (first + steps * step) / 100,
        "step": step / 100,
    }
    choices = Parameter.model_validate(block).choices
    assert choices == tuple((first + position * step) / 100 for position in range(steps + 1))


def test_a_value_between_the_steps_is_allowed_unless_all_are_whole():
    decimals = Parameter.model_validate({"default": 1, "min": 1, "max": 2, "step": 0.5})
    wholes = Parameter.model_validate({"default": 1, "min": 1, "max": 9, "step": 2})
    listed = Parameter.model_validate({"default": 1, "values": [1, 2]})
    assert decimals.allows(1.25)
    assert not decimals.allows(2.25)
    assert wholes.allows(2)
    assert not wholes.allows(2.5)
    assert not wholes.allows(True)
    assert not wholes.allows("3")
    assert listed.allows(2.0)
    assert not listed.allows(True)
    assert not listed.allows(3)


# ---- the card of the defaults


def test_a_card_with_parameters_loads_as_the_card_of_its_defaults(tmp_path):
    path = tmp_path / "free.yaml"
    path.write_text(CARD)
    card = load_card(path)
    assert card == card_from_text(FIXED, "fixed.yaml")
    assert card.system_hash() == card_from_text(FIXED, "fixed.yaml").system_hash()
    assert load_space(path).card == card


def test_a_card_without_parameters_is_a_space_of_one_point():
    space = space_from_text(EXAMPLE, "fixed.yaml")
    assert (list(space.grid()), space.points) == ([{}], 1)
    assert space.bind({}) == space.card == card_from_text(EXAMPLE, "fixed.yaml")


# ---- the sets


def test_the_grid_is_every_allowed_set_in_the_order_of_the_card():
    # 1 < 2, 1 < 3, 2 < 3; 2 < 2, 3 < 2 and 3 < 3 do not hold
    space = space_from_text(small(), "small.yaml")
    assert list(space.grid()) == [{"fast": 1, "slow": 2}, {"fast": 1, "slow": 3}, {"fast": 2, "slow": 3}]
    assert space.points == 6


@pytest.mark.parametrize(
    ("relation", "kept"),
    [
        ('[slow, ">=", {"*": [2, fast]}]', [(1, 2), (1, 3)]),
        ('[{"-": [slow, fast]}, "==", 1]', [(1, 2), (2, 3)]),
        (
            '[{"/": [slow, {"-": [fast, 1]}]}, ">", 0]',
            [(2, 2), (2, 3), (3, 2), (3, 3)],
        ),  # fast 1: divides by 0
        ('[fast, "!=", slow]', [(1, 2), (1, 3), (2, 3), (3, 2)]),
    ],
)
def test_a_constraint_may_calculate(relation, kept):
    blocks = SMALL.replace('[fast, "<", slow]', relation)
    if kept[0] == (1, 2):
        blocks = blocks.replace("default: 2, min", "default: 1, min").replace(
            "default: 3, v", "default: 2, v"
        )
    space = space_from_text(small(blocks), "small.yaml")
    assert [tuple(binding.values()) for binding in space.grid()] == kept


def test_a_sample_is_part_of_the_grid_in_its_order_and_the_same_for_a_seed():
    space = space_from_text(CARD, "free.yaml")
    grid = list(space.grid())
    sample = space.sample(7, seed=1)
    places = [grid.index(binding) for binding in sample]
    assert places == sorted(set(places))
    assert len(places) == 7
    assert space.sample(7, seed=1) == sample
    assert any(space.sample(7, seed=seed) != sample for seed in range(2, 6))
    assert space.sample(10_000, seed=1) == tuple(grid)


def test_a_sample_of_a_grid_too_large_to_list_keeps_the_constraints():
    blocks = """
parameters:
  fast: {default: 1, min: 0, max: 100000, step: 1}
  slow: {default: 3, min: 1, max: 100000, step: 1}
parameter_constraints: [[fast, "<", slow]]
"""
    space = space_from_text(small(blocks), "large.yaml")
    assert space.points == 100_001 * 100_000
    sample = space.sample(50, seed=3)
    assert len({tuple(binding.values()) for binding in sample}) == 50
    assert all(binding["fast"] < binding["slow"] for binding in sample)
    assert sample == space.sample(50, seed=3)
    rare = small(blocks.replace('"<"', '"=="').replace("default: 1,", "default: 3,"))
    with pytest.raises(ConfigurationError, match="of 5 sets were found") as refused:
        space_from_text(rare, "rare.yaml").sample(5, seed=1)
    assert "narrow the ranges" in refused.value.way_out


# ---- binding


@given(st.data())
def test_binding_is_the_same_as_writing_the_values(data):
    space = space_from_text(CARD, "free.yaml")
    binding = data.draw(st.sampled_from(list(space.grid())))
    stops = {
        "percent": "{type: percent, value: 2}",
        "atr_multiple": "{type: atr_multiple, value: 1.5, feature: atr}",
    }
    text = (
        FREE.replace("{param: fast}", str(binding["fast"]))
        .replace("{param: slow}", str(binding["slow"]))
        .replace("{param: stop}", stops[binding["stop"]["type"]])
        .replace("{param: share}", str(binding["share"]))
        .replace("{param: relation}", f'"{binding["relation"]}"')
    )
    written = card_from_text(text, "written.yaml")
    assert space.bind(binding) == written
    assert space.bind(binding).system_hash() == written.system_hash()


# What stands for each block of the example, for cards that are free in all kinds of places.
PLACES = {
    "symbols: [BTCUSDT, 1000PEPEUSDT]": ("symbols: {param: x}", "[[BTCUSDT], [ETHUSDT, SOLUSDT]]"),
    "BTCUSDT, 1000PEPEUSDT": ("{param: x}, SOLUSDT", "[BTCUSDT, ETHUSDT]"),
    "version: 1.2.3": ("version: {param: x}", "[1.0.0, 2.0.0]"),
    "allow_flip: true": ("allow_flip: {param: x}", "[true, false]"),
    "min_trades: 100": ("min_trades: {param: x}", "[100, 200]"),
    "{indicator: ema, params: {length: 9}, source: close, tf: exec}": (
        "{param: x}",
        "[{indicator: ema, params: {length: 9}, source: close, tf: exec}, "
        "{indicator: sma, params: {length: 5}, source: close, tf: mtf}]",
    ),
    "{model: risk_based, risk_pct: 1.0}": (
        "{model: fixed_usdt, notional_usdt: {param: x}}",
        "[100, 250.5]",
    ),
    '[close, cross_above, ema_fast]': ("[close, cross_above, {param: x}]", "[ema_fast, bands.lower, 3]"),
    "exit_short: [close, between, [1, 2.5]]": ("exit_short: {param: x}", '[null, [close, ">", 3]]'),
}  # fmt: skip


@pytest.mark.parametrize("written", PLACES)
def test_whatever_is_free_binds_as_it_would_be_written(written):
    free, values = PLACES[written]
    text = EXAMPLE.replace(written, free)
    listed = yaml.safe_load(values)
    default = yaml.safe_dump(listed[0], default_flow_style=True).removesuffix("...\n").strip()
    space = space_from_text(
        f"{text}parameters: {{x: {{default: {default}, values: {values}}}}}\n", "free.yaml"
    )
    # twice, and the other way round: what one set leaves behind must not show in another
    for value in (*listed, *reversed(listed)):
        written_out = yaml.safe_load(text.replace("{param: x}", "PLACE"))
        card = space.bind({"x": value})
        fixed = card_from_plain(put(written_out, value), "written.yaml")
        assert card == fixed
        assert card.system_hash() == fixed.system_hash()
        assert repr(card) == repr(fixed)


def put(data, value):
    """Return plain data with `value` where PLACE stands."""
    if data == "PLACE":
        return value
    if isinstance(data, dict):
        return {key: put(item, value) for key, item in data.items()}
    return [put(item, value) for item in data] if isinstance(data, list) else data


def test_a_copy_of_a_card_has_a_hash_of_its_own():
    card = card_from_text(EXAMPLE, "card.yaml")
    before = card.system_hash()
    copy = card.model_copy(update={"description": "Another idea."})
    other = card_from_text(EXAMPLE.replace("Buy what rises.", "Another idea."), "other.yaml")
    assert copy.system_hash() == other.system_hash() != before
    assert card.system_hash() == before


def test_true_and_1_are_two_values_of_one_place():
    text = EXAMPLE.replace("allow_flip: true", "allow_flip: {param: x}")
    blocks = "parameters: {x: {default: true, values: [true, false]}, y: {default: 1, values: [1, 0]}}\n"
    text = text.replace("cooldown_bars: 2", "cooldown_bars: {param: y}") + blocks
    space = space_from_text(text, "free.yaml")
    bound = [space.bind(binding).position_policy for binding in space.grid()]
    assert [(p.allow_flip, p.cooldown_bars) for p in bound] == [(True, 1), (True, 0), (False, 1), (False, 0)]
    with pytest.raises(CardError, match="cannot have this value"):
        space.bind({"x": 1})


def test_a_set_that_only_the_whole_card_can_refuse_is_refused():
    # each block is in order by itself: together, the time stop comes after the longest time in trade
    text = small(SMALL.replace("[2, 3]", "[3, 9]")).replace(
        "  max_notional", "  time_stop: {bars: 5, min_profit_pct: 0}\n  max_notional"
    )
    text = text.replace("default: 3,", "default: 9,")
    found = problems(text)
    assert "risk_model.time_stop.bars" in found["parameters.slow.values[0]"].problem


def test_sets_have_different_hashes():
    space = space_from_text(CARD, "free.yaml")
    hashes = [space.bind(binding).system_hash() for binding in space.grid()]
    # 3 * 2 less the two that break 7 < fast, times 2 stops, 3 shares, 2 relations
    assert len(hashes) == len(set(hashes)) == (3 + 1) * 12


def test_binding_takes_the_defaults_for_what_is_left_out():
    space = space_from_text(small(), "small.yaml")
    assert space.complete({"fast": 1.0}) == {"fast": 1, "slow": 3}
    assert space.bind({"fast": 1.0}).position_policy.cooldown_bars == 1


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({"fats": 1}, "parameters", "has no fats"),
        ({"fast": 4}, "parameters.fast", "cannot have this value"),
        ({"slow": 4}, "parameters.slow", "cannot have this value"),
        ({"fast": 3}, "parameter_constraints[0]", "does not hold: fast < slow"),
    ],
)
def test_values_that_are_not_in_the_space_are_refused(values, path, words):
    space = space_from_text(small(), "small.yaml")
    with pytest.raises(CardError, match=r"small\.yaml") as refused:
        space.bind(values)
    [problem] = refused.value.problems
    assert (problem.key_path, problem.line is not None) == (path, True)
    assert words in problem.problem


# ---- what is wrong with a card

PLACE, RANGE, LISTED, RELATION = "{param: fast}", "max: 9, step: 2", "values: [20, 7]", '[fast, "<", slow]'
LENGTH, FIRST = "features.ema_fast.params.length", "parameter_constraints[0]"


def line_of(text: str, words: str) -> int:
    """Return the number of the one line with `words` in it."""
    [line] = [number for number, line in enumerate(text.splitlines(), 1) if words in line]
    return line


def test_a_parameter_that_is_not_declared_is_told_with_its_line_and_its_neighbour():
    text = CARD.replace("{param: fast}", "{param: fats}")
    found = problems(text)
    problem = found["features.ema_fast.params.length"]
    assert (problem.value, problem.line) == ("fats", line_of(text, "{param: fats}"))
    assert "did you mean fast?" in problem.way_out
    assert "is not used" in found["parameters.fast"].problem
    assert set(found) == {"features.ema_fast.params.length", "parameters.fast"}


def test_placeholders_without_any_block_of_parameters():
    problem = problems(FREE)["features.ema_fast.params.length"]
    assert "not declared" in problem.problem
    assert "declare it under parameters" in problem.way_out


@pytest.mark.parametrize(
    ("old", "new", "path", "words", "advice"),
    [
        (PLACE, "{param: fast, default: 3}", LENGTH, "keys beside", "{param: name}"),
        (PLACE, "{param: 3}", LENGTH, "names no parameter", "{param: name}"),
        (RANGE, "max: 8, step: 2", "parameters.fast.default", "outside the range", "from 5 to 8"),
        (RANGE, "max: 9", "parameters.fast", "no step and no log", "values: [...]"),
        (RANGE, "max: 9, step: 2, log: 3", "parameters.fast", "both step and log", "values: [...]"),
        (RANGE, "step: 2", "parameters.fast.max", "is missing", "values: [...]"),
        ("min: 5, max: 9, step: 2", "", "parameters.fast", "has no range", "values: [...]"),
        (RANGE, "max: 5, step: 2", "parameters.fast.max", "must be above min", "larger"),
        (RANGE, "max: 9, step: 0", "parameters.fast.step", "must be above 0", "apart"),
        (RANGE, "max: 9, step: 1.0e-9", "parameters.fast.step", "more than 1,000,000", "larger step"),
        (RANGE, "max: nine, step: 2", "parameters.fast.max", "is text", "write a number"),
        ("default: 9, min", "default: nine, min", "parameters.fast.default", "is text", "of the range"),
        ("default: 9, min", "min", "parameters.fast.default", "is missing", "no default"),
        (RANGE, "max: 9, stop: 2", "parameters.fast.stop", "not a key", "did you mean step?"),
        (LISTED, "values: [20, 7, 20.0]", "parameters.slow.values[2]", "twice", "once"),
        (LISTED, "values: []", "parameters.slow.values", "is empty", "at least 1"),
        (LISTED, "values: [20, 7], min: 3", "parameters.slow.min", "beside a list", "one of the two"),
        (LISTED, "values: [21, 7]", "parameters.slow.default", "is not one of", "21, 7"),
        (LISTED, "values: [20, .inf]", "parameters.slow.values[1]", "finite", "number"),
        ("min: 0.25, max: 1, log", "min: 0, max: 1, log", "parameters.share.min", "above 0", "above 0"),
        (RELATION, '[fast, "<", slwo]', FIRST, "no parameter", "slow?"),
        (RELATION, '[fast, "=<", slow]', FIRST, "operator", "did you mean"),
        (RELATION, "fast < slow", FIRST, "is not a relation", RELATION),
        (RELATION, '[1, "<", 2]', FIRST, "names no parameter", "write"),
        (RELATION, '[fast, "<", relation]', FIRST, "not a number", "all numbers"),
        (RELATION, '[fast, ">", slow]', FIRST, "fast 9, slow 20", "default"),
        (RELATION, '[fast, "<", {"^": [slow, 2]}]', FIRST, "calculation", "can be"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_blocks_is_told_with_its_place_and_the_way_out(old, new, path, words, advice):
    assert old in CARD
    text = CARD.replace(old, new)
    problem = problems(text)[path]
    assert words in problem.problem
    assert advice in problem.way_out
    assert new.split(",")[0].strip(" {}") in "".join(text.splitlines()[problem.line - 1 : problem.line + 1])


@pytest.mark.parametrize(
    "block", ["true", "7", "[fast]", "null", "{1: {default: 1, values: [1]}}", "{fast: 9}"]
)
def test_blocks_of_another_kind_are_refused_and_nothing_breaks(block):
    assert problems(f"{FREE}parameters: {block}\n")
    assert problems(f"{CARD.partition('parameter_constraints')[0]}parameter_constraints: {block}\n")


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("default: 9, min", "default: null, min", "parameters.fast.default", "is null"),
        ("min: 5,", "min: .nan,", "parameters.fast.min", "finite"),
        (RANGE, "max: .inf, step: 2", "parameters.fast.max", "finite"),
        (RANGE, "max: 9, log: 2.5", "parameters.fast.log", "whole number"),
    ],
)
def test_numbers_that_are_none_are_refused(old, new, path, words):
    assert words in problems(CARD.replace(old, new))[path].problem


def test_a_default_that_the_card_cannot_have_names_the_parameter_and_both_lines():
    text = small(SMALL.replace("{default: 2, min: 1, max: 3, step: 1}", "{default: x, values: [x, 1]}"))
    text = text.replace('parameter_constraints: [[fast, "<", slow]]', "")
    problem = problems(text)["position_policy.cooldown_bars"]
    assert problem.problem == "must be a whole number, and is text, with parameter fast"
    assert problem.line == line_of(text, "{param: fast}")
    assert f"fast is declared on line {line_of(text, 'default: x')}" in problem.way_out


@pytest.mark.parametrize(
    ("declared", "path", "value"),
    [
        ("{default: 1, min: -1, max: 3, step: 1}", "parameters.fast.min", -1),
        ("{default: 1, min: 1, max: 2, step: 0.5}", "parameters.fast", 1.5),
        ("{default: 1, min: 1, max: 2000000000, step: 1000000}", "parameters.fast", None),
        ("{default: 1, values: [1, 2, x]}", "parameters.fast.values[2]", "x"),
    ],
)
def test_a_range_that_leads_out_of_what_the_card_can_have_is_refused(declared, path, value):
    blocks = f"parameters:\n  fast: {declared}\n  slow: {{default: 3, values: [2, 3]}}\n"
    text = small(blocks)
    found = problems(text)
    [problem] = found.values()
    assert problem.key_path == path
    assert "gives position_policy.cooldown_bars a value it cannot have" in problem.problem
    assert problem.line == line_of(text, "  fast: ")
    assert value is None or problem.value == value


def test_what_a_constraint_excludes_is_no_mistake_of_a_range():
    # -1 would be no cooldown, and is left out of every set
    blocks = SMALL.replace("min: 1", "min: -1").replace('[fast, "<", slow]', '[fast, ">=", 0]')
    assert [b["fast"] for b in space_from_text(small(blocks), "small.yaml").grid()][::2] == [0, 1, 2, 3]


def test_mistakes_of_the_parameters_do_not_hide_those_of_the_card():
    found = problems(CARD.replace("max: 9, step: 2", "max: 9").replace("leverage: 3", "leverge: 3"))
    assert {"parameters.fast", "account.leverge", "account.leverage"} == set(found)


def test_a_feature_may_be_called_param():
    text = EXAMPLE.replace("  atr: {indicator", "  param: {indicator").replace(
        "feature: atr", "feature: param"
    )
    assert "param" in card_from_text(text, "card.yaml").features

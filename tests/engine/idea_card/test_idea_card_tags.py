"""Tags have an order that says something: the first that holds names the trade."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from idea_card_example import plain_example

from engine.idea_card.frozen import OrderedBlock
from engine.idea_card.load import card_from_plain

TAGS = {"deep": ["close", "<", "atr"], "plain": ["close", ">", 1]}


def card(tags: Any, rule: str = "entry_long"):
    plain = plain_example()
    plain["signal_rules"][rule] = {"tags": tags}
    return card_from_plain(plain, "here")


def swapped(tags: dict[str, Any]) -> dict[str, Any]:
    return dict(reversed(tags.items()))


@pytest.mark.parametrize("rule", ["entry_long", "exit_short"])
def test_another_order_of_the_tags_is_another_card(rule):
    first, other = card(TAGS, rule), card(swapped(TAGS), rule)
    assert first.system_hash() != other.system_hash()
    assert first.signal_rules != other.signal_rules
    assert first.system_hash() == card(dict(TAGS), rule).system_hash()


def test_names_and_conditions_of_tags_matter():
    hashes = {
        card(tags).system_hash()
        for tags in (
            TAGS,
            {"deeper": TAGS["deep"], "plain": TAGS["plain"]},
            {"deep": TAGS["deep"], "plain": ["close", ">", 2]},
            {"deep": TAGS["deep"]},
        )
    }
    assert len(hashes) == 4


def test_elsewhere_the_order_of_keys_does_not_matter():
    plain = plain_example()
    plain["signal_rules"] = dict(reversed(plain["signal_rules"].items()))
    same = card_from_plain(plain, "here")
    assert same.system_hash() == card_from_plain(plain_example(), "here").system_hash()


def test_the_canonical_form_is_a_card_again():
    made = card(TAGS)
    again = card_from_plain(made.canonical_form(), "here")
    assert again == made
    assert again.system_hash() == made.system_hash()
    assert list(again.signal_rules.entry_long["tags"]) == ["deep", "plain"]


def test_a_block_with_an_order_keeps_it_and_cannot_be_changed():
    block = OrderedBlock({"b": 1, "a": 2})
    assert block != OrderedBlock({"a": 2, "b": 1})
    assert hash(block) == hash(OrderedBlock({"b": 1, "a": 2}))
    assert pickle.loads(pickle.dumps(block)) == block
    with pytest.raises(TypeError, match="immutable"):
        block["c"] = 3

"""The catalogue of the condition language: every operator and every kind of group, with its class.

To add one, write its class (`Leaf` in comparisons.py is the shortest example) and name it here. Parsing, the
JSON schema and the suggestions for misspelt words follow from the catalogue.
"""

from __future__ import annotations

from engine.rules.comparisons import Between, Comparison, Near, OneOf
from engine.rules.crossings import Crossing
from engine.rules.groups import All, AtLeastOne, Not
from engine.rules.nodes import Group, Leaf
from engine.rules.scores import Score
from engine.rules.sequences import Sequence
from engine.rules.setups import Setup
from engine.rules.windows import CountTrue, HoldsFor, OccurredWithin

LEAF_CLASSES: tuple[type[Leaf], ...] = (Comparison, Between, OneOf, Near, Crossing)
GROUP_CLASSES: tuple[type[Group], ...] = (
    All,
    AtLeastOne,
    Not,
    Setup,
    HoldsFor,
    OccurredWithin,
    CountTrue,
    Sequence,
    Score,
)

OPERATORS: dict[str, type[Leaf]] = {
    operator: leaf_class for leaf_class in LEAF_CLASSES for operator in leaf_class.operators
}
GROUPS: dict[str, type[Group]] = {group_class.key: group_class for group_class in GROUP_CLASSES}

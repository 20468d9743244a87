"""All rows of the catalogue's tests."""

from __future__ import annotations

from features_bar_cases import BAR_CASES
from features_cases import CASES as FIRST_CASES
from features_contract_cases import CONTRACT_CASES
from features_following_cases import FOLLOWING_CASES
from features_more_cases import MORE_CASES
from features_structure_cases import STRUCTURE_CASES

CASES = (*FIRST_CASES, *MORE_CASES, *BAR_CASES, *STRUCTURE_CASES, *FOLLOWING_CASES, *CONTRACT_CASES)

"""The reference says what the registries say, and the file that is shipped is the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.features import windows
from engine.features.arithmetic import change
from engine.features.registry import INDICATORS
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, ParamKind, window
from engine.idea_card.features import SOURCES
from engine.reports.reference import EXAMPLE_ENTRY, EXAMPLE_ROW, reference_text, warmup_text
from engine.rules.language import GROUPS, OPERATORS
from engine.settings import PROJECT_ROOT

TEXT = reference_text()


def test_the_shipped_file_is_in_step():
    shipped = (PROJECT_ROOT / "idea_cards" / "REFERENCE.md").read_text(encoding="utf-8")
    assert shipped == TEXT, "write it again: .venv/bin/trade docs"


def test_everything_that_is_registered_is_in_it():
    headings = {line for line in TEXT.splitlines() if line.startswith("###")}
    assert {f"#### `{name}`" for name in INDICATORS} <= headings
    assert {f"### `{name}`" for name in GROUPS} <= headings
    of_operators = "\n".join(line for line in headings if not line.startswith("####"))
    assert not [operator for operator in OPERATORS if f"`{operator}`" not in of_operators]
    assert not [name for name in SOURCES if f"| `{name}` |" not in TEXT]
    for entry in INDICATORS.values():
        assert entry.definition in TEXT
        assert entry.published in TEXT


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_the_warm_up_is_told_as_it_is(name):
    entry = INDICATORS[name]
    for more in (3, 8):
        params = {
            param.name: param.choices[0] if param.kind is ParamKind.CHOICE else int(param.minimum) + more
            for param in entry.params
        }
        told = eval(warmup_text(entry), {"max": max, "min": min, "round": round, "int": int}, dict(params))
        assert told == entry.warmup(params)


def test_what_differs_from_pandas_ta_is_told():
    differences = TEXT.partition("## Where these differ")[2].partition("## A new indicator")[0]
    for name in ("adx", "cci", "wcp", "natr", "bbands", "stdev", "dpo", "supertrend", "cmo", "alma"):
        assert f"| `{name}` |" in differences
    assert "| `median` |" not in differences


def test_the_example_of_a_new_indicator_works():
    known = {
        "FloatArray": FloatArray,
        "IndicatorSpec": IndicatorSpec,
        "Implementation": Implementation,
        "Memory": Memory,
        "window": window,
        "windows": windows,
        "change": change,
        "pd": pd,
        "Case": lambda *row: row,
        "Other": lambda compute: compute,
    }
    code, _, entry = EXAMPLE_ENTRY.partition("# and in ENTRIES\n")
    exec(code, known)
    spec = eval(entry, known)
    code, _, row = EXAMPLE_ROW.partition("# and in MORE_CASES\n")
    exec(code, known)
    name, params, (other,) = eval(row, known)
    rng = np.random.default_rng(1)
    columns = {each: 100 + rng.normal(0, 1, 60).cumsum() for each in ("open", "close")}
    ours = spec.compute(columns["open"], columns["close"], **params)
    assert name == spec.name
    assert int(np.isnan(ours).sum()) == spec.warmup(params)
    np.testing.assert_allclose(ours, other(columns, **params), atol=1e-10)


def test_the_reference_is_no_card():
    assert Path(PROJECT_ROOT / "idea_cards" / "REFERENCE.md").suffix not in (".yaml", ".yml")

"""Whatever a tool is called with, there is an answer with a JSON form, and nothing outside was touched."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.settings import TradeSettings
from engine.tools.catalogue import full_registry
from engine.tools.cost import CostScale
from engine.tools.file_access import FileAccess
from engine.tools.registry import INTERNAL_FAULT, SideEffect, ToolContext

REGISTRY = full_registry()
PLANTED = "/etc/planted_for_trade"
HOSTILE = (
    f"{PLANTED}.yaml",
    f"../../../../../../../../..{PLANTED}.yaml",
    PLANTED,
    f"$(touch {PLANTED})",
    f"; touch {PLANTED} #",
    "'; DROP TABLE ohlcv; --",
    f"' UNION SELECT * FROM read_text('{PLANTED}') --",
    f"COPY (SELECT 1) TO '{PLANTED}'",
    "__import__('os').system('true')",
    "\x00",
    "\ud800",
    "%s%n{0}{x}",
    "a" * 5_000,
    "BTCUSDT",
    "1h",
    "2025-01-01",
    "trend_pullback",
)

# With right arguments it works for minutes, on the code itself.
WORKS_WITHOUT_DATA = {"gates.project"}

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)

text = st.sampled_from(HOSTILE) | st.text(max_size=20)


def likely(schema, definitions):
    """Values that have the type a JSON schema asks for, so that they reach the tool itself."""
    if "$ref" in schema:
        return likely(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if "anyOf" in schema:
        return st.one_of([likely(each, definitions) for each in schema["anyOf"]])
    match schema.get("type"):
        case "string":
            return text
        case "integer":
            return st.integers(schema.get("minimum", -5), schema.get("maximum", 50))
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "array":
            inner = schema.get("items", {"type": "string"})
            return st.lists(likely(inner, definitions), min_size=schema.get("minItems", 0), max_size=3)
        case "object":
            return st.dictionaries(text, st.integers() | text, max_size=2)
        case "null":
            return st.none()
        case _:
            return values


def arguments_of(spec):
    """Mappings of all kinds: of the right types mostly, of anything at all sometimes."""
    schema = spec.input_schema()
    fields = {
        name: likely(field, schema.get("$defs", {})) for name, field in schema.get("properties", {}).items()
    }
    needed = schema.get("required", [])
    right = st.fixed_dictionaries(
        {name: fields[name] for name in needed},
        optional={name: kind for name, kind in fields.items() if name not in needed},
    )
    names = st.sampled_from(sorted(fields)) if fields else st.text(max_size=5)
    if spec.name in WORKS_WITHOUT_DATA:
        return st.dictionaries(names, values).map(lambda given: {**given, "no_such_argument": 1})
    return right | right | st.dictionaries(names, values)


_watched: list[tuple[str, str]] = []
_watching = [False]


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _watching[0] and event in (
        "open",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "subprocess.Popen",
        "os.system",
    ):
        _watched.append((event, repr(arguments)))


# a hook of this kind cannot be taken away again: it stays silent outside of `watched`
sys.addaudithook(_note)


@contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """What the process opens, makes, removes and starts meanwhile."""
    _watched.clear()
    _watching[0] = True
    try:
        yield _watched
    finally:
        _watching[0] = False


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """An empty project without an exchange: there is nothing to fetch, run or trade."""
    home = tmp_path_factory.mktemp("promise")
    (home / "cards").mkdir()
    environment = {
        "TRADE_DATA": str(home / "data"),
        "TRADE_CARDS": str(home / "cards"),
        "TRADE_EXCHANGE": "imported",
    }
    return ToolContext(TradeSettings.from_environment(environment), lambda: 1_750_000_000_000)


@pytest.mark.parametrize("name", [spec.name for spec in REGISTRY.list()])
def test_every_tool_answers_whatever_it_is_called_with(context, name):
    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(arguments_of(REGISTRY.get(name)))
    def holds(arguments):
        with watched() as touched:
            result = REGISTRY.execute(name, arguments, context)
        json.dumps(result.to_plain(), allow_nan=False, ensure_ascii=False).encode()
        assert result.ok is (result.error is None)
        assert result.ok or result.error.kind != INTERNAL_FAULT, result.error
        assert [each for each in touched if "planted_for_trade" in each[1]] == []

    holds()


@given(st.text() | st.integers() | st.none() | st.lists(st.text()))
def test_a_name_that_is_none_is_an_answer_too(name):
    context = ToolContext(TradeSettings.from_environment({}), lambda: 0)
    result = REGISTRY.execute(name, {}, context)
    assert not result.ok
    json.dumps(result.to_plain(), allow_nan=False)


class Broken(dict):
    """A mapping that fails when it is looked at."""

    def keys(self):
        raise RuntimeError("broken")

    def __iter__(self):
        raise RuntimeError("broken")


@pytest.mark.parametrize("arguments", [Broken(a=1), None, 7, "text", [1], {1: 2}, {None: None}, {"a": {}}])
def test_arguments_that_are_no_mapping_are_an_answer_too(context, arguments):
    for name in ("cards.list", "cards.show", "data.query"):
        result = REGISTRY.execute(name, arguments, context)
        assert not result.ok
        json.dumps(result.to_plain(), allow_nan=False)


def test_every_tool_says_what_a_call_takes():
    for spec in REGISTRY.list():
        if spec.cost.scale in (CostScale.MINUTES, CostScale.UNTIL_STOPPED):
            assert spec.cost.grows_with, spec.name


def test_whatever_trades_is_asked_for():
    for spec in REGISTRY.list():
        assert spec.needs_consent is (spec.side_effect in (SideEffect.WRITE, SideEffect.TRADE))


@pytest.mark.parametrize("access", list(FileAccess))
@pytest.mark.parametrize("name", ["a" * 5_000, "half\ud800.md", "nothing\x00.md"])
def test_a_name_no_file_can_have_is_refused(context, access, name):
    result = REGISTRY.execute("features.reference", {"out": name}, replace(context, files=access))
    assert result.error.kind in ("ConfigurationError", "BadArguments")


def test_a_person_names_files_anywhere(context, tmp_path):
    free = replace(context, files=FileAccess.ANYWHERE)
    result = REGISTRY.execute("features.reference", {"out": str(tmp_path / "REFERENCE.md")}, free)
    assert result.ok
    assert (tmp_path / "REFERENCE.md").exists()

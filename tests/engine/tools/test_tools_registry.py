"""The registry keeps its promise: whatever a tool does, the caller gets a result that has a JSON form."""

from __future__ import annotations

import json
import logging
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigurationError, DataNotFound
from engine.settings import TradeSettings
from engine.tools.plain import to_plain
from engine.tools.registry import (
    BAD_ARGUMENTS,
    INTERNAL_FAULT,
    UNKNOWN_TOOL,
    NoInput,
    SideEffect,
    ToolContext,
    ToolInput,
    ToolRegistry,
    ToolSpec,
)


class Sum(ToolInput):
    first: float
    second: float = 1.0


def a_tool(
    name="numbers.add", handler=lambda asked, context: asked.first + asked.second, model=Sum, about="Add."
):
    return ToolSpec(name, about, SideEffect.COMPUTE, model, handler)


@pytest.fixture
def context(tmp_path):
    settings = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path)})
    return ToolContext(settings=settings, now_ms=lambda: 1_700_000_000_000)


@pytest.fixture
def registry():
    made = ToolRegistry()
    made.register(a_tool())
    return made


def test_a_good_call_answers_with_data_and_time(registry, context):
    result = registry.execute("numbers.add", {"first": 2}, context)
    assert result.ok
    assert result.data == 3.0
    assert result.error is None
    assert result.elapsed_ms >= 0
    assert result.to_plain()["ok"] is True


def test_the_handler_gets_settings_and_clock(registry, context):
    registry.register(a_tool("clock.read", lambda asked, ctx: [ctx.now_ms(), ctx.settings.data_dir], NoInput))
    result = registry.execute("clock.read", {}, context)
    assert result.data == [1_700_000_000_000, str(context.settings.data_dir)]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({}, "first"), ({"first": "many"}, "first"), ({"first": 1, "third": 2}, "third")],
)
def test_bad_arguments_are_named_and_never_raise(registry, context, arguments, named):
    result = registry.execute("numbers.add", arguments, context)
    assert not result.ok
    assert result.error.kind == BAD_ARGUMENTS
    assert named in result.error.message
    assert result.error.way_out == "it takes first, second (optional)"


def test_an_unknown_tool_suggests_its_neighbours(registry, context):
    result = registry.execute("numbers.ad", {}, context)
    assert result.error.kind == UNKNOWN_TOOL
    assert "numbers.add" in result.error.way_out


def test_a_refusal_keeps_kind_message_and_way_out(registry, context):
    def refuse(asked, ctx):
        raise DataNotFound("no candles of BTCUSDT 15m", way_out="run `trade sync`")

    registry.register(a_tool("data.read", refuse, NoInput))
    error = registry.execute("data.read", {}, context).error
    assert (error.kind, error.message, error.way_out) == (
        "DataNotFound",
        "no candles of BTCUSDT 15m",
        "run `trade sync`",
    )


def test_an_unforeseen_fault_becomes_a_result_and_is_logged(registry, context, caplog):
    registry.register(a_tool("data.break", lambda asked, ctx: 1 / 0, NoInput))
    with caplog.at_level(logging.ERROR):
        result = registry.execute("data.break", {}, context)
    assert result.error.kind == INTERNAL_FAULT
    assert "division by zero" in result.error.message
    assert "data.break" in caplog.text
    json.dumps(result.to_plain(), allow_nan=False)


def test_a_value_without_json_form_is_a_fault_and_not_an_exception(registry, context):
    registry.register(a_tool("data.object", lambda asked, ctx: object(), NoInput))
    assert registry.execute("data.object", {}, context).error.kind == INTERNAL_FAULT


def test_ctrl_c_passes_through(registry, context):
    def interrupted(asked, ctx):
        raise KeyboardInterrupt

    registry.register(a_tool("data.wait", interrupted, NoInput))
    with pytest.raises(KeyboardInterrupt):
        registry.execute("data.wait", {}, context)


def test_numbers_without_json_form_become_null(registry, context):
    registry.register(
        a_tool(
            "metrics.read",
            lambda asked, ctx: {"sharpe": math.nan, "worst": [math.inf, np.float64(2)]},
            NoInput,
        )
    )
    data = registry.execute("metrics.read", {}, context).data
    assert data == {"sharpe": None, "worst": [None, 2.0]}
    assert type(data["worst"][1]) is float


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    )
)
def test_plain_data_always_survives_json(value):
    plain = to_plain(value)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_two_tools_of_one_name_are_refused(registry):
    with pytest.raises(ConfigurationError, match=r"numbers\.add"):
        registry.register(a_tool())


@pytest.mark.parametrize("name", ["add", "numbers.", ".add", ""])
def test_a_name_needs_category_and_verb(registry, name):
    with pytest.raises(ConfigurationError, match="not a tool name"):
        registry.register(a_tool(name))


def test_tools_are_found_by_category_and_by_words(registry):
    registry.register(a_tool("cards.list", about="List the IdeaCards.", model=NoInput))
    registry.register(a_tool("cards.show", about="Show one IdeaCard in full.", model=NoInput))
    assert [spec.name for spec in registry.list("cards")] == ["cards.list", "cards.show"]
    assert [spec.name for spec in registry.list()] == ["cards.list", "cards.show", "numbers.add"]
    assert [spec.name for spec in registry.search("ideacard SHOW")] == ["cards.show"]
    assert registry.search("nothing like it") == ()


def test_a_tool_describes_its_arguments_as_json_schema(registry):
    schema = registry.get("numbers.add").input_schema()
    assert schema["required"] == ["first"]
    assert schema["additionalProperties"] is False

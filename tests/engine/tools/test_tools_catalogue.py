"""The registry as shipped: every tool is described, and broken outside tools do not take the others along."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from engine.settings import TradeSettings
from engine.tools.catalogue import ENTRY_POINT_GROUP, full_registry, own_registry
from engine.tools.registry import UNKNOWN_TOOL, NoInput, SideEffect, ToolContext, ToolSpec


def register(registry) -> None:
    """What an outside package would offer."""
    registry.register(
        ToolSpec("outside.ping", "Answer.", SideEffect.READ, NoInput, lambda asked, ctx: "pong")
    )


def entry_point(value: str) -> EntryPoint:
    return EntryPoint(name="plugin", value=value, group=ENTRY_POINT_GROUP)


@pytest.fixture
def context(tmp_path):
    return ToolContext(TradeSettings.from_environment({"TRADE_DATA": str(tmp_path)}), lambda: 0)


def test_the_shipped_tools_are_these():
    assert [spec.name for spec in own_registry().list()] == [
        "account.fees",
        "account.prepare",
        "account.results",
        "account.show",
        "account.transactions",
        "backtest.breakdown",
        "backtest.compare",
        "backtest.run",
        "backtest.sweep",
        "cards.list",
        "cards.migrate",
        "cards.show",
        "cards.validate",
        "data.check",
        "data.export",
        "data.heal",
        "data.import",
        "data.journal",
        "data.quarantine",
        "data.query",
        "data.rules",
        "data.status",
        "data.sync",
        "demo.run",
        "explain.moment",
        "explain.trade",
        "explain.trades",
        "features.draw",
        "features.reference",
        "gates.list",
        "gates.project",
        "gates.run",
        "journal.tail",
        "live.evidence",
        "live.list",
        "live.parity",
        "live.run",
        "live.status",
        "live.stop",
        "notifications.test",
        "orders.amend",
        "orders.cancel",
        "orders.cancel_all",
        "orders.fills",
        "orders.find",
        "orders.history",
        "orders.list",
        "orders.place",
        "orders.rules",
        "portfolio.run",
        "positions.add_margin",
        "positions.close",
        "positions.list",
        "positions.set_bracket",
        "positions.set_leverage",
        "positions.show",
        "project.init",
        "promotion.validate",
        "promotions.decide",
        "promotions.list",
        "promotions.promote",
        "promotions.replay",
        "promotions.why",
        "report.show",
        "risk.halt",
        "risk.limits",
        "risk.panic",
        "risk.resume",
        "risk.status",
        "risk.write_limits",
        "strategies.list",
        "sweeps.adopt",
        "sweeps.list",
        "sweeps.show",
        "tools.list",
        "tools.show",
        "universe.list",
        "universe.refresh",
    ]


def test_every_tool_says_what_it_does_and_what_it_takes():
    for spec in own_registry().list():
        assert spec.description.endswith(".")
        schema = spec.input_schema()
        assert schema["type"] == "object"
        for name, field in schema.get("properties", {}).items():
            assert field.get("description"), f"{spec.name}: {name} has no description"


def test_outside_tools_join_by_entry_point(context):
    registry = full_registry([entry_point(f"{__name__}:register")])
    assert registry.execute("outside.ping", {}, context).data == "pong"


@pytest.mark.parametrize("value", ["no_such_module:register", f"{__name__}:no_such_function"])
def test_a_broken_entry_point_is_named_and_the_rest_works(context, value):
    registry = full_registry([entry_point(value)])
    error = registry.execute("outside.ping", {}, context).error
    assert error.kind == UNKNOWN_TOOL
    assert "plugin" in error.message
    assert value in error.message
    assert registry.execute("promotions.list", {}, context).ok


def test_the_pipeline_is_installed_as_a_tool():
    assert full_registry().get("pipeline.run").category == "pipeline"

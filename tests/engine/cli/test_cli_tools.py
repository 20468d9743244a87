"""`trade tools`: every tool can be found, looked at and called; what changes something asks first."""

from __future__ import annotations

import json

import pytest

from engine.tools.catalogue import full_registry


def test_tools_are_listed_by_category_and_by_words(trade):
    every = trade.json("tools", "list")["data"]
    assert [tool["name"] for tool in every["tools"]] == [spec.name for spec in full_registry().list()]
    assert every["categories"] == list(full_registry().categories())
    of_cards = trade.json("tools", "list", "cards")["data"]["tools"]
    assert {tool["category"] for tool in of_cards} == {"cards"}
    found = trade.json("tools", "list", "--search", "SELECT stored")["data"]["tools"]
    assert [tool["name"] for tool in found] == ["data.query"]
    shown = trade("tools", "list", "data")
    assert "data.sync" in shown.stdout
    assert "minutes" in shown.stdout
    refused = trade("tools", "list", "nothing")
    assert refused.exit_code == 1
    assert "cards" in refused.stderr


def test_a_tool_shows_what_it_changes_costs_and_takes(trade):
    shown = trade("tools", "show", "backtest.sweep").stdout
    for part in ("compute", "minutes, grows with sets of parameters", "objective", '"grid"'):
        assert part in shown
    answer = trade.json("tools", "show", "features.prune")["data"]
    assert answer["is_destructive"] is True
    assert answer["input_schema"]["properties"]["keep_mb"]["default"] == 500
    assert "cards.show" in trade("tools", "show", "cards.shw").stderr


def test_a_tool_is_called_with_arguments_in_json(trade):
    answer = trade.json("tools", "call", "cards.show", "--json-args", '{"card": "trend_pullback"}')
    assert answer["data"]["id"] == "trend_pullback"
    shown = trade("tools", "call", "cards.show", "--json-args", '{"card": "trend_pullback"}')
    assert json.loads(shown.stdout) == answer["data"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("cards.show", "--json-args", "{"), 2, "no JSON"),
        (("cards.show", "--json-args", "[1]"), 2, "object"),
        (("cards.show",), 2, "card"),
        (("cards.show", "--json-args", '{"card": "none"}'), 1, "no card"),
        (("no.tool",), 1, "no tool"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(trade, arguments, code, said):
    result = trade("tools", "call", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""


def test_what_changes_something_is_not_done_unasked(trade):
    refused = trade("tools", "call", "project.init")
    assert refused.exit_code == 1
    assert "--yes" in refused.stderr
    as_json = json.loads(trade("tools", "call", "project.init", "--json").stdout)
    assert as_json["error"]["kind"] == "NoConsent"
    assert trade("data", "status").exit_code == 1
    done = trade.json("tools", "call", "project.init", "--yes")
    assert done["data"]["created"] is True


def test_pruning_asks(trade):
    refused = trade("features", "prune")
    assert refused.exit_code == 1
    assert "Remove stored features" in refused.stderr

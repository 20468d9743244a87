"""Strategies of a user's own package: installed beside TRADE, they are there by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from engine.errors import CardError, ConfigurationError
from engine.idea_card.load import card_from_text
from engine.strategies.card_plan import plan_card
from engine.strategies.examples.trend_pullback import TrendPullback
from engine.strategies.registry import ENTRY_POINT_GROUP, StrategyRegistry

CARDS = Path(__file__).parents[3] / "idea_cards"
MODULE = textwrap.dedent(
    '''
    """A module of somebody else's."""

    from engine.strategies.base import BaseStrategy
    from engine.strategies.signal import ENTER_LONG


    class Momentum(BaseStrategy):
        """Long while the close is above that of ten bars ago."""

        name, version, inputs = "momentum", "2.1.0", ("close[10]",)

        def generate_signals(self, snapshot):
            return [ENTER_LONG] if snapshot.value("close") > snapshot.value("close", offset=10) else []


    class Nameless(BaseStrategy):
        version, inputs = "1.0.0", ("close",)

        def generate_signals(self, snapshot):
            return []


    NUMBER = 7
    '''
)


def install(folder: Path, distribution: str, module: str, entries: str, text: str = MODULE) -> None:
    """Lay a package into `folder` as an installer does: a module, and metadata with entry points."""
    (folder / f"{module}.py").write_text(text)
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{entries}\n")


def registry() -> StrategyRegistry:
    return StrategyRegistry((TrendPullback,), group=ENTRY_POINT_GROUP)


def card_of(strategy: str, version: str) -> str:
    text = (CARDS / "python" / "channel_breakout_python.yaml").read_text()
    head, _, rest = text.partition("  strategy:\n")
    said = f"  strategy: {{name: {strategy}, version: {version}, params: {{}}}}\n"
    return head + said + rest[rest.index("\nposition_policy") :]


def test_a_package_brings_a_strategy_and_a_card_names_it(tmp_path, monkeypatch):
    install(tmp_path, "my-strategies", "mine_one", "momentum = mine_one:Momentum")
    monkeypatch.syspath_prepend(tmp_path)
    known = registry()
    assert known.names == ("trend_pullback", "momentum")
    assert [strategy.name for strategy in known] == ["trend_pullback", "momentum"]
    plan = plan_card(card_from_text(card_of("momentum", "2.1.0"), "card.yaml"), known)
    assert plan.strategy is not None
    assert plan.strategy.name == "momentum"
    with pytest.raises(CardError, match=r"is not that of the code, which is 2\.1\.0"):
        plan_card(card_from_text(card_of("momentum", "2.0.0"), "card.yaml"), known)
    with pytest.raises(CardError, match="did you mean momentum"):
        plan_card(card_from_text(card_of("momentun", "2.1.0"), "card.yaml"), known)
    assert registry().with_more().names == known.names
    assert StrategyRegistry((TrendPullback,)).names == ("trend_pullback",)


@pytest.mark.parametrize(
    ("entry", "text", "told"),
    [
        ("momentum = mine_two:Absent", MODULE, "of my-strategies .* cannot be loaded: AttributeError"),
        ("momentum = mine_nowhere:Momentum", MODULE, "cannot be loaded: ModuleNotFoundError"),
        ("momentum = mine_two:Momentum", "def broken(", "cannot be loaded: SyntaxError"),
        ("momentum = mine_two:NUMBER", MODULE, r"is no strategy\n.*BaseStrategy"),
        ("momentum = mine_two:Nameless", MODULE, "Nameless has no usable name"),
        ("speed = mine_two:Momentum", MODULE, r"calls itself 'momentum'\n.*name the entry point momentum"),
        ("trend_pullback = mine_two:Momentum", MODULE, "more than one .* of TRADE and my-strategies"),
    ],
)
def test_a_package_that_brings_no_strategy_is_named_and_hides_no_other(
    entry, text, told, tmp_path, monkeypatch
):
    install(tmp_path, "my-strategies", "mine_two", entry, text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine_two", raising=False)
    name = entry.partition(" ")[0]
    known = registry()
    with pytest.raises(ConfigurationError, match=told):
        known.get(name)
    assert list(known.unusable) == [name]
    assert [each.name for each in known] == [n for n in ("trend_pullback",) if n != name]


def test_two_packages_with_one_name_are_both_named(tmp_path, monkeypatch):
    install(tmp_path, "my-strategies", "mine_three", "momentum = mine_three:Momentum")
    install(tmp_path, "your-strategies", "yours_three", "momentum = yours_three:Momentum")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"momentum'.*(my|your)-strategies and (my|your)-strategies"):
        registry().get("momentum")


def test_the_command_lists_it_and_a_card_with_it_is_valid(tmp_path):
    install(tmp_path, "my-strategies", "mine_four", "momentum = mine_four:Momentum\nbad = mine_four:NUMBER")
    card = tmp_path / "own.yaml"
    card.write_text(card_of("momentum", "2.1.0"))

    def trade(*words: str) -> dict:
        environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{CARDS.parent}"}
        command = [sys.executable, "-c", "from engine.cli.main import main; main()", *words, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return json.loads(done.stdout)["data"]

    listed = trade("strategies", "list")
    [mine] = [row for row in listed["strategies"] if row["name"] == "momentum"]
    assert mine["version"] == "2.1.0"
    assert mine["description"] == "Long while the close is above that of ten bars ago."
    [bad] = listed["unusable"]
    assert bad["name"] == "bad"
    assert "my-strategies" in bad["problem"]
    assert trade("cards", "validate", str(card))["all_valid"]

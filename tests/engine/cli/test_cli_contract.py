"""What holds of every command there is: `--json`, exit codes, help, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.testing import CliRunner

from engine.cli.calling import NO_CONSENT
from engine.cli.exit_codes import ExitCode
from engine.cli.main import app
from engine.tools.catalogue import full_registry
from engine.tools.registry import SideEffect

# These serve until they are interrupted; what they say in JSON is tried where they are.
SERVING = {"sandbox", "mcp serve"}


def leaves(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from leaves(command, (*path, name))
            if command.invoke_without_command:
                yield " ".join((*path, name)), command
        else:
            yield " ".join((*path, name)), command


# A run in shadow is no order and a live one has its own phrase to type; ending one, and a resume, which has a
# phrase too, need no second word.
SAID_OTHERWISE = {"live start", "live stop", "risk resume", "promotions decide"}

TOOLS = {spec.name: spec for spec in full_registry().list()}
COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> dict[str, str]:
    """A project without cards, data and exchange: whatever is asked is refused or answered at once."""
    home = tmp_path_factory.mktemp("contract")
    (home / "cards").mkdir()
    return {
        "TRADE_DATA": str(home / "data"),
        "TRADE_CARDS": str(home / "cards"),
        "TRADE_EXCHANGE": "imported",
        "DAGSTER_HOME": str(home),
        "COLUMNS": "160",
    }


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_json_and_says_what_it_does(name):
    command = COMMANDS[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name} has no help"


def plausible(command) -> list[str]:
    """Words for everything a command does not run without; none of it is there."""
    words = []
    for parameter in command.params:
        if not (parameter.required or parameter.name in ("card", "cards")):
            continue
        value = "1" if parameter.type_descriptor.annotation in (int, float) else "NONE"
        if isinstance(parameter, TyperOption):
            words += [parameter.opts[0], value]
        elif isinstance(parameter, TyperArgument):
            words += [value]
    return words


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - SERVING - {"demo"}))
def test_with_json_there_is_json_whatever_comes_of_it(name, empty):
    words = [*name.split(), *plausible(COMMANDS[name]), "--json"]
    done = CliRunner().invoke(app, words, env=empty)
    assert done.exit_code in (ExitCode.DONE, ExitCode.REFUSED, ExitCode.USAGE), done.output
    if done.exit_code == ExitCode.USAGE and not done.stdout:
        assert "Usage" in done.stderr  # the words never reached a tool
        return
    answer = json.loads(done.stdout)
    assert set(answer) == {"tool", "ok", "data", "error", "elapsed_ms"}
    assert done.stderr == ""
    spec = TOOLS.get(answer["tool"])
    trades = spec is not None and (spec.is_destructive or spec.side_effect is SideEffect.TRADE)
    if trades and name not in SAID_OTHERWISE:
        assert answer["error"]["kind"] == NO_CONSENT
    if not answer["ok"]:
        assert done.exit_code != ExitCode.DONE
        assert answer["error"]["kind"] != "InternalFault", answer["error"]
        assert answer["error"]["message"]


def test_the_exit_codes_are_one_table(empty):
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "REFUSED": 1,
        "USAGE": 2,
        "INTERRUPTED": 130,
    }
    shown = " ".join(CliRunner().invoke(app, ["--help"], env=empty).stdout.split())
    for code in ExitCode:
        assert f"{code.value} {code.meaning}" in shown
    for words, code in (
        (["cards", "list"], ExitCode.DONE),
        (["cards", "show", "none"], ExitCode.REFUSED),
        (["cards", "shw"], ExitCode.USAGE),
        (["backtest"], ExitCode.USAGE),
    ):
        assert CliRunner().invoke(app, words, env=empty).exit_code == code


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("trade cards show tr", ["trend_pullback"]),
        ("trade backtest trend_pullback --symbol BT", ["BTCUSDT"]),
        ("trade data status --timeframe 1", ["1m", "15m", "1h", "12h", "1d", "1w"]),
        ("trade features draw supertr", ["supertrend"]),
        ("trade tools call cards.s", ["cards.show"]),
        ("trade tools list prom", ["promotion", "promotions"]),
        ("trade da", ["data"]),
    ],
)
def test_the_shell_completes_names_that_are_there(words, offered):
    environment = {
        "_TRADE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    trade = Path(sys.executable).with_name("trade")
    done = subprocess.run([trade], env=os.environ | environment, capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) >= set(offered), done.stderr
    assert all(word.startswith(words.rpartition(" ")[2]) for word in done.stdout.split())


def test_completion_fails_at_nothing(tmp_path):
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "broken.yaml").write_text("id: half_a_card\nsymbols:\n  - XRPUSDT\n")
    environment = {"TRADE_CARDS": str(tmp_path), "TRADE_DATA": str(tmp_path)}
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "universe.json").write_text("[")
    trade = Path(sys.executable).with_name("trade")
    for words, offered in (("trade cards show ", "half_a_card"), ("trade run x --symbol ", "XRPUSDT")):
        asked = {"_TRADE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run(
            [trade], env=os.environ | environment | asked, capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == [offered], done.stderr
        assert done.stderr == ""

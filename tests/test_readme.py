"""Every command of the README is run, in order, in a copy of the project; what it shows is what it says.

- A line of shown output has to appear in the real one, in order; `…` in it stands for anything.
- `make` targets are only looked up (`make -n`): they install, and this test suite is itself one of them.
- `trade sandbox` runs in the background, on a free port, with the demo's clock, until the next one starts.
- The command for the real exchange runs with no way out of this machine, and has to say so.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from recorded_market import record_market

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text()
COLUMNS = "100"

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Command:
    """A command of the README and the output shown below it."""

    text: str
    shown: tuple[str, ...]


def commands() -> list[Command]:
    found: list[Command] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            text, *shown = part.rstrip("\n").split("\n")
            found.append(Command(text, tuple(line.rstrip() for line in shown if line.strip())))
    return found


@dataclass
class Shell:
    """A terminal in the copy: what is exported or activated stays so."""

    folder: Path
    environment: dict[str, str]
    prelude: list[str] = field(default_factory=list)
    servers: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", "\n".join([*self.prelude, text])],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def serve(self, text: str) -> None:
        """Start a sandbox in place of the one before, and wait until it listens."""
        self.stop()
        port = self.environment["TRADE_SANDBOX_URL"].rpartition(":")[2]
        clock = "" if "--replay" in text else " --now 2026-01-01"
        process = subprocess.Popen(
            ["bash", "-c", f"exec {text} --port {port}{clock}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.servers.append(process)
        said = ""
        while "listens on" not in said:
            line = process.stdout.readline()
            assert line, f"{text} ended: {said}"
            said += line

    def stop(self) -> None:
        for process in self.servers:
            process.terminate()
            process.communicate(timeout=30)
        self.servers.clear()


@contextmanager
def copy_of_the_project(folder: Path) -> Iterator[Shell]:
    """A folder with what the commands touch: cards, Dagster's configuration, the tools, recorded candles."""
    folder.mkdir()
    for name in ("idea_cards", ".ci", "Makefile", "workspace.yaml"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)
    (folder / "dagster_home").mkdir()
    shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", folder / "dagster_home")
    (folder / ".venv").symlink_to(PROJECT / ".venv")
    record_market(folder / "recorded")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shell = Shell(
        folder,
        os.environ
        | {
            "COLUMNS": COLUMNS,
            "TRADE_CARDS": str(folder / "idea_cards"),
            "TRADE_DATA": str(folder / "data"),
            "TRADE_SANDBOX_URL": f"http://127.0.0.1:{port}",
            "DAGSTER_HOME": str(folder / "dagster_home"),
        },
    )
    try:
        yield shell
    finally:
        shell.stop()


def missing_lines(shown: tuple[str, ...], output: str) -> list[str]:
    """Return the shown lines that do not appear, in order, in the output; how much space is all the same."""
    real, missing = iter([" ".join(line.split()) for line in output.splitlines()]), []
    for line in shown:
        pattern = re.compile(".*".join(map(re.escape, " ".join(line.split()).split("…"))))
        if line != "…" and not any(pattern.fullmatch(candidate) for candidate in real):
            missing.append(line)
    return missing


def complaint(shell: Shell, command: Command) -> str | None:
    """Run a command as its kind asks for and return what is not as the README says."""
    text = command.text
    if text.startswith("make "):
        done = subprocess.run(["make", "-n", text.split()[1]], cwd=PROJECT, capture_output=True, check=False)
        return None if done.returncode == 0 else f"there is no {text!r}"
    if text.startswith(("export ", "source ")):
        shell.prelude.append(text)
        text = "true"
    if "trade sandbox" in text:
        return shell.serve(text)
    if "TRADE_EXCHANGE=bybit" in text:
        done = shell.run(text, HTTPS_PROXY="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9")
        right = done.returncode == 1 and "api.bybit.com" in done.stderr and "Traceback" not in done.stderr
        return None if right else f"{text!r} without a network ended with {done.returncode}: {done.stderr}"
    refused = any("is no usable card" in line for line in command.shown)
    done = shell.run(text)
    if done.returncode != (1 if refused else 0):
        return f"{text!r} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    missing = missing_lines(command.shown, done.stdout)
    if missing:
        listing = "\n".join(missing)
        return f"{text!r} does not show:\n{listing}\nbut:\n{done.stdout}"
    return None


def test_the_readme_does_what_it_says(tmp_path):
    with copy_of_the_project(tmp_path / "trade") as shell:
        complaints = [said for command in commands() if (said := complaint(shell, command))]
    assert not complaints, "\n\n".join(complaints)


def test_the_readme_has_the_two_commands_and_the_documented_ways():
    texts = [command.text for command in commands()]
    assert texts[:2] == ["make demo", "make test"]
    for part in (
        "--partition 'BTCUSDT|1h'",
        "--partition-range",
        "TRADE_EXCHANGE=bybit",
        "--replay",
        "cards validate",
        "make ui",
    ):
        assert any(part in text for text in texts), part


def test_the_readme_lists_every_setting():
    from engine import settings

    for name in re.findall(r"`(TRADE_\w+)`", settings.__doc__ or ""):
        assert f"`{name}`" in README


def test_a_shown_line_has_to_appear_in_order():
    assert missing_lines(("a … c", "b"), "a x c\nb\n") == []
    assert missing_lines(("b", "a … c"), "a x c\nb\n") == ["a … c"]
    assert missing_lines(("a",), "ab\n") == ["a"]

"""The menu, as somebody at a terminal sees it: through a pseudo-terminal, key by key."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

TRADE = [sys.executable, "-c", "from engine.cli.main import main; main()"]
# the terminal becomes the process's own, so that Ctrl-C typed there reaches it
IN_TERMINAL = [
    sys.executable,
    "-c",
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\nfrom engine.cli.main import main; main()",
]
QUIET_S = 30


def typed(keys: Sequence[tuple[str, str]], environment: dict[str, str]) -> tuple[str, int]:
    """Start `trade` in a terminal, type each text once what it answers is shown; return screen and code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        IN_TERMINAL,
        env=os.environ | environment | {"COLUMNS": "120", "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen, seen = "", 0

    def read() -> bool:
        """Read what is there; False once the other side is closed."""
        nonlocal screen
        if select.select([ours], [], [], 0.2)[0]:
            try:
                new = os.read(ours, 65_536)
            except OSError:
                return False
            screen += new.decode(errors="replace").replace("\r\n", "\n")
            return bool(new)
        return True

    try:
        for awaited, text in keys:
            deadline = time.monotonic() + QUIET_S
            while awaited not in screen[seen:]:
                assert read(), f"it ended before {awaited!r}: {screen}"
                assert time.monotonic() < deadline, f"no {awaited!r} within {QUIET_S} s: {screen}"
            # people type when the screen stands still: Ctrl-C in the midst of it may meet anything
            while select.select([ours], [], [], 0.2)[0] and read():
                pass
            seen = len(screen)
            os.write(ours, text.encode())
        deadline = time.monotonic() + QUIET_S
        while read():
            assert time.monotonic() < deadline, f"it did not end within {QUIET_S} s: {screen}"
        return screen, process.wait(timeout=QUIET_S)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.fixture
def environment(tmp_path):
    return {"TRADE_DATA": str(tmp_path / "data"), "TRADE_EXCHANGE": "imported"}


def test_a_card_is_shown_by_menu_as_by_command(environment):
    screen, code = typed(
        [
            ("Which:", "cards\n"),
            ("Which:", "show\n"),
            ("value:", "3\n"),
            ("goes back:", "\n"),
            ("Enter goes on:", "\n"),
            ("Which:", "b\n"),
            ("Which:", "q\n"),
        ],
        environment,
    )
    assert code == 0
    assert "$ trade cards show trend_pullback" in screen
    assert "Warm-up bars" in screen
    shown = subprocess.run(
        [*TRADE, "cards", "show", "trend_pullback"],
        env=os.environ | environment | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = {line.strip() for line in screen.splitlines()}
    assert {line.strip() for line in shown.splitlines()} <= lines


def test_every_command_is_in_the_menu(environment):
    screen, _ = typed([("Which:", "q\n")], environment)
    helped = subprocess.run(
        [*TRADE, "--help"], env=os.environ | {"COLUMNS": "120"}, capture_output=True, text=True, check=True
    ).stdout
    commands = set(re.findall(r"^│ ([a-z]+) {2,}", helped, re.MULTILINE))
    assert len(commands) > 15
    assert {name for name in commands if not re.search(rf"^\d+ +{name} ", screen, re.MULTILINE)} == set()


def test_options_are_set_and_the_line_shows_them(environment):
    screen, _ = typed(
        [
            ("Which:", "backtest\n"),
            ("value:", "1\n"),  # the card
            ("value:", "2\n"),  # the symbol
            ("goes back:", "o\n"),
            ("Which:", "--start\n"),
            ("value:", "2025-01-01\n"),
            ("goes back:", "\n"),
            ("Enter goes on:", "\n"),
            ("Which:", "q\n"),
        ],
        environment,
    )
    assert "$ trade backtest band_reversion --symbol ETHUSDT --start 2025-01-01" in screen
    assert "Way out" in screen  # nothing is stored here
    assert "It ended with exit code 1" in screen


def test_a_slip_is_told_and_asked_again(environment):
    screen, code = typed(
        [("Which:", "999\n"), ("Which:", "crads\n"), ("Which:", "features\n"), ("Which:", "q\n")], environment
    )
    assert screen.count("is none of them") == 2
    assert code == 0


def test_what_destroys_asks_in_the_menu_too(environment):
    screen, _ = typed(
        [
            ("Which:", "features\n"),
            ("Which:", "prune\n"),
            ("goes back:", "\n"),
            ("[y/N]:", "n\n"),
            ("Enter goes on:", "\n"),
            ("Which:", "q\n"),
        ],
        environment,
    )
    assert "Nothing was done." in screen


def test_ctrl_c_leaves_the_menu_in_order(environment):
    screen, code = typed([("Which:", "\x03")], environment)
    assert code == 0
    assert "Traceback" not in screen


@pytest.mark.parametrize("keys", ["", "cards\n"])
def test_without_a_terminal_there_is_help(keys, environment):
    done = subprocess.run(
        TRADE,
        env=os.environ | environment,
        input=keys,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert "Usage: trade" in done.stdout
    assert "Which" not in done.stdout


def test_starting_the_menu_imports_nothing_heavy():
    script = (
        "import sys; from engine.cli import menu; "
        "print([name for name in ('duckdb', 'numba', 'pandas', 'dagster', 'mcp') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"

"""Progress: bars on a terminal, lines elsewhere, and no task is lost."""

from __future__ import annotations

import io

from rich.console import Console

from engine.cli.watching import BarProgress, LineProgress, watch


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)


def a_job(progress) -> None:
    with progress:
        progress.start("sync", 2)
        progress.advance("sync", note="BTCUSDT 1h")
        progress.advance("sync", note="[not markup]")
        progress.finish("sync")


def test_a_terminal_gets_bars():
    screen = console(terminal=True)
    assert isinstance(watch(screen), BarProgress)
    a_job(watch(screen))
    text = screen.file.getvalue()
    assert "sync" in text
    assert "2/2" in text


def test_a_pipe_gets_a_line_per_task():
    screen = console(terminal=False)
    assert isinstance(watch(screen), LineProgress)
    a_job(watch(screen))
    [line] = screen.file.getvalue().splitlines()
    assert line.startswith("sync: 2 of 2, ")


def test_a_task_may_begin_again():
    for terminal in (True, False):
        screen = console(terminal=terminal)
        with watch(screen) as progress:
            for _ in range(2):
                progress.start("sync", 3)
                progress.advance("sync")
                progress.finish("sync")
        assert "1/3" in screen.file.getvalue() or "1 of 3" in screen.file.getvalue()


def test_an_error_leaves_the_display_in_order():
    screen = console(terminal=True)
    try:
        with watch(screen) as progress:
            progress.start("sync", 3)
            raise ValueError
    except ValueError:
        pass
    # the cursor is shown again
    assert screen.file.getvalue().rstrip("\n").endswith("\x1b[?25h")

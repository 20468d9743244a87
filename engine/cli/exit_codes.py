"""The exit codes of `trade`: one table, for the help, the documents, the tests and the code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What it stands for, in a few words."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "done, also where the answer is no, as of a card that the gates refuse",
    ExitCode.REFUSED: "refused or failed, or something it was asked to check is not in order",
    ExitCode.USAGE: "called wrongly: an unknown command or option, a value that cannot be",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}


def told() -> str:
    """Return the table as one sentence, for the help."""
    return "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."

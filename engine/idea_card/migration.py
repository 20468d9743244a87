"""A card's file brought forward to the present version of the language, with everything else left as it is.

Only the words that have to change are replaced, in the text itself: comments, alignment, quotes and line
endings stay.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import CardError, CardProblem
from engine.idea_card.migration_steps import STEPS, Change
from engine.idea_card.placeholders import SCHEMA_VERSION
from engine.idea_card.schema_version import CURRENT_VERSION, version_of, version_problems
from engine.idea_card.yaml_source import Scalar, parse_yaml, read_text, scalars_of


@dataclass(frozen=True)
class Migration:
    """A file as it is and as it is to be.

    Attributes
    ----------
    name : str
        The file.
    from_version, to_version : int
    changes : tuple of Change
        What has to change, beside the key that says the version.
    before, after : str
        Its text.
    """

    name: str
    from_version: int
    to_version: int
    changes: tuple[Change, ...]
    before: str
    after: str

    def diff(self) -> str:
        """Return the difference as a unified diff; empty if there is none."""
        lines = difflib.unified_diff(
            self.before.splitlines(),
            self.after.splitlines(),
            self.name,
            f"{self.name} (migrated)",
            "",
            "",
            2,
            "",
        )
        return "\n".join(lines)


def migrate(text: str, name: str) -> Migration:
    """Return how the card in `text` is brought forward; `name` stands for the file in messages.

    Raises
    ------
    CardError
        If the text is no YAML, or of a version this program does not know.
    """
    source = parse_yaml(text, name)
    said = version_of(source.data)
    problems = version_problems(source)
    if any(problem.key_path == SCHEMA_VERSION for problem in problems):
        raise source.error(problems)
    if not isinstance(source.data, dict):
        raise source.error(
            [CardProblem("", "is not a block of keys, as a card is", "begin with id: my_card")]
        )
    changes: list[Change] = []
    after = text
    for step in STEPS[said - 1 :]:
        found = step(parse_yaml(after, name).data)
        after = _rewritten(after, name, found)
        changes += found
    if said < CURRENT_VERSION:
        after = _with_version(after, name)
    return Migration(name, said, CURRENT_VERSION, tuple(changes), text, after)


def migrate_file(path: Path) -> Migration:
    """Return how the card at `path` is brought forward. Writes nothing. Raises as `migrate` does."""
    return migrate(read_text(path), str(path))


def write_migrated(migration: Migration, path: Path) -> None:
    """Write the migrated text in place of the file, whole or not at all.

    Raises
    ------
    CardError
        If the file cannot be written, or says something else than the migration began with.
    """
    if read_text(path) != migration.before:
        problem = CardProblem("", "has changed meanwhile", "migrate it again")
        raise CardError(str(path), [problem])
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(migration.after, encoding="utf-8", newline="")
        part.chmod(path.stat().st_mode)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        problem = CardProblem("", f"cannot be written: {error.strerror}", "check the folder's permissions")
        raise CardError(str(path), [problem]) from None


def _rewritten(text: str, name: str, changes: Iterable[Change]) -> str:
    places = {(scalar.where, scalar.is_key): scalar for scalar in scalars_of(text, name)}
    edits: list[tuple[Scalar, str]] = []
    for rewrite in {each: None for change in changes for each in change.rewrites}:
        scalar = places[rewrite.where, rewrite.in_key]
        written = text[scalar.start : scalar.end]
        edits.append((scalar, written.replace(rewrite.old, rewrite.new, 1)))
    for scalar, written in sorted(edits, key=lambda edit: -edit[0].start):
        text = text[: scalar.start] + written + text[scalar.end :]
    return text


def _with_version(text: str, name: str) -> str:
    scalars = scalars_of(text, name)
    for scalar in scalars:
        if scalar.where == (SCHEMA_VERSION,) and not scalar.is_key:
            return f"{text[: scalar.start]}{CURRENT_VERSION}{text[scalar.end :]}"
    first = scalars[0].start
    # A card may be written in braces, all on one line.
    in_braces = "{" in text[:first].rpartition("\n")[2]
    separator = ", " if in_braces else "\r\n" if "\r\n" in text else "\n"
    return f"{text[:first]}{SCHEMA_VERSION}: {CURRENT_VERSION}{separator}{text[first:]}"

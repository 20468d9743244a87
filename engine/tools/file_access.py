"""Which files a caller's arguments may name.

A person at the terminal works with whatever files are theirs. An agent gets the project, its data and its
cards to read, and its data and its cards to write: a tool called by it can neither read /etc/passwd nor plant
a file where something runs it.

Where an argument is a file is told by its type: a `Path` that may be written, unless it is marked with
`FileUse.READ`; text that ends like the file of an IdeaCard, which is read unless it is marked otherwise.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.errors import ConfigurationError
from engine.settings import PROJECT_ROOT, TradeSettings

CARD_ENDINGS = (".yaml", ".yml")
# Databases, ledgers and journals have one writer each, and no caller says that it is somebody else.
_KEPT_ENDINGS = (".duckdb", ".wal", ".jsonl")


class FileAccess(Enum):
    """How far a caller's file arguments reach."""

    ANYWHERE = "anywhere"
    """Wherever the process may: for the person whose machine it is."""
    INSIDE = "inside"
    """Reading in the project, its data and its cards; writing in its data and its cards."""
    READ_INSIDE = "read inside"
    """The same reading, and no writing where the caller says."""


class FileUse(Enum):
    """What a tool does with a file it is given. Mark a field with it: `Annotated[Path, FileUse.READ]`."""

    READ = "read"
    WRITE = "write"


def refuse_outside(asked: BaseModel, access: FileAccess, settings: TradeSettings) -> None:
    """Refuse arguments that name a file the caller may not name, or that no file can have for a name.

    Raises
    ------
    ConfigurationError
        If one does; links are followed first, and hidden files and folders are an agent's to name nowhere.
    """
    for name, path, _use in _files(asked):
        if not _can_be(path):
            raise ConfigurationError(
                f"{name}: no file can be called {str(path)[:80]!r}", way_out="check the path"
            )
    if access is FileAccess.ANYWHERE:
        return
    written = (settings.data_dir, settings.cards_dir)
    read = (PROJECT_ROOT, *written)
    for name, path, use in _files(asked):
        if use is FileUse.WRITE and access is FileAccess.READ_INSIDE:
            raise ConfigurationError(
                f"{name}: this caller may not say where files are written", way_out=f"leave {name} out"
            )
        allowed = written if use is FileUse.WRITE else read
        if not any(_is_inside(path, root) for root in allowed):
            verb = "written" if use is FileUse.WRITE else "read"
            raise ConfigurationError(
                f"{name}: {str(path)!r} is not where files may be {verb}",
                way_out=f"name one inside {', '.join(map(str, dict.fromkeys(allowed)))}",
            )
        if use is FileUse.WRITE and path.suffix.lower() in _KEPT_ENDINGS:
            raise ConfigurationError(
                f"{name}: {str(path)!r} is a database or a journal", way_out="give a file of another ending"
            )


def _can_be(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    except ValueError:  # a character that no name can have
        return False
    return True


def _is_inside(path: Path, root: Path) -> bool:
    try:
        resolved, inside_of = path.resolve(), root.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return False
    if not resolved.is_relative_to(inside_of):
        return False
    return not any(part.startswith(".") for part in resolved.relative_to(inside_of).parts)


def _files(asked: BaseModel) -> Iterator[tuple[str, Path, FileUse]]:
    for name, info in type(asked).model_fields.items():
        uses = [mark for mark in info.metadata if isinstance(mark, FileUse)]
        for value in _values(getattr(asked, name)):
            if isinstance(value, Path):
                yield name, value, uses[0] if uses else FileUse.WRITE
            elif isinstance(value, str) and value.lower().endswith(CARD_ENDINGS):
                yield name, Path(value), uses[0] if uses else FileUse.READ


def _values(value: Any) -> Iterator[Any]:
    """Yield what is in a value: itself, or everything in what it holds."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _values(key)
            yield from _values(item)
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from _values(item)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _values(getattr(value, name))
    else:
        yield value

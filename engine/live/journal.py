"""The journal of a trading session: one line for whatever was decided, sent, filled, refused or went wrong.

A file of JSON lines that is only ever added to. A line is written by one call, so that several processes
(a runner, a panic button) can write the same file; it has passed a `Redactor`, so that no secret is kept.

What money hangs on (orders, fills, states, errors) is on the disk when `append` returns (fsync); the rest
has been handed to the operating system by then: it survives the death of the process, and of the machine
once the next such line was written. A machine that dies in the middle of a line leaves a torn one: the next
writer ends it, readers step over it and count it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, BinaryIO, Self

from engine.errors import ConfigurationError, DataError
from engine.redaction import Redactor


class JournalKind(StrEnum):
    """What a line tells."""

    DECISION = "decision"
    ORDER = "order"
    FILL = "fill"
    REFUSAL = "refusal"
    ERROR = "error"
    STATE = "state"
    RECONCILED = "reconciled"
    CANDLE = "candle"


_ON_DISK_AT_ONCE = frozenset({JournalKind.ORDER, JournalKind.FILL, JournalKind.STATE, JournalKind.ERROR})
_BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line.

    Parameters
    ----------
    ts_ms : int
        When, UTC epoch milliseconds.
    kind : JournalKind
        What it tells.
    card_id, symbol : str
        Of which card and symbol; "" if it is about all.
    data : mapping
        The rest. Decimals and paths are written as text, enums as their value, dataclasses as mappings.
    """

    ts_ms: int
    kind: JournalKind
    card_id: str = ""
    symbol: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JournalReading:
    """What was read: the entries in their order, where to go on, and how many lines were none."""

    entries: tuple[JournalEntry, ...]
    next_offset: int
    unreadable_lines: int = 0


class Journal:
    """Adds lines to a journal file; to be closed, or used as a context.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made if need be.
    redactor : Redactor, optional
        Takes the secrets out of every line.

    Raises
    ------
    ConfigurationError
        If the file cannot be opened for writing.
    """

    def __init__(self, path: Path, redactor: Redactor | None = None) -> None:
        self.path = path
        self._redactor = redactor or Redactor()
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"the journal {path} cannot be written: {error.strerror}",
                way_out="check the folder's permissions, or set TRADE_DATA to a folder of yours",
            ) from None
        self._end_a_torn_line()

    def append(self, entry: JournalEntry, *, can_be_found_again: bool = False) -> None:
        """Add a line.

        Parameters
        ----------
        entry : JournalEntry
        can_be_found_again : bool, optional
            Whether the machine may lose the line with its power, because what it tells can be had elsewhere:
            it is then not waited for until it is on the disk.

        Raises
        ------
        DataError
            If it cannot be written, as on a full disk, or the journal is closed.
        """
        data = self._redactor.plain(_plain(entry.data))
        line = {
            "ts_ms": entry.ts_ms,
            "kind": entry.kind.value,
            "card_id": entry.card_id,
            "symbol": entry.symbol,
            "data": data,
        }
        text = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        # characters that no encoding has (halves of a pair) become question marks
        written = f"{text}\n".encode(errors="replace")
        with self._lock:
            try:
                if self._file < 0:
                    raise OSError(0, "it is closed")
                if os.write(self._file, written) != len(written):
                    self._end_a_torn_line()
                    raise OSError(0, "only a part of a line was written")
                if entry.kind in _ON_DISK_AT_ONCE and not can_be_found_again:
                    os.fsync(self._file)
            except OSError as error:
                raise DataError(
                    f"the journal {self.path} cannot be written: {error.strerror}",
                    way_out="make room on the disk; nothing is traded that cannot be written down",
                ) from None

    def close(self) -> None:
        """Bring everything to the disk and close the file. Closing twice does no harm."""
        with self._lock:
            if self._file >= 0:
                os.fsync(self._file)
                os.close(self._file)
                self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end_a_torn_line(self) -> None:
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")


def read_journal(path: Path, offset: int = 0) -> JournalReading:
    """Return the entries of a journal from a byte offset on; none if there is no such file.

    A last line that is not ended is left for the next reading: it may be on its way.

    Parameters
    ----------
    path : Path
        The file.
    offset : int, optional
        `next_offset` of an earlier reading. One beyond the end starts at the beginning: the file is another.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = offset if offset <= os.fstat(file.fileno()).st_size else 0
            file.seek(start)
            block = file.read()
    except FileNotFoundError:
        return JournalReading((), 0)
    except OSError as error:
        raise DataError(f"the journal {path} cannot be read: {error.strerror}") from None
    ended = block.rfind(b"\n") + 1
    entries, unreadable = _entries_of(block[:ended])
    return JournalReading(entries, start + ended, unreadable)


def tail_journal(
    path: Path, count: int, *, kinds: AbstractSet[JournalKind] | None = None, card_id: str | None = None
) -> JournalReading:
    """Return the last `count` entries of a journal, in their order, without reading what is before them.

    Parameters
    ----------
    path : Path
        The file.
    count : int
        How many at most.
    kinds : set of JournalKind, optional
        Only these; all if not given.
    card_id : str, optional
        Only this card's.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    found: deque[JournalEntry] = deque()
    unreadable = 0
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            lines = _lines_backwards(file, size)
            # what stands after the last line break may be on its way
            end = size - len(next(lines))
            while len(found) < count and (line := next(lines, None)) is not None:
                entries, torn = _entries_of(line)
                unreadable += torn
                found.extendleft(entry for entry in entries if _asked(entry, kinds, card_id))
    except FileNotFoundError:
        return JournalReading((), 0)
    except OSError as error:
        raise DataError(f"the journal {path} cannot be read: {error.strerror}") from None
    return JournalReading(tuple(found), end, unreadable)


def _lines_backwards(file: BinaryIO, position: int) -> Iterator[bytes]:
    """Yield what stands between the line breaks before `position`, the last first."""
    rest = b""
    while position:
        step = min(_BLOCK_BYTES, position)
        position -= step
        file.seek(position)
        rest, *lines = (file.read(step) + rest).split(b"\n")
        yield from reversed(lines)
    yield rest


def _asked(entry: JournalEntry, kinds: AbstractSet[JournalKind] | None, card_id: str | None) -> bool:
    return (kinds is None or entry.kind in kinds) and (card_id is None or entry.card_id == card_id)


def _entries_of(block: bytes) -> tuple[tuple[JournalEntry, ...], int]:
    entries: list[JournalEntry] = []
    unreadable = 0
    for line in block.splitlines():
        try:
            plain = json.loads(line)
            entries.append(
                JournalEntry(
                    int(plain["ts_ms"]),
                    JournalKind(plain["kind"]),
                    str(plain["card_id"]),
                    str(plain["symbol"]),
                    dict(plain["data"]),
                )
            )
        except (ValueError, KeyError, TypeError):
            unreadable += bool(line.strip())
    return tuple(entries), unreadable


# Most of what a line holds; looked up by type, which costs a tenth of asking what it is an instance of.
_AS_IT_IS = frozenset((type(None), bool, int, str))


def _plain(value: Any) -> Any:
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal | PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot be journalled: {value!r}")

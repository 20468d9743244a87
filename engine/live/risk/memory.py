"""The file the risk manager remembers by: small, replaced whole, shared by every process of an environment.

A change is read, made and written under a lock of the operating system, so that a runner, an order by hand
and the panic button do not overwrite each other; who only looks reads again when the file is another. What
cannot be read is never begun anew by itself: nothing opens until a person has looked.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from engine.errors import CorruptData, DataError
from engine.live.risk.record import RiskRecord

_LOCK_TIMEOUT_S = 5.0
_LOCK_POLL_S = 0.002

type _Stamp = tuple[int, int, int]


class RiskMemory:
    """Keeps a `RiskRecord`.

    Parameters
    ----------
    path : Path or None
        The file; it and its folder are made if need be. None keeps the record in this process only, as for
        a replay.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = None if path is None else FileLock(path.with_name(f"{path.name}.lock"))
        self._adapter = TypeAdapter(RiskRecord)
        self._record = RiskRecord()
        self._stamp: _Stamp | None = None

    def read(self) -> RiskRecord:
        """Return what is remembered; an empty record if nothing ever was.

        Raises
        ------
        CorruptData
            If the file is there and is no memory.
        DataError
            If it cannot be read.
        """
        if self._path is None:
            return self._record
        try:
            stamp = _stamp(os.stat(self._path))
            if stamp != self._stamp:
                self._record = self._adapter.validate_json(self._path.read_bytes())
                self._stamp = stamp
        except FileNotFoundError:
            self._record, self._stamp = RiskRecord(), None
        except ValidationError as error:
            raise CorruptData(
                f"{self._path} is no memory of the risk manager ({error.error_count()} things are wrong)",
                way_out="look at the account first; then move the file away: losses are asked of the exchange"
                " again, but not the peak of the equity",
            ) from None
        except OSError as error:
            raise DataError(
                f"{self._path} cannot be read: {error.strerror}", way_out="check the permissions of the file"
            ) from None
        return self._record

    def change(self, change: Callable[[RiskRecord], RiskRecord]) -> RiskRecord:
        """Replace the record by what `change` makes of it, and return that.

        The file has been replaced when this returns; changed reasons are on the disk too (fsync), so that
        not even a power cut lifts a halt.

        Raises
        ------
        CorruptData
            If the file is there and is no memory.
        DataError
            If it cannot be read or written, or another process does not let go of it.
        """
        if self._path is None or self._lock is None:
            self._record = change(self._record)
            return self._record
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock.acquire(timeout=_LOCK_TIMEOUT_S, poll_interval=_LOCK_POLL_S):
                before = self.read()
                after = change(before)
                if after != before:
                    self._write(after, self._path, durably=after.reasons != before.reasons)
                return after
        except Timeout:
            raise DataError(
                f"{self._path} has been locked by another process for {_LOCK_TIMEOUT_S:g} s",
                way_out="end the process that hangs; the lock falls with it",
            ) from None
        except OSError as error:
            raise DataError(
                f"{self._path} cannot be written: {error.strerror}",
                way_out="make room, or check the folder's permissions",
            ) from None

    def _write(self, record: RiskRecord, path: Path, *, durably: bool) -> None:
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as file:
            file.write(self._adapter.dump_json(record))
            file.flush()
            if durably:
                os.fsync(file.fileno())
            # a file keeps its times and its number when it takes the place of another
            stamp = _stamp(os.fstat(file.fileno()))
        os.replace(part, path)
        self._record, self._stamp = record, stamp


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino

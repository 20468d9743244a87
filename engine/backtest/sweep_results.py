"""The results of a sweep: kept one by one while it runs, one table when it is done.

A set is known by its run id, which holds its system hash and the data it ran on: what is finished once, in
an earlier sweep into the same file or in one that was interrupted, is not computed again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from engine.backtest.parquet import frame_from_parquet, frame_to_parquet
from engine.errors import CorruptData
from engine.hashing import canonical_json
from engine.idea_card.frozen import to_plain
from engine.idea_card.parameter_space import Binding

type SetMetrics = Mapping[str, float]

PARAMETER = "param."
"""What the column of a parameter begins with: `param.fast`."""

_RUN_ID, _SYSTEM_HASH = "run_id", "system_hash"
_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class SetResult:
    """What became of one set of parameters."""

    binding: Binding
    system_hash: str
    run_id: str
    metrics: SetMetrics


class SweepJournal:
    """The finished sets of a sweep, by run id, in a file that every one of them is added to at once.

    Used with `with`. Reads what an earlier, interrupted sweep into the same `out` left, and what stands in
    `out` itself. A line that was cut off is left out: its set is computed again.

    Parameters
    ----------
    out : Path
        The Parquet file the sweep is to write. The journal lies beside it until then.
    metric_names : sequence of str
        What a result must hold to count.
    """

    def __init__(self, out: Path, metric_names: Sequence[str]) -> None:
        self._out = out
        self._path = out.with_name(out.name + _UNFINISHED)
        self._wanted = tuple(metric_names)
        self.finished: dict[str, SetMetrics] = {}

    def __enter__(self) -> Self:
        self._out.parent.mkdir(parents=True, exist_ok=True)
        for run_id, metrics in (*self._in_table(), *self._in_journal()):
            if all(name in metrics for name in self._wanted):
                self.finished[run_id] = {name: metrics[name] for name in self._wanted}
        self._file = self._path.open("a", encoding="utf-8")
        # A line cut off by the interruption must not swallow the next one.
        self._file.write("\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def note(self, result: SetResult) -> None:
        """Add a finished set; it is on its way to the disk when this returns."""
        line = json.dumps({_RUN_ID: result.run_id, "metrics": dict(result.metrics)})
        self._file.write(f"{line}\n")
        self._file.flush()

    def complete(self, table: pd.DataFrame) -> None:
        """Write the table in place of the journal; whoever reads `out` sees the old one or the new one."""
        part = self._out.with_name(f"{self._out.name}.part")
        part.write_bytes(frame_to_parquet(table))
        os.replace(part, self._out)
        self._path.unlink()

    def _in_table(self) -> Iterable[tuple[str, dict[str, Any]]]:
        if not self._out.exists():
            return
        try:
            rows = frame_from_parquet(self._out.read_bytes(), str(self._out)).to_dict("records")
        except CorruptData:
            return
        for row in rows:
            if _RUN_ID in row:
                yield str(row[_RUN_ID]), {str(name): value for name, value in row.items()}

    def _in_journal(self) -> Iterable[tuple[str, dict[str, Any]]]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                yield entry[_RUN_ID], entry["metrics"]
            except (ValueError, KeyError, TypeError):
                continue


def results_table(results: Sequence[SetResult], parameter_names: Iterable[str]) -> pd.DataFrame:
    """Return a row per set: `param.` columns, system_hash, run_id, then the metrics.

    Parameters whose values are all numbers, all flags or all text keep their kind; the values of others are
    written as JSON.
    """
    columns: dict[str, list[Any]] = {}
    for name in parameter_names:
        columns[f"{PARAMETER}{name}"] = _column([result.binding[name] for result in results])
    columns[_SYSTEM_HASH] = [result.system_hash for result in results]
    columns[_RUN_ID] = [result.run_id for result in results]
    for metric in results[0].metrics if results else ():
        columns[metric] = [result.metrics[metric] for result in results]
    return pd.DataFrame(columns)


def _column(values: list[Any]) -> list[Any]:
    flags = [isinstance(value, bool) for value in values]
    if all(flags) or all(isinstance(value, str) for value in values):
        return values
    if not any(flags) and all(isinstance(value, int | float) for value in values):
        # one fraction makes numbers with fractions of them all, whichever sets were asked for
        return values
    return [canonical_json(to_plain(value)) for value in values]

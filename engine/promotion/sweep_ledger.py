"""The sweep ledger: every trial of every search, in DuckDB, so that nobody forgets how often luck was tried.

A trial is one set of a card's parameters over one window of one symbol's data. Its run id is made of exactly
that, so the same trial again adds no row, whichever search comes upon it. Rows are only ever added.

The deflated Sharpe ratio counts the trials of a card's family here: of the card with whatever values, in
whatever version, and of the cards that were adopted from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.backtest.sweep_results import SetMetrics, SetResult
from engine.errors import ConfigurationError, DataNotFound
from engine.hashing import canonical_json
from engine.idea_card.frozen import to_plain
from engine.market_data.duckdb_file import ConnectionFactory
from engine.metrics.basic import BasicMetrics
from engine.metrics.returns import periods_per_year
from engine.promotion.trials import Searched, SweepSummary, Trial
from engine.timeframes import Timeframe

_METRICS = {field.name: "BIGINT" if field.type == "int" else "DOUBLE" for field in fields(BasicMetrics)}
_METRIC_COLUMNS = ", ".join(_METRICS)
# No key: an index over the ids of a million trials is larger than the trials. The write looks for itself.
_CREATE = f"""
CREATE TABLE IF NOT EXISTS sweep_trials (
    sequence BIGINT NOT NULL,
    noted_at_ms BIGINT NOT NULL,
    sweep_id VARCHAR NOT NULL,
    search VARCHAR NOT NULL,
    family VARCHAR NOT NULL,
    template VARCHAR NOT NULL,
    card_id VARCHAR NOT NULL,
    card_version VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    timeframe VARCHAR NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL CHECK (end_ms > start_ms),
    data_fingerprint VARCHAR NOT NULL,
    system_hash VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    parameters VARCHAR NOT NULL,
    {", ".join(f"{name} {kind}" for name, kind in _METRICS.items())}
)
"""
_SEARCH_COLUMNS = (
    "sweep_id, search, family, template, card_id, card_version, symbol, timeframe, start_ms, end_ms, "
    "data_fingerprint"
)
_READ = f"""
SELECT sequence, noted_at_ms, {_SEARCH_COLUMNS}, system_hash, run_id, parameters, {_METRIC_COLUMNS}
FROM sweep_trials
"""
_METRICS_FROM = 2 + len(_SEARCH_COLUMNS.split(", ")) + 3
# Of several trials of one set on one symbol the first in this order says what it came to.
_TELLING = "end_ms - start_ms DESC, end_ms DESC, sequence DESC"
_FEWEST_DIGITS = 6


class SweepLedger:
    """Adds trials and reads them back.

    Parameters
    ----------
    connect : ConnectionFactory
        Opens a DuckDB connection for the length of a `with` block; True asks for a read-only one.
    """

    def __init__(self, connect: ConnectionFactory) -> None:
        self._connect = connect

    def append(self, searched: Searched, results: Sequence[SetResult], *, at_ms: int) -> int:
        """Add the trials that are not there yet and return how many these are.

        Parameters
        ----------
        searched : Searched
        results : sequence of SetResult
        at_ms : int
            The time, UTC epoch milliseconds.
        """
        unique = {result.run_id: result for result in results}
        if not unique:
            return 0
        with self._connect(False) as connection:
            connection.execute("BEGIN TRANSACTION")
            connection.execute(_CREATE)
            connection.register("incoming", _arrow_of(list(unique.values())))
            count = "SELECT count(*), coalesce(max(sequence), 0) FROM sweep_trials"
            before, newest = connection.execute(count).fetchall()[0]
            connection.execute(
                f"""
                INSERT INTO sweep_trials BY NAME
                SELECT ? + row_number() OVER (ORDER BY place) AS sequence, ? AS noted_at_ms,
                       {", ".join(f"? AS {name}" for name in _SEARCH_COLUMNS.split(", "))},
                       system_hash, run_id, parameters, {_METRIC_COLUMNS}
                FROM incoming ANTI JOIN sweep_trials USING (run_id)
                """,
                [newest, at_ms, *_values(searched)],
            )
            after, _ = connection.execute(count).fetchall()[0]
            connection.unregister("incoming")
            connection.execute("COMMIT")
        return int(after - before)

    def finished(self, searched: Searched) -> dict[str, SetMetrics]:
        """Return the metrics of the trials there are of a family over a window of data, by run id."""
        rows = self._rows(
            f"""
            SELECT run_id, {_METRIC_COLUMNS} FROM sweep_trials
            WHERE family = ? AND symbol = ? AND start_ms = ? AND end_ms = ? AND data_fingerprint = ?
            """,
            [
                searched.family,
                searched.symbol,
                searched.start_ms,
                searched.end_ms,
                searched.data_fingerprint,
            ],
        )
        return {run_id: _metrics_of(metrics) for run_id, *metrics in rows}

    def sharpes(self, family: str) -> NDArray[np.float64]:
        """Return the Sharpe ratio per period of every set that was tried of a family, on every symbol.

        Whoever chooses a card on a symbol chooses among its sets and among its symbols. A set that was tried
        over several windows of a symbol, or again on newer data, is one choice: the longest window says what
        it came to.

        Returns
        -------
        float64 array of shape (sets,)
            In the order they were first tried. NaN for a set without a spread.
        """
        rows = self._rows(
            f"""
            SELECT first(sharpe ORDER BY {_TELLING}), first(timeframe ORDER BY {_TELLING})
            FROM sweep_trials WHERE family = ? GROUP BY template, parameters, symbol ORDER BY min(sequence)
            """,
            [family],
        )
        return np.array(
            [
                ratio / math.sqrt(periods_per_year(Timeframe.parse(timeframe).bars_per_year()))
                for ratio, timeframe in rows
            ],
            np.float64,
        )

    def best(self, family: str, *, by: str, most: int, symbol: str | None = None) -> tuple[Trial, ...]:
        """Return the best sets of a family, the best first; those without the metric come last.

        Each stands for its symbol once, by the trial over the longest window on the newest data: over a part
        of it almost any set shines.

        Parameters
        ----------
        family : str
        by : str
            A metric of `BasicMetrics`.
        most : int
            How many.
        symbol : str, optional
            Only of this one.
        """
        # what computes all metrics is a second of imports, which a sweep does without
        from engine.metrics.catalogue import metric_spec

        if by not in _METRICS:
            raise ConfigurationError(
                f"no trial has a {by!r}", way_out=f"rank them by one of {', '.join(_METRICS)}"
            )
        order = "ASC" if metric_spec(by).better.value == "lower" else "DESC"
        where, values = ("", [family]) if symbol is None else ("AND symbol = ?", [family, symbol])
        return self._trials(
            f"""
            {_READ} WHERE family = ? {where}
            QUALIFY row_number() OVER (PARTITION BY template, parameters, symbol ORDER BY {_TELLING}) = 1
            ORDER BY isfinite({by}) DESC, {by} {order}, end_ms - start_ms DESC, sequence LIMIT ?
            """,
            [*values, most],
        )

    def trial(self, family: str, run_id: str) -> Trial:
        """Return the trial of a family whose run id begins like this.

        Raises
        ------
        ConfigurationError
            If the beginning is too short, or there is none like it, or several.
        """
        if len(run_id) < _FEWEST_DIGITS or not set(run_id) <= set("0123456789abcdef"):
            raise ConfigurationError(
                f"{run_id!r} is no run id",
                way_out=f"give its first {_FEWEST_DIGITS} digits or more; `trade sweeps show` lists them",
            )
        found = self._trials(
            f"{_READ} WHERE family = ? AND starts_with(run_id, ?) ORDER BY sequence", [family, run_id]
        )
        if len(found) != 1:
            how_many = f"{len(found)} trials have" if found else "no trial has"
            raise ConfigurationError(
                f"{how_many} a run id that begins with {run_id} in the family {family}",
                way_out="give more of its digits"
                if found
                else f"choose one that `trade sweeps show {family}` lists",
            )
        return found[0]

    def sweeps(self, family: str | None = None) -> tuple[SweepSummary, ...]:
        """Return every search, the newest first; of one family if it is given.

        The window of a search over several, as a walk-forward is, goes from the first to the last.
        """
        where, values = ("", []) if family is None else ("WHERE family = ?", [family])
        columns = _SEARCH_COLUMNS.replace("start_ms, end_ms", "min(start_ms), max(end_ms)")
        rows = self._rows(
            f"""
            SELECT {columns}, count(*), max(noted_at_ms), max(sharpe) FILTER (isfinite(sharpe))
            FROM sweep_trials {where} GROUP BY ALL ORDER BY max(sequence) DESC
            """,
            values,
        )
        return tuple(
            SweepSummary(_searched_of(row[:-3]), row[-3], row[-2], math.nan if row[-1] is None else row[-1])
            for row in rows
        )

    def _trials(self, query: str, values: list[Any]) -> tuple[Trial, ...]:
        return tuple(
            Trial(
                sequence=row[0],
                noted_at_ms=row[1],
                searched=_searched_of(row[2 : _METRICS_FROM - 3]),
                system_hash=row[_METRICS_FROM - 3],
                run_id=row[_METRICS_FROM - 2],
                parameters=json.loads(row[_METRICS_FROM - 1]),
                metrics=_metrics_of(row[_METRICS_FROM:]),
            )
            for row in self._rows(query, values)
        )

    def _rows(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        try:
            with self._connect(True) as connection:
                return connection.execute(query, values).fetchall()
        except (DataNotFound, duckdb.CatalogException):
            return []  # no database or no table: nothing has been tried yet


def ledger_in_memory() -> SweepLedger:
    """Return a ledger that is forgotten with the process, for whoever keeps none."""
    connection = duckdb.connect(":memory:")

    @contextmanager
    def connect(_read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        yield connection

    return SweepLedger(connect)


def _arrow_of(results: Sequence[SetResult]) -> pa.Table:
    columns: dict[str, Any] = {
        "place": list(range(len(results))),
        "system_hash": [result.system_hash for result in results],
        "run_id": [result.run_id for result in results],
        "parameters": [canonical_json(to_plain(result.binding)) for result in results],
    }
    for name, kind in _METRICS.items():
        values = [result.metrics[name] for result in results]
        columns[name] = pa.array(values, pa.int64() if kind == "BIGINT" else pa.float64())
    return pa.table(columns)


def _values(searched: Searched) -> list[Any]:
    plain: Mapping[str, Any] = vars(searched) | {"timeframe": str(searched.timeframe)}
    return [plain[name] for name in _SEARCH_COLUMNS.split(", ")]


def _searched_of(row: Sequence[Any]) -> Searched:
    told = dict(zip(_SEARCH_COLUMNS.split(", "), row, strict=True))
    return Searched(**told | {"timeframe": Timeframe.parse(told["timeframe"])})


def _metrics_of(values: Sequence[Any]) -> SetMetrics:
    return dict(zip(_METRICS, values, strict=True))

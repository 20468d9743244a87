"""Holes between candles: of many series in one query, and which of them the exchange has nothing for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import duckdb

from engine.market_data.gaps import Gap
from engine.market_data.journal import Action, record
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import Timeframe

# A stretch of so many periods is full, and nothing of it is sorted, or is looked at candle by candle.
_STRETCH = 1024


@dataclass(frozen=True)
class Hole:
    """A run of candles that are not there.

    Attributes
    ----------
    series : Series
        Whose.
    gap : Gap
        From which candle to which.
    is_absent : bool
        Whether the exchange was asked again and has nothing.
    """

    series: Series
    gap: Gap
    is_absent: bool


def find_holes(
    connection: duckdb.DuckDBPyConnection,
    kind: SeriesKind = SeriesKind.OHLCV,
    symbols: Collection[str] = (),
    timeframes: Collection[Timeframe] = (),
) -> tuple[Hole, ...]:
    """Return the holes of all candle series of a kind, or of some symbols and timeframes only.

    One query for all of them: of series that lack any, it counts the candles of each stretch of 1024 periods,
    and sorts and compares only those of stretches that lack some.

    Returns
    -------
    tuple of Hole
        By symbol, timeframe and time. A run of which the exchange has a part is one hole for each part.
    """
    length = f"(CASE timeframe {' '.join(f"WHEN '{tf}' THEN {tf.ms}" for tf in Timeframe)} END)::BIGINT"
    chosen = (
        "(len($symbols) = 0 OR symbol IN (SELECT unnest($symbols)))"
        " AND (len($timeframes) = 0 OR timeframe IN (SELECT unnest($timeframes)))"
    )
    rows = connection.execute(
        f"""
        WITH lacking AS (
            SELECT symbol, timeframe FROM series_counts
            WHERE kind = $kind AND {chosen} AND rows <> (last_ts - first_ts) // {length} + 1),
        stretches AS (
            SELECT symbol, timeframe, ts_open // ({length} * {_STRETCH}) AS stretch,
                count(*) AS bars, min(ts_open) AS first_ts, max(ts_open) AS last_ts
            FROM {kind.value} JOIN lacking USING (symbol, timeframe) GROUP BY ALL),
        spaced AS (
            SELECT symbol, timeframe, stretch, {length} AS ms, bars, first_ts, last_ts,
                lag(last_ts) OVER (PARTITION BY symbol, timeframe ORDER BY stretch) AS before_ts
            FROM stretches),
        candles AS (
            SELECT symbol, timeframe, ts_open, ms,
                lag(ts_open) OVER (PARTITION BY symbol, timeframe, stretch ORDER BY ts_open) AS before_ts
            FROM (
                SELECT symbol, timeframe, ts_open, ts_open // ({length} * {_STRETCH}) AS stretch
                FROM {kind.value} JOIN lacking USING (symbol, timeframe))
            JOIN (FROM spaced WHERE (last_ts - first_ts) // ms + 1 > bars)
                USING (symbol, timeframe, stretch))
        SELECT symbol, timeframe, before_ts + ms AS first_missing, first_ts - ms AS last_missing
        FROM spaced WHERE first_ts - before_ts > ms
        UNION ALL
        SELECT symbol, timeframe, before_ts + ms, ts_open - ms FROM candles WHERE ts_open - before_ts > ms
        ORDER BY symbol, {length}, first_missing
        """,
        {"kind": kind.value, "symbols": list(symbols), "timeframes": [str(tf) for tf in timeframes]},
    ).fetchall()
    absent = _absent_by_series(connection, kind)
    holes: list[Hole] = []
    for symbol, timeframe, first, last in rows:
        series = Series(kind, symbol, Timeframe(timeframe))
        holes += _parts(series, first, last, absent.get((symbol, timeframe), ()))
    return tuple(holes)


def absent_gaps(connection: duckdb.DuckDBPyConnection, series: Series) -> tuple[Gap, ...]:
    """Return the runs of candles of `series` that the exchange was asked again for and has not."""
    if series.timeframe is None:
        return ()
    rows = connection.execute(
        f"SELECT first_ts, last_ts FROM exchange_holes WHERE {_OF_SERIES} ORDER BY first_ts", _key(series)
    ).fetchall()
    return tuple(Gap(first, last, (last - first) // series.timeframe.ms + 1) for first, last in rows)


def without(gaps: Sequence[Gap], absent: Sequence[Gap], bar_ms: int) -> tuple[Gap, ...]:
    """Return what of `gaps` does not lie in `absent`; both are sorted."""
    left: list[Gap] = []
    for gap in gaps:
        start = gap.first_ts_open
        for known in absent:
            if known.last_ts_open < start or known.first_ts_open > gap.last_ts_open:
                continue
            if known.first_ts_open > start:
                left.append(_gap(start, known.first_ts_open - bar_ms, bar_ms))
            start = known.last_ts_open + bar_ms
        if start <= gap.last_ts_open:
            left.append(_gap(start, gap.last_ts_open, bar_ms))
    return tuple(left)


def note_answers(
    connection: duckdb.DuckDBPyConnection,
    series: Series,
    before: Sequence[Gap],
    after: Sequence[Gap],
    given: Collection[int],
    at_ms: int | None,
) -> None:
    """Record what became of holes that were asked for, inside the caller's transaction.

    What has come is journalled, and so is what the exchange has not, which is remembered as absent.

    Parameters
    ----------
    before, after : sequence of Gap
        The holes in the window that was asked, before and after its rows were stored.
    given : collection of int
        The times of the rows that came. One that is not stored was no good; it may be mended, so its hole
        stays open.
    at_ms : int or None
        The writer's clock.
    """
    if series.timeframe is None or not before:
        return
    bar_ms = series.timeframe.ms
    came = without(before, after, bar_ms)
    bad = [
        Gap(ts, ts, 1) for ts in sorted(given) if any(g.first_ts_open <= ts <= g.last_ts_open for g in after)
    ]
    known = absent_gaps(connection, series)
    absent = without(without(without(before, came, bar_ms), bad, bar_ms), known, bar_ms)
    for action, gaps in ((Action.REFETCHED, came), (Action.ABSENT, absent)):
        for gap in gaps:
            record(
                connection, action, series, first_ts=gap.first_ts_open, last_ts=gap.last_ts_open,
                rows=gap.bars, at_ms=at_ms,
            )  # fmt: skip
    if absent:
        connection.executemany(
            "INSERT INTO exchange_holes VALUES (?, ?, ?, ?, ?, ?)",
            [(*_key(series), gap.first_ts_open, gap.last_ts_open, at_ms) for gap in absent],
        )


def reopen(connection: duckdb.DuckDBPyConnection, symbols: Collection[str], at_ms: int | None) -> int:
    """Forget that the exchange has nothing for the holes of `symbols`; return how many holes that were.

    The next sync asks for them again. No symbols are all symbols.
    """
    chosen = "len($symbols) = 0 OR symbol IN (SELECT unnest($symbols))"
    rows = connection.execute(
        "SELECT kind, symbol, timeframe, min(first_ts), max(last_ts), count(*) FROM exchange_holes"
        f" WHERE {chosen} GROUP BY ALL ORDER BY ALL",
        {"symbols": list(symbols)},
    ).fetchall()
    connection.execute(f"DELETE FROM exchange_holes WHERE {chosen}", {"symbols": list(symbols)})
    for kind, symbol, timeframe, first_ts, last_ts, count in rows:
        series = Series(SeriesKind(kind), symbol, Timeframe(timeframe))
        record(
            connection, Action.REOPENED, series, first_ts=first_ts, last_ts=last_ts, rows=count, at_ms=at_ms
        )
    return sum(row[-1] for row in rows)


_OF_SERIES = "kind = ? AND symbol = ? AND timeframe = ?"


def _key(series: Series) -> tuple[str, str, str]:
    return (series.kind.value, series.symbol, series.timeframe_name)


def _gap(first_ts: int, last_ts: int, bar_ms: int) -> Gap:
    return Gap(first_ts, last_ts, (last_ts - first_ts) // bar_ms + 1)


def _absent_by_series(
    connection: duckdb.DuckDBPyConnection, kind: SeriesKind
) -> dict[tuple[str, str], list[tuple[int, int]]]:
    rows = connection.execute(
        "SELECT symbol, timeframe, first_ts, last_ts FROM exchange_holes WHERE kind = ? ORDER BY first_ts",
        (kind.value,),
    ).fetchall()
    absent: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for symbol, timeframe, first, last in rows:
        absent.setdefault((symbol, timeframe), []).append((first, last))
    return absent


def _parts(series: Series, first: int, last: int, absent: Sequence[tuple[int, int]]) -> list[Hole]:
    assert series.timeframe is not None
    ms = series.timeframe.ms
    whole = _gap(first, last, ms)
    known = [_gap(start, end, ms) for start, end in absent if start <= last and end >= first]
    missing = without([whole], known, ms)
    parts = [Hole(series, gap, False) for gap in missing]
    parts += [Hole(series, gap, True) for gap in without([whole], missing, ms)]
    return sorted(parts, key=lambda hole: hole.gap.first_ts_open)

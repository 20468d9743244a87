"""Tools on files of market data: import them into a database of their own, export what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from engine.errors import ConfigurationError, DataNotFound
from engine.settings import Exchange, TradeSettings
from engine.timeframes import Timeframe, parse_utc
from engine.tools.cost import CostScale, ToolCost
from engine.tools.file_access import FileUse
from engine.tools.market import market_of
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store

if TYPE_CHECKING:
    from engine.market_data.files.reading import Reading
    from engine.market_data.store import HistoricalDataStore
    from engine.market_data.tables import Series


class ImportFormat(Enum):
    """How files are laid out."""

    BYBIT_TRADES = "bybit-trades"
    BYBIT_MT4 = "bybit-mt4"
    FREQTRADE = "freqtrade"
    LAYOUT = "layout"
    PLAIN = "plain"


class ExportFormat(Enum):
    """How files are to be laid out."""

    LAYOUT = "layout"
    FREQTRADE = "freqtrade"


# What of a folder is taken.
_PATTERNS = {
    ImportFormat.BYBIT_TRADES: ("*.csv", "*.csv.gz"),
    ImportFormat.BYBIT_MT4: ("*.csv", "*.csv.gz"),
    ImportFormat.FREQTRADE: ("*.feather", "*.json", "*.json.gz"),
    ImportFormat.LAYOUT: ("*.parquet",),
    ImportFormat.PLAIN: ("*.csv", "*.csv.gz", "*.parquet"),
}
_OF_PLAIN = ("symbol", "kind", "time_unit", "time_zone", "columns")


class WhatToImport(ToolInput):
    """Which files, and what is in them as far as they do not say it themselves."""

    format: ImportFormat = Field(description="how the files are laid out")
    files: Annotated[tuple[Path, ...], FileUse.READ] = Field(
        min_length=1, description="files, or folders of them"
    )
    timeframes: tuple[str, ...] = Field(
        (), description="bybit-trades: the candles to make; plain: the one there is, of candles"
    )
    symbol: str | None = Field(None, description="plain: whose rows")
    kind: str | None = Field(
        None, description="plain: ohlcv, mark_klines, index_klines, funding or open_interest"
    )
    time_unit: str | None = Field(None, description="plain: s, ms, us, ns or iso")
    time_zone: str | None = Field(None, description="plain: the clock of the times, as UTC or Europe/Berlin")
    columns: Mapping[str, str] = Field({}, description="plain: our column to theirs, where names differ")
    utc_offset_hours: float | None = Field(
        None, ge=-14, le=14, description="bybit-mt4: what the clock is ahead of UTC, if not 3 hours"
    )


class WhatToExport(ToolInput):
    """Which series, and where to."""

    folder: Path = Field(description="where the files go; it is made if need be")
    format: ExportFormat = Field(ExportFormat.LAYOUT, description="layout (Parquet, exact) or freqtrade")
    symbols: tuple[str, ...] = Field((), description="symbols; none: all that are stored")
    timeframes: tuple[str, ...] = Field((), description="timeframes of candles; none: all that are stored")
    start: str | None = Field(None, description="first moment (UTC)")
    end: str | None = Field(None, description="end (UTC), not included")


def import_files(asked: WhatToImport, context: ToolContext) -> dict[str, Any]:
    """Import files into the database of imported data, which no exchange ever writes.

    All files are read and checked before anything is stored. The same import again changes nothing.
    """
    paths = _files(asked)
    context.progress.start("read", 1)
    readings = _read(asked, paths)
    context.progress.finish("read")
    store = imported_store(context.settings)
    context.progress.start("import", len(readings))
    imported = []
    for reading in readings:
        done = store.import_reading(reading, asked.format.value, context.now_ms())
        imported.append({**series_of(done.series), **_without_series(done)})
        context.progress.advance("import", note=str(done.series))
    context.progress.finish("import")
    return {
        "market": market_of(store.source_identity()),
        "database": context.settings.database_of(Exchange.IMPORTED),
        "imported": imported,
    }


def export_files(asked: WhatToExport, context: ToolContext) -> dict[str, Any]:
    """Write what is stored as files, one per series. The store is only read."""
    from engine.market_data.files.freqtrade import write_freqtrade
    from engine.market_data.files.layout import write_layout
    from engine.market_data.tables import SeriesKind

    store = market_store(context.settings)
    chosen = stored_series(store, asked.symbols, tuple(map(Timeframe.parse, asked.timeframes)))
    if not chosen:
        raise DataNotFound(
            "nothing of this is stored", way_out="see `trade data status` for what there is, or sync it"
        )
    try:
        asked.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{asked.folder} cannot be made: {error.strerror}", way_out="give another folder"
        ) from error
    start_ms = None if asked.start is None else parse_utc(asked.start)
    end_ms = None if asked.end is None else parse_utc(asked.end)
    exported: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    context.progress.start("export", len(chosen))
    for series in chosen:
        frame = store.read_series(series, start_ms, end_ms)
        if asked.format is ExportFormat.LAYOUT:
            path = write_layout(asked.folder, series, frame) if len(frame) else None
        else:
            path = write_freqtrade(asked.folder, series, frame) if len(frame) else None
        told = {**series_of(series), "rows": len(frame)}
        if path is None:
            left_out.append(told)
        else:
            exported.append({**told, "path": path})
        context.progress.advance("export", note=str(series))
    context.progress.finish("export")
    loses_turnover = asked.format is ExportFormat.FREQTRADE and any(
        series.kind is SeriesKind.OHLCV for series in chosen
    )
    return {
        "market": market_of(store.source_identity()),
        "folder": asked.folder,
        "exported": exported,
        "left_out": left_out,
        "loses_turnover": loses_turnover,
    }


def imported_store(settings: TradeSettings) -> HistoricalDataStore:
    """Return the store of imported data, whatever exchange the settings name."""
    from engine.market_data.duckdb_file import connection_factory
    from engine.market_data.store import HistoricalDataStore

    path = settings.database_of(Exchange.IMPORTED)
    return HistoricalDataStore(connection_factory(path, filled_by="trade data import"))


def stored_series(
    store: HistoricalDataStore, symbols: Sequence[str] = (), timeframes: Sequence[Timeframe] = ()
) -> tuple[Series, ...]:
    """Return the series that are stored, of all symbols and timeframes or of these; events have none."""
    from engine.market_data.tables import Series, SeriesKind

    held = store.coverage()[["kind", "symbol", "timeframe"]].to_numpy().tolist()
    every = (
        Series(SeriesKind(kind), symbol, Timeframe(timeframe) if timeframe else None)
        for kind, symbol, timeframe in held
    )
    return tuple(
        series
        for series in every
        if (not symbols or series.symbol in symbols)
        and (not timeframes or series.timeframe is None or series.timeframe in timeframes)
    )


def series_of(series: Series) -> dict[str, Any]:
    """Return a series as plain data."""
    return {"kind": series.kind.value, "symbol": series.symbol, "timeframe": series.timeframe_name}


def _without_series(done: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(done).items() if name != "series"}


def _files(asked: WhatToImport) -> list[Path]:
    found: list[Path] = []
    for path in asked.files:
        if path.is_dir():
            inside = {each for pattern in _PATTERNS[asked.format] for each in path.glob(pattern)}
            found += sorted(inside)
        elif path.is_file():
            found.append(path)
        else:
            raise ConfigurationError(f"there is no file {path}", way_out="check the path")
    if not found:
        patterns = ", ".join(_PATTERNS[asked.format])
        raise ConfigurationError(
            f"there is no {patterns} in {', '.join(map(str, asked.files))}", way_out="check the folder"
        )
    return found


def _read(asked: WhatToImport, paths: Sequence[Path]) -> list[Reading]:
    timeframes = tuple(map(Timeframe.parse, asked.timeframes))
    _refuse_stray(asked)
    match asked.format:
        case ImportFormat.BYBIT_TRADES:
            from engine.market_data.files.bybit_trades import read_bybit_trades

            if not timeframes:
                raise ConfigurationError(
                    "trades can make candles of any timeframe", way_out="say which: --timeframe 1m"
                )
            return read_bybit_trades(paths, timeframes)
        case ImportFormat.BYBIT_MT4:
            from engine.market_data.files.bybit_mt4 import CLOCK_HOURS, read_bybit_mt4

            given = asked.utc_offset_hours
            return read_bybit_mt4(paths, CLOCK_HOURS if given is None else given)
        case ImportFormat.FREQTRADE:
            from engine.market_data.files.freqtrade import read_freqtrade

            return read_freqtrade(paths)
        case ImportFormat.LAYOUT:
            from engine.market_data.files.layout import read_layout

            return read_layout(paths)
        case ImportFormat.PLAIN:
            return _read_plain(asked, paths, timeframes)


def _read_plain(asked: WhatToImport, paths: Sequence[Path], timeframes: Sequence[Timeframe]) -> list[Reading]:
    from engine.market_data.files.plain import PlainMapping, TimeUnit, read_plain
    from engine.market_data.tables import SeriesKind

    needed = {name: getattr(asked, name) for name in ("symbol", "kind", "time_unit", "time_zone")}
    missing = [f"--{name.replace('_', '-')}" for name, value in needed.items() if value is None]
    if missing:
        raise ConfigurationError(
            f"a plain file does not say what is in it: {', '.join(missing)} must", way_out="give all of them"
        )
    if len(timeframes) > 1:
        raise ConfigurationError("plain files hold one timeframe", way_out="import them one by one")
    mapping = PlainMapping(
        kind=_one_of(SeriesKind, "kind", needed["kind"]),
        symbol=needed["symbol"],
        timeframe=timeframes[0] if timeframes else None,
        time_unit=_one_of(TimeUnit, "time_unit", needed["time_unit"]),
        time_zone=needed["time_zone"],
        columns=asked.columns,
    )
    return read_plain(paths, mapping)


def _refuse_stray(asked: WhatToImport) -> None:
    stray = (
        [name for name in _OF_PLAIN if getattr(asked, name)] if asked.format is not ImportFormat.PLAIN else []
    )
    if asked.utc_offset_hours is not None and asked.format is not ImportFormat.BYBIT_MT4:
        stray.append("utc_offset_hours")
    if asked.timeframes and asked.format not in (ImportFormat.BYBIT_TRADES, ImportFormat.PLAIN):
        stray.append("timeframes")
    if stray:
        raise ConfigurationError(
            f"files of {asked.format.value} say it themselves: {', '.join(stray)} would be ignored",
            way_out="leave it out",
        )


def _one_of[E: Enum](kind: type[E], name: str, value: str) -> E:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(each.value) for each in kind)
        raise ConfigurationError(f"{name} is {value!r}", way_out=f"use one of {known}") from None


TOOLS = (
    ToolSpec(
        "data.import",
        "Import candles, marks, funding or open interest from files into a database of their own.",
        SideEffect.WRITE,
        WhatToImport,
        import_files,
        cost=ToolCost(CostScale.SECONDS, "size of the files"),
    ),
    ToolSpec(
        "data.export",
        "Write stored series as Parquet files or in freqtrade's layout; nothing stored changes.",
        SideEffect.WRITE,
        WhatToExport,
        export_files,
        cost=ToolCost(CostScale.SECONDS, "stored rows"),
    ),
)

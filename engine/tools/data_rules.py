"""Tools on instrument rules of imported data: files of candles say nothing of ticks, lots and tiers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from engine.errors import DataNotFound
from engine.settings import Exchange
from engine.tools.data_files import imported_store, stored_series
from engine.tools.market import market_of
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec


class WhichRules(ToolInput):
    """Whose rules imported symbols shall trade by."""

    source: Literal["bybit", "sandbox", "demo"] = Field(description="whose database they are copied from")
    symbols: tuple[str, ...] = Field((), description="symbols; none: all that were imported")


def copy_rules(asked: WhichRules, context: ToolContext) -> dict[str, Any]:
    """Copy the newest instrument rules of imported symbols from the database of an exchange.

    They are kept with the moment at which the exchange said them; the market stays marked as imported.
    """
    from engine.market_data.duckdb_file import connection_factory
    from engine.market_data.store import HistoricalDataStore

    exchange = Exchange(asked.source)
    path = context.settings.database_of(exchange)
    there = HistoricalDataStore(
        connection_factory(path, filled_by=f"TRADE_EXCHANGE={exchange.value} trade sync")
    )
    imported = imported_store(context.settings)
    wanted = asked.symbols or tuple(dict.fromkeys(series.symbol for series in stored_series(imported)))
    if not wanted:
        raise DataNotFound("nothing was imported yet", way_out="import files first: `trade data import`")
    # all are read before any is stored
    rules = [there.read_instrument(symbol) for symbol in wanted]
    return {
        "market": market_of(imported.source_identity()),
        "source": there.source_identity(),
        "rules": [{**asdict(each), "is_new": imported.save_instrument(each)} for each in rules],
    }


TOOLS = (
    ToolSpec(
        "data.rules",
        "Copy instrument rules (ticks, lots, risk tiers) of imported symbols from an exchange's database.",
        SideEffect.WRITE,
        WhichRules,
        copy_rules,
    ),
)

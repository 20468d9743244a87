"""The exchange's list of symbols as an asset: which are new, which are retired."""

from __future__ import annotations

import dagster as dg

from engine.market_data.universe import look_at_list
from engine.settings import TradeSettings
from trade_assets.metadata import table
from trade_assets.resources import ExchangeClient

LISTED_SYMBOLS_KEY = ("listed_symbols",)


def listed_symbols_asset(settings: TradeSettings) -> dg.AssetsDefinition:
    """Return the asset `listed_symbols`; it asks the exchange for its list whenever it is materialized."""

    @dg.asset(
        key=dg.AssetKey(list(LISTED_SYMBOLS_KEY)),
        description="The exchange's USDT perpetuals. With `TRADE_SYMBOLS=all` a newly listed one has "
        "partitions from the next time the code location is loaded; one that left the list is asked for no "
        "more, and its data stay.",
        group_name="listing",
        kinds={"json"},
    )
    def listed_symbols(exchange: ExchangeClient) -> dg.MaterializeResult[None]:
        found = look_at_list(exchange.client(), settings.universe_file)
        news = {"new": found.new, "newly retired": found.retired, "back": found.back}
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(found.universe.listed),
                "retired": len(found.universe.retired),
                **{what: len(symbols) for what, symbols in news.items()},
                "changes": table(
                    [{"symbol": symbol, "change": what} for what, named in news.items() for symbol in named]
                ),
            }
        )

    return listed_symbols

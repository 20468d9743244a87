"""Tools on the universe: which symbols are kept, which are new, and which the exchange has retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.settings import TradeSettings
from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolSpec

if TYPE_CHECKING:
    from engine.market_data.universe import ListedUniverse


def listing(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """Tell what is kept and what the last look at the exchange's list found. Asks no exchange."""
    from engine.market_data.universe import read_universe

    return _told(context.settings, read_universe(context.settings.universe_file))


def refresh(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """Look at the exchange's list of USDT perpetuals and keep what is there; tell what has changed."""
    from engine.market_data.universe import look_at_list
    from engine.tools.stores import market_client

    change = look_at_list(market_client(context.settings), context.settings.universe_file)
    return {
        **_told(context.settings, change.universe),
        "new": change.new,
        "newly_retired": change.retired,
        "back": change.back,
    }


def _told(settings: TradeSettings, universe: ListedUniverse) -> dict[str, Any]:
    from engine.idea_card.load import load_cards
    from engine.market_data.universe import wanted_series

    wanted = wanted_series(settings, load_cards(settings.cards_dir).cards.values())
    return {
        "source": universe.source,
        "seen_ms": universe.seen_ms,
        "file": settings.universe_file,
        "listed": universe.listed,
        "retired": [each for each in universe.symbols if each.retired_ms is not None],
        "all_symbols": settings.all_symbols,
        "of_cards": wanted.of_cards,
        "others": wanted.others,
        "kept": wanted.traded,
        "timeframes": wanted.timeframes,
    }


TOOLS = (
    ToolSpec(
        "universe.list",
        "List the symbols that are kept, and those the exchange listed or retired when last looked at.",
        SideEffect.READ,
        NoInput,
        listing,
    ),
    ToolSpec(
        "universe.refresh",
        "Look at the exchange's list of USDT perpetuals: which are new, which are retired.",
        SideEffect.WRITE,
        NoInput,
        refresh,
        cost=ToolCost(CostScale.SECONDS, "symbols the exchange lists"),
    ),
)

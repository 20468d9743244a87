"""The universe: which symbols there are to keep, and which of them the exchange no longer trades.

The symbols are those the cards and the settings name and, where the settings say `TRADE_SYMBOLS=all`, every
USDT perpetual of the exchange. The last come from a small file that a look at the exchange's instrument list
writes (`refreshed`), so that whoever needs the symbols asks no exchange. A symbol that has left the list is
marked as retired and stays in the file: what is stored of it is kept, and nobody asks for more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import ConfigurationError, CorruptData, ExchangeError
from engine.exchange.client import BybitMarketClient
from engine.idea_card.card import IdeaCard
from engine.settings import TradeSettings
from engine.timeframes import Timeframe


@dataclass(frozen=True)
class ListedSymbol:
    """A symbol the exchange lists or listed; times are UTC epoch milliseconds.

    `first_seen_ms` is the look that first found it, `retired_ms` the one that no longer did, None while it
    is listed.
    """

    symbol: str
    first_seen_ms: int
    retired_ms: int | None = None


@dataclass(frozen=True)
class ListedUniverse:
    """Every symbol ever seen in the exchange's list, by name.

    `source` is who the exchange is ("bybit:mainnet"), `seen_ms` when its list was last looked at.
    """

    source: str = ""
    seen_ms: int | None = None
    symbols: tuple[ListedSymbol, ...] = ()

    @property
    def listed(self) -> tuple[str, ...]:
        """The symbols that trade."""
        return tuple(each.symbol for each in self.symbols if each.retired_ms is None)

    @property
    def retired(self) -> tuple[str, ...]:
        """The symbols that no longer do."""
        return tuple(each.symbol for each in self.symbols if each.retired_ms is not None)


@dataclass(frozen=True)
class UniverseChange:
    """What a look at the list found: the universe now, and what is new, retired and back in it."""

    universe: ListedUniverse
    new: tuple[str, ...]
    retired: tuple[str, ...]
    back: tuple[str, ...]


def refreshed(before: ListedUniverse, listed: Collection[str], *, source: str, now_ms: int) -> UniverseChange:
    """Return the universe after a look at the exchange's list.

    Parameters
    ----------
    before : ListedUniverse
        As it was; empty before the first look.
    listed : collection of str
        The symbols that trade now, all of them.
    source : str
        Who the exchange is.
    now_ms : int
        When it was asked.

    Raises
    ------
    ConfigurationError
        If the universe is another exchange's.
    ExchangeError
        If the list is empty: no exchange delists everything, and believing it would retire all there is.
    """
    if before.source not in ("", source):
        raise ConfigurationError(
            f"the list of symbols is that of {before.source!r}, and the exchange says it is {source!r}",
            way_out="keep the two apart: set TRADE_DATA to another folder for the other exchange",
        )
    if not listed:
        raise ExchangeError(
            "the exchange lists no USDT perpetual at all", way_out="ask again; nothing was changed"
        )
    known = {each.symbol: each for each in before.symbols}
    after = {
        symbol: ListedSymbol(symbol, known[symbol].first_seen_ms if symbol in known else now_ms)
        for symbol in listed
    }
    for symbol, was in known.items():
        if symbol not in after:
            retired_ms = now_ms if was.retired_ms is None else was.retired_ms
            after[symbol] = ListedSymbol(symbol, was.first_seen_ms, retired_ms)
    universe = ListedUniverse(source, now_ms, tuple(after[symbol] for symbol in sorted(after)))
    return UniverseChange(
        universe,
        new=tuple(sorted(set(listed) - set(known))),
        retired=tuple(sorted(set(universe.retired) - set(before.retired))),
        back=tuple(sorted(set(universe.listed) & set(before.retired))),
    )


def look_at_list(client: BybitMarketClient, file: Path) -> UniverseChange:
    """Ask the exchange for its USDT perpetuals, keep them in `file` and return what has changed.

    Raises as `refreshed` and `read_universe` do, and `ExchangeError` if the exchange does not answer; the
    file is left as it was then.
    """
    change = refreshed(
        read_universe(file),
        client.usdt_perpetuals(),
        source=client.identity(),
        now_ms=client.server_time_ms(),
    )
    write_universe(change.universe, file)
    return change


def read_universe(file: Path) -> ListedUniverse:
    """Return the universe that is kept in `file`; an empty one if nobody has looked at the list yet.

    Raises
    ------
    CorruptData
        If the file cannot be read as one.
    """
    try:
        found = json.loads(file.read_text())
        symbols = tuple(ListedSymbol(**each) for each in found.pop("symbols"))
        return ListedUniverse(**found, symbols=symbols)
    except FileNotFoundError:
        return ListedUniverse()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptData(
            f"{file} is not a list of symbols: {error}",
            way_out="move it away and write it anew: trade universe refresh",
        ) from error


def write_universe(universe: ListedUniverse, file: Path) -> None:
    """Write the universe to `file`, with its folder; a reader sees all of the old one or all of the new."""
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_name(f".{file.name}.{os.getpid()}")
    written.write_text(json.dumps(asdict(universe), indent=1) + "\n")
    written.replace(file)


@dataclass(frozen=True)
class WantedSeries:
    """The symbols and timeframes that are kept.

    Attributes
    ----------
    of_cards : tuple of str
        The symbols cards name, sorted.
    others : tuple of str
        Those only the settings or the exchange's list name, sorted.
    retired : frozenset of str
        Those of both that the exchange no longer trades.
    timeframes : tuple of Timeframe
        The smallest first.
    """

    of_cards: tuple[str, ...]
    others: tuple[str, ...]
    retired: frozenset[str]
    timeframes: tuple[Timeframe, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, sorted."""
        return tuple(sorted((*self.of_cards, *self.others)))

    @property
    def traded(self) -> tuple[str, ...]:
        """The symbols there is more to come of, sorted."""
        return tuple(symbol for symbol in self.symbols if symbol not in self.retired)


def wanted_series(settings: TradeSettings, cards: Iterable[IdeaCard]) -> WantedSeries:
    """Return what the cards and the settings want kept; the one place that puts the names together.

    Raises
    ------
    CorruptData
        If the file of the exchange's symbols cannot be read.
    """
    named = list(cards)
    listed = read_universe(settings.universe_file)
    of_cards = {symbol for card in named for symbol in card.symbols}
    others = set(settings.extra_symbols) - of_cards
    if settings.all_symbols:
        others |= {each.symbol for each in listed.symbols} - of_cards
    timeframes = {each for card in named for each in card.timeframes.all_timeframes().values()}
    return WantedSeries(
        of_cards=tuple(sorted(of_cards)),
        others=tuple(sorted(others)),
        retired=frozenset(listed.retired) & (of_cards | others),
        timeframes=tuple(sorted(timeframes | set(settings.extra_timeframes))),
    )

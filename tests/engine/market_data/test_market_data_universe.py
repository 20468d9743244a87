"""Which symbols are kept: what a look at the exchange's list changes, and what the settings make of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigurationError, CorruptData, ExchangeError
from engine.idea_card.load import load_cards
from engine.market_data.universe import (
    ListedSymbol,
    ListedUniverse,
    read_universe,
    refreshed,
    wanted_series,
    write_universe,
)
from engine.settings import PROJECT_ROOT, TradeSettings
from engine.timeframes import Timeframe

SOURCE = "bybit:mainnet"


def look(before: ListedUniverse, *listed: str, at: int) -> ListedUniverse:
    return refreshed(before, listed, source=SOURCE, now_ms=at).universe


def test_a_symbol_is_new_then_retired_then_back():
    first = refreshed(ListedUniverse(), ["BTCUSDT", "AAAUSDT"], source=SOURCE, now_ms=1)
    assert (first.new, first.retired, first.back) == (("AAAUSDT", "BTCUSDT"), (), ())
    second = refreshed(first.universe, ["BTCUSDT", "NEWUSDT"], source=SOURCE, now_ms=2)
    assert (second.new, second.retired, second.back) == (("NEWUSDT",), ("AAAUSDT",), ())
    assert second.universe.symbols == (
        ListedSymbol("AAAUSDT", 1, 2),
        ListedSymbol("BTCUSDT", 1),
        ListedSymbol("NEWUSDT", 2),
    )
    third = refreshed(second.universe, ["AAAUSDT", "BTCUSDT", "NEWUSDT"], source=SOURCE, now_ms=3)
    assert (third.new, third.retired, third.back) == ((), (), ("AAAUSDT",))
    assert third.universe.symbols[0] == ListedSymbol("AAAUSDT", 1)


def test_a_symbol_stays_retired_since_it_first_was_missing():
    gone = look(look(look(ListedUniverse(), "A", "B", at=1), "B", at=2), "B", at=3)
    assert gone.symbols[0] == ListedSymbol("A", 1, 2)
    assert gone.seen_ms == 3


@given(st.lists(st.sets(st.sampled_from("ABCDE"), min_size=1), min_size=1, max_size=8))
def test_no_symbol_is_ever_forgotten_and_the_listed_are_those_of_the_last_look(looks: list[set[str]]):
    universe = ListedUniverse()
    for at, listed in enumerate(looks):
        universe = look(universe, *listed, at=at)
    assert set(universe.listed) == looks[-1]
    assert {each.symbol for each in universe.symbols} == set().union(*looks)
    assert set(universe.retired) == set().union(*looks) - looks[-1]


def test_an_empty_list_retires_nothing():
    with pytest.raises(ExchangeError, match="no USDT perpetual at all"):
        look(look(ListedUniverse(), "A", at=1), at=2)


def test_the_list_of_another_exchange_is_refused():
    with pytest.raises(ConfigurationError, match="sandbox"):
        refreshed(look(ListedUniverse(), "A", at=1), ["A"], source="sandbox:generated", now_ms=2)


def test_it_comes_back_from_its_file_and_a_missing_file_is_an_empty_one(tmp_path: Path):
    file = tmp_path / "new" / "universe.json"
    assert read_universe(file) == ListedUniverse()
    universe = look(look(ListedUniverse(), "A", "B", at=1), "B", at=2)
    write_universe(universe, file)
    assert read_universe(file) == universe
    assert [path.name for path in file.parent.iterdir()] == ["universe.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"symbols": [1]}', '{"symbols": [], "colour": "red"}'])
def test_a_file_that_is_no_list_of_symbols_is_named(tmp_path: Path, text: str):
    file = tmp_path / "universe.json"
    file.write_text(text)
    with pytest.raises(CorruptData, match=r"universe\.json"):
        read_universe(file)


def test_what_is_wanted_is_what_cards_settings_and_the_list_name(tmp_path: Path):
    cards = load_cards(PROJECT_ROOT / "idea_cards").cards.values()
    of_cards = {symbol for card in cards for symbol in card.symbols}
    settings = TradeSettings.from_environment(
        {"TRADE_DATA": str(tmp_path), "TRADE_SYMBOLS": "ZZZUSDT, BTCUSDT", "TRADE_TIMEFRAMES": "1d"}
    )
    universe = look(ListedUniverse(), "BTCUSDT", "AAAUSDT", "GONEUSDT", at=1)
    write_universe(look(universe, "BTCUSDT", "AAAUSDT", at=2), settings.universe_file)

    named = wanted_series(settings, cards)
    assert set(named.of_cards) == of_cards
    assert (named.others, named.retired) == (("ZZZUSDT",), frozenset())
    assert Timeframe.D1 in named.timeframes

    everything = wanted_series(replace(settings, all_symbols=True), cards)
    assert everything.others == ("AAAUSDT", "GONEUSDT", "ZZZUSDT")
    assert everything.retired == {"GONEUSDT"}
    assert set(everything.symbols) - set(everything.traded) == {"GONEUSDT"}


def test_all_symbols_is_a_setting():
    assert TradeSettings.from_environment({"TRADE_SYMBOLS": "all"}).all_symbols
    mixed = TradeSettings.from_environment({"TRADE_SYMBOLS": "XUSDT, all"})
    assert (mixed.all_symbols, mixed.extra_symbols) == (True, ("XUSDT",))
    assert not TradeSettings.from_environment({"TRADE_SYMBOLS": "XUSDT"}).all_symbols

"""Partitions, ranges and the mapping from one timeframe to several."""

from __future__ import annotations

import dagster as dg
import pytest
from conftest import universe
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigurationError
from engine.timeframes import Timeframe
from trade_assets.partitions import Partition, read_at_once
from trade_assets.ranges import PartitionRange, ranges_of

M15, H1, H4 = Timeframe.M15, Timeframe.H1, Timeframe.H4
UNIVERSE = universe("SOLUSDT", "BTCUSDT", "ETHUSDT", "XRPUSDT", timeframes=[M15, H4, H1])


def test_keys_are_symbols_by_name_and_timeframes_largest_first():
    assert UNIVERSE.partitions.get_partition_keys()[:4] == [
        "BTCUSDT|4h",
        "BTCUSDT|1h",
        "BTCUSDT|15m",
        "ETHUSDT|4h",
    ]


def test_symbols_of_cards_come_first_and_retired_ones_last():
    mixed = universe(
        "DUSDT", "BUSDT", of_cards=["ZUSDT", "YUSDT"], retired=["YUSDT", "BUSDT"], timeframes=[M15]
    )
    assert mixed.symbols == ("ZUSDT", "DUSDT", "YUSDT", "BUSDT")
    assert mixed.traded == ("ZUSDT", "DUSDT")


def test_a_key_comes_back_from_its_partition():
    for key in UNIVERSE.partitions.get_partition_keys():
        assert Partition.parse(key).key == key


@pytest.mark.parametrize("key", ["BTCUSDT", "BTCUSDT|", "|15m", "BTCUSDT|7m", ""])
def test_what_is_no_key_is_refused(key: str):
    with pytest.raises(ConfigurationError):
        Partition.parse(key)


def upstream(key: str) -> set[str]:
    mapping = read_at_once(UNIVERSE.timeframes, at=M15, reads=[M15, H4])
    subset = UNIVERSE.partitions.subset_with_partition_keys([key])
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        subset, UNIVERSE.partitions, UNIVERSE.partitions
    )
    return set(found.partitions_subset.get_partition_keys())


def test_the_exec_timeframe_reads_those_the_card_names_and_others_read_themselves():
    assert upstream("BTCUSDT|15m") == {"BTCUSDT|15m", "BTCUSDT|4h"}
    assert upstream("BTCUSDT|4h") == {"BTCUSDT|4h"}
    assert upstream("BTCUSDT|1h") == {"BTCUSDT|1h"}


def keys_in(each: PartitionRange) -> list[str]:
    """What Dagster takes a run with the range's tags to be over."""
    if each.partition_key is not None:
        return [each.partition_key]
    ends = (each.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
    return [str(key) for key in UNIVERSE.partitions.get_partition_keys_in_range(dg.PartitionKeyRange(*ends))]


@given(
    symbols=st.sets(st.sampled_from(UNIVERSE.symbols)),
    timeframes=st.sets(st.sampled_from(UNIVERSE.timeframes), min_size=1),
    most=st.integers(1, 5),
)
def test_ranges_hold_each_symbol_once_and_no_other(symbols, timeframes, most: int):
    ranges = ranges_of(UNIVERSE, dict.fromkeys(symbols, timeframes), most_symbols=most)
    keys = [key for each in ranges for key in keys_in(each)]
    assert len(keys) == len(set(keys))
    assert {Partition.parse(key).symbol for key in keys} == symbols
    assert {f"{symbol}|{timeframe}" for symbol in symbols for timeframe in timeframes} <= set(keys)
    assert all(len({Partition.parse(key).symbol for key in keys_in(each)}) <= most for each in ranges)


def test_symbols_that_follow_each_other_share_a_range():
    wanted = {"BTCUSDT": [M15, H1], "ETHUSDT": [M15, H1], "XRPUSDT": [M15, H1]}
    two = ranges_of(UNIVERSE, wanted, most_symbols=10)
    assert [str(each) for each in two] == ["BTCUSDT|1h...ETHUSDT|15m", "XRPUSDT|1h...XRPUSDT|15m"]


def test_symbols_with_other_timeframes_are_in_another_range():
    wanted = {"BTCUSDT": [M15], "ETHUSDT": [M15], "SOLUSDT": [H4, M15], "XRPUSDT": [H4, H1, M15]}
    assert [str(each) for each in ranges_of(UNIVERSE, wanted, most_symbols=10)] == [
        "BTCUSDT|15m...ETHUSDT|15m",
        "SOLUSDT|4h...XRPUSDT|15m",
    ]


def test_the_range_of_a_run_is_in_its_tags():
    (both,) = ranges_of(UNIVERSE, {"BTCUSDT": [H4], "ETHUSDT": [H4]}, most_symbols=2)
    assert PartitionRange.of_run(both.tags) == both
    assert both.symbols_in(UNIVERSE) == ("BTCUSDT", "ETHUSDT")
    assert both.timeframes_in(UNIVERSE) == (H4,)
    only = PartitionRange.of_run({"dagster/partition": "XRPUSDT|1h"})
    assert only is not None
    assert (only.symbols_in(UNIVERSE), only.timeframes_in(UNIVERSE)) == (("XRPUSDT",), (H1,))
    assert PartitionRange.of_run({}) is None
    assert PartitionRange.of_run({"dagster/partition": "2026-01-01"}) is None
    gone = PartitionRange.of_run({"dagster/partition": "GONEUSDT|1h"})
    assert gone is not None
    assert gone.symbols_in(UNIVERSE) == ()

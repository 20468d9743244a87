"""Features by content in the graph, and the way of open interest and funding down to a run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import Location, card_text
from upath import UPath

from engine.backtest.runner import run_card
from engine.idea_card.features import FeatureSpec
from engine.strategies.card_plan import load_plans
from engine.timeframes import Timeframe
from trade_assets.feature_store import DataHashes, StoredFeatures, prune
from trade_assets.partitions import Partition

WHERE = Partition("BTCUSDT", Timeframe.M15)
EMA = FeatureSpec(indicator="ema", params={"length": 9}, source="close", tf="exec")
ROWS = {"": np.arange(50, dtype=np.float64)}


def stored(base: UPath, data: DataHashes | None = None, where: Partition = WHERE) -> StoredFeatures:
    return StoredFeatures(base, where, data or DataHashes("candles", "funding", "interest"))


def files(base: UPath) -> list[UPath]:
    """Every file of the store of features."""
    return [file for file in (base / "features").rglob("*.feature") if file.is_file()]


@pytest.fixture(params=["folder", "memory"])
def base(request, tmp_path) -> UPath:
    return UPath(tmp_path) if request.param == "folder" else UPath(f"memory://{tmp_path.name}")


def test_what_was_kept_is_found_to_the_bit_by_whoever_asks_for_the_same(base):
    first = stored(base)
    assert first.find(EMA) is None
    first.keep(EMA, ROWS)
    second = stored(base)
    np.testing.assert_array_equal(second.find(EMA)[""], ROWS[""])
    assert (first.computed, second.reused) == ([EMA], [EMA])
    # the role is the card's word for it; the timeframe is the partition's
    assert stored(base).find(EMA.model_copy(update={"tf": "htf"})) is not None


@dataclass
class Other:
    """Something else than what was kept."""

    feature: FeatureSpec = EMA
    data: DataHashes | None = None
    where: Partition = WHERE


@pytest.mark.parametrize(
    "other",
    [
        Other(feature=EMA.model_copy(update={"params": {"length": 10}})),
        Other(feature=EMA.model_copy(update={"source": "open"})),
        Other(feature=EMA.model_copy(update={"indicator": "sma"})),
        Other(data=DataHashes("newer", "funding", "interest")),
        Other(where=Partition("ETHUSDT", Timeframe.M15)),
        Other(where=Partition("BTCUSDT", Timeframe.H1)),
    ],
    ids=["parameter", "source", "indicator", "data", "symbol", "timeframe"],
)
def test_what_is_not_the_same_is_not_found(base, other):
    stored(base).keep(EMA, ROWS)
    assert stored(base, other.data, other.where).find(other.feature) is None


def test_a_feature_is_known_by_the_data_it_reads_and_by_no_others(base):
    of_interest = EMA.model_copy(update={"source": "open_interest"})
    for feature in (EMA, of_interest):
        stored(base).keep(feature, ROWS)
    moved = DataHashes("candles", "newer", "newer")
    assert stored(base, moved).find(EMA) is not None
    assert stored(base, moved).find(of_interest) is None


@pytest.mark.parametrize("damage", ["torn", "changed", "foreign", "empty"])
def test_a_file_that_is_not_what_was_written_is_not_believed(base, damage):
    one = stored(base)
    one.keep(EMA, ROWS)
    (file,) = files(base)
    data = file.read_bytes()
    stored(base).keep(EMA.model_copy(update={"source": "open"}), ROWS)
    (foreign,) = set(files(base)) - {file}
    file.write_bytes(
        {
            "torn": data[:-17],
            "changed": data[:-1] + b"\x01",
            "foreign": foreign.read_bytes(),
            "empty": b"",
        }[damage]
    )
    assert one.find(EMA) is None
    one.keep(EMA, ROWS)
    assert one.find(EMA) is not None


def test_candles_that_moved_on_take_their_features_along(base):
    other_timeframe = Partition("BTCUSDT", Timeframe.H1)
    for where in (WHERE, other_timeframe):
        stored(base, where=where).keep(EMA, ROWS)
    newer = stored(base, DataHashes("newer"))
    newer.keep(EMA, ROWS)
    assert stored(base).find(EMA) is None
    assert stored(base, DataHashes("newer")).find(EMA) is not None
    assert stored(base, where=other_timeframe).find(EMA) is not None


def test_a_folder_that_goes_away_meanwhile_stops_nobody(tmp_path, monkeypatch):
    one = stored(UPath(tmp_path))

    def gone(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("trade_assets.feature_store.replace_file", gone)
    one.keep(EMA, ROWS)
    assert one.find(EMA) is None


KEEP_AND_FIND = """
import sys
import numpy as np
from upath import UPath
from engine.idea_card.features import FeatureSpec
from engine.timeframes import Timeframe
from trade_assets.feature_store import DataHashes, StoredFeatures
from trade_assets.partitions import Partition

spec = FeatureSpec(indicator="ema", params={"length": 9}, source="close", tf="exec")
rows = {"": np.arange(20_000.0)}
where = UPath(sys.argv[1]), Partition("BTCUSDT", Timeframe.M15), DataHashes("c")
for _ in range(50):
    StoredFeatures(*where).keep(spec, rows)
    found = StoredFeatures(*where).find(spec)
    np.testing.assert_array_equal(found[""], rows[""])
"""


def test_many_processes_write_the_same_feature_and_each_reads_it_whole(tmp_path):
    command = [sys.executable, "-c", KEEP_AND_FIND, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert len(files(UPath(tmp_path))) == 1


def test_pruning_removes_the_oldest_first_and_nothing_else(tmp_path):
    base = UPath(tmp_path)
    (base / "healed_ohlcv").mkdir()
    (base / "healed_ohlcv" / "kept.parquet").write_bytes(b"data")
    for length in (5, 6, 7):
        stored(base).keep(EMA.model_copy(update={"params": {"length": length}}), ROWS)
    size = files(base)[0].stat().st_size
    pruned = prune(base, keep_bytes=2 * size)
    assert (pruned.removed_files, pruned.kept_files) == (1, 2)
    assert prune(base, keep_bytes=0).removed_files == 2
    assert (base / "healed_ohlcv" / "kept.parquet").exists()
    assert prune(UPath(tmp_path / "nowhere"), keep_bytes=0).removed_files == 0
    assert prune(UPath("memory://nowhere"), keep_bytes=0).removed_files == 0


def shown(location: Location, card: str, partition: str) -> dict[str, str]:
    """What the UI shows of a feature frame's features."""
    import dagster as dg

    record = location.instance.get_latest_materialization_event(
        dg.AssetKey(["cards", card, "feature_frames"])
    )
    assert record is not None
    assert record.asset_materialization.partition == partition
    return {
        name: value.value
        for name, value in record.asset_materialization.metadata.items()
        if name.startswith("features")
    }


def test_a_second_card_computes_only_what_the_first_did_not(location: Location):
    location.add_card(card_text("other", slow=21))
    location.make("raw_ohlcv", "healed_ohlcv", at="BTCUSDT|15m")
    location.make("cards/averages/feature_frames", at="BTCUSDT|15m")
    first = shown(location, "averages", "BTCUSDT|15m")
    assert first["features reused"] == "none"
    assert first["features computed"] == first["features"]
    location.make("cards/other/feature_frames", at="BTCUSDT|15m")
    second = shown(location, "other", "BTCUSDT|15m")
    assert second["features computed"] == "slow"
    frames = [location.read(f"cards/{card}/feature_frames", "BTCUSDT|15m") for card in ("averages", "other")]
    shared = [name for name in frames[0] if name != "slow"]
    assert frames[0][shared].equals(frames[1][shared])


def test_open_interest_and_funding_go_through_the_graph_as_they_go_without_it(location: Location):
    text = card_text("crowded").replace(
        "features:\n",
        "features:\n"
        "  crowd: {indicator: roc, params: {length: 4}, source: open_interest, tf: htf}\n"
        "  paid: {indicator: funding_sum, params: {hours: 24}, tf: exec}\n",
        1,
    )
    text = text.replace("entry_long: [[", "entry_long: [[crowd, '>', -90], [funding_rate, '<', 1], [", 1)
    location.add_card(text)
    assert location.make_all().success
    result = location.read("cards/crowded/backtest_results", "BTCUSDT|15m")
    plan = load_plans(location.settings.cards_dir).plans["crowded"]
    store = location.definitions.resources["market_database"].store()
    direct = run_card(plan, "BTCUSDT", store)
    assert result.run_id == direct.run_id
    assert len(direct.trades) > 0
    frame = location.read("cards/crowded/feature_frames", "BTCUSDT|15m")
    assert {"funding_rate", "paid"} <= set(frame)
    assert "open_interest" not in frame
    assert "open_interest" in location.read("cards/crowded/feature_frames", "BTCUSDT|1h")


def test_open_interest_is_no_asset_where_no_card_looks_at_it(location: Location):
    keys = {key.to_user_string() for key in location.definitions.resolve_all_asset_keys()}
    assert "open_interest" not in keys

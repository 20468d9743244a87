"""The artifact store: immutable objects, pointers, refusals; in a folder and in an object store."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from upath import UPath

from engine.backtest.result import BacktestResult, RunCounters
from engine.errors import CorruptData, DataNotFound, GateRefused
from engine.timeframes import Timeframe
from trade_assets.artifacts import Address, ArtifactStore
from trade_assets.partitions import Partition

ADDRESS = Address(("cards", "a_card", "feature_frames"), Partition("BTCUSDT", Timeframe.M15))
FRAME = pd.DataFrame(
    {
        "ts_open": np.array([0, 900_000], dtype=np.int64),
        "close": [1.5, np.nan],
        "is_filled": [True, False],
        "price_source": pd.array(["mark", "last"], dtype="str"),
    }
)


@pytest.fixture(params=["folder", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """A store in a folder, under a file:// address, and in memory as fsspec's object stores are."""
    bases = {"folder": str(tmp_path), "file": tmp_path.as_uri(), "memory": f"memory://{tmp_path.name}"}
    return ArtifactStore(UPath(bases[request.param]))


def objects(store: ArtifactStore) -> list[str]:
    return sorted(path.name for path in (store.base / ADDRESS.path).iterdir())


def test_a_frame_comes_back_as_it_went(store: ArtifactStore):
    store.write(ADDRESS, FRAME, code_version="1")
    pd.testing.assert_frame_equal(store.read(ADDRESS), FRAME)


def test_plain_data_come_back_as_they_went(store: ArtifactStore):
    value = {"a": 1, "b": [1.5, None, "x"], "c": {"d": True}}
    store.write(ADDRESS, value, code_version="1")
    assert store.read(ADDRESS) == value


def test_the_same_value_is_the_same_object(store: ArtifactStore):
    first = store.write(ADDRESS, FRAME, code_version="1")
    second = store.write(ADDRESS, FRAME.copy(), code_version="1")
    assert (first.file, first.sha256) == (second.file, second.sha256)
    assert objects(store) == [f"{first.sha256[:16]}.parquet"]


def test_the_object_before_is_kept_and_those_before_it_go(store: ArtifactStore):
    files = [
        store.write(ADDRESS, {"version": number}, code_version="1").file.rpartition("/")[2]
        for number in range(4)
    ]
    assert objects(store) == sorted(files[-2:])


def test_going_back_to_an_earlier_value_does_not_delete_it(store: ArtifactStore):
    for number in (1, 2, 1, 2, 1):
        store.write(ADDRESS, {"version": number}, code_version="1")
        assert store.read(ADDRESS) == {"version": number}


def test_nothing_made_yet_says_how_to_make_it(store: ArtifactStore):
    with pytest.raises(DataNotFound) as caught:
        store.read(ADDRESS)
    assert "cards/a_card/feature_frames of BTCUSDT 15m" in str(caught.value)
    assert "--select 'key:\"cards/a_card/feature_frames\"' --partition 'BTCUSDT|15m'" in caught.value.way_out


def test_a_refusal_turns_readers_away_until_it_is_made_well(store: ArtifactStore):
    store.write(ADDRESS, {"version": 1}, code_version="1")
    store.refuse(ADDRESS, check="schema", message="a hole in the candles", dagster_run="r")
    with pytest.raises(GateRefused, match="refused by its check 'schema': a hole in the candles"):
        store.read(ADDRESS)
    store.write(ADDRESS, {"version": 2}, code_version="1")
    assert store.read(ADDRESS) == {"version": 2}


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is damaged"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (lambda path: path.unlink(), "is gone"),
    ],
)
def test_an_object_that_is_not_what_was_written_is_found_and_mended(store: ArtifactStore, harm, told: str):
    pointer = store.write(ADDRESS, FRAME, code_version="1")
    harm(store.base / pointer.file)
    with pytest.raises(CorruptData, match=told) as caught:
        store.read(ADDRESS)
    assert pointer.file in str(caught.value)
    assert "dagster asset materialize" in caught.value.way_out
    store.write(ADDRESS, FRAME, code_version="1")
    pd.testing.assert_frame_equal(store.read(ADDRESS), FRAME)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": "parquet"}', b'{"other": 1}'])
def test_a_pointer_that_cannot_be_read_is_found_and_mended(store: ArtifactStore, content: bytes):
    store.write(ADDRESS, FRAME, code_version="1")
    (store.base / f"{ADDRESS.path}.json").write_bytes(content)
    with pytest.raises(CorruptData, match=r"15m\.json"):
        store.read(ADDRESS)
    store.write(ADDRESS, FRAME, code_version="1")
    pd.testing.assert_frame_equal(store.read(ADDRESS), FRAME)


def test_a_pointer_tells_what_it_was_made_from(store: ArtifactStore):
    inputs = {"healed_ohlcv/BTCUSDT/15m": "ab"}
    store.write(ADDRESS, {"a": 1}, code_version="7", inputs=inputs, dagster_run="r")
    stored = json.loads((store.base / f"{ADDRESS.path}.json").read_bytes())
    assert (stored["code_version"], stored["inputs"], stored["dagster_run"]) == ("7", inputs, "r")


def test_a_value_without_a_format_leaves_nothing_behind(store: ArtifactStore):
    with pytest.raises(TypeError, match="no artifact format for set"):
        store.write(ADDRESS, {1, 2}, code_version="1")
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write(ADDRESS, {"a": float("nan")}, code_version="1")
    assert not store.is_refused(ADDRESS)
    with pytest.raises(DataNotFound):
        store.read(ADDRESS)


def run_of(number: int) -> BacktestResult:
    """A run that says little, under an id of its own."""
    none = pd.DataFrame({"ts": np.array([], dtype=np.int64)})
    return BacktestResult(
        run_id=f"{number:064}",
        system_hash="s",
        data_fingerprint="d",
        engine_version="1",
        card_id="a_card",
        card_version="1.0.0",
        symbol="BTCUSDT",
        exec_timeframe=Timeframe.M15,
        window=(0, 900_000),
        starting_equity_usdt=10_000.0,
        final_equity_usdt=10_000.0,
        counters=RunCounters(1, 0, 0, 0, 0, 0, {}, None, None),
        trades=none,
        fills=none,
        equity=none,
        funding=none,
    )


def test_a_run_comes_back_and_only_the_newest_two_are_kept(store: ArtifactStore):
    for number in range(4):
        store.write(ADDRESS, run_of(number), code_version="1")
        assert store.read(ADDRESS).summary() == run_of(number).summary()
    assert sorted(path.name[-1] for path in (store.base / "runs").iterdir()) == ["2", "3"]


def test_a_run_that_is_damaged_or_gone_is_found_and_mended(store: ArtifactStore):
    pointer = store.write(ADDRESS, run_of(1), code_version="1")
    for name in ("equity.parquet", "result.json", "manifest.json"):
        (store.base / pointer.file / name).write_bytes(b"{}")
        with pytest.raises(CorruptData, match="a_card/feature_frames of BTCUSDT 15m"):
            store.read(ADDRESS)
        store.write(ADDRESS, run_of(1), code_version="1")
        assert store.read(ADDRESS).run_id == run_of(1).run_id


def test_an_address_comes_back_from_its_path():
    assert Address.parse(ADDRESS.path) == ADDRESS

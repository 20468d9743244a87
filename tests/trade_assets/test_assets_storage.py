"""Artifacts in an object store: the whole graph, the same bytes as in a folder, no credentials anywhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from conftest import Location
from moto.server import ThreadedMotoServer

from engine.backtest.artifacts import artifact_base, reachable_base
from engine.errors import ConfigurationError
from trade_assets.build import usable_cards
from trade_assets.feature_store import prune
from trade_assets.pipeline import run_pipeline

KEY, SECRET = "AKIATRADETESTKEY", "not+to/be+found+anywhere"
BASE = "s3://trade/artifacts"


@pytest.fixture(scope="module")
def bucket() -> Iterator[None]:
    """A local S3 server with a bucket, and the environment that leads there."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", KEY)
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
        artifact_base(BASE).fs.mkdir("trade")
        yield
    server.stop()


@pytest.fixture
def remote(bucket: None, finished: Location, tmp_path: Path, instance: dg.DagsterInstance) -> Location:
    """A location with its artifacts in the bucket, and the decisions of a finished one in its ledger."""
    ledger = finished.settings.promotion_database
    own = tmp_path / "data" / ledger.parent.name
    own.mkdir(parents=True)
    for file in ledger.parent.glob(f"{ledger.name}*"):
        shutil.copy(file, own)
    settings = replace(finished.settings, data_dir=tmp_path / "data", artifacts_uri=BASE)
    return Location(settings, instance)


def objects(base: str) -> dict[str, bytes]:
    """Every object below a base; of a pointer all but the run that made it."""
    root = artifact_base(base)
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if b'"dagster_run"' in data:
                data = json.dumps(json.loads(data) | {"dagster_run": ""}).encode()
            found[path.path[len(root.path) :].lstrip("/")] = data
    return found


def test_the_whole_graph_writes_the_same_bytes_there(remote: Location, finished: Location):
    cards = usable_cards(remote.settings)
    report = run_pipeline(remote.settings, cards, remote.instance, symbols=["BTCUSDT"])
    assert report.failed == ()
    there, here = objects(BASE), objects(finished.settings.artifacts_uri)
    assert there.keys() == here.keys()
    assert [name for name in here if there[name] != here[name]] == []
    assert len(here) > 20
    # whoever looks, finds no credentials: neither in an object nor in what Dagster keeps
    told = b"".join(there.values()) + repr(remote.instance.all_logs(report_run(remote))).encode()
    assert SECRET.encode() not in told
    assert KEY.encode() not in told

    again = run_pipeline(remote.settings, cards, remote.instance, symbols=["BTCUSDT"])
    assert (again.dagster_runs, [row.reused for row in again.rows]) == (0, [True])

    pruned = prune(artifact_base(BASE), keep_bytes=0)
    assert pruned.removed_files > 0
    assert prune(artifact_base(BASE), keep_bytes=0).removed_files == 0


def report_run(location: Location) -> str:
    (newest,) = location.instance.get_runs(limit=1)
    return newest.run_id


def test_what_another_process_wrote_is_seen_at_once(bucket: None):
    mine, other = artifact_base("s3://trade/seen"), artifact_base("s3://trade/seen")
    (mine / "first").write_bytes(b"1")
    assert [path.name for path in mine.iterdir()] == ["first"]
    (other / "second").write_bytes(b"2")
    assert (mine / "second").exists()
    assert sorted(path.name for path in mine.iterdir()) == ["first", "second"]


def test_a_bucket_that_is_not_there_is_named(bucket: None):
    with pytest.raises(ConfigurationError, match="bucket nowhere"):
        reachable_base("s3://nowhere/artifacts")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"s3://{KEY}:secret@trade/artifacts", "holds credentials"),
        ("nosuch://trade/artifacts", "nothing here can talk to nosuch"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address: str, told: str):
    with pytest.raises(ConfigurationError, match=told) as refused:
        artifact_base(address)
    assert KEY not in str(refused.value)

"""A sweep on several processes is the sweep of one: the same results, the same files to the byte."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from sweep_case import SETS, history, space

from engine.backtest.cluster import SharedSweep, connected, run_sweep_on
from engine.backtest.searching import Search, SearchRequest
from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SWEPT_METRICS
from engine.backtest.sweep_results import SetResult, SweepJournal, results_table
from engine.errors import CardError, CardProblem, ConfigurationError, TradeError
from engine.settings import Cluster


@pytest.fixture(scope="module")
def client() -> Iterator[object]:
    """Two worker processes on this machine."""
    with connected(Cluster(processes=2)) as client:
        yield client


def written(results: tuple[SetResult, ...], folder) -> bytes:
    folder.mkdir()
    with SweepJournal(folder / "sweep.parquet", SWEPT_METRICS) as journal:
        journal.complete(results_table(results, space().parameters))
    return (folder / "sweep.parquet").read_bytes()


def test_several_processes_write_the_bytes_of_one(client, tmp_path):
    made = space()
    sets = list(made.grid())
    told = []
    there = run_sweep_on(client, made, sets, history(), on_result=lambda *each: told.append(each))
    here = run_sweep(made, sets, history())
    assert written(there, tmp_path / "there") == written(here, tmp_path / "here")
    assert [result.binding for result in there] == sets
    assert sorted(each.run_id for each, _ in told) == sorted(each.run_id for each in here)
    assert not any(was_finished for _, was_finished in told)
    assert len(there) == SETS


def test_a_search_that_learns_learns_the_same_there(client):
    made, request = space(), SearchRequest(Search.BAYESIAN, trials=9, seed=3, objective="sharpe")
    there = request.results(made, lambda sets: run_sweep_on(client, made, sets, history()))
    here = request.results(made, lambda sets: run_sweep(made, sets, history()))
    assert [each.run_id for each in there] == [each.run_id for each in here]


def test_what_is_finished_is_not_run_again(client):
    made = space()
    sets = list(made.grid())
    known = {
        result.run_id: result.metrics | {"trades": -1} for result in run_sweep(made, sets[:4], history())
    }
    told = []
    results = run_sweep_on(
        client, made, sets, history(), finished=known, on_result=lambda *each: told.append(each)
    )
    assert [result.metrics["trades"] == -1 for result in results] == [True] * 4 + [False] * (SETS - 4)
    assert sum(was_finished for _, was_finished in told) == 4


def test_a_set_that_makes_no_card_is_told_as_it_is_here(client):
    made = space()
    sets = [made.defaults, {"fast": 0, "slow": 12, "stop": 2.0}]
    with pytest.raises(CardError) as there:
        run_sweep_on(client, made, sets, history())
    with pytest.raises(CardError) as here:
        run_sweep(made, sets, history())
    assert str(there.value) == str(here.value)
    assert there.value.problems == here.value.problems


def test_what_is_sent_is_what_arrives():
    made, swept = space(), history(start_ms=1)
    sent = pickle.loads(pickle.dumps(SharedSweep.of(made, swept, {})))
    assert sent.space.card == made.card
    assert sent.swept.history.data_fingerprint == swept.history.data_fingerprint
    assert (sent.swept.start_ms, sent.swept.end_ms) == (1, None)


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("wrong", way_out="mend it"),
        CardError("card.yaml", [CardProblem("id", "is missing", "write one")]),
    ],
)
def test_an_error_crosses_processes_whole(error: TradeError):
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))


def test_an_address_where_nobody_answers_is_named():
    nobody = Cluster(address="tcp://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:9"), connected(nobody, timeout_s=0.3):
        pass


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        ("", None),
        ("local:3", Cluster(processes=3)),
        ("tcp://10.0.0.1:8786", Cluster(address="tcp://10.0.0.1:8786")),
    ],
)
def test_a_cluster_is_named_in_a_word(text: str, cluster: Cluster | None):
    assert Cluster.parse(text) == cluster
    assert str(cluster or "") == text


@pytest.mark.parametrize("text", ["local", "local:0", "local:many", "http://host:1", "tcp://host", "8"])
def test_what_names_no_cluster_is_refused(text: str):
    with pytest.raises(ConfigurationError, match="names no cluster"):
        Cluster.parse(text)

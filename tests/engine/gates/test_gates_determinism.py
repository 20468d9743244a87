"""The gate on determinism: other processes and cores leave the same bytes; what does not is found."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from gates_card import CARD, card_run, plan

from engine.errors import SimulationError
from engine.gates.artifact_process import ProcessSettings, artifact_hashes, artifact_hashes_of_process
from engine.gates.determinism import DeterminismEvidence, DeterminismGate, determinism_evidence
from engine.gates.known_market import KnownMarket

FILES = {
    "equity.parquet",
    "fills.parquet",
    "funding.parquet",
    "metrics.json",
    "result.json",
    "trades.parquet",
}
IN_SET_ORDER = "import json; print(json.dumps({'trades.parquet': ','.join({'BTC', 'ETH', 'SOL', 'ADA'})}))"


def test_two_processes_with_other_cores_and_hashes_leave_the_same_bytes():
    evidence = determinism_evidence(card_run(20))
    assert list(evidence.ways) == ["this process", "a process on one core", "a process on all cores"]
    result = DeterminismGate().run(evidence)
    assert result.passed, "\n".join(map(str, result.violations))
    assert result.summary.startswith("6 files, 3 ways")


def test_the_files_are_those_of_the_run_and_of_no_other():
    run = card_run(10)
    market = KnownMarket.of(run.history)
    first = artifact_hashes(run.plan.card, market)
    other = artifact_hashes(plan(CARD.replace("taker_bps: 5.5", "taker_bps: 5.6")).card, market)
    assert set(first) == FILES
    assert all(first[name] != other[name] for name in FILES)


def test_a_clock_in_a_file_is_found():
    ticks = itertools.count()
    ways = {name: lambda: {"result.json": f"run at {next(ticks)}", "trades.parquet": "same"} for name in "ab"}
    [violation] = DeterminismGate().run(DeterminismEvidence("a card", ways)).violations
    assert violation.where == "a card, result.json"
    assert "b makes another file than a" in violation.what


def test_the_order_of_a_set_is_found_across_processes():
    def way(hash_seed: str):
        command = [sys.executable, "-c", IN_SET_ORDER]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)

    ways = {seed: lambda seed=seed: way(seed) for seed in ("1", "2")}
    assert not DeterminismGate().run(DeterminismEvidence("a card", ways)).passed


def test_a_file_that_only_one_process_makes_is_found():
    ways = {"here": lambda: {"a": "1", "b": "2"}, "there": lambda: {"a": "1"}}
    [violation] = DeterminismGate().run(DeterminismEvidence("a card", ways)).violations
    assert "no such file there" in violation.how_much


def test_a_process_that_fails_says_why():
    run = card_run(10)
    nothing = replace(KnownMarket.of(run.history), candles={})
    with pytest.raises(SimulationError, match="a process on one core did not finish the run") as caught:
        artifact_hashes_of_process(run.plan.card, nothing, ProcessSettings("a process on one core"))
    assert "has no feature frame of 15m" in str(caught.value)

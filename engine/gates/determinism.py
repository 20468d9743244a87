"""The gate on determinism: the same run has the same bytes, wherever and however it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from engine.gates.artifact_process import ProcessSettings, artifact_hashes, artifact_hashes_of_process
from engine.gates.base import Gate, GateResult, GateViolation
from engine.gates.card_run import CardRun
from engine.gates.known_market import KnownMarket

PROCESSES = (
    ProcessSettings("a process on one core", cores=1, threads=1, hash_seed=1),
    ProcessSettings("a process on all cores", hash_seed=2),
)
_AT_ONCE = 2


@dataclass(frozen=True, eq=False)
class DeterminismEvidence:
    """One run that can be made in several ways.

    Attributes
    ----------
    where : str
        What is judged, for violations.
    ways : mapping of str to callable
        Each makes the run anew and gives the hash of every file it leaves, by name. The first is what the
        others are held against.
    """

    where: str
    ways: Mapping[str, Callable[[], Mapping[str, str]]]


def determinism_evidence(run: CardRun) -> DeterminismEvidence:
    """Return the ways to make a run: here, and in two new processes with other cores, threads and hashes."""
    card, market = run.plan.card, KnownMarket.of(run.history)
    ways: dict[str, Callable[[], Mapping[str, str]]] = {
        "this process": partial(artifact_hashes, card, market)
    }
    for settings in PROCESSES:
        ways[settings.name] = partial(artifact_hashes_of_process, card, market, settings)
    return DeterminismEvidence(run.where, ways)


class DeterminismGate(Gate[DeterminismEvidence]):
    """Make a run in several ways and compare the bytes of every file: trades, fills, equity, metrics, all."""

    name = "determinism"
    checks = "In another process, on one core or on all, a run leaves the same files, byte for byte."

    def run(self, evidence: DeterminismEvidence) -> GateResult:
        """Return the verdict, with every file that differs. Raises what a way raises."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            made = dict(zip(evidence.ways, pool.map(lambda way: way(), evidence.ways.values()), strict=True))
        (first, expected), *others = made.items()
        found = [
            _differs(evidence.where, name, first, other, expected.get(name), hashes.get(name))
            for other, hashes in others
            for name in sorted(expected.keys() | hashes.keys())
            if expected.get(name) != hashes.get(name)
        ]
        summary = f"{len(expected)} files, {len(made)} ways: {', '.join(made)}"
        return GateResult(self.name, self.checks, self.severity, summary, tuple(found))


def _differs(
    where: str, file: str, first: str, other: str, was: str | None, became: str | None
) -> GateViolation:
    return GateViolation(
        where=f"{where}, {file}",
        what=f"{other} makes another file than {first}",
        how_much=f"SHA-256 {_short(was)} here, {_short(became)} there",
        remedy="Look for a clock, an unseeded draw, the order of a set, or a sum that threads share.",
    )


def _short(digest: str | None) -> str:
    return "no such file" if digest is None else digest[:12]

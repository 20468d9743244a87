"""A backtest in a process of its own: a card and a market on standard input, hashes of its files out.

`python -m engine.gates.artifact_process`; started by the gate on determinism, with the settings it is about.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

from engine.backtest.artifacts import write_artifacts
from engine.backtest.engine import BacktestEngine
from engine.backtest.measure import measure
from engine.backtest.prepare import prepare_history
from engine.errors import SimulationError
from engine.gates.known_market import KnownMarket
from engine.hashing import canonical_json, sha256_hex
from engine.idea_card.card import IdeaCard
from engine.strategies.card_plan import plan_card

_PROJECT = Path(__file__).resolve().parents[2]
_METRICS = "metrics.json"


@dataclass(frozen=True)
class ProcessSettings:
    """What may differ between two processes and must not tell.

    Attributes
    ----------
    name : str
        For violations: "a process on one core".
    cores : int or None
        How many cores it may use, of those there are; None for all.
    threads : int or None
        For the libraries that compute in threads; None as they like.
    hash_seed : int
        Of Python's hashes of text, and so of the order of sets.
    """

    name: str
    cores: int | None = None
    threads: int | None = None
    hash_seed: int = 0

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the process."""
        paths = [str(_PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
        wanted = {"PYTHONHASHSEED": str(self.hash_seed), "PYTHONPATH": os.pathsep.join(paths)}
        if self.threads is not None:
            names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS")
            wanted |= dict.fromkeys(names, str(self.threads))
        return os.environ | wanted


def artifact_hashes(card: IdeaCard, market: KnownMarket) -> dict[str, str]:
    """Run a card over a market, here, and return the hash of each file the run leaves behind."""
    plan = plan_card(card)
    result = BacktestEngine().run(prepare_history(plan, market.history()))
    with tempfile.TemporaryDirectory() as folder:
        hashes = write_artifacts(result, UPath(folder))
    metrics = canonical_json(measure(result).to_plain())
    return hashes | {_METRICS: sha256_hex(metrics.encode())}


def artifact_hashes_of_process(
    card: IdeaCard, market: KnownMarket, settings: ProcessSettings
) -> dict[str, str]:
    """Return what `artifact_hashes` returns in a new process.

    Raises
    ------
    SimulationError
        If that process fails, with the end of what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__ if __name__ != "__main__" else "engine.gates.artifact_process"],
        input=pickle.dumps((card, market, settings.cores)),
        env=settings.environment(),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise SimulationError(
            f"{settings.name} did not finish the run: {said[-500:]}",
            way_out="run the card's backtest by itself, with TRADE_DEBUG=1",
        )
    hashes: Mapping[str, str] = json.loads(done.stdout)
    return dict(hashes)


def main() -> None:
    """Read a card, a market and a number of cores, and write the hashes."""
    card, market, cores = pickle.load(sys.stdin.buffer)
    if cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    sys.stdout.write(json.dumps(artifact_hashes(card, market)))


if __name__ == "__main__":
    main()

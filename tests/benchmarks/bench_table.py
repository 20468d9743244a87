"""Every figure that is asked of the simulation, in one table.

    .venv/bin/python tests/benchmarks/bench_table.py [--peers] [--json FILE]

`--peers` measures other engines in the same run (they are installed into .venv-peers the first time).
Figures are only as good as the machine is quiet: nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import bench_bar_loop
import bench_card
import bench_peers
import bench_start
import bench_sweep
import bench_ten_years
from benchmark_market import machine
from benchmark_report import Figure, show


def main() -> None:
    """Measure, one after the other, and print the table."""
    parser = argparse.ArgumentParser(description="Measure what is asked of the simulation.")
    parser.add_argument("--peers", action="store_true", help="measure other engines too")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    asked = parser.parse_args()
    measurements: list[Callable[[], list[Figure]]] = [
        bench_bar_loop.figures,
        bench_card.figures,
        bench_ten_years.figures,
        bench_sweep.figures,
        bench_start.figures,
        *([bench_peers.figures] if asked.peers else []),
    ]
    figures: list[Figure] = []
    try:
        for measure in measurements:
            figures += measure()
    finally:
        print(machine())
        show(figures)
    if asked.json is not None:
        asked.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1))


if __name__ == "__main__":
    main()

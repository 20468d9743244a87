"""Time and peak memory of the demo: the whole job from an empty folder, and again when all is there.

    .venv/bin/python tests/benchmarks/bench_demo.py

Each demo is a process of its own, so that starting Python and importing count as they do for a user.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmark_market import machine

PROJECT = Path(__file__).resolve().parents[2]


def demo(folder: Path) -> tuple[dict[str, Any], float, float]:
    """Run the demo on `folder`; return its data, the seconds it took and its peak memory in MB."""
    environment = os.environ | {"TRADE_DATA": str(folder / "data"), "DAGSTER_HOME": str(folder / "home")}
    command = [sys.executable, "-c", "from engine.cli.main import main; main()", "demo", "--json"]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"the demo ended with {process.returncode}: {output.decode()[-2000:]}")
    return json.loads(output)["data"], time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    """Run the demo twice and print what it took."""
    print(machine())
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "home").mkdir()
        shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", folder / "home")
        for which in ("first", "second"):
            data, seconds, memory_mb = demo(folder)
            print(
                f"{which} run: {seconds:.1f} s, peak memory {memory_mb:.0f} MB, {len(data['rows'])} decisions"
            )
            for stage in data["stages"]:
                print(
                    f"  stage {stage['name']:<18} {stage['steps']:>4} steps {stage['seconds']:>7.1f} s"
                    f" {stage['peak_memory_mb']:>6.0f} MB"
                )
            for asset in data["assets"]:
                print(
                    f"  asset {asset['asset']:<18} {asset['partitions']:>4} made  {asset['seconds']:>7.1f} s"
                )
            made = sum(asset["partitions"] for asset in data["assets"])
            if made:
                each_ms = 1000 * data["dagster_seconds"] / made
                print(
                    f"  Dagster's own: {data['dagster_seconds']:.1f} s in {data['dagster_runs']} runs,"
                    f" {each_ms:.0f} ms per materialization"
                )


if __name__ == "__main__":
    main()

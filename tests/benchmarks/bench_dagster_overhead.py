"""What Dagster itself takes per materialization, apart from the work inside, by where its instance is kept.

    .venv/bin/python tests/benchmarks/bench_dagster_overhead.py

The shipped cards over ten generated days of BTCUSDT: the work is small, so Dagster shows. Its time is that of
the runs less that of our functions, which includes writing the artifacts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
from benchmark_market import machine

from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.settings import TradeSettings
from engine.strategies.card_plan import load_plans
from engine.timeframes import parse_utc
from trade_assets.instance import persistent_instance
from trade_assets.pipeline import run_pipeline

PROJECT = Path(__file__).resolve().parents[2]
NOW_MS = parse_utc("2025-02-20")
SYMBOL = "BTCUSDT"
WHERE = ("--partition", f"{SYMBOL}|1h")


def settings_of(folder: Path, url: str) -> TradeSettings:
    """Settings over a folder and an exchange."""
    given = {"TRADE_DATA": str(folder), "TRADE_SANDBOX_URL": url, "TRADE_HISTORY_START": "2025-02-01"}
    return TradeSettings.from_environment(given)


@contextmanager
def plain_home(folder: Path) -> Iterator[dg.DagsterInstance]:
    """An instance in SQLite as Dagster opens it."""
    with dg.DagsterInstance.from_config(str(home_in(folder))) as instance:
        yield instance


def our_home(folder: Path) -> AbstractContextManager[dg.DagsterInstance]:
    """An instance in SQLite as the driver opens it."""
    return persistent_instance({"DAGSTER_HOME": str(home_in(folder))})


def home_in(folder: Path) -> Path:
    """Make a DAGSTER_HOME."""
    home = folder / "home"
    home.mkdir(parents=True)
    shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", home)
    return home


def measure(
    name: str, url: str, instance_in: Callable[[Path], AbstractContextManager[dg.DagsterInstance]]
) -> None:
    """Run the pipeline once on a new instance and print what Dagster took."""
    with TemporaryDirectory() as text, instance_in(Path(text)) as instance:
        settings = settings_of(Path(text) / "data", url)
        report = run_pipeline(settings, load_plans(settings.cards_dir), instance, symbols=[SYMBOL])
    made = sum(asset.partitions for asset in report.assets)
    own = report.dagster_seconds
    print(
        f"{name:<34} {report.dagster_runs:>3} runs {made:>4} materializations  "
        f"work {report.seconds - own:>5.1f} s  Dagster {own:>5.1f} s  {1000 * own / made:>5.0f} ms each"
    )


def measure_command(url: str) -> None:
    """Print what one `dagster asset materialize` takes from a shell, most of it starting up."""
    with TemporaryDirectory() as text:
        home = home_in(Path(text))
        settings = settings_of(Path(text) / "data", url)
        environment = os.environ | {
            "DAGSTER_HOME": str(home),
            "TRADE_DATA": str(settings.data_dir),
            "TRADE_SANDBOX_URL": url,
            "TRADE_HISTORY_START": "2025-02-01",
        }
        command = [str(Path(sys.executable).with_name("dagster")), "asset", "materialize"]
        command += ["-m", "trade_assets.definitions", "--select", "instrument_rules,raw_ohlcv", *WHERE]
        for which in ("on a new home", "again"):
            began = time.perf_counter()
            subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True)
            print(f"dagster asset materialize, {which:<14} {time.perf_counter() - began:>5.1f} s")


def main() -> None:
    """Measure and print."""
    print(machine())
    with SandboxServer(GeneratedMarket(), now_ms=FrozenClock(NOW_MS)) as server:
        measure("(to warm up)", server.url, lambda _: dg.DagsterInstance.ephemeral())
        measure("in memory", server.url, lambda _: dg.DagsterInstance.ephemeral())
        measure("SQLite, as Dagster opens it", server.url, plain_home)
        measure("SQLite, as the driver opens it", server.url, our_home)
        measure_command(server.url)


if __name__ == "__main__":
    main()

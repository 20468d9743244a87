"""Running assets in this process: a symbol over a range of timeframes, with what failed in words."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable

import dagster as dg

from engine.settings import TradeSettings
from engine.strategies.card_plan import PlanFolder
from engine.timeframes import Timeframe
from engine.tools.progress import Progress
from trade_assets.build import build_defs
from trade_assets.interrupts import noting_interrupts
from trade_assets.outcome import AssetTime
from trade_assets.partitioned import INTERRUPTED
from trade_assets.partitions import Partition
from trade_assets.ranges import SYMBOLS_TAG, PartitionRange
from trade_assets.work import WATCHER

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class ProgressWatcher:
    """Counts and times what assets make, and passes it on as the progress of the task that is going on."""

    def __init__(self, progress: Progress) -> None:
        self.seconds = 0.0
        self._progress = progress
        self._task = ""
        self._times: dict[str, tuple[int, float]] = {}

    def begin(self, task: str, total: int) -> None:
        """Start a task of `total` partitions."""
        self._task = task
        self._progress.start(task, total)

    def end(self) -> None:
        """End the task."""
        self._progress.finish(self._task)

    def starting(self, asset: str, partition: Partition) -> None:
        """Show what is being made."""
        self._progress.advance(self._task, 0, note=f"{partition} {asset}")

    def made(self, asset: str, partition: Partition, seconds: float) -> None:
        """Count what was made; the assets of all cards go by their last name."""
        name = asset.rpartition("/")[2]
        count, before = self._times.get(name, (0, 0.0))
        self._times[name] = (count + 1, before + seconds)
        self.seconds += seconds
        self._progress.advance(self._task, note=f"{partition} {asset}")

    def times(self) -> tuple[AssetTime, ...]:
        """Return how long each asset took."""
        return tuple(AssetTime(name, count, seconds) for name, (count, seconds) in self._times.items())


class Runner:
    """Runs assets on an instance.

    Parameters
    ----------
    settings, folder
        As for `build_defs`.
    instance : DagsterInstance
        Where the runs are kept.
    watcher : ProgressWatcher
        Who is told.
    """

    def __init__(
        self,
        settings: TradeSettings,
        folder: PlanFolder,
        instance: dg.DagsterInstance,
        watcher: ProgressWatcher,
    ) -> None:
        self.runs = 0
        self.seconds = 0.0
        watching = dg.ResourceDefinition.hardcoded_resource(watcher)
        definitions = build_defs(settings, folder=folder, resource_overrides={WATCHER: watching})
        self._job = definitions.resolve_implicit_global_asset_job_def()
        self._instance = instance

    def run(
        self, keys: Iterable[tuple[str, ...]], symbol: str, timeframes: Collection[Timeframe]
    ) -> dict[tuple[str, ...], str]:
        """Make assets of one symbol, from the largest to the smallest timeframe.

        Steps that do not depend on a failed one are made all the same.

        Returns
        -------
        dict of tuple of str to str
            The assets that failed, and why.
        """
        began = time.perf_counter()
        by_step = {dg.AssetKey(list(key)).to_python_identifier(): key for key in keys}
        where = PartitionRange(Partition(symbol, max(timeframes)), Partition(symbol, min(timeframes)))
        with noting_interrupts() as was_interrupted:
            result = self._job.execute_in_process(
                asset_selection=[dg.AssetKey(list(key)) for key in by_step.values()],
                partition_key=where.partition_key,
                tags=where.tags | {SYMBOLS_TAG: symbol},
                instance=self._instance,
                run_config=_QUIET,
                raise_on_error=False,
            )
            stopped = was_interrupted()
        self.runs += 1
        self.seconds += time.perf_counter() - began
        failures = [event for event in result.all_events if event.is_step_failure]
        if stopped or any(_was_interrupted(event) for event in failures):
            raise KeyboardInterrupt
        failed = {by_step[event.step_key or ""]: _told(event) for event in failures}
        if not result.success and not failed:
            failed = dict.fromkeys(by_step.values(), "the run failed before its first step: see the UI")
        return failed


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    """Whether a step failed because somebody stopped the run: Dagster makes a failure of the signal."""
    error = event.step_failure_data.error
    by_dagster = error is not None and error.cls_name == dg.DagsterExecutionInterruptedError.__name__
    return by_dagster or _told(event) == INTERRUPTED


def _told(event: dg.DagsterEvent) -> str:
    """Return the cause of a failed step: our own words where it failed on purpose."""
    failure = event.step_failure_data
    if failure.user_failure_data is not None:
        return failure.user_failure_data.description or ""
    return failure.error.to_string().splitlines()[0] if failure.error else "unknown"

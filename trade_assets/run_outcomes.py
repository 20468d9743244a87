"""What became of runs, as the instance tells: which partitions are busy, and whose sync failed."""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES, RunRecord

from engine.timeframes import DAY_MS
from trade_assets.assets.market import RAW_OHLCV_KEY
from trade_assets.due import NONE, Outcome, Partitions
from trade_assets.not_made import NOT_MADE_TAG, not_made
from trade_assets.partitions import Partition, Universe
from trade_assets.ranges import PartitionRange

_RUN_KEY_TAG = "dagster/run_key"
_SYNC = dg.AssetKey(list(RAW_OHLCV_KEY))

# A run of a process that was killed outright can look busy for ever; no sync takes a day.
_GIVEN_UP_AFTER_MS = DAY_MS


def outcome_of(
    instance: dg.DagsterInstance, universe: Universe, asked: Collection[str], *, now_ms: int
) -> Outcome:
    """Return what became of the runs whose keys were `asked` for, and what any run is busy with.

    Two queries, however many partitions there are. Runs that somebody stopped are not tried again, nor are
    those that failed after the sync: a verdict on the same candles would be the same.
    """
    unfinished = [
        record
        for record in instance.get_run_records(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
        if not _is_given_up(record, now_ms)
    ]
    busy = NONE.union(*(_partitions(each.dagster_run, universe) for each in unfinished if _syncs(each)))
    if not asked:
        return Outcome(busy=busy)
    waited_for = dg.RunsFilter(tags={_RUN_KEY_TAG: list(asked)})
    runs = [record.dagster_run for record in instance.get_run_records(waited_for)]
    still_open = {record.dagster_run.run_id for record in unfinished}
    return Outcome(
        busy=busy,
        failed=NONE.union(*(_not_synced(run, universe) for run in runs if run.is_failure)),
        open=tuple(sorted(run.tags[_RUN_KEY_TAG] for run in runs if run.run_id in still_open)),
    )


def _not_synced(run: dg.DagsterRun, universe: Universe) -> Partitions:
    """Return what of a failed run has to be synced again: every timeframe of the symbols of which any failed.

    A run whose process died has noted nothing, and so all of it was not synced.
    """
    partitions = _partitions(run, universe)
    if NOT_MADE_TAG not in run.tags:
        return partitions
    noted = not_made(run.tags).get("/".join(RAW_OHLCV_KEY), [])
    symbols = {Partition.parse(key).symbol for key in noted}
    return frozenset(each for each in partitions if each.symbol in symbols)


def _partitions(run: dg.DagsterRun, universe: Universe) -> Partitions:
    covered = PartitionRange.of_run(run.tags)
    if covered is None:
        return NONE
    return frozenset(
        Partition(symbol, timeframe)
        for symbol in covered.symbols_in(universe)
        for timeframe in covered.timeframes_in(universe)
    )


def _syncs(record: RunRecord) -> bool:
    selected = record.dagster_run.asset_selection
    return not selected or _SYNC in selected


def _is_given_up(record: RunRecord, now_ms: int) -> bool:
    return now_ms - record.create_timestamp.timestamp() * 1000 > _GIVEN_UP_AFTER_MS

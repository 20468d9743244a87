"""What a run could not make, kept as a tag of the run: the UI shows it, later steps and the sensor read it.

A step of a run over many partitions stores what it could make, and the run goes on with that. So that it does
not end green all the same, the last step that has any work fails in the name of those before it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import dagster as dg

from trade_assets.partitions import Partition

NOT_MADE_TAG = "trade/not_made"
_WENT_ON_TAG = "trade/went_on_without"


def note_not_made(
    instance: dg.DagsterInstance, run_id: str, asset: str, partitions: Collection[Partition]
) -> None:
    """Note the partitions of `asset` the run could not make, in place of those of an earlier attempt."""
    noted = not_made(_tags(instance, run_id)) | {asset: sorted(each.key for each in partitions)}
    noted = {name: keys for name, keys in noted.items() if keys}
    instance.add_run_tags(run_id, {NOT_MADE_TAG: json.dumps(noted, sort_keys=True)})


def note_went_on(instance: dg.DagsterInstance, run_id: str, asset: str) -> None:
    """Note that the run goes on without the partitions of `asset` it could not make."""
    before = json.loads(_tags(instance, run_id).get(_WENT_ON_TAG, "[]"))
    instance.add_run_tags(run_id, {_WENT_ON_TAG: json.dumps(sorted({*before, asset}))})


def went_on_without(instance: dg.DagsterInstance, run_id: str) -> dict[str, list[str]]:
    """Return what the run could not make and went on without, so that no step has failed by it yet."""
    tags = _tags(instance, run_id)
    assets = json.loads(tags.get(_WENT_ON_TAG, "[]"))
    return {asset: keys for asset, keys in not_made(tags).items() if asset in assets}


def not_made(tags: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what a run with `tags` could not make."""
    found: dict[str, list[str]] = json.loads(tags.get(NOT_MADE_TAG, "{}"))
    return found


def _tags(instance: dg.DagsterInstance, run_id: str) -> Mapping[str, str]:
    run = instance.get_run_by_id(run_id)
    return {} if run is None else run.tags

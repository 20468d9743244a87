"""The sensor on the journals of runs: new evidence once an hour of new lines, and whatever went wrong, told.

https://docs.dagster.io/guides/automate/sensors
"""

from __future__ import annotations

import json

import dagster as dg

from engine.errors import TradeError
from engine.live.journal import JournalKind, read_journal
from engine.live.run_folder import run_folders, runs_root
from engine.settings import TradeSettings
from engine.timeframes import HOUR_MS
from trade_assets.assets.shadow_performance import SHADOW_PERFORMANCE_KEY

_LOOKS_EVERY_S = 60
_TOLD = (JournalKind.ERROR, JournalKind.REFUSAL)


def journal_sensor(settings: TradeSettings) -> dg.SensorDefinition:
    """Return the sensor `live_journals`.

    It reads what was added to each journal since its last look (the cursor holds how far), logs errors and
    refusals, and asks for `shadow_performance` once for each hour in which decisions were made. It opens no
    connection. Stopped until it is started, as the others.
    """

    @dg.sensor(
        name="live_journals",
        asset_selection=dg.AssetSelection.assets(list(SHADOW_PERFORMANCE_KEY)),
        minimum_interval_seconds=_LOOKS_EVERY_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Follows the journals of runs: brings shadow performance up to date, tells what failed.",
    )
    def follow(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        seen = _read_cursor(context.cursor)
        hours: set[int] = set()
        lines = troubles = 0
        for run in run_folders(runs_root(settings)):
            name = f"{run.path.parent.name}/{run.path.name}"
            try:
                reading = read_journal(run.journal_path, seen.get(name, 0))
            except TradeError as error:
                return dg.SkipReason(error.problem)
            seen[name] = reading.next_offset
            lines += len(reading.entries)
            for entry in reading.entries:
                if entry.kind in _TOLD:
                    troubles += 1
                    context.log.warning("%s: %s %s", name, entry.kind.value, dict(entry.data))
                elif entry.kind is JournalKind.DECISION:
                    hours.add(entry.ts_ms // HOUR_MS)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=f"shadow-{max(hours)}")] if hours else [],
            skip_reason=None if hours else f"{lines} new lines, {troubles} of them errors or refusals",
            cursor=json.dumps(seen),
        )

    return follow


def _read_cursor(cursor: str | None) -> dict[str, int]:
    """Return how far each journal was read; from the beginning if that cannot be told."""
    try:
        return {str(name): int(offset) for name, offset in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}

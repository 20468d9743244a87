"""Checks: verdicts on what an asset made, per partition.

An asset names its checks; the code that makes a partition returns a `CheckVerdict` for each. One is the
gate: what breaks it is refused before it is written, and the verdict is kept as data as well (see
`artifacts.py`), because Dagster's blocking ends with the run. What the checks test belongs to `engine`.

https://docs.dagster.io/guides/test/asset-checks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from engine.errors import ConfigurationError, ExchangeUnavailable, GateRefused, TradeError
from engine.gates.base import GateResult
from trade_assets.io import NotMadeInRun
from trade_assets.metadata import table
from trade_assets.partitions import Partition

SCHEMA = "schema"
ACCOUNTS_AGREE = "accounts_agree"
PROMOTION_GATES = "promotion_gates"
VALIDATION_GATES = "validation_gates"
SHADOW_GATES = "shadow_gates"
FRESH = "fresh"
NO_GAPS = "no_gaps"
TIMEFRAMES_AGREE = "timeframes_agree"
PLAUSIBLE_PRICES = "plausible_prices"
FUNDING_SPACING = "funding_spacing"
LOOK_AHEAD = "look_ahead"
PARITY = "parity"
RUN_GATES = "run_gates"

REFUSING = frozenset({TIMEFRAMES_AGREE, FUNDING_SPACING, LOOK_AHEAD, PARITY})
"""Notes of gates that are errors: one that fails refuses its partition as the gate of the asset does."""

_DESCRIPTIONS = {
    SCHEMA: "It holds to its pandera schema. What does not is refused before it is written.",
    ACCOUNTS_AGREE: "What the trades made, one by one, is what the account shows at the end.",
    FRESH: "Every candle is there that closed a quarter of an hour ago or earlier.",
    NO_GAPS: "No candle is missing between the first and the last.",
    TIMEFRAMES_AGREE: "Candles are what those of the next finer timeframe add up to.",
    PLAUSIBLE_PRICES: "Candles open where the one before closed, do not jump, and the mark price is near.",
    FUNDING_SPACING: "Funding events follow each other by 1, 2, 4 or 8 hours, without one missing.",
    LOOK_AHEAD: "Without its future, or with another one, the run did the same, at a few moments of it.",
    PARITY: "Every indicator, on every source, is what its chosen implementation gives.",
    RUN_GATES: "Schemas, parity, look-ahead at every entry, warm-up, determinism: none of the gates refuses.",
    PROMOTION_GATES: "The card meets the thresholds it sets itself. A refusal is an answer and stops no run.",
    SHADOW_GATES: "The run in shadow did what a backtest over the same candles does. A refusal is an answer.",
    VALIDATION_GATES: "The evidence says that the result was not luck. A refusal is an answer, too.",
}


class CheckRefused(GateRefused):
    """A check other than the gate of its asset refused what was made.

    Parameters
    ----------
    check : str
        Its name.
    """

    def __init__(self, check: str, problem: str, *, way_out: str) -> None:
        self.check = check
        super().__init__(f"{check}: {problem}", way_out=way_out)


@dataclass(frozen=True)
class CheckVerdict:
    """What a check says of one partition.

    Parameters
    ----------
    check : str
        Name of the check.
    passed : bool
        Its verdict.
    description : str
        The finding in words.
    metadata : mapping
        Figures for the UI.
    """

    check: str
    passed: bool
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def check_specs(
    asset_key: dg.AssetKey, gate: str | None, notes: tuple[str, ...], partitions: dg.PartitionsDefinition
) -> list[dg.AssetCheckSpec]:
    """Return the specs of an asset's checks: the gate, which blocks what is downstream, and the notes.

    Of these the ones that refuse block as well.

    Each has the partitions definition: a check without one is stored for no partition.
    """
    named = [(gate, True)] if gate else []
    named += [(note, note in REFUSING) for note in notes]
    return [
        dg.AssetCheckSpec(
            name,
            asset=asset_key,
            description=_DESCRIPTIONS[name],
            blocking=blocking,
            partitions_def=partitions,
        )
        for name, blocking in named
    ]


def verdict_of(check: str, results: Sequence[GateResult], *, way_out: str) -> CheckVerdict:
    """Return the results of gates as one verdict, with a table of what they found.

    Raises
    ------
    CheckRefused
        If one of them blocks; with every violation.
    """
    found = [violation for result in results for violation in result.violations]
    said = "; ".join(result.summary for result in results)
    if any(result.blocks for result in results):
        places = "\n".join(f"  {violation}" for violation in found)
        raise CheckRefused(check, f"{said}\n{places}", way_out=way_out)
    rows: list[dict[str, str | int | float | bool | None]] = [
        {"where": each.where, "what": each.what, "how much": each.how_much, "what to do": each.remedy}
        for each in found
    ]
    return CheckVerdict(check, not found, description=said, metadata={"violations": table(rows)})


def newest_materialization(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, partition: Partition
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """Return what a verdict on a partition is a verdict on; None if it was never made.

    The UI counts a verdict only while the materialization it names is the newest.
    """
    wanted = dg.AssetRecordsFilter(asset_key=asset_key, asset_partitions=[partition.key])
    newest = next(iter(instance.fetch_materializations(wanted, limit=1).records), None)
    return newest and AssetCheckEvaluationTargetMaterializationData(
        storage_id=newest.storage_id, run_id=newest.run_id, timestamp=newest.timestamp
    )


def evaluation(
    check: dg.AssetCheckKey,
    partition: Partition,
    verdict: CheckVerdict,
    target: AssetCheckEvaluationTargetMaterializationData | None,
    *,
    is_gate: bool = False,
    blocking: bool = False,
) -> dg.AssetCheckEvaluation:
    """Return the event that records a verdict for its partition, on the materialization it is about.

    A failed gate is an error, a failed note a warning. Where the event says that it blocks, Dagster fails the
    step by it.

    The event and not an `AssetCheckResult`, which in a run over a range is stored for no partition at all.
    """
    return dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=verdict.passed,
        description=verdict.description,
        metadata=verdict.metadata,
        target_materialization_data=target,
        severity=dg.AssetCheckSeverity.ERROR if is_gate else dg.AssetCheckSeverity.WARN,
        blocking=blocking,
        partition=partition.key,
    )


def is_verdict(error: TradeError) -> bool:
    """Whether an error says something about the data, and not that a setting is wrong or nobody answered."""
    return not isinstance(error, ConfigurationError | ExchangeUnavailable | NotMadeInRun)

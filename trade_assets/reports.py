"""Where a partition's HTML report is. What is in it belongs to `engine.reports`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from upath import UPath

from engine.backtest.result import BacktestResult
from engine.metrics.compute import Metrics
from engine.promotion.policy import PromotionDecision
from engine.promotion.validation import Validation
from engine.reports.html import write_report
from engine.tools.market import Market, MarketKind
from trade_assets.partitions import Partition

REPORTS_FOLDER = "reports"


@dataclass(frozen=True)
class PartitionReport:
    """A report: `file` is its path below `base`."""

    base: UPath
    file: str

    @property
    def path(self) -> UPath:
        """Where it is."""
        return self.base / self.file

    def metadata(self) -> dict[str, Any]:
        """Return where it is and, on this machine, an address to paste: no browser follows it from a page."""
        shown: dict[str, Any] = {"report": dg.MetadataValue.path(str(self.path))}
        if self.path.protocol in ("", "file"):
            shown["report address"] = dg.MetadataValue.url(Path(self.path.path).absolute().as_uri())
        return shown


def report_file(card_id: str, partition: Partition, *, has_evidence: bool = False) -> str:
    """Return the path below the base of a card's newest report: one name, so that a bookmark stays good."""
    suffix = "_validation" if has_evidence else ""
    return f"{REPORTS_FOLDER}/{card_id}/{partition.symbol}_{partition.timeframe}{suffix}.html"


def write_partition_report(
    base: UPath,
    result: BacktestResult,
    metrics: Metrics,
    decision: PromotionDecision,
    candles: pd.DataFrame,
    market: Market,
    evidence: Validation | None = None,
) -> PartitionReport:
    """Write the report of a run on `candles` and the decision; one with `evidence` has a name of its own."""
    partition = Partition(result.symbol, result.exec_timeframe)
    report = PartitionReport(base, report_file(result.card_id, partition, has_evidence=evidence is not None))
    generated = market.kind is MarketKind.GENERATED
    write_report(result, metrics, decision, candles, report.path, generated=generated, evidence=evidence)
    return report

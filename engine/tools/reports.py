"""Tools on reports: where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.errors import DataNotFound
from engine.settings import TradeSettings
from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec

if TYPE_CHECKING:
    from upath import UPath

# Below the base of the artifacts: CARD/SYMBOL_TF.html, the newest of each partition of the pipeline …
REPORTS_FOLDER = "reports"
# … and CARD/SYMBOL_TF_RUN/report.html, beside the artifacts of a single backtest.
RUNS_FOLDER = "runs"


class WhichReports(ToolInput):
    """Which reports."""

    card: str | None = Field(None, description="only this card's")
    symbol: str | None = Field(None, description="only this symbol's")


def show_reports(asked: WhichReports, context: ToolContext) -> dict[str, Any]:
    """Say where the HTML reports of the pipeline and of single backtests are."""
    found = [
        report
        for report in stored_reports(context.settings)
        if asked.card in (None, report["card"]) and asked.symbol in (None, report["symbol"])
    ]
    if not found:
        about = " ".join(part for part in (asked.card, asked.symbol) if part)
        raise DataNotFound(
            f"there is no report{f' of {about}' if about else ''} below {context.settings.artifacts_uri}",
            way_out=f"make one: `trade run {asked.card or 'CARD'}`",
        )
    return {"market": stored_market(context.settings), "reports": found}


def stored_reports(settings: TradeSettings) -> list[dict[str, str]]:
    """Return what reports there are: of the pipeline, then of single backtests."""
    from engine.backtest.artifacts import artifact_base

    base = artifact_base(settings.artifacts_uri)
    return [*_of_pipeline(base / REPORTS_FOLDER), *_of_runs(base / RUNS_FOLDER)]


def _of_pipeline(folder: UPath) -> list[dict[str, str]]:
    return [
        _report(path.parent.name, path.stem, path, "pipeline") for path in sorted(folder.glob("*/*.html"))
    ]


def _of_runs(folder: UPath) -> list[dict[str, str]]:
    return [
        _report(path.parent.parent.name, path.parent.name, path, "backtest")
        for path in sorted(folder.glob("*/*/report.html"))
    ]


def _report(card: str, name: str, path: UPath, made_by: str) -> dict[str, str]:
    symbol, timeframe = name.split("_")[:2]
    return {
        "card": card,
        "name": name,
        "symbol": symbol,
        "timeframe": timeframe,
        "made_by": made_by,
        "path": str(path),
    }


TOOLS = (
    ToolSpec(
        "report.show",
        "Say where the HTML reports are, of all cards or of one.",
        SideEffect.READ,
        WhichReports,
        show_reports,
    ),
)

"""Metadata: what the assets show in the UI. Numbers stay numbers, so that Dagster plots them over time.

https://docs.dagster.io/guides/build/assets/metadata-and-tags
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

from engine.tools.market import MarketKind

GENERATED_NOTICE = "**GENERATED MARKET**: made up by the sandbox, no real prices."


def market_notice(kind: MarketKind) -> dict[str, Any]:
    """Return what must stand beside every figure of a market that is not one; nothing for a real one."""
    if kind is MarketKind.GENERATED:
        return {"market": dg.MetadataValue.md(GENERATED_NOTICE)}
    return {}


def rows_and_times(frame: pd.DataFrame, time_column: str, what: str) -> dict[str, Any]:
    """Return the row count of `frame` and the times of its first and last row ("first candle")."""
    shown: dict[str, Any] = {"dagster/row_count": len(frame)}
    if len(frame):
        times = frame[time_column]
        shown[f"first {what}"] = moment(int(times.iloc[0]))
        shown[f"last {what}"] = moment(int(times.iloc[-1]))
    return shown


def moment(ts_ms: int) -> dg.TimestampMetadataValue:
    """Return epoch milliseconds as a moment the UI shows in the reader's time zone."""
    return dg.MetadataValue.timestamp(ts_ms / 1000)


def number(value: float | None) -> dg.MetadataValue[Any]:
    """Return a number that is plotted, or "not defined" for what has no value."""
    if value is None or not math.isfinite(value):
        return dg.MetadataValue.text("not defined")
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(float(value))


def numbers(values: Mapping[str, float | None], names: tuple[str, ...]) -> dict[str, dg.MetadataValue[Any]]:
    """Return the named ones of `values`, in that order."""
    return {name: number(values[name]) for name in names}


def picture(png: bytes, alt: str) -> dg.MarkdownMetadataValue:
    """Return a PNG as a picture inside the page."""
    return dg.MetadataValue.md(f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode()})")


def table(rows: list[dict[str, str | int | float | bool | None]]) -> dg.MetadataValue[Any]:
    """Return plain rows as a table; every row has the same keys."""
    if not rows:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows])

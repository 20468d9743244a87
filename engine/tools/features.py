"""Tools on features: draw them on stored candles, and write the reference of all there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec

_SIDES = {"left": 5, "right": 5}
_BODY = {"length": 14, "body": 1.2, "wick": 0.4}

STRUCTURES: dict[str, dict[str, int | float | str]] = {
    "swing": dict(_SIDES),
    "market_structure": dict(_SIDES),
    "liquidity_sweep": dict(_SIDES),
    "fib": {**_SIDES, "ratio": 0.618},
    "premium_discount": dict(_SIDES),
    "displacement": dict(_BODY),
    "order_block": {**_BODY, "lookback": 10},
    "fvg": {},
    "support_resistance": {**_SIDES, "swings": 20, "width": 0.4, "touches": 2},
    "rolling_range": {"length": 20},
    "vwap": {"anchor": "day"},
    "vwap_swing": dict(_SIDES),
}
"""What is drawn if nothing is asked for, with parameters that show it well."""


class Drawing(ToolInput):
    """What to draw, on which candles."""

    symbol: str = Field(description="symbol, as BTCUSDT")
    timeframe: str = Field(description="length of the candles, as 1h")
    indicator: str | None = Field(None, description="an indicator; none: every market structure")
    params: dict[str, bool | int | float | str] = Field({}, description="its parameters")
    source: str | None = Field(None, description="what it is computed on; hlc3 if left out and needed")
    bars: int = Field(160, ge=20, le=1000, description="how many of the last candles are shown")
    out: Path | None = Field(None, description="folder of the PNG files; pictures below the data by default")


class ReferenceFile(ToolInput):
    """Where to write the reference."""

    out: Path | None = Field(None, description="file; REFERENCE.md beside the cards if left out")


def draw(asked: Drawing, context: ToolContext) -> dict[str, Any]:
    """Draw features on stored candles, a PNG each."""
    from engine.backtest.runner import history_from_store
    from engine.errors import ConfigurationError
    from engine.features.checks import check_feature
    from engine.features.registry import INDICATORS
    from engine.idea_card.features import SOURCES, FeatureSpec
    from engine.idea_card.findings import did_you_mean
    from engine.reports.structure_pictures import feature_png
    from engine.timeframes import Timeframe
    from engine.tools.stores import market_store

    timeframe = Timeframe.parse(asked.timeframe)
    if asked.source is not None and asked.source not in SOURCES:
        raise ConfigurationError(
            f"{asked.source!r} is not a source", way_out=did_you_mean(asked.source, SOURCES)
        )
    shown = asked.indicator
    wanted = STRUCTURES if shown is None else {shown: dict(asked.params or STRUCTURES.get(shown, {}))}
    features = []
    for name, params in wanted.items():
        needs_source = name in INDICATORS and INDICATORS[name].takes_source
        source = asked.source or ("hlc3" if needs_source else None)
        feature = FeatureSpec.model_construct(
            indicator=name,
            params=params,
            source=source if needs_source or shown is not None else None,
            tf="exec",
        )
        problems = check_feature(name, feature)
        if problems:
            # of a parameter or the source its name; of the indicator itself that stands in front
            named = ((each, each.key_path.rpartition(".")[2]) for each in problems)
            told = (f"{part} {each.problem}".removeprefix("indicator ") for each, part in named)
            ways_out = dict.fromkeys(each.way_out for each in problems)
            raise ConfigurationError(
                f"{name} cannot be drawn: {'; '.join(told)}", way_out="; ".join(ways_out)
            )
        features.append(feature)
    history = history_from_store(asked.symbol, [timeframe], market_store(context.settings))
    columns = history.inputs(timeframe)
    folder = asked.out or context.settings.data_dir / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for feature in features:
        png = feature_png(columns, feature, bars=asked.bars, title=f"{asked.symbol} {timeframe}")
        file = folder / f"{asked.symbol}_{timeframe}_{feature.indicator}.png"
        file.write_bytes(png)
        files.append(file)
    return {"files": files}


def write_reference(asked: ReferenceFile, context: ToolContext) -> dict[str, Any]:
    """Write the reference of every name, operator and indicator."""
    from engine.reports.reference import reference_text

    file = asked.out or context.settings.cards_dir / "REFERENCE.md"
    text = reference_text()
    changed = not file.exists() or file.read_text(encoding="utf-8") != text
    if changed:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return {"file": file, "changed": changed}


TOOLS = (
    ToolSpec(
        "features.draw",
        "Draw an indicator, or every market structure, on stored candles: a PNG each, to look at.",
        SideEffect.COMPUTE,
        Drawing,
        draw,
        cost=ToolCost(CostScale.SECONDS, "indicators drawn"),
    ),
    ToolSpec(
        "features.reference",
        "Write the reference of everything a card can say, from the registries, beside the cards.",
        SideEffect.WRITE,
        ReferenceFile,
        write_reference,
    ),
)

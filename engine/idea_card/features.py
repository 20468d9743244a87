"""The features of a card: indicators, each with its parameters, its input and its timeframe."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from engine.idea_card.base import CardPart, Name
from engine.idea_card.findings import Finding, did_you_mean
from engine.idea_card.frozen import FrozenDict
from engine.idea_card.plain_words import kind_of
from engine.idea_card.position_state import PositionState
from engine.idea_card.timeframe_config import ROLES, Role

PRICES = ("open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4")
"""What every candle has."""

DERIVATIVE_INPUTS = (
    "funding_rate",
    "open_interest",
    "open_interest_change",
    "mark_open",
    "mark_high",
    "mark_low",
    "mark_close",
)
"""What a contract has beside its candles, as known at each bar's close; see `engine.features.inputs`."""

SOURCES = (*PRICES, *DERIVATIVE_INPUTS)
"""What an indicator can be computed on, and the names of the market in the rules."""

CALENDAR_FIELDS = ("hour", "minute", "weekday")
"""What the rules can ask of the moment of a decision; see `engine.market_data.calendar`."""

RESERVED_NAMES = frozenset((*SOURCES, *CALENDAR_FIELDS, *PositionState, "ts_open", "is_filled"))
"""Names a feature cannot have: columns of a frame, prices, the calendar, the open position's state."""

type IndicatorParameter = bool | int | float | str


def _source(value: Any) -> Any:
    if value is not None and value not in SOURCES:
        raise Finding((), "is not a source", did_you_mean(value, SOURCES), value).as_error()
    return value


def _role(value: Any) -> Any:
    if value not in ROLES:
        advice = f"write a role of this card's timeframes ({', '.join(ROLES)}), not a length"
        raise Finding((), "is not a timeframe role", advice, value).as_error()
    return value


def _parameter(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        finding = Finding(
            (), f"must be a number, a text or a flag, and is {kind_of(value)}", "write one value", value
        )
        raise finding.as_error()
    # 9 and 9.0 are one value, whichever kind of number the indicator wants
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _not_reserved(name: str) -> str:
    if name in RESERVED_NAMES:
        way_out = f"give the feature another name, for example {name}_feature"
        raise Finding(
            (), "is the name of a price, a column or the position's state", way_out, name
        ).as_error()
    return name


class FeatureSpec(CardPart):
    """One indicator on one timeframe. Which parameters it takes, and whether a source, is the registry's."""

    indicator: Name
    """Name of the indicator in the registry, for example ema."""
    params: Annotated[
        dict[str, Annotated[IndicatorParameter, BeforeValidator(_parameter)]], AfterValidator(FrozenDict)
    ]
    """Every parameter of the indicator; {} if it has none."""
    source: Annotated[str | None, BeforeValidator(_source), WithJsonSchema({"enum": [*SOURCES, None]})] = None
    """What it is computed on. Only for indicators that take one series; leave it out for the others."""
    tf: Annotated[Role, BeforeValidator(_role)]
    """Role of the timeframe it is computed on: exec, mtf or htf."""


FeatureName = Annotated[Name, AfterValidator(_not_reserved)]
Features = Annotated[
    dict[FeatureName, FeatureSpec],
    AfterValidator(FrozenDict),
    Field(json_schema_extra={"additionalProperties": False}),
]

FeatureReference = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$",
        description="A feature of this card, for example an ATR; of one with several outputs one of them, as "
        "in channel.lower.",
    ),
]

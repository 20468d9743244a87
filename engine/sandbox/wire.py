"""How Bybit v5 writes things: numbers as strings, newest first, cursors percent-encoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from engine.sandbox.catalogue import Instrument
from engine.sandbox.windows import ParameterError

Row = dict[str, Any]


def number(value: float) -> str:
    """Return the shortest decimal text that gives `value` back, never in scientific notation."""
    text = repr(value)
    if "e" in text:
        return format(Decimal(text), "f")
    return text.removesuffix(".0")


def numbers(values: npt.NDArray[np.generic]) -> list[str]:
    """Return `number` of each value, several times faster than one by one."""
    texts: list[str] = pa.array(values).cast(pa.string()).to_pylist()
    # Arrow writes the shortest text too, but very large and very small numbers with an exponent
    return [number(float(text)) if "e" in text else text for text in texts]


def kline_rows(frame: pd.DataFrame) -> list[list[str]]:
    """Return candles as the rows of a kline answer: strings, newest first."""
    columns = [numbers(frame[name].to_numpy()[::-1]) for name in frame.columns]
    return list(map(list, zip(*columns, strict=True)))


def funding_rows(symbol: str, frame: pd.DataFrame) -> list[Row]:
    """Return funding events as the rows of a funding history answer, newest first."""
    return [
        {"symbol": symbol, "fundingRate": number(rate), "fundingRateTimestamp": str(ts)}
        for ts, rate in _newest_first(frame, "ts", "funding_rate")
    ]


def open_interest_rows(frame: pd.DataFrame) -> list[Row]:
    """Return open interest as the rows of an open interest answer, newest first.

    `openInterest` counts both sides; `singleOpenInterest` is half of it.
    """
    return [
        {"openInterest": number(value), "singleOpenInterest": number(value / 2), "timestamp": str(ts)}
        for ts, value in _newest_first(frame, "ts", "open_interest")
    ]


def instrument_row(instrument: Instrument, number_in_list: int, now_ms: int) -> Row:
    """Return an instrument as a row of an instruments-info answer at `now_ms`."""
    tick = Decimal(instrument.tick_size)
    cap = Decimal(instrument.funding_cap)
    return {
        "symbol": instrument.symbol,
        "symbolId": number_in_list,
        "contractType": instrument.contract_type,
        "status": instrument.status_at(now_ms).value,
        "baseCoin": instrument.base_coin,
        "quoteCoin": instrument.settle_coin,
        "launchTime": str(instrument.launch_ms),
        "deliveryTime": str(instrument.delivery_ms),
        "deliveryFeeRate": "",
        "priceScale": str(instrument.price_decimals),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": str(instrument.ladder[0].max_leverage),
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": instrument.tick_size,
            "maxPrice": str(tick * 19_999_998),
            "tickSize": instrument.tick_size,
        },
        "lotSizeFilter": {
            "maxOrderQty": instrument.max_order_qty,
            "minOrderQty": instrument.qty_step,
            "qtyStep": instrument.qty_step,
            "postOnlyMaxOrderQty": instrument.max_order_qty,
            "maxMktOrderQty": instrument.max_market_order_qty,
            "minNotionalValue": instrument.min_notional,
        },
        "unifiedMarginTrade": True,
        "fundingInterval": instrument.funding_interval_at(now_ms),
        "settleCoin": instrument.settle_coin,
        "copyTrading": "none",
        "upperFundingRate": str(cap) if instrument.has_funding else "",
        "lowerFundingRate": str(-cap) if instrument.has_funding else "",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "displayName": "",
        "symbolType": "",
    }


def risk_limit_rows(instrument: Instrument, first_id: int) -> list[Row]:
    """Return an instrument's ladder as rows of a risk-limit answer; tier 1 has an empty deduction."""
    return [
        {
            "id": first_id + tier.tier - 1,
            "symbol": instrument.symbol,
            "riskLimitValue": str(tier.risk_limit_value),
            "maintenanceMargin": str(tier.maintenance_margin),
            "initialMargin": str(tier.initial_margin),
            "isLowestRisk": int(tier.tier == 1),
            "maxLeverage": str(tier.max_leverage),
            "mmDeduction": number(float(tier.mm_deduction)) if tier.tier > 1 else "",
        }
        for tier in instrument.ladder
    ]


def first_risk_ids(instruments: Mapping[str, Instrument]) -> dict[str, int]:
    """Return the id of each symbol's lowest tier: ids are numbered across all symbols."""
    first_ids, next_id = {}, 1
    for instrument in instruments.values():
        first_ids[instrument.symbol] = next_id
        next_id += len(instrument.ladder)
    return first_ids


def write_cursor(**parts: object) -> str:
    """Return a cursor as Bybit writes it: already percent-encoded, to be sent back as it is."""
    return quote(urlencode({name: str(value) for name, value in parts.items()}), safe="")


def read_cursor(cursor: str, part: str) -> str:
    """Return one part of a cursor that the request's own decoding has decoded once.

    Raises
    ------
    ParameterError
        If the cursor is not one of ours.
    """
    values = parse_qs(cursor).get(part)
    if values is None:
        raise ParameterError("cursor is invalid")
    return values[0]


def _newest_first(frame: pd.DataFrame, *names: str) -> Iterable[tuple[Any, ...]]:
    newest_first = frame.iloc[::-1]
    return zip(*(np.asarray(newest_first[name]).tolist() for name in names), strict=True)

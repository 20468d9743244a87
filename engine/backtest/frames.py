"""From the simulator's records to frames, with the names people read.

| frame   | one row per        | columns                                                                     |
|---------|--------------------|-----------------------------------------------------------------------------|
| trades  | closed trade       | `TRADE_COLUMNS`: times in ms, prices and amounts in USDT, size in base coin |
| fills   | fill               | `FILL_COLUMNS`                                                              |
| equity  | exec bar           | ts_close, equity_usdt, close, position_size (signed), used_margin_usdt      |
| funding | funding payment    | ts, trade_id, size (signed), mark_price, funding_rate, amount_usdt (+ in)   |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.sim.market import MarketBars
from engine.sim.records import Integers, Records
from engine.sim.simulate import SimulationOutput
from engine.sim.state import Direction, FillReason

TRADE_COLUMNS = (
    "trade_id",
    "direction",
    "ts_entry",
    "ts_exit",
    "entry_bar",
    "exit_bar",
    "entry_price",
    "exit_price",
    "size",
    "notional_usdt",
    "stop_price",
    "target_price",
    "liquidation_price",
    "gross_pnl_usdt",
    "fees_usdt",
    "funding_usdt",
    "slippage_usdt",
    "net_pnl_usdt",
    "initial_margin_usdt",
    "mae_usdt",
    "mfe_usdt",
    "r_multiple",
    "bars_held",
    "exit_reason",
    "entry_tag",
    "exit_tag",
    "ambiguous",
)
FILL_COLUMNS = (
    "ts",
    "bar",
    "trade_id",
    "side",
    "price",
    "size",
    "fee_usdt",
    "slippage_usdt",
    "liquidity",
    "reason",
    "tag",
)

_DIRECTIONS, _SIDES, _LIQUIDITY = ("short", "long"), ("sell", "buy"), ("taker", "maker")
_REASONS = tuple(reason.name.lower() for reason in FillReason)


def trades_frame(trades: Records, tags: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return the trades frame; `tags` are those of each member's plan, in the order of the members.

    entry_tag is that of the entry rule that led to the trade, exit_tag that of the exit rule that ended it;
    empty where the rule has no tags, and where something else than an exit rule ended the trade.
    mae_usdt and mfe_usdt are the worst and best unrealised PnL (last price) between entry and exit; of the
    exit bar only what certainly came before the exit counts: its open and the exit itself. r_multiple is the
    net PnL over what the stop put at risk, NaN without a stop. bars_held counts the entry bar and the exit
    bar if the exit was inside it.
    """
    side, size, entry = trades.direction, trades.quantity, trades.entry_price
    net = trades.gross_pnl - trades.fees + trades.funding
    extremes = (side * size * (trades.lowest_price - entry), side * size * (trades.highest_price - entry))
    return pd.DataFrame(
        {
            "trade_id": trades.trade_id,
            "direction": _words(_DIRECTIONS, side == Direction.LONG),
            "ts_entry": trades.ts_entry,
            "ts_exit": trades.ts_exit,
            "entry_bar": trades.entry_bar,
            "exit_bar": trades.exit_bar,
            "entry_price": entry,
            "exit_price": trades.exit_price,
            "size": size,
            "notional_usdt": entry * size,
            "stop_price": trades.stop_price,
            "target_price": trades.target_price,
            "liquidation_price": trades.liquidation_price,
            "gross_pnl_usdt": trades.gross_pnl,
            "fees_usdt": trades.fees,
            "funding_usdt": trades.funding,
            "slippage_usdt": trades.slippage,
            "net_pnl_usdt": net,
            "initial_margin_usdt": trades.initial_margin,
            "mae_usdt": np.minimum(*extremes),
            "mfe_usdt": np.maximum(*extremes),
            "r_multiple": net / (trades.risk_distance * size),
            "bars_held": trades.bars_held,
            "exit_reason": _words(_REASONS, trades.reason),
            "entry_tag": _tags(tags, trades.member, trades.entry_tag),
            "exit_tag": _tags(tags, trades.member, trades.exit_tag),
            "ambiguous": trades.ambiguous.astype(bool),
        }
    )


def fills_frame(fills: Records, tags: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return the fills frame; `tags` as for `trades_frame`. A fill has that of the rule that asked for it."""
    return pd.DataFrame(
        {
            "ts": fills.ts,
            "bar": fills.bar,
            "trade_id": fills.trade_id,
            "side": _words(_SIDES, fills.side > 0),
            "price": fills.price,
            "size": fills.quantity,
            "fee_usdt": fills.fee,
            "slippage_usdt": fills.slippage,
            "liquidity": _words(_LIQUIDITY, fills.is_maker == 1),
            "reason": _words(_REASONS, fills.reason),
            "tag": _tags(tags, fills.member, fills.tag),
        }
    )


def equity_frame(bars: MarketBars, output: SimulationOutput) -> pd.DataFrame:
    """Return the equity frame: the account at each bar's close."""
    return pd.DataFrame(
        {
            "ts_close": bars.ts_open[: output.bars] + bars.bar_ms,
            "equity_usdt": output.equity,
            "close": bars.close[: output.bars],
            "position_size": output.position_size,
            "used_margin_usdt": output.used_margin,
        },
        copy=False,
    )


def funding_frame(payments: Records) -> pd.DataFrame:
    """Return the funding frame: what was paid (below 0) and received."""
    return pd.DataFrame(
        {
            "ts": payments.ts,
            "trade_id": payments.trade_id,
            "size": payments.quantity,
            "mark_price": payments.mark_price,
            "funding_rate": payments.rate,
            "amount_usdt": payments.amount,
        }
    )


def _tags(tags: Sequence[Sequence[str]], member: Integers, number: Integers) -> Any:
    """Return tags by their numbers, which count from 1 in each member's own; 0 is none."""
    words = ("", *(tag for of_member in tags for tag in of_member))
    before = np.cumsum([0, *(len(of_member) for of_member in tags)])
    return _words(words, np.where(number > 0, before[member] + number, 0))


def _words(words: tuple[str, ...], which: NDArray[np.generic]) -> Any:
    # a text column by number: making one of a Python string per row takes twenty times as long
    return pd.array(words, dtype="str").take(which.astype(np.intp))

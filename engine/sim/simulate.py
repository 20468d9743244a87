"""The fast driver: a whole history through the compiled loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.errors import SimulationError
from engine.sim.exits import close_at_end
from engine.sim.loop import run_bars
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.state import (
    FILL_DTYPE,
    PAYMENT_DTYPE,
    TRADE_DTYPE,
    Floats,
    Integers,
    Records,
    RejectReason,
    StopReason,
    new_records,
    new_state,
    with_room_for_as_many,
)

_FIRST_CAPACITY = 4096


@dataclass(frozen=True, eq=False)
class SimulationOutput:
    """What a run leaves behind.

    Attributes
    ----------
    bars : int
        Bars that were run; fewer than given where the run ended early.
    equity, position_size, used_margin : float64[bars]
        At each close: USDT, signed base coin, USDT. The last bar stands after the closing fill.
    fills, trades, payments : record arrays
        In the order they happened (`FILL_DTYPE`, `TRADE_DTYPE`, `PAYMENT_DTYPE`).
    rejects : int64[RejectReason]
        Refused orders by reason.
    capped_entries : int
        Entries cut down to what the balance or the card's cap allows.
    stop_reason : StopReason
    cash : float
        Wallet balance at the end, USDT.
    """

    bars: int
    equity: Floats
    position_size: Floats
    used_margin: Floats
    fills: Records
    trades: Records
    payments: Records
    rejects: Integers
    capped_entries: int
    stop_reason: StopReason
    cash: float


def simulate(
    bars: MarketBars,
    signals: BarSignals,
    funding: FundingEvents,
    contract: Records,
    tiers: Floats,
    starting_equity_usdt: float,
) -> SimulationOutput:
    """Run a whole history and close what is open at its end.

    Parameters
    ----------
    bars, signals, funding
        The market and the rules' verdicts, on the same bars.
    contract, tiers
        From `engine.sim.contract`.
    starting_equity_usdt : float

    Raises
    ------
    SimulationError
        If the signals do not belong to the bars.
    """
    count = len(bars)
    if len(signals.bits) != count:
        raise SimulationError(f"there are {len(signals.bits)} signals for {count} bars")
    none = np.empty(0)
    stop_feature, target_feature = (
        signals.features[row] if 0 <= row < len(signals.features) else none
        for row in (int(contract.stop_feature_long[0]), int(contract.target_features[0, 0]))
    )
    account = new_state(starting_equity_usdt, funding.ts)
    fills, trades = new_records(_FIRST_CAPACITY, FILL_DTYPE), new_records(_FIRST_CAPACITY // 2, TRADE_DTYPE)
    payments = new_records(len(funding), PAYMENT_DTYPE)
    rejects = np.zeros(len(RejectReason), np.int64)
    equity, position_size, used_margin = np.empty(count), np.empty(count), np.empty(count)
    bar = 0
    while bar < count:
        reached = run_bars(
            bar,
            count,
            account,
            contract,
            tiers,
            bars.ts_open,
            bars.bar_ms,
            bars.open,
            bars.high,
            bars.low,
            bars.close,
            bars.mark_open,
            bars.mark_high,
            bars.mark_low,
            bars.mark_close,
            bars.is_filled,
            signals.bits,
            stop_feature,
            target_feature,
            funding.ts,
            funding.rate,
            funding.mark_price,
            fills,
            trades,
            payments,
            rejects,
            equity,
            position_size,
            used_margin,
        )
        bar = int(reached)
        if account[0].stop_reason:
            break
        if bar < count:
            fills, trades = with_room_for_as_many(fills), with_room_for_as_many(trades)
    if bar:
        last = bar - 1
        ts_close = int(bars.ts_open[last]) + bars.bar_ms
        close_at_end(account, contract, last, ts_close, bars.close[last], fills, trades)
        equity[last] = account[0].equity
        position_size[last] = 0.0
        used_margin[last] = 0.0
    state = account[0]
    return SimulationOutput(
        bars=bar,
        equity=equity[:bar],
        position_size=position_size[:bar],
        used_margin=used_margin[:bar],
        fills=fills[: state.fills],
        trades=trades[: state.trades],
        payments=payments[: state.payments],
        rejects=rejects,
        capped_entries=int(state.capped_entries),
        stop_reason=StopReason(int(state.stop_reason)),
        cash=float(state.cash),
    )

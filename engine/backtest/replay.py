"""A run once more, up to one of its bars: what was open at its close."""

from __future__ import annotations

from dataclasses import dataclass

from engine.backtest.prepare import PreparedFrame
from engine.errors import SimulationError
from engine.idea_card.position_state import PositionState
from engine.sim.simulate import Account, bar_driver, new_account, run_account
from engine.sim.simulate_detailed import finer_bar_driver
from engine.sim.state import Direction


@dataclass(frozen=True)
class HeldPosition:
    """The position that was open at the close of a bar, as the rules could know it.

    Attributes
    ----------
    direction : Direction
    trade_id : int
    values : dict of str to float
        The position's state and the captured values, by the names exit rules have for them; NaN where
        missing.
    stop_price, target_price, liquidation_price : float
        As they were at that close, USDT; NaN where there is none.
    """

    direction: Direction
    trade_id: int
    values: dict[str, float]
    stop_price: float
    target_price: float
    liquidation_price: float


def position_at(prepared: PreparedFrame, bar: int) -> HeldPosition | None:
    """Return what was open at the close of exec bar `bar` of the window; None if nothing was.

    Raises
    ------
    SimulationError
        If the card's signals come from Python: its run is no loop over arrays.
    IndexError
        If there is no such bar.
    """
    if prepared.plan.strategy is not None:
        raise SimulationError(
            f"the signals of card {prepared.plan.card.id} come from Python, and are not worked out again",
            way_out="look at the trades, or ask the strategy itself",
        )
    if not 0 <= bar < len(prepared.bars):
        raise IndexError(f"there is no bar {bar} in the window")
    account = _run_up_to(prepared, bar + 1)
    position = account.positions[0]
    if position.direction == 0:
        return None
    close, entry = float(prepared.bars.close[bar]), float(position.entry_price)
    moved = int(position.direction) * (close - entry)
    captured = {
        name: float(position.captures[number])
        for number, (name, _) in enumerate(prepared.plan.rules.captures)
    }
    return HeldPosition(
        direction=Direction(int(position.direction)),
        trade_id=int(position.trade_id),
        values={
            PositionState.BARS_IN_TRADE: float(bar - position.entry_bar + 1),
            PositionState.UNREALISED_R: moved / float(position.risk_distance),
            PositionState.UNREALISED_PCT: 100.0 * moved / entry,
            PositionState.ENTRY_PRICE: entry,
            **captured,
        },
        stop_price=float(position.stop_price),
        target_price=float(position.target_price),
        liquidation_price=float(position.liquidation_price),
    )


def _run_up_to(prepared: PreparedFrame, end: int) -> Account:
    """Run the first `end` bars and leave open what is open then."""
    bars, signals, detail = prepared.bars, prepared.signals, prepared.detail
    equity = prepared.plan.card.account.starting_equity_usdt
    account = new_account(len(bars), signals, prepared.funding, equity, book=False)
    if detail is None:
        drive = bar_driver(bars, signals, prepared.contract, prepared.tiers, end)
        run_account(account, drive, end)
    else:
        drive = finer_bar_driver(detail, signals, prepared.contract, prepared.tiers, end)
        run_account(account, drive, end * detail.finer_per_bar)
    return account

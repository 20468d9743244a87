"""The account's books at one moment, and what must hold between them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import SimulationError


@dataclass(frozen=True)
class Ledger:
    """Balances in USDT.

    Attributes
    ----------
    starting_equity, closed_pnl, fees, funding : float
        The sources of the cash: closed PnL before fees, fees paid, funding received (negative: paid).
    cash : float
        Wallet balance.
    unrealised_pnl : float
        Of the open position at the mark price.
    used_margin : float
        What the open position locks.
    order_margin : float
        What a resting order locks.
    """

    starting_equity: float
    closed_pnl: float
    fees: float
    funding: float
    cash: float
    unrealised_pnl: float
    used_margin: float
    order_margin: float = 0.0

    @property
    def equity(self) -> float:
        """Cash + unrealised PnL."""
        return self.cash + self.unrealised_pnl

    @property
    def free_margin(self) -> float:
        """Equity - what position and order lock; negative when the position has eaten more than is free."""
        return self.equity - self.used_margin - self.order_margin

    @property
    def available(self) -> float:
        """What a new order may use: the free margin, not below 0."""
        return max(0.0, self.free_margin)

    def check(self) -> None:
        """Hold the cash against its sources.

        Raises
        ------
        SimulationError
            If start + closed PnL - fees + funding is not the cash, to 1e-9 of the larger of both.
        """
        expected = self.starting_equity + self.closed_pnl - self.fees + self.funding
        if abs(expected - self.cash) > 1e-9 * max(self.starting_equity, abs(self.cash)):
            raise SimulationError(
                f"the books do not balance: start {self.starting_equity} + closed PnL {self.closed_pnl} "
                f"- fees {self.fees} + funding {self.funding} = {expected}, and the cash is {self.cash}"
            )

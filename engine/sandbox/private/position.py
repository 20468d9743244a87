"""A position in one-way mode under isolated margin, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from engine.sandbox.private import accounting
from engine.sandbox.private.accounting import ZERO, booked
from engine.sandbox.private.order import NO_BRACKET, Bracket
from engine.sandbox.private.terms import Side

DEFAULT_LEVERAGE = Decimal(10)


@dataclass(frozen=True)
class Position:
    """What is held of one symbol; flat when `size` is 0.

    Attributes
    ----------
    size : Decimal
        Base coin, 0 or above.
    entry_value : Decimal
        USDT: the sum of size * price of what is held.
    extra_margin : Decimal
        USDT added by hand.
    open_fees, open_funding : Decimal
        USDT paid so far for what is held; a partial close takes its share along.
    realised : Decimal
        USDT since the position was opened, fees and funding included.
    realised_ever : Decimal
        USDT over all positions of the symbol.
    bracket : Bracket
        Its stop loss and take profit.
    """

    symbol: str
    leverage: Decimal = DEFAULT_LEVERAGE
    side: Side = Side.BUY
    size: Decimal = ZERO
    entry_value: Decimal = ZERO
    extra_margin: Decimal = ZERO
    open_fees: Decimal = ZERO
    open_funding: Decimal = ZERO
    realised: Decimal = ZERO
    realised_ever: Decimal = ZERO
    bracket: Bracket = NO_BRACKET
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held."""
        return self.size == 0

    @property
    def entry(self) -> Decimal:
        """The average entry price in USDT; 0 when flat."""
        return self.entry_value / self.size if self.size else ZERO

    @property
    def initial_margin(self) -> Decimal:
        """USDT, without fees and added margin."""
        return self.entry_value / self.leverage

    def closing_fee(self, taker: Decimal) -> Decimal:
        """Return the fee held back for closing at the bankruptcy price."""
        return accounting.fee_to_close(self.side, self.size, self.entry, self.leverage, taker)

    def margin(self, taker: Decimal) -> Decimal:
        """Return all margin of the position: initial, fee to close, and what was added."""
        return self.initial_margin + self.closing_fee(taker) + self.extra_margin

    def unrealised_pnl(self, price: Decimal) -> Decimal:
        """Return what it has gained at `price`."""
        return accounting.unrealised_pnl(self.side, self.size, self.entry, price)

    @property
    def bankruptcy_price(self) -> Decimal:
        """The price at which its margin, added margin included, is lost."""
        extra = self.extra_margin / self.size
        return accounting.bankruptcy_price(self.side, self.entry, self.leverage, extra)


@dataclass(frozen=True)
class Closing:
    """What an execution closed.

    Attributes
    ----------
    size : Decimal
        Base coin; 0 if it only opened.
    entry_value, exit_value : Decimal
        USDT, of that size.
    pnl : Decimal
        exit - entry, by the side; before fees.
    open_fee, close_fee, funding : Decimal
        USDT paid for that size.
    """

    size: Decimal = ZERO
    entry_value: Decimal = ZERO
    exit_value: Decimal = ZERO
    pnl: Decimal = ZERO
    open_fee: Decimal = ZERO
    close_fee: Decimal = ZERO
    funding: Decimal = ZERO

    @property
    def net_pnl(self) -> Decimal:
        """The closed PnL: fees of both sides and funding taken off."""
        return self.pnl - self.open_fee - self.close_fee - self.funding

    def plus(self, other: Closing) -> Closing:
        """Return both together."""
        return Closing(
            self.size + other.size,
            self.entry_value + other.entry_value,
            self.exit_value + other.exit_value,
            self.pnl + other.pnl,
            self.open_fee + other.open_fee,
            self.close_fee + other.close_fee,
            self.funding + other.funding,
        )


def after_fill(
    position: Position, side: Side, size: Decimal, price: Decimal, fee: Decimal, now_ms: int
) -> tuple[Position, Closing]:
    """Return the position after an execution, and what it closed.

    A fill against the position closes first; what is left of it opens on the other side. Closing takes
    entry value, fees, funding and added margin along in proportion. The fee belongs to both parts by size.
    """
    closed = min(size, position.size) if side is position.side.opposite else ZERO
    opened = size - closed
    closing = Closing()
    close_fee = booked(fee * closed / size)
    held = position
    if closed:
        share = closed / position.size
        entry_value, exit_value = booked(position.entry_value * share), closed * price
        closing = Closing(
            closed,
            entry_value,
            exit_value,
            position.side.sign * (exit_value - entry_value),
            booked(position.open_fees * share),
            close_fee,
            booked(position.open_funding * share),
        )
        held = replace(
            position,
            size=position.size - closed,
            entry_value=position.entry_value - entry_value,
            extra_margin=position.extra_margin - booked(position.extra_margin * share),
            open_fees=position.open_fees - closing.open_fee,
            open_funding=position.open_funding - closing.funding,
        )
    gained = closing.pnl - fee
    held = replace(
        held, realised=held.realised + gained, realised_ever=held.realised_ever + gained, updated_ms=now_ms
    )
    if held.is_flat:
        held = replace(
            held,
            entry_value=ZERO,
            extra_margin=ZERO,
            open_fees=ZERO,
            open_funding=ZERO,
            bracket=NO_BRACKET,
            side=side,
        )
        if opened:
            held = replace(held, created_ms=now_ms, realised=close_fee - fee)
    if opened:
        held = replace(
            held,
            side=side,
            size=held.size + opened,
            entry_value=held.entry_value + opened * price,
            open_fees=held.open_fees + fee - close_fee,
        )
    return held, closing

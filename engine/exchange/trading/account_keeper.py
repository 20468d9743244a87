"""What is set on an account beside orders: brackets, leverage, margin, and its modes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal

from engine.errors import ConfigurationError, ExchangeError, ExchangeUnavailable, OrderRefused
from engine.exchange.trading.account_reader import LINEAR, SETTLE_COIN, AccountReader
from engine.exchange.trading.account_records import MarginMode
from engine.exchange.trading.contract_rules import ContractRules, wire_text
from engine.exchange.trading.orders import TriggerBy
from engine.exchange.trading.signed_session import SignedSession

_LOG = logging.getLogger(__name__)

_ONE_WAY = 0
_DERIVATIVES = "DERIVATIVES"


class AccountKeeper(AccountReader):
    """Sets what an account trades with. Asking for what is so already is success. Threads may share it.

    Parameters
    ----------
    session : SignedSession
        Who is asked.
    rules_of : callable
        The trading rules of a symbol; see `RulesBook`.
    """

    def __init__(self, session: SignedSession, rules_of: Callable[[str], ContractRules]) -> None:
        super().__init__(session)
        self._rules_of = rules_of

    def instrument(self, symbol: str) -> ContractRules:
        """Return the trading rules of a symbol, which round prices and sizes to its steps.

        Raises
        ------
        SymbolNotListed
            If it is no USDT perpetual of this exchange.
        """
        return self._rules_of(symbol)

    def set_bracket(
        self,
        symbol: str,
        *,
        stop_loss: Decimal | None = None,
        take_profit: Decimal | None = None,
        stop_loss_trigger_by: TriggerBy = TriggerBy.LAST,
        take_profit_trigger_by: TriggerBy = TriggerBy.LAST,
    ) -> None:
        """Set stop and target of the whole position; 0 takes one away, None leaves it as it is.

        That all is so already is success.

        Raises
        ------
        OrderGone
            If there is no position.
        OrderRefused
            If a price is not on the tick, or on the wrong side of the market.
        """
        self._check_steps(symbol, stop_loss or None, take_profit or None)
        parameters: dict[str, object] = {
            "category": LINEAR,
            "symbol": symbol,
            "positionIdx": _ONE_WAY,
            "tpslMode": "Full",
        }
        if stop_loss is not None:
            parameters |= {"stopLoss": wire_text(stop_loss), "slTriggerBy": stop_loss_trigger_by.value}
        if take_profit is not None:
            parameters |= {"takeProfit": wire_text(take_profit), "tpTriggerBy": take_profit_trigger_by.value}
        self.session.change("set_trading_stop", parameters)

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Set the leverage of a symbol. It resets margin that was added to its position.

        Raises
        ------
        OrderRefused
            If it is not between 1 and the symbol's largest, in its steps; or the position is too large.
        """
        rules = self.instrument(symbol)
        if not 1 <= leverage <= rules.max_leverage or leverage % rules.leverage_step != 0:
            raise OrderRefused(
                f"{symbol} has no leverage of {leverage}",
                way_out=f"choose one from 1 to {rules.max_leverage} in steps of {rules.leverage_step}",
            )
        both = wire_text(leverage)
        self.session.change(
            "set_leverage",
            {"category": LINEAR, "symbol": symbol, "buyLeverage": both, "sellLeverage": both},
        )

    def set_isolated_margin(self) -> None:
        """Set isolated margin for the whole account (a unified account has one mode for all symbols).

        Raises
        ------
        ExchangeError
            If the exchange refuses, or the account is in another mode after all.
        """
        if self.account_info().margin_mode is MarginMode.ISOLATED:
            return
        self.session.change("set_margin_mode", {"setMarginMode": MarginMode.ISOLATED.value})
        mode = self.account_info().margin_mode
        if mode is not MarginMode.ISOLATED:
            raise ExchangeError(
                f"the account at {self.session.base_url} is in {mode.value} still",
                way_out="close positions and cancel orders first, or change the mode on Bybit's pages",
            )

    def set_one_way(self) -> None:
        """Set one-way mode for all contracts in USDT: a symbol has one position, long or short.

        Raises
        ------
        ExchangeError
            If the exchange refuses: there are positions or orders.
        """
        self.session.change(
            "switch_position_mode", {"category": LINEAR, "coin": SETTLE_COIN, "mode": _ONE_WAY}
        )

    def add_margin(self, symbol: str, amount: Decimal) -> None:
        """Add margin to an isolated position, in USDT; below 0 takes added margin away.

        Raises
        ------
        OutcomeUnknown
            If the answer was lost: look at the position before it is asked for again.
        ExchangeError
            If the exchange refuses.
        """
        if amount == 0 or amount != amount.quantize(Decimal("0.0001")):
            raise ConfigurationError(
                f"{amount} USDT cannot be added to a position's margin",
                way_out="give an amount other than 0, of four decimals at most",
            )
        self.session.change(
            "add_or_reduce_margin",
            {"category": LINEAR, "symbol": symbol, "margin": wire_text(amount), "positionIdx": _ONE_WAY},
            repeatable=False,
        )

    def disconnect_cancel(self, seconds: int) -> bool:
        """Let the exchange cancel all orders when the private stream is gone for so long (3 to 300 s).

        Returns
        -------
        bool
            Whether the exchange offers it to this account. Without it orders stay when the connection goes;
            a position's bracket stays in either case.
        """
        if not 3 <= seconds <= 300:
            raise ConfigurationError(
                f"orders cannot be cancelled {seconds} s after a disconnection", way_out="give 3 to 300 s"
            )
        try:
            self.session.change("set_dcp", {"timeWindow": seconds, "product": _DERIVATIVES})
        except ExchangeUnavailable:
            raise
        except ExchangeError as error:
            _LOG.warning("orders are not cancelled on a disconnection: %s", error.problem)
            return False
        return True

    def clock_offset_ms(self) -> int:
        """Ask the exchange's time; return how far this machine's clock is behind it, in milliseconds."""
        return self.session.measure_clock()

    def _check_steps(self, symbol: str, *prices: Decimal | None, size: Decimal | None = None) -> None:
        rules = self.instrument(symbol)
        for price in prices:
            if price is not None and (price <= 0 or price % rules.tick_size != 0):
                raise OrderRefused(
                    f"{symbol}: a price of {price} is not on the tick",
                    way_out=f"use multiples of {rules.tick_size}",
                )
        if size is not None and (size <= 0 or size % rules.size_step != 0):
            raise OrderRefused(
                f"{symbol}: a size of {size} is not of whole steps",
                way_out=f"use multiples of {rules.size_step}",
            )

"""Whether a run may have an account: which mode goes with which exchange, and what live money asks for."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import ConfigurationError, GateRefused
from engine.exchange.trading.environment import ARMED, ARMED_VARIABLE
from engine.exchange.trading.manager import ExchangeManager
from engine.live.run_folder import RunCard, RunMode
from engine.promotion.policy import Stage
from engine.promotion.stages import Standing
from engine.settings import Exchange
from engine.timeframes import Timeframe

type StandingOf = Callable[[str, str, Timeframe, str], Standing]
"""From card id, symbol, timeframe and system hash to where the card stands."""

_EXCHANGES = {
    RunMode.SHADOW: (Exchange.SANDBOX, Exchange.BYBIT, Exchange.DEMO),
    RunMode.DEMO: (Exchange.SANDBOX, Exchange.DEMO),
    RunMode.LIVE: (Exchange.SANDBOX, Exchange.BYBIT),
}


def refuse_wrong_exchange(mode: RunMode, exchange: Exchange) -> None:
    """Refuse a mode that the exchange of the settings is not for.

    Raises
    ------
    ConfigurationError
        If it is not; the sandbox stands in for any.
    """
    if exchange not in _EXCHANGES[mode]:
        right = " or ".join(each.value for each in _EXCHANGES[mode])
        raise ConfigurationError(
            f"{mode} does not go with TRADE_EXCHANGE={exchange.value}",
            way_out=f"set TRADE_EXCHANGE to {right}",
        )


def live_phrase(cards: tuple[RunCard, ...]) -> str:
    """Return what has to be typed before cards trade live."""
    return f"trade {' '.join(card.card_id for card in cards)} live"


def refuse_unpermitted(
    cards: tuple[RunCard, ...],
    manager: ExchangeManager,
    standing_of: StandingOf,
    confirmation: str | None,
) -> None:
    """Refuse to trade live what has not earned it, or what nobody has confirmed.

    Raises
    ------
    GateRefused
        If a card does not hold the stage shadow on a symbol it would trade.
    ConfigurationError
        If live trading is not armed, or the phrase was not typed.
    """
    for card in cards:
        for symbol in card.symbols:
            standing = standing_of(card.card_id, symbol, Timeframe.parse(card.timeframe), card.system_hash)
            if not standing.holds(Stage.SHADOW):
                raise GateRefused(
                    f"{card.card_id} on {symbol} {card.timeframe} stands at {standing.stage}, and live "
                    "trading needs the stage shadow",
                    way_out=f"run it in shadow, then: trade promote {card.card_id} --stage shadow",
                )
    if not manager.is_armed:
        raise ConfigurationError(
            "live trading is not armed", way_out=f"set {ARMED_VARIABLE}={ARMED} where you mean it"
        )
    phrase = live_phrase(cards)
    if confirmation != phrase:
        raise ConfigurationError(
            "nobody has confirmed that real money is to be traded", way_out=f"type {phrase!r} (--confirm)"
        )

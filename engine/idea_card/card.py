"""The IdeaCard: one strategy, complete, immutable, with the hash that names what it means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Any, override

import numpy as np
from pydantic import BeforeValidator, Field

from engine.hashing import sha256_hex
from engine.idea_card.account import AccountConfig
from engine.idea_card.base import CardPart, Name, Text, at
from engine.idea_card.entry_order import AT_THE_NEXT_OPEN, EntryOrder
from engine.idea_card.features import Features
from engine.idea_card.findings import Finding, Where, did_you_mean
from engine.idea_card.frozen import to_plain
from engine.idea_card.level_features import level_features_in
from engine.idea_card.placeholders import BLOCKS, SCHEMA_VERSION
from engine.idea_card.position_policy import DIRECTIONS_OF_MODE, PositionPolicy
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.idea_card.risk_model import RiskModel
from engine.idea_card.semantics import ENGINE_SEMANTICS_VERSION
from engine.idea_card.signal_rules import SignalRules
from engine.idea_card.timeframe_config import ROLES, TFConfig
from engine.idea_card.trading_session import TradingSession
from engine.idea_card.versions import Version
from engine.timeframes import DAY_MS, Timeframe

_USDT_PERPETUAL = re.compile(r"[A-Z0-9]+USDT")


def _usdt_perpetual(symbol: Any) -> Any:
    if not isinstance(symbol, str) or not _USDT_PERPETUAL.fullmatch(symbol):
        upper = str(symbol).upper()
        way_out = (
            f"write {upper}"
            if _USDT_PERPETUAL.fullmatch(upper)
            else "write the base coin and USDT, as in BTCUSDT; USDC and inverse contracts and dated "
            "futures are not simulated"
        )
        raise Finding((), "is not a USDT perpetual", way_out, symbol).as_error()
    return symbol


Symbol = Annotated[
    str,
    BeforeValidator(_usdt_perpetual),
    Field(json_schema_extra={"pattern": f"^{_USDT_PERPETUAL.pattern}$"}),
]


class IdeaCard(CardPart):
    """A strategy as its YAML file says it. `engine.idea_card.load` reads the file."""

    beside = (SCHEMA_VERSION, *BLOCKS)

    id: Name
    """Name of the card, unique among the cards; it names assets and artifacts."""
    version: Version
    """Version of the idea, as in 1.0.0. For people; results are told apart by the system hash."""
    description: Text
    """The idea in a sentence."""
    symbols: Annotated[tuple[Symbol, ...], Field(strict=False, min_length=1)]
    """USDT perpetuals the card trades, each on its own account."""
    timeframes: TFConfig
    """Candles the card looks at."""
    account: AccountConfig
    """Money, leverage and costs."""
    features: Features
    """Indicators by name; {} if the rules use prices only."""
    signal_rules: SignalRules
    """When to enter and leave."""
    entry_order: EntryOrder = AT_THE_NEXT_OPEN
    """How a position is opened; leave it out for a market order at the next open."""
    position_policy: PositionPolicy
    """Directions, cooldown, time limit, adds, hours."""
    risk_model: RiskModel
    """Stop, target, size."""
    promotion: PromotionPolicy
    """What a backtest must show."""

    @cached_property
    def level_features(self) -> tuple[str, ...]:
        """Every feature the orders look at, or output of one (channel.lower), once each.

        They stand in the order stop, targets, entry offset, sizing; row k of the simulator's features is the
        k-th of them.
        """
        return tuple(dict.fromkeys(name for _, name in self.level_feature_places()))

    def level_feature_places(self) -> Iterator[tuple[Where, str]]:
        """Return the place and the name of every feature the orders look at, in the same order."""
        orders = {"risk_model": to_plain(self.risk_model), "entry_order": to_plain(self.entry_order)}
        return level_features_in(orders)

    def canonical_form(self) -> dict[str, Any]:
        """Return the card as plain data, complete with what was left out; equal for equal cards."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def system_hash(self) -> str:
        """Return the SHA-256 (64 hexadecimal digits) of what the card says and of the engine's semantics.

        Key order, comments, quotes and the spelling of a number (1, 1.0) do not matter; every value does. A
        key that may be left out counts as left out where it has its default, so that a key the language
        gains later leaves the hashes of the cards without it as they are.
        """
        return sha256_hex(f'{{"card":{self.said},"engine_semantics":{ENGINE_SEMANTICS_VERSION}}}')

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        yield from _repeated_symbols(block)
        yield from _roles_not_declared(block)
        yield from _features_not_defined(block)
        yield from _rules_against_mode(block)
        yield from _structure_against_mode(block)
        yield from _time_stop_after_the_end(block)
        yield from _session_without_a_close(block)


def _repeated_symbols(block: dict[str, Any]) -> Iterator[Finding]:
    symbols = block.get("symbols")
    if isinstance(symbols, list):
        for position, symbol in enumerate(symbols):
            if symbol in symbols[:position]:
                yield Finding(("symbols", position), "is there twice", "name each symbol once", symbol)


def _roles_not_declared(block: dict[str, Any]) -> Iterator[Finding]:
    features = block.get("features")
    if not isinstance(features, dict) or not isinstance(block.get("timeframes"), dict):
        return
    for name, feature in features.items():
        role = at(feature, "tf")
        if role in ROLES and at(block, "timeframes", role) is None:
            yield Finding(
                ("features", name, "tf"),
                "is not among the timeframes of this card",
                f"add {role} to timeframes, or use another role",
                role,
            )


def _features_not_defined(block: dict[str, Any]) -> Iterator[Finding]:
    features = block.get("features")
    if not isinstance(features, dict):
        return
    for where, name in level_features_in(block):
        feature = name.partition(".")[0]
        if feature not in features:
            advice = did_you_mean(feature, features) if features else "define it under features"
            yield Finding(where, "is not a feature of this card", advice, name)


def _rules_against_mode(block: dict[str, Any]) -> Iterator[Finding]:
    mode = at(block, "position_policy", "mode")
    allowed = DIRECTIONS_OF_MODE.get(mode) if isinstance(mode, str) else None
    if allowed is None or not isinstance(block.get("signal_rules"), dict):
        return
    if at(block, "signal_rules", "strategy") is not None:
        return  # it says when to enter, and in which direction
    for direction in ("long", "short"):
        entry, leave = f"entry_{direction}", f"exit_{direction}"
        if direction in allowed and at(block, "signal_rules", entry) is None:
            yield Finding(
                ("signal_rules", entry),
                f"is missing, and position_policy.mode is {mode}",
                f"write when to enter {direction}, or change the mode",
            )
        if direction not in allowed:
            for rule in (entry, leave):
                if at(block, "signal_rules", rule) is not None:
                    yield Finding(
                        ("signal_rules", rule),
                        f"would never be used: position_policy.mode is {mode}",
                        "remove the rule, or write mode: long_short",
                    )


def _structure_against_mode(block: dict[str, Any]) -> Iterator[Finding]:
    mode, stop = at(block, "position_policy", "mode"), at(block, "risk_model", "stop_loss")
    allowed = DIRECTIONS_OF_MODE.get(mode) if isinstance(mode, str) else None
    if allowed is None or at(stop, "type") != "structure":
        return
    for direction in ("long", "short"):
        where, level = ("risk_model", "stop_loss", direction), at(stop, direction)
        if direction in allowed and level is None:
            yield Finding(
                where,
                f"is missing, and position_policy.mode is {mode}",
                f"name the feature that is the level of a {direction} position's stop",
            )
        if direction not in allowed and level is not None:
            yield Finding(
                where, f"would never be used: position_policy.mode is {mode}", "leave it out", level
            )


def _time_stop_after_the_end(block: dict[str, Any]) -> Iterator[Finding]:
    bars = at(block, "risk_model", "time_stop", "bars")
    longest = at(block, "position_policy", "max_bars_in_trade")
    if isinstance(bars, int | float) and isinstance(longest, int | float) and bars >= longest > 0:
        yield Finding(
            ("risk_model", "time_stop", "bars"),
            f"comes to nothing: position_policy.max_bars_in_trade is {longest:g}",
            "write fewer bars here, or allow more there",
            bars,
        )


def _session_without_a_close(block: dict[str, Any]) -> Iterator[Finding]:
    session = at(block, "position_policy", "trading_session")
    if not isinstance(session, dict):
        return
    try:
        timeframe = Timeframe(at(block, "timeframes", "exec"))
        allowed = TradingSession.model_validate(session).entries_allowed
    except ValueError:  # pydantic's too
        return  # each is told where it stands
    a_monday = 4 * DAY_MS
    if not allowed(np.arange(a_monday, a_monday + 7 * DAY_MS, timeframe.ms)).any():
        yield Finding(
            ("position_policy", "trading_session"),
            f"would never allow an entry: no {timeframe} bar closes inside it",
            "widen it: a signal is seen when its bar closes, and bars close on the grid from 00:00 UTC",
        )

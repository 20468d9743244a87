"""The IdeaCard: one strategy, complete, immutable, with the hash that names what it means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, override

from pydantic import BeforeValidator, Field

from engine.hashing import hash_of
from engine.idea_card.account import AccountConfig
from engine.idea_card.base import CardPart, Name, Text, at
from engine.idea_card.features import Features
from engine.idea_card.findings import Finding, did_you_mean
from engine.idea_card.frozen import to_plain
from engine.idea_card.position_policy import DIRECTIONS_OF_MODE, PositionPolicy
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.idea_card.risk_model import RiskModel
from engine.idea_card.semantics import ENGINE_SEMANTICS_VERSION
from engine.idea_card.signal_rules import SignalRules
from engine.idea_card.timeframe_config import ROLES, TFConfig

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_USDT_PERPETUAL = re.compile(r"[A-Z0-9]+USDT")


def _version(value: Any) -> Any:
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        way_out = "write three numbers with dots between them, as in 1.0.0"
        raise Finding((), "is not a version", way_out, value).as_error()
    return value


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


Version = Annotated[
    str, BeforeValidator(_version), Field(json_schema_extra={"pattern": f"^{_VERSION.pattern}$"})
]
Symbol = Annotated[
    str,
    BeforeValidator(_usdt_perpetual),
    Field(json_schema_extra={"pattern": f"^{_USDT_PERPETUAL.pattern}$"}),
]


class IdeaCard(CardPart):
    """A strategy as its YAML file says it. `engine.idea_card.load` reads the file."""

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
    position_policy: PositionPolicy
    """Directions, cooldown, time limit."""
    risk_model: RiskModel
    """Stop, target, size."""
    promotion: PromotionPolicy
    """What a backtest must show."""

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
        said = to_plain(self, with_defaults=False)
        return hash_of({"card": said, "engine_semantics": ENGINE_SEMANTICS_VERSION})

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        yield from _repeated_symbols(block)
        yield from _roles_not_declared(block)
        yield from _features_not_defined(block)
        yield from _rules_against_mode(block)


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
    for key in ("stop_loss", "take_profit"):
        name = at(block, "risk_model", key, "feature")
        if isinstance(name, str) and name not in features:
            advice = did_you_mean(name, features) if features else "define it under features"
            yield Finding(("risk_model", key, "feature"), "is not a feature of this card", advice, name)


def _rules_against_mode(block: dict[str, Any]) -> Iterator[Finding]:
    mode = at(block, "position_policy", "mode")
    allowed = DIRECTIONS_OF_MODE.get(mode) if isinstance(mode, str) else None
    if allowed is None or not isinstance(block.get("signal_rules"), dict):
        return
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

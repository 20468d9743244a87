"""Random cards that are valid: every kind of stop, target, order, size, policy, rule and indicator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from engine.features.builder import feature_columns, feature_warmup
from engine.features.registry import INDICATORS
from engine.features.spec import OTHER, IndicatorSpec, ParamKind, ParamSpec
from engine.gates.random_draw import Draw, Kinds
from engine.gates.random_orders import random_entry, random_risk
from engine.gates.random_rules import RuleSource
from engine.idea_card.features import PRICES, SOURCES, FeatureSpec
from engine.timeframes import DAY_MS, Timeframe

MARKET_TIMEFRAMES = (Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1)
"""What a market has to have that random cards can run over."""
MARKET_DAYS = 90
"""How much of it, in days: no warm-up is longer than a third."""

_TIMEFRAMES = (
    {"exec": "15m"},
    {"exec": "15m", "mtf": "1h"},
    {"exec": "15m", "mtf": "1h", "htf": "4h"},
    {"exec": "15m", "htf": "4h", "detail": "5m"},
    {"exec": "1h", "htf": "4h"},
    {"exec": "1h", "mtf": "4h", "htf": "1d"},
    {"exec": "1h", "detail": "15m"},
)
_LONGEST_WARM_UP_MS = MARKET_DAYS * DAY_MS // 3
_PROMOTION = {
    "min_trades": 1,
    "min_net_return_pct": 0,
    "min_sharpe": 0,
    "min_profit_factor": 1,
    "max_drawdown_pct": 50,
    "max_ambiguous_share_pct": 50,
    "max_filled_share_pct": 5,
    "max_liquidations": 0,
}


@dataclass(frozen=True)
class RandomCard:
    """A card as its file would say it, and which kinds of things it has.

    Attributes
    ----------
    number : int
    plain : dict
        The content of the file.
    kinds : mapping of str to set of str
        By family ("stop_loss"): what was drawn ("structure").
    """

    number: int
    plain: dict[str, Any]
    kinds: Mapping[str, set[str]]


def random_card(seed: int, number: int) -> RandomCard:
    """Return card `number` of a seed: the same on every machine, whichever others are made."""
    rng, kinds = Random(f"{seed}/{number}"), Kinds()
    draw = Draw(rng, kinds)
    timeframes = rng.choice(_TIMEFRAMES)
    for role, timeframe in timeframes.items():
        kinds.note("timeframe", f"{role} {timeframe}")
    roles = {role: timeframe for role, timeframe in timeframes.items() if role != "detail"}
    features, columns = _features(draw, roles)
    directions = rng.choice([("long",), ("short",), ("long", "short")])
    mode = "long_short" if len(directions) == 2 else f"{directions[0]}_only"
    kinds.note("mode", mode)
    plain = {
        "schema_version": 2,
        "id": f"random_{seed}_{number}",
        "version": "1.0.0",
        "description": f"Card {number} of seed {seed}, drawn by the card generator.",
        "symbols": ["BTCUSDT"],
        "timeframes": timeframes,
        "account": _account(draw),
        "features": features,
        "signal_rules": _rules(RuleSource(rng, kinds, roles, columns), directions),
        "entry_order": random_entry(draw),
        "position_policy": _policy(draw, mode),
        "risk_model": random_risk(draw, directions),
        "promotion": _PROMOTION,
    }
    return RandomCard(number, plain, kinds.drawn)


def _account(draw: Draw) -> dict[str, Any]:
    account: dict[str, Any] = {
        "starting_equity_usdt": draw.rng.choice([1_000, 10_000, 250_000]),
        "leverage": draw.rng.choice([1, 2, 5, 20]),
        "margin_mode": "isolated_usdt",
        "fee_model": {"taker_bps": 5.5, "maker_bps": draw.rng.choice([2.0, 0.0])},
        "slippage_bps": draw.rng.choice([0, 2.0, 5.0]),
        "min_trade_notional_usdt": 10,
    }
    if draw.sometimes("account", "legacy"):
        account["liquidation_regime"] = "legacy"
    if draw.sometimes("account", "half_spread_bps"):
        account["half_spread_bps"] = 0.5
    if draw.sometimes("account", "impact_bps"):
        account["impact_bps"] = 20
    if draw.sometimes("account", "max_participation_pct"):
        account["max_participation_pct"] = draw.rng.choice([0.01, 1, 10])
    return account


def _features(draw: Draw, roles: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the features, of which orders look at the first two, and every output that rules may compare."""
    features: dict[str, Any] = {
        "atr": {"indicator": "atr", "params": {"length": draw.rng.randint(5, 30)}, "tf": "exec"},
        "channel": {
            "indicator": "donchian",
            "params": {"lower_length": draw.rng.randint(5, 40), "upper_length": draw.rng.randint(5, 40)},
            "tf": "exec",
        },
    }
    wanted = draw.rng.randint(2, 5)
    while len(features) < 2 + wanted:
        feature = _feature(draw, roles)
        if feature is not None:
            features[f"feature_{len(features)}"] = feature
    columns: list[str] = []
    for name, feature in features.items():
        draw.kinds.note("indicator", feature["indicator"])
        columns += feature_columns(name, FeatureSpec.model_validate(feature))
    return features, columns


def _feature(draw: Draw, roles: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a random indicator with random parameters; None where they do not go together."""
    entry = INDICATORS[draw.rng.choice(sorted(INDICATORS))]
    params = {param.name: _parameter(draw.rng, param) for param in entry.params}
    role = draw.rng.choice(sorted(roles))
    feature: dict[str, Any] = {"indicator": entry.name, "params": params, "tf": role}
    source = draw.rng.choice(SOURCES if draw.rng.random() < 0.3 else PRICES)
    if entry.takes_source:
        feature["source"] = source
    if entry.disorder(params) or not _fits(entry, feature, Timeframe.parse(roles[role])):
        return None
    if entry.takes_source:
        draw.kinds.note("source", source)
    return feature


def _parameter(rng: Random, param: ParamSpec) -> Any:
    if param.kind is ParamKind.CHOICE:
        return rng.choice(param.choices)
    if param.kind is ParamKind.INT:
        low = int(param.minimum)
        return rng.randint(low, int(min(param.maximum, low + 28)))
    return round(rng.uniform(param.minimum, min(param.maximum, param.minimum + 4)), 4)


def _fits(entry: IndicatorSpec, feature: Mapping[str, Any], timeframe: Timeframe) -> bool:
    spec = FeatureSpec.model_validate(feature)
    compared_with_itself = spec.params.get(OTHER) == spec.source and OTHER in entry.inputs
    return not compared_with_itself and feature_warmup(spec) * timeframe.ms <= _LONGEST_WARM_UP_MS


def _rules(source: RuleSource, directions: tuple[str, ...]) -> dict[str, Any]:
    rng, rules = source.rng, dict[str, Any]()
    setups: dict[str, Any] = {}
    if rng.random() < 0.4:
        setups["prepared"] = source.condition(1)
        rules["setups"] = setups
    captures: dict[str, Any] = {}
    if rng.random() < 0.3:
        captures["noted"] = source.value()
        rules["captures"] = captures
    for direction in directions:
        entry = source.tagged() if rng.random() < 0.25 else source.condition()
        rules[f"entry_{direction}"] = entry
        if rng.random() < 0.7:
            tags = rng.random() < 0.25
            leave = source.tagged(in_exit=True) if tags else source.condition(in_exit=True)
            rules[f"exit_{direction}"] = leave
    if setups:
        entry = f"entry_{directions[0]}"
        rules[entry] = {"any": [source.using("prepared"), _untagged(rules[entry])]}
    if captures:
        source.kinds.note("position", "captured")
        leave = f"exit_{directions[0]}"
        noted = ["close", "<", {"*": [0.99, "noted"]}]
        rules[leave] = {"any": [noted, _untagged(rules[leave])]} if leave in rules else [noted]
    return rules


def _untagged(rule: Any) -> Any:
    """Return a rule as a condition that may stand inside another."""
    return {"any": list(rule["tags"].values())} if isinstance(rule, dict) and "tags" in rule else rule


def _policy(draw: Draw, mode: str) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "mode": mode,
        "allow_flip": mode == "long_short" and draw.sometimes("policy", "allow_flip", 0.5),
        "cooldown_bars": draw.rng.choice([0, 0, 3, 10]),
        "max_bars_in_trade": draw.rng.choice([None, 30, 200]),
    }
    if draw.sometimes("policy", "scale_in"):
        policy["scale_in"] = {
            "max_adds": draw.rng.randint(1, 3),
            "size_pct": draw.rng.choice([50, 100]),
            "min_profit_pct": draw.rng.choice([None, -1.0, 0.5]),
        }
    if draw.sometimes("policy", "trading_session"):
        start, end = draw.rng.sample(["00:00", "04:00", "09:00", "16:00", "20:00"], 2)
        session: dict[str, Any] = {"start": start, "end": end, "close_outside": draw.rng.random() < 0.5}
        if draw.rng.random() < 0.5:
            session["weekdays"] = ["mon", "wed", "fri", "sun"]
        policy["trading_session"] = session
    return policy

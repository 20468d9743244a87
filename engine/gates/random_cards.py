"""Random cards that are valid: every kind of stop, target, order, size, policy, rule and indicator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from engine.features.builder import feature_columns, feature_warmup
from engine.features.registry import INDICATORS
from engine.features.spec import OTHER, IndicatorSpec, ParamKind, ParamSpec
from engine.gates.random_rules import Kinds, RuleSource
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
    draw = _Draw(rng, kinds)
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
        "entry_order": draw.one("entry_order", _ENTRIES),
        "position_policy": _policy(draw, mode),
        "risk_model": _risk(draw, directions),
        "promotion": _PROMOTION,
    }
    return RandomCard(number, plain, kinds.drawn)


@dataclass(frozen=True)
class _Draw:
    rng: Random
    kinds: Kinds

    def one(self, family: str, table: Mapping[str, Callable[[_Draw], Any]]) -> Any:
        """Return what one of the kinds of a family makes."""
        kind = self.rng.choice(sorted(table))
        self.kinds.note(family, kind)
        return table[kind](self)

    def between(self, low: float, high: float) -> float:
        return round(self.rng.uniform(low, high), 3)

    def sometimes(self, family: str, kind: str, chance: float = 0.35) -> bool:
        if self.rng.random() >= chance:
            return False
        self.kinds.note(family, kind)
        return True


def _account(draw: _Draw) -> dict[str, Any]:
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


def _features(draw: _Draw, roles: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
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


def _feature(draw: _Draw, roles: Mapping[str, str]) -> dict[str, Any] | None:
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


def _policy(draw: _Draw, mode: str) -> dict[str, Any]:
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


def _risk(draw: _Draw, directions: tuple[str, ...]) -> dict[str, Any]:
    stop = draw.one("stop_loss", _STOPS)
    if stop is not None and stop["type"] == "structure":
        stop = {
            key: value for key, value in stop.items() if key not in ("long", "short") or key in directions
        }
    risk: dict[str, Any] = {"stop_loss": stop, "take_profit": _targets(draw, has_stop=stop is not None)}
    if draw.sometimes("risk", "break_even"):
        risk["break_even"] = {"trigger_pct": draw.between(0.3, 2.0), "offset_pct": 0.15}
    if draw.sometimes("risk", "time_stop"):
        risk["time_stop"] = {"bars": draw.rng.randint(5, 29), "min_profit_pct": draw.between(-0.5, 0.5)}
    sizings = {name: make for name, make in _SIZINGS.items() if stop is not None or name != "risk_based"}
    risk["sizing"] = draw.one("sizing", sizings)
    if draw.sometimes("risk", "max_notional_usdt"):
        risk["max_notional_usdt"] = 20_000
    if draw.sometimes("risk", "max_effective_leverage"):
        risk["max_effective_leverage"] = 2.5
    return risk


def _targets(draw: _Draw, *, has_stop: bool) -> Any:
    kinds = {name: make for name, make in _TARGETS.items() if has_stop or name != "rr_ratio"}
    form = draw.rng.choice(["none", "one", "one", "ladder"])
    draw.kinds.note("take_profit", form)
    if form == "none":
        return None
    if form == "one":
        return {**draw.one("target", kinds), **_order_type(draw)}
    first = draw.one("target", kinds)
    rungs = draw.rng.randint(2, 4)
    portion = 100 // rungs
    # each as far again as the one before
    return [
        {**first, "value": round(first["value"] * (step + 1), 3), "portion_pct": portion, **_order_type(draw)}
        for step in range(rungs)
    ]


def _order_type(draw: _Draw) -> dict[str, str]:
    kind = draw.rng.choice(["market", "limit"])
    draw.kinds.note("target order", kind)
    return {"order_type": kind}


def _resting(draw: _Draw) -> dict[str, Any]:
    return {
        "offset": draw.one("offset", _OFFSETS),
        "expiry_bars": draw.rng.choice([None, 4, 20]),
        "reprice": draw.rng.choice(["never", "on_signal", "every_bar"]),
    }


def _limit(draw: _Draw) -> dict[str, Any]:
    force = draw.rng.choice(["gtc", "post_only", "ioc", "fok"])
    draw.kinds.note("time_in_force", force)
    resting = _resting(draw)
    if force in ("ioc", "fok"):
        resting = {"offset": resting["offset"]}
    return {"type": "limit", "time_in_force": force, **resting}


_ENTRIES: Mapping[str, Callable[[_Draw], Any]] = {
    "market": lambda _: {"type": "market"},
    "limit": _limit,
    "stop": lambda draw: {"type": "stop", **_resting(draw)},
}
_OFFSETS: Mapping[str, Callable[[_Draw], Any]] = {
    "percent": lambda draw: {"type": "percent", "value": draw.between(0, 0.4)},
    "atr_multiple": lambda draw: {"type": "atr_multiple", "value": draw.between(0, 1), "feature": "atr"},
    "ticks": lambda draw: {"type": "ticks", "value": draw.rng.randint(0, 300)},
}
_STOPS: Mapping[str, Callable[[_Draw], Any]] = {
    "none": lambda _: None,
    "percent": lambda draw: {"type": "percent", "value": draw.between(0.3, 4)},
    "atr_multiple": lambda draw: {"type": "atr_multiple", "value": draw.between(0.8, 4), "feature": "atr"},
    "fixed_points": lambda draw: {"type": "fixed_points", "value": draw.between(100, 2_000)},
    "trailing_percent": lambda draw: {
        "type": "trailing_percent",
        "value": draw.between(0.3, 3),
        "activation_pct": draw.rng.choice([0, 0.5]),
    },
    "trailing_atr": lambda draw: {
        "type": "trailing_atr",
        "value": draw.between(0.8, 4),
        "feature": "atr",
        "activation_pct": draw.rng.choice([0, 0.5]),
    },
    "structure": lambda draw: {
        "type": "structure",
        "long": "channel.lower",
        "short": "channel.upper",
        "buffer_pct": draw.rng.choice([0, 0.2]),
    },
}
_TARGETS: Mapping[str, Callable[[_Draw], Any]] = {
    "percent": lambda draw: {"type": "percent", "value": draw.between(0.3, 3)},
    "rr_ratio": lambda draw: {"type": "rr_ratio", "value": draw.between(0.5, 3)},
    "atr_multiple": lambda draw: {"type": "atr_multiple", "value": draw.between(0.8, 5), "feature": "atr"},
    "fixed_points": lambda draw: {"type": "fixed_points", "value": draw.between(100, 2_000)},
}
_SIZINGS: Mapping[str, Callable[[_Draw], Any]] = {
    "percent_equity": lambda draw: {"model": "percent_equity", "equity_pct": draw.between(1, 100)},
    "fixed_usdt": lambda draw: {"model": "fixed_usdt", "notional_usdt": draw.between(50, 5_000)},
    "risk_based": lambda draw: {"model": "risk_based", "risk_pct": draw.between(0.2, 3)},
    "volatility_target": lambda draw: {
        "model": "volatility_target",
        "annual_volatility_pct": draw.between(5, 60),
        "feature": "atr",
    },
}

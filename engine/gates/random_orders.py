"""Random stops, targets, entry orders and sizes: one of every kind the card language has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.gates.random_draw import Draw


def random_entry(draw: Draw) -> dict[str, Any]:
    """Return the order that opens a position."""
    entry: dict[str, Any] = draw.one("entry_order", _ENTRIES)
    return entry


def random_risk(draw: Draw, directions: tuple[str, ...]) -> dict[str, Any]:
    """Return the stop, the targets and the size of a card in `directions`."""
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


def _targets(draw: Draw, *, has_stop: bool) -> Any:
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


def _order_type(draw: Draw) -> dict[str, str]:
    kind = draw.rng.choice(["market", "limit"])
    draw.kinds.note("target order", kind)
    return {"order_type": kind}


def _resting(draw: Draw) -> dict[str, Any]:
    return {
        "offset": draw.one("offset", _OFFSETS),
        "expiry_bars": draw.rng.choice([None, 4, 20]),
        "reprice": draw.rng.choice(["never", "on_signal", "every_bar"]),
    }


def _limit(draw: Draw) -> dict[str, Any]:
    force = draw.rng.choice(["gtc", "post_only", "ioc", "fok"])
    draw.kinds.note("time_in_force", force)
    resting = _resting(draw)
    if force in ("ioc", "fok"):
        resting = {"offset": resting["offset"]}
    return {"type": "limit", "time_in_force": force, **resting}


_ENTRIES: Mapping[str, Callable[[Draw], Any]] = {
    "market": lambda _: {"type": "market"},
    "limit": _limit,
    "stop": lambda draw: {"type": "stop", **_resting(draw)},
}
_OFFSETS: Mapping[str, Callable[[Draw], Any]] = {
    "percent": lambda draw: {"type": "percent", "value": draw.between(0, 0.4)},
    "atr_multiple": lambda draw: {"type": "atr_multiple", "value": draw.between(0, 1), "feature": "atr"},
    "ticks": lambda draw: {"type": "ticks", "value": draw.rng.randint(0, 300)},
}
_STOPS: Mapping[str, Callable[[Draw], Any]] = {
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
_TARGETS: Mapping[str, Callable[[Draw], Any]] = {
    "percent": lambda draw: {"type": "percent", "value": draw.between(0.3, 3)},
    "rr_ratio": lambda draw: {"type": "rr_ratio", "value": draw.between(0.5, 3)},
    "atr_multiple": lambda draw: {"type": "atr_multiple", "value": draw.between(0.8, 5), "feature": "atr"},
    "fixed_points": lambda draw: {"type": "fixed_points", "value": draw.between(100, 2_000)},
}
_SIZINGS: Mapping[str, Callable[[Draw], Any]] = {
    "percent_equity": lambda draw: {"model": "percent_equity", "equity_pct": draw.between(1, 100)},
    "fixed_usdt": lambda draw: {"model": "fixed_usdt", "notional_usdt": draw.between(50, 5_000)},
    "risk_based": lambda draw: {"model": "risk_based", "risk_pct": draw.between(0.2, 3)},
    "volatility_target": lambda draw: {
        "model": "volatility_target",
        "annual_volatility_pct": draw.between(5, 60),
        "feature": "atr",
    },
}

"""Fault plans as YAML and JSON: the form in which `trade sandbox --faults` and the control address take them.

    seed: 7
    scripted:
      - {fault: http_status, status: 503, path: kline, numbers: [3, 4]}
      - {fault: dropped_stream, path: /v5/public/linear, numbers: [20]}
      - {fault: lost_answer, path: /v5/order/create, numbers: [2]}
    seeded:
      - {fault: ret_code, code: 10006, reset_in_ms: 200, rate: 0.05}
    conditions:
      - {condition: halt, symbol: BTCUSDT, start: 2025-06-01T02:00, end: 2025-06-01T03:30}

A fault or condition is called as its class is, in lower case, and has its fields. A `path` without a slash in
front belongs to /v5/market/; a field whose name ends in `_ms` may be given as a date, without the ending.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from engine.errors import ConfigurationError
from engine.sandbox.conditions import Condition
from engine.sandbox.endpoints import MARKET_PATHS
from engine.sandbox.faults import (
    AUTH_PATH,
    EVERY_PATH,
    ORDER_PATHS,
    PRIVATE_STREAM_PATH,
    PUBLIC_STREAM_PATH,
    Fault,
    FaultPlan,
    OrderFault,
    Scripted,
    Seeded,
    StreamFault,
)
from engine.sandbox.private.private_paths import PRIVATE_PATHS
from engine.timeframes import parse_utc

_MARKET_PATH = "/v5/market/"
_STREAM_PATHS = (PUBLIC_STREAM_PATH, PRIVATE_STREAM_PATH, AUTH_PATH)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _kinds(base: type) -> dict[str, type]:
    found: dict[str, type] = {}
    kind: type
    for kind in base.__subclasses__():
        found |= _kinds(kind) or {_snake(kind.__name__): kind}
    return found


FAULT_KINDS: Mapping[str, type] = _kinds(Fault)
CONDITION_KINDS: Mapping[str, type] = _kinds(Condition)


def read_fault_plan(path: Path) -> FaultPlan:
    """Return the plan of a YAML file.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, or is no plan; the message names the entry.
    """
    import yaml

    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}", way_out="give a file that exists"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{path} is not YAML: {error}", way_out="the README shows the form of a fault plan"
        ) from error
    try:
        return fault_plan_of(plain if plain is not None else {})
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error.problem}", way_out=error.way_out) from None


def fault_plan_of(plain: object) -> FaultPlan:
    """Return the plan that plain data describe.

    Raises
    ------
    ConfigurationError
        If they do not; the message names the entry.
    """
    plan = _mapping(plain, "the plan")
    _refuse_unknown(plan, {"seed", "scripted", "seeded", "conditions"}, "the plan")
    seed = plan.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise _wrong("the plan", "seed", seed, "a whole number")
    return FaultPlan(
        scripted=tuple(
            _scripted(entry, f"scripted[{place}]") for place, entry in enumerate(_entries(plan, "scripted"))
        ),
        seeded=tuple(
            _seeded(entry, f"seeded[{place}]") for place, entry in enumerate(_entries(plan, "seeded"))
        ),
        seed=seed,
        conditions=tuple(
            _condition(entry, f"conditions[{place}]")
            for place, entry in enumerate(_entries(plan, "conditions"))
        ),
    )


def fault_plan_to_plain(plan: FaultPlan) -> dict[str, Any]:
    """Return the plan as plain data that `fault_plan_of` reads back."""
    return {
        "seed": plan.seed,
        "scripted": [
            {**_plain("fault", entry.fault), "path": entry.path, "numbers": list(entry.numbers)}
            for entry in plan.scripted
        ],
        "seeded": [
            {**_plain("fault", entry.fault), "path": entry.path, "rate": entry.rate} for entry in plan.seeded
        ],
        "conditions": [_plain("condition", condition) for condition in plan.conditions],
    }


def _scripted(entry: object, where: str) -> Scripted:
    rest = dict(_mapping(entry, where))
    numbers = rest.pop("numbers", None)
    is_list = isinstance(numbers, list) and len(numbers) > 0
    if not is_list or not all(isinstance(number, int) and number > 0 for number in numbers):
        raise _wrong(where, "numbers", numbers, "a list of whole numbers from 1, as [3, 4]")
    path = _path(rest, where)
    return Scripted(_fault(rest, path, where), path, tuple(numbers))


def _seeded(entry: object, where: str) -> Seeded:
    rest = dict(_mapping(entry, where))
    rate = rest.pop("rate", None)
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise _wrong(where, "rate", rate, "a share of the requests, as 0.05")
    path = _path(rest, where)
    return Seeded(_fault(rest, path, where), float(rate), path)


def _condition(entry: object, where: str) -> Condition:
    condition: Condition = _made(CONDITION_KINDS, "condition", _mapping(entry, where), where)
    return condition


def _fault(rest: dict[str, Any], path: str, where: str) -> Fault:
    """Return the fault of an entry, refused where it could never come true."""
    fault: Fault = _made(FAULT_KINDS, "fault", rest, where)
    if path != EVERY_PATH and isinstance(fault, StreamFault) != (path in _STREAM_PATHS):
        raise ConfigurationError(
            f"{where}: {_snake(type(fault).__name__)} cannot happen on {path}",
            way_out=f"a stream's fault happens on {' or '.join(_STREAM_PATHS)}, "
            "every other on a path of requests",
        )
    if isinstance(fault, OrderFault) and path not in (EVERY_PATH, *ORDER_PATHS):
        raise ConfigurationError(
            f"{where}: {_snake(type(fault).__name__)} cannot happen on {path}",
            way_out=f"it happens to orders: on {' or '.join(ORDER_PATHS)}",
        )
    return fault


def _path(rest: dict[str, Any], where: str) -> str:
    path = rest.pop("path", EVERY_PATH)
    full = path if path == EVERY_PATH or str(path).startswith("/") else f"{_MARKET_PATH}{path}"
    known_paths = (*MARKET_PATHS, *PRIVATE_PATHS, *_STREAM_PATHS)
    if full not in (EVERY_PATH, *known_paths):
        names = ", ".join(known.removeprefix(_MARKET_PATH) for known in known_paths)
        raise _wrong(where, "path", path, f"one of {names}, or {EVERY_PATH}")
    return str(full)


def _made(kinds: Mapping[str, type], key: str, entry: Mapping[str, Any], where: str) -> Any:
    """Return the fault or condition that `entry` names and describes."""
    rest = dict(entry)
    name = rest.pop(key, None)
    if not isinstance(name, str) or name not in kinds:
        raise _wrong(where, key, name, f"one of {', '.join(sorted(kinds))}")
    kind = kinds[name]
    arguments: dict[str, Any] = {}
    for field in fields(kind):
        dated = field.name.removesuffix("_ms")
        if dated != field.name and dated in rest:
            arguments[field.name] = _moment(rest.pop(dated), where, dated)
        elif field.name in rest:
            arguments[field.name] = _checked(rest.pop(field.name), str(field.type), where, field.name)
        elif field.default is MISSING:
            raise ConfigurationError(
                f"{where}: {name} needs {dated}", way_out=f"its fields are {_names(kind)}"
            )
    if rest:
        raise ConfigurationError(
            f"{where}: {name} has no field {sorted(rest)[0]}",
            way_out=f"its fields are {_names(kind) or 'none'}",
        )
    return kind(**arguments)


def _names(kind: type) -> str:
    return ", ".join(field.name for field in fields(kind))


def _checked(value: object, wanted: str, where: str, name: str) -> object:
    if value is None and "None" in wanted:
        return None
    if isinstance(value, bool):
        raise _wrong(where, name, value, "a number")
    if wanted.startswith("float") and isinstance(value, int | float):
        return float(value)
    if wanted.startswith("int") and isinstance(value, int):
        return value
    if wanted == "str" and isinstance(value, str):
        return value
    raise _wrong(where, name, value, "text" if wanted == "str" else "a number")


def _moment(value: object, where: str, name: str) -> int:
    if isinstance(value, datetime | date):
        value = value.isoformat()
    if not isinstance(value, str):
        raise _wrong(where, name, value, "a date, as 2025-06-01T02:00")
    return parse_utc(value)


def _plain(key: str, thing: Any) -> dict[str, Any]:
    return {key: _snake(type(thing).__name__), **asdict(thing)}


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{where} is {value!r}", way_out="it must be a mapping of names to values")
    return value


def _entries(plan: Mapping[str, Any], name: str) -> Sequence[object]:
    entries = plan.get(name) or []
    if not isinstance(entries, list):
        raise _wrong("the plan", name, entries, "a list")
    return entries


def _refuse_unknown(plan: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(map(str, set(plan) - known))
    if unknown:
        raise ConfigurationError(
            f"{where} has no key {unknown[0]}", way_out=f"its keys are {', '.join(sorted(known))}"
        )


def _wrong(where: str, name: str, value: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"{where}: {name} is {value!r}", way_out=f"give {wanted}")

"""Dated snapshots of instrument rules, over an open connection."""

from __future__ import annotations

from dataclasses import fields

import duckdb

from engine.errors import DataNotFound
from engine.market_data.duckdb_file import first_row
from engine.market_data.instruments import InstrumentRules, RiskTier

_RULE_COLUMNS = tuple(field.name for field in fields(InstrumentRules) if field.name != "tiers")
_TIER_COLUMNS = tuple(field.name for field in fields(RiskTier))


def save_snapshot(connection: duckdb.DuckDBPyConnection, rules: InstrumentRules) -> bool:
    """Store `rules` unless the snapshot in force at its date says the same; return whether it was stored."""
    in_force = first_row(
        connection,
        "SELECT fingerprint FROM instrument_rules WHERE symbol = ? AND as_of_ms <= ?"
        " ORDER BY as_of_ms DESC LIMIT 1",
        (rules.symbol, rules.as_of_ms),
    )
    fingerprint = rules.fingerprint()
    if in_force and in_force[0] == fingerprint:
        return False
    key = (rules.symbol, rules.as_of_ms)
    for table in ("instrument_rules", "risk_tiers"):  # a snapshot of the same moment is replaced
        connection.execute(f"DELETE FROM {table} WHERE symbol = ? AND as_of_ms = ?", key)
    connection.execute(
        f"INSERT INTO instrument_rules ({', '.join(_RULE_COLUMNS)}, fingerprint)"
        f" VALUES ({_marks(len(_RULE_COLUMNS) + 1)})",
        (*(getattr(rules, name) for name in _RULE_COLUMNS), fingerprint),
    )
    connection.executemany(
        f"INSERT INTO risk_tiers (symbol, as_of_ms, {', '.join(_TIER_COLUMNS)})"
        f" VALUES ({_marks(len(_TIER_COLUMNS) + 2)})",
        [(*key, *(getattr(tier, name) for name in _TIER_COLUMNS)) for tier in rules.tiers],
    )
    return True


def read_snapshot(connection: duckdb.DuckDBPyConnection, symbol: str, at_ms: int | None) -> InstrumentRules:
    """Return the newest rules of `symbol`, or those in force at `at_ms` (the earliest if all are later).

    Raises
    ------
    DataNotFound
        If no snapshot of `symbol` is stored.
    """
    row = first_row(
        connection,
        f"SELECT {', '.join(_RULE_COLUMNS)} FROM instrument_rules WHERE symbol = ?"
        " ORDER BY as_of_ms <= ? DESC, CASE WHEN as_of_ms <= ? THEN -as_of_ms ELSE as_of_ms END LIMIT 1",
        (symbol, *([2**62 if at_ms is None else at_ms] * 2)),
    )
    if row is None:
        raise DataNotFound(
            f"no instrument rules of {symbol} are stored",
            way_out=f"sync {symbol} first: `trade sync` (imported data: `trade data rules --from EXCHANGE`)",
        )
    rules = dict(zip(_RULE_COLUMNS, row, strict=True))
    tiers = connection.execute(
        f"SELECT {', '.join(_TIER_COLUMNS)} FROM risk_tiers WHERE symbol = ? AND as_of_ms = ?"
        " ORDER BY risk_limit_value_usdt",
        (symbol, rules["as_of_ms"]),
    ).fetchall()
    return InstrumentRules(**rules, tiers=tuple(RiskTier(*tier) for tier in tiers))


def _marks(count: int) -> str:
    return ", ".join("?" * count)

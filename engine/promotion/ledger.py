"""The append-only ledger of promotion decisions, in DuckDB.

Rows are only ever added. Each carries a hash over its content and the hash of the row before it, so that a
row that was changed, removed or slipped in later breaks the chain from there on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from engine.errors import CorruptData, DataNotFound
from engine.hashing import canonical_json, hash_of
from engine.market_data.duckdb_file import ConnectionFactory
from engine.promotion.policy import PromotionDecision, Stage

_NO_ROW_BEFORE = "0" * 64

# `document` is the decision; the columns before it repeat parts of it to be asked for.
_CREATE = """
CREATE TABLE IF NOT EXISTS promotion_decisions (
    sequence BIGINT PRIMARY KEY CHECK (sequence >= 1),
    card_id VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    timeframe VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    document VARCHAR NOT NULL,
    previous_hash VARCHAR NOT NULL,
    row_hash VARCHAR NOT NULL
)
"""
_COLUMNS = "sequence, card_id, symbol, timeframe, digest, document, previous_hash, row_hash"
_STAGE = "json_extract_string(document, '$.stage')"


@dataclass(frozen=True)
class LedgerEntry:
    """A decision and its place in the ledger; sequence numbers start at 1 and have no holes."""

    sequence: int
    decision: PromotionDecision
    row_hash: str


@dataclass(frozen=True)
class LedgerHead:
    """How long the chain is and the hash of its last row."""

    rows: int
    row_hash: str


class PromotionLedger:
    """Appends decisions and reads them back.

    Parameters
    ----------
    connect : ConnectionFactory
        Opens a DuckDB connection for the length of a `with` block; True asks for a read-only one.
    """

    def __init__(self, connect: ConnectionFactory) -> None:
        self._connect = connect

    def append(self, decision: PromotionDecision) -> LedgerEntry:
        """Add a decision, unless it says again what its subject's newest row up to its stage says.

        The subject is card, symbol and timeframe. The same evidence decided again (see
        `PromotionDecision.digest`) adds no row; the entry that is there already is returned. When a card
        goes from one evidence to another and back, all three stand in the ledger, so that the newest row of
        a stage is always the decision in force. Once something was decided on a stage below, or a person has
        retired the card or taken it back, the same evidence is a row of its own again, as it may move the
        card now: leaving rows out never changes where a card stands.
        """
        with self._connect(False) as connection:
            connection.execute("BEGIN TRANSACTION")
            connection.execute(_CREATE)
            entry = self._same_evidence(connection, decision) or self._insert(connection, decision)
            connection.execute("COMMIT")
        return entry

    def history(self, card_id: str | None = None) -> tuple[LedgerEntry, ...]:
        """Return every decision, oldest first; of one card if `card_id` is given."""
        where, values = ("", []) if card_id is None else ("WHERE card_id = ?", [card_id])
        return self._entries(f"SELECT {_COLUMNS} FROM promotion_decisions {where} ORDER BY sequence", values)

    def latest(self, card_id: str | None = None) -> tuple[LedgerEntry, ...]:
        """Return the decision in force of each card, symbol, timeframe and stage, oldest first."""
        where, values = ("", []) if card_id is None else ("WHERE card_id = ?", [card_id])
        return self._entries(
            f"""
            SELECT {_COLUMNS} FROM promotion_decisions {where}
            QUALIFY row_number() OVER (
                PARTITION BY card_id, symbol, timeframe, {_STAGE} ORDER BY sequence DESC
            ) = 1
            ORDER BY sequence
            """,
            values,
        )

    def verify(self) -> LedgerHead:
        """Check every row against its hash and the row before it, and return the end of the chain.

        A ledger that was cut short at its end is a valid, shorter chain: keep the head somewhere else to
        notice that too.

        Raises
        ------
        CorruptData
            Naming the first row that was changed, removed or slipped in.
        """
        rows = self._rows(f"SELECT {_COLUMNS} FROM promotion_decisions ORDER BY sequence", [])
        previous_hash = _NO_ROW_BEFORE
        for expected, row in enumerate(rows, start=1):
            sequence, card_id, symbol, timeframe, digest, document, row_previous_hash, row_hash = row
            if sequence != expected:
                raise _broken(f"row {expected} is missing")
            if row_previous_hash != previous_hash:
                raise _broken(f"row {sequence} does not follow the row before it")
            if row_hash != _row_hash(sequence, previous_hash, document):
                raise _broken(f"row {sequence} was changed after it was written")
            decision = _decision_of(sequence, document)
            told = (decision.card_id, decision.symbol, decision.timeframe.value, decision.digest())
            if told != (card_id, symbol, timeframe, digest):
                raise _broken(f"row {sequence} has columns that contradict its document")
            previous_hash = row_hash
        return LedgerHead(rows=len(rows), row_hash=previous_hash)

    def _same_evidence(
        self, connection: duckdb.DuckDBPyConnection, decision: PromotionDecision
    ) -> LedgerEntry | None:
        row = connection.execute(
            f"""
            SELECT {_COLUMNS} FROM promotion_decisions
            WHERE card_id = ? AND symbol = ? AND timeframe = ? AND list_contains(?, {_STAGE})
            ORDER BY sequence DESC LIMIT 1
            """,
            [
                decision.card_id,
                decision.symbol,
                decision.timeframe.value,
                [stage.value for stage in _up_to(decision.stage)],
            ],
        ).fetchone()
        if row is None or row[4] != decision.digest():
            return None
        return _entry(row)

    def _insert(self, connection: duckdb.DuckDBPyConnection, decision: PromotionDecision) -> LedgerEntry:
        last = connection.execute(
            "SELECT sequence, row_hash FROM promotion_decisions ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        before, previous_hash = last or (0, _NO_ROW_BEFORE)
        sequence = before + 1
        document = canonical_json(decision.to_plain())
        row_hash = _row_hash(sequence, previous_hash, document)
        connection.execute(
            f"INSERT INTO promotion_decisions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                sequence,
                decision.card_id,
                decision.symbol,
                decision.timeframe.value,
                decision.digest(),
                document,
                previous_hash,
                row_hash,
            ],
        )
        # as it will be read from now on: 11.0 is 11 there
        return LedgerEntry(sequence, _decision_of(sequence, document), row_hash)

    def _entries(self, query: str, values: list[Any]) -> tuple[LedgerEntry, ...]:
        return tuple(_entry(row) for row in self._rows(query, values))

    def _rows(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        try:
            with self._connect(True) as connection:
                return connection.execute(query, values).fetchall()
        except (DataNotFound, duckdb.CatalogException):
            return []  # no database or no table: nothing has been decided yet


def _up_to(stage: Stage) -> tuple[Stage, ...]:
    """Return the stages a decision on which may change what one on `stage` does, itself among them."""
    stages = tuple(Stage)
    if stage is Stage.CANDIDATE:  # it takes everything back
        return stages
    return (*stages[: stages.index(stage) + 1], Stage.RETIRED)


def entries_frame(entries: tuple[LedgerEntry, ...]) -> pd.DataFrame:
    """Return entries as a table, a row each in their order, without the verdicts of the gates."""
    columns = [
        "sequence", "decided_at_ms", "card_id", "card_version", "symbol", "timeframe", "stage", "decision",
        "refused_by", "run_id", "system_hash",
    ]  # fmt: skip
    rows = [{"sequence": entry.sequence, **entry.decision.to_plain()} for entry in entries]
    return pd.DataFrame(rows, columns=columns)


def _entry(row: tuple[Any, ...]) -> LedgerEntry:
    sequence, _, _, _, _, document, _, row_hash = row
    return LedgerEntry(sequence=sequence, decision=_decision_of(sequence, document), row_hash=row_hash)


def _row_hash(sequence: int, previous_hash: str, document: str) -> str:
    return hash_of([sequence, previous_hash, document])


def _decision_of(sequence: int, document: str) -> PromotionDecision:
    try:
        return PromotionDecision.from_plain(json.loads(document))
    except (json.JSONDecodeError, CorruptData) as error:
        raise _broken(f"row {sequence} does not hold a decision") from error


def _broken(what: str) -> CorruptData:
    return CorruptData(
        f"the promotion ledger is damaged: {what}",
        way_out="restore the ledger from a copy, or move it aside and decide again",
    )

import dataclasses
import json
from pathlib import Path

import duckdb
import pytest

from engine.errors import CorruptData
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.market_data.duckdb_file import connection_factory
from engine.metrics.catalogue import METRICS
from engine.metrics.compute import Metrics
from engine.promotion.ledger import PromotionLedger, entries_frame
from engine.promotion.policy import PromotionDecision, Stage, Verdict, decide
from engine.timeframes import Timeframe

POLICY = PromotionPolicy(
    min_trades=30,
    min_net_return_pct=0.0,
    min_sharpe=0.5,
    min_profit_factor=1.1,
    max_drawdown_pct=25.0,
    max_ambiguous_share_pct=10.0,
    max_filled_share_pct=1.0,
    max_liquidations=0,
)
GOOD = {"trades": 200, "net_return_pct": 12.5, "sharpe": 1.4, "profit_factor": 1.5, "max_drawdown_pct": 8.0}


def decision(
    *,
    card_id="trend",
    symbol="BTCUSDT",
    run_id="r1",
    decided_at_ms=1_700_000_000_000,
    **metrics: float | None,
) -> PromotionDecision:
    plain = {spec.name: 0 for spec in METRICS} | {"exit_reasons": {}, "rejection_reasons": {}}
    return decide(
        card_id=card_id,
        card_version="1.0.0",
        system_hash="a" * 64,
        symbol=symbol,
        timeframe=Timeframe.M15,
        run_id=run_id,
        data_fingerprint="d" * 64,
        engine_version="0.1.0",
        metrics=Metrics.from_plain(plain | GOOD | metrics),
        policy=POLICY,
        decided_at_ms=decided_at_ms,
    )


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "promotion.duckdb"


@pytest.fixture
def ledger(database: Path) -> PromotionLedger:
    return PromotionLedger(connection_factory(database))


def test_a_run_that_passes_every_gate_is_backtested():
    made = decision()
    assert made.promoted
    assert (made.stage, made.decision, made.refused_by) == (Stage.BACKTESTED, Verdict.PROMOTED, None)
    assert len(made.gates) == 8
    assert all(gate.passed for gate in made.gates)


def test_a_refusal_names_the_first_gate_and_records_all():
    made = decision(trades=3, sharpe=None, max_drawdown_pct=60.0)
    assert (made.decision, made.refused_by) == ("refused", "min_trades")
    assert [gate.gate for gate in made.gates if not gate.passed] == [
        "min_trades", "min_sharpe", "max_drawdown_pct",
    ]  # fmt: skip


def test_the_digest_leaves_out_the_time_and_nothing_else():
    made = decision()
    assert decision(decided_at_ms=1).digest() == made.digest()
    assert decision(run_id="r2").digest() != made.digest()
    assert decision(symbol="ETHUSDT").digest() != made.digest()
    assert decision(sharpe=1.4000000000000001).digest() != made.digest()
    assert dataclasses.replace(made, data_fingerprint="e" * 64).digest() != made.digest()


def test_what_a_decision_has_nothing_to_say_about_is_left_out_so_that_old_rows_keep_their_hash():
    assert set(decision().to_plain()) == {
        "card_id", "card_version", "system_hash", "symbol", "timeframe", "run_id", "data_fingerprint",
        "engine_version", "stage", "decision", "refused_by", "gates", "decided_at_ms",
    }  # fmt: skip
    more = dataclasses.replace(decision(), lowers=True, follows=3, reason="why", evidence={"paths": 9})
    assert set(more.to_plain()) - set(decision().to_plain()) == {"lowers", "follows", "reason", "evidence"}
    assert PromotionDecision.from_plain(json.loads(json.dumps(more.to_plain()))) == more


def test_a_decision_survives_json():
    made = decision(sharpe=None)
    assert PromotionDecision.from_plain(json.loads(json.dumps(made.to_plain(), allow_nan=False))) == made


def test_the_same_evidence_adds_no_second_row(ledger):
    first = ledger.append(decision(decided_at_ms=1))
    again = ledger.append(decision(decided_at_ms=2))
    assert again == first
    assert [entry.decision.decided_at_ms for entry in ledger.history()] == [1]


def test_new_evidence_adds_a_row_and_old_evidence_come_back_is_in_force_again(ledger):
    before, after = decision(), decision(run_id="r2", trades=1)
    for made in (before, before, after, after, before):
        ledger.append(made)
    assert [entry.decision.run_id for entry in ledger.history()] == ["r1", "r2", "r1"]
    (in_force,) = ledger.latest()
    assert in_force.sequence == 3
    assert in_force.decision.promoted


def test_history_and_latest_of_one_card(ledger):
    appended = [
        ("trend", "BTCUSDT", "r1"),
        ("trend", "ETHUSDT", "r2"),
        ("bands", "BTCUSDT", "r3"),
        ("trend", "BTCUSDT", "r4"),
    ]
    for card, symbol, run in appended:
        ledger.append(decision(card_id=card, symbol=symbol, run_id=run))
    assert [entry.decision.run_id for entry in ledger.history("trend")] == ["r1", "r2", "r4"]
    assert [entry.decision.run_id for entry in ledger.latest("trend")] == ["r2", "r4"]
    assert [entry.decision.run_id for entry in ledger.latest()] == ["r2", "r3", "r4"]
    table = entries_frame(ledger.latest())
    assert table["sequence"].tolist() == [2, 3, 4]
    assert table["decision"].tolist() == ["promoted"] * 3
    assert table["stage"].tolist() == ["backtested"] * 3


def test_a_ledger_that_does_not_exist_yet_is_empty(ledger, database):
    assert ledger.history() == ()
    assert ledger.latest("trend") == ()
    assert ledger.verify().rows == 0
    assert not database.exists()
    assert list(entries_frame(()).columns)[:2] == ["sequence", "decided_at_ms"]


def test_an_entry_read_back_is_the_decision_that_was_appended(ledger):
    made = decision(profit_factor=None)
    ledger.append(made)
    (entry,) = ledger.history()
    assert entry.decision == made
    assert entry.decision.digest() == made.digest()


def test_the_chain_of_an_untouched_ledger_holds(ledger):
    entries = [ledger.append(decision(run_id=f"r{index}")) for index in range(5)]
    head = ledger.verify()
    assert (head.rows, head.row_hash) == (5, entries[-1].row_hash)


@pytest.mark.parametrize(
    ("change", "sequence", "found"),
    [
        ("UPDATE {} SET document = replace(document, 'refused', 'promoted')", 2, "row 2 was changed"),
        ("UPDATE {} SET document = '{{}}'", 2, "row 2 was changed"),
        ("UPDATE {} SET row_hash = 'x'", 2, "row 2 was changed"),
        ("UPDATE {} SET symbol = 'ETHUSDT'", 3, "row 3 has columns"),
        ("UPDATE {} SET digest = 'x'", 1, "row 1 has columns"),
        ("UPDATE {} SET previous_hash = 'x'", 3, "row 3 does not follow"),
        ("DELETE FROM {}", 2, "row 2 is missing"),
        ("DELETE FROM {}", 1, "row 1 is missing"),
    ],
)
def test_tampering_with_a_row_is_found(ledger, database, change, sequence, found):
    for index in range(3):
        ledger.append(decision(run_id=f"r{index}", trades=index))
    with duckdb.connect(str(database)) as connection:
        connection.execute(change.format("promotion_decisions") + f" WHERE sequence = {sequence}")
    with pytest.raises(CorruptData, match=found):
        ledger.verify()


def test_a_row_rewritten_with_a_fitting_hash_of_its_own_breaks_the_next(ledger, database):
    for index in range(3):
        ledger.append(decision(run_id=f"r{index}"))
    elsewhere = database.with_name("elsewhere.duckdb")
    forger = PromotionLedger(connection_factory(elsewhere))
    for run_id in ("r0", "forged"):  # a valid chain up to row 2
        forger.append(decision(run_id=run_id))
    with duckdb.connect(str(elsewhere), read_only=True) as connection:
        forged = connection.execute(
            "SELECT row_hash, digest, document FROM promotion_decisions WHERE sequence = 2"
        ).fetchall()
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "UPDATE promotion_decisions SET row_hash = ?, digest = ?, document = ? WHERE sequence = 2",
            list(forged[0]),
        )
    with pytest.raises(CorruptData, match="row 3 does not follow"):
        ledger.verify()


def test_the_ledger_offers_no_way_to_change_or_remove_a_row():
    public = {name for name in dir(PromotionLedger) if not name.startswith("_")}
    assert public == {"append", "history", "latest", "verify"}

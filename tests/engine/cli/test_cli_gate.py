"""`trade gate`, as people run it: verdicts, what was found, and what a wrong word is told."""

from __future__ import annotations

import pytest

ON_THE_RUN = ("schemas", "parity", "look_ahead", "warm_up", "determinism")


def test_a_card_is_judged_by_every_gate_on_a_card(synced):
    shown = synced("gate", "band_reversion", "-s", "BTCUSDT")
    assert shown.exit_code == 1
    assert "band_reversion 1.0.0 on BTCUSDT 15m" in shown.stdout
    assert "GENERATED MARKET" in shown.stdout
    lines = {line.split()[1]: line.split()[0] for line in shown.stdout.splitlines() if len(line.split()) > 2}
    assert {lines[name] for name in (*ON_THE_RUN, "candle_holes")} == {"passed"}
    assert lines["min_net_return_pct"] == "refused"
    assert "asks for at least" in shown.stdout
    assert "Way out  Look at the costs first" in shown.stdout


def test_one_gate_is_enough_and_says_so_to_machines(synced):
    answer = synced.json("gate", "band_reversion", "--only", "look_ahead", "--only", "parity")
    [judged] = answer["data"]["judged"]
    assert judged["symbol"] == "BTCUSDT"
    assert [gate["gate"] for gate in judged["gates"]] == ["parity", "look_ahead"]
    assert answer["data"]["passed"]
    assert synced("gate", "band_reversion", "--only", "parity").exit_code == 0


def test_without_a_card_the_project_is_judged(trade):
    shown = trade("gate", "--cards", "1")
    assert shown.exit_code == 0
    assert "3 contracts kept, 0 broken" in shown.stdout
    assert "1 cards of seed 0, 0 did not get through" in shown.stdout
    answer = trade.json("gate", "--only", "card_generator", "--cards", "1", "--seed", "4")["data"]
    assert answer["batch"]["seed"] == 4
    assert answer["batch"]["failures"] == []


def test_every_gate_is_listed_once_with_the_command_that_runs_it(trade):
    gates = trade.json("gates")["data"]["gates"]
    run_by = {gate["name"]: gate["run_by"] for gate in gates}
    assert len(run_by) == len(gates)
    assert {run_by[name] for name in ON_THE_RUN} == {"trade gate CARD"}
    assert run_by["import_contract"] == run_by["card_generator"] == "trade gate"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "told"),
    [
        (("band_reversion", "--only", "lookahead"), 1, "use look_ahead"),
        (("band_reversion", "--only", "nonsense"), 1, "see `trade gates`"),
        (("band_reversion", "--only", "min_deflated_sharpe"), 1, "run `trade validate CARD`"),
        (("band_reversion", "--only", "import_contract"), 1, "run `trade gate`"),
        (("--only", "look_ahead"), 1, "run `trade gate CARD`"),
        (("band_reversio",), 1, "band_reversion"),
        (("band_reversion", "-s", "DOGEUSDT"), 1, "sync DOGEUSDT first"),
        (
            ("band_reversion", "--end", "2020-01-01"),
            1,
            "no 15m candle is stored of BTCUSDT before 2020-01-01",
        ),
        (("-s", "BTCUSDT"), 2, "name a card too"),
        (("band_reversion", "--seed", "1"), 2, "name no card"),
    ],
)
def test_what_cannot_be_judged_is_told_with_a_way_out(synced, arguments, exit_code, told):
    shown = synced("gate", *arguments)
    assert shown.exit_code == exit_code
    assert told in " ".join(shown.stderr.split())
    assert shown.stdout == ""


def test_a_timeframe_that_is_not_stored_is_told(trade):
    assert trade("sync", "-s", "BTCUSDT", "-t", "15m").exit_code == 0
    shown = trade("gate", "band_reversion", "-s", "BTCUSDT")
    assert shown.exit_code == 1
    assert "no 1h candle is stored of BTCUSDT" in " ".join(shown.stderr.split())


def test_without_a_store_there_is_nothing_to_judge(trade):
    shown = trade("gate", "band_reversion")
    assert shown.exit_code == 1
    assert "run `trade sync` first" in shown.stderr

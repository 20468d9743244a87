"""`trade sweep`: a table of the best sets, a file of all of them, and refusals that say what to do."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from engine.settings import TradeSettings
from engine.tools.catalogue import own_registry
from engine.tools.registry import ToolContext

SHIPPED = Path(__file__).resolve().parents[3] / "idea_cards" / "band_reversion.yaml"
BLOCKS = """
parameters:
  cooldown: {default: 3, min: 0, max: 20, step: 5}
  longest: {default: 96, values: [48, 96]}
parameter_constraints: [[cooldown, "!=", 20]]
"""


@pytest.fixture
def card(tmp_path) -> Path:
    """A shipped card with two of its values free: four by two sets."""
    path = tmp_path / "free.yaml"
    lines = SHIPPED.read_text().splitlines()
    for position, line in enumerate(lines):
        for key, name in (("cooldown_bars", "cooldown"), ("max_bars_in_trade", "longest")):
            if line.strip().startswith(f"{key}:"):
                lines[position] = f"  {key}: {{param: {name}}}"
    path.write_text("\n".join(lines) + BLOCKS)
    return path


def test_the_best_sets_are_shown_and_all_are_written(synced, card, tmp_path):
    out = tmp_path / "all.parquet"
    result = synced("sweep", str(card), "--symbol", "BTCUSDT", "--out", str(out))
    assert result.exit_code == 0, result.stderr
    table = pd.read_parquet(out)
    assert len(table) == 8
    assert set(zip(table["param.cooldown"], table["param.longest"], strict=True)) == {
        (cooldown, longest) for cooldown in (0, 5, 10, 15) for longest in (48, 96)
    }
    lines = [line.split() for line in result.stdout.splitlines()]
    head = next(number for number, line in enumerate(lines) if line[:2] == ["cooldown", "longest"])
    best = table.sort_values("net_return_pct", ascending=False, kind="stable").iloc[0]
    assert lines[head + 1][:2] == [str(best["param.cooldown"]), str(best["param.longest"])]
    assert lines[head + 1][2] == f"{best['net_return_pct']:,.2f}"
    assert "8 sets" in result.stdout
    assert "GENERATED MARKET" in result.stdout
    assert "sweep: 8 of 8" in result.stderr


def test_a_sweep_asked_for_again_is_known_and_ranked_anew(synced, card, tmp_path):
    arguments = (
        "sweep",
        str(card),
        "-s",
        "BTCUSDT",
        "--search",
        "random",
        "--trials",
        "3",
        "--seed",
        "2",
        "--workers",
        "2",
    )
    first = synced.json(*arguments)["data"]
    again = synced.json(*arguments, "--by", "max_drawdown_pct")["data"]
    assert (first["sets"], first["reused"], again["reused"]) == (3, 0, 3)
    assert first["out"] == again["out"]
    falls = [row["metrics"]["max_drawdown_pct"] for row in again["best"]]
    assert falls == sorted(falls)
    returns = [row["metrics"]["net_return_pct"] for row in first["best"]]
    assert returns == sorted(returns, reverse=True)
    other = synced.json(*arguments[:-3], "3")["data"]
    assert {str(row["parameters"]) for row in other["best"]} != {
        str(row["parameters"]) for row in first["best"]
    }


def test_a_set_of_a_sweep_is_the_backtest_of_its_card(synced, card):
    swept = synced.json("sweep", str(card), "-s", "BTCUSDT")["data"]
    [row] = [row for row in swept["best"] if row["parameters"] == {"cooldown": 5, "longest": 96}]
    text = card.read_text().replace("{default: 3,", "{default: 5,")
    card.write_text(text)
    alone = synced.json("backtest", str(card), "-s", "BTCUSDT")["data"]
    assert alone["system_hash"] == row["system_hash"]
    assert {name: alone["metrics"][name] for name in row["metrics"]} == row["metrics"]
    assert alone["window"] == swept["window"]


def test_refusals_say_what_to_do(synced, card, tmp_path):
    result = synced("sweep", "band_reversion", "-s", "BTCUSDT")
    assert result.exit_code == 1
    assert "has no parameters to sweep" in result.stderr
    assert "{param: name}" in result.stderr
    result = synced("sweep", str(card), "-s", "BTCUSDT", "--by", "luck")
    assert result.exit_code == 1
    assert "net_return_pct" in result.stderr
    card.write_text(card.read_text().replace("max: 20, step: 5", "max: 100000, step: 1"))
    result = synced("sweep", str(card), "-s", "BTCUSDT")
    assert result.exit_code == 1
    assert "--search random --trials" in result.stderr
    result = synced("sweep", str(card), "-s", "ETHUSDT", "--search", "random", "--trials", "2")
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert synced("sweep", str(card), "-s", "BTCUSDT", "--workers", "0").exit_code == 2


def test_ctrl_c_keeps_what_is_done_and_the_next_call_goes_on(synced, card, tmp_path):
    card.write_text(card.read_text().replace("max: 20, step: 5", "max: 2000, step: 1"))
    out = tmp_path / "all.parquet"
    command = (sys.executable, "-c", "from engine.cli.main import main; main()")
    arguments = (
        "sweep",
        str(card),
        "-s",
        "BTCUSDT",
        "--search",
        "random",
        "--trials",
        "1000",
        "--out",
        str(out),
    )
    process = subprocess.Popen(
        [*command, *arguments],
        env=os.environ | synced.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = tmp_path / "all.parquet.unfinished"
    try:
        deadline = time.monotonic() + 120
        while not (journal.exists() and journal.read_text().count("run_id") >= 5):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not out.exists()
    done = journal.read_text().count("run_id")
    assert 5 <= done < 1000
    answer = synced.json(*arguments)["data"]
    assert (answer["sets"], answer["reused"]) == (1000, done)
    assert len(pd.read_parquet(out)) == 1000
    assert not journal.exists()


def test_a_bayesian_search_is_asked_for_again_with_more_trials_and_goes_on(synced, card, tmp_path):
    card.write_text(card.read_text().replace("max: 20, step: 5", "max: 2000, step: 1"))
    arguments = ("sweep", str(card), "-s", "BTCUSDT", "--search", "bayesian", "--objective", "sharpe")
    first = synced.json(*arguments, "--trials", "12")["data"]
    more = synced.json(*arguments, "--trials", "20")["data"]
    assert (first["sets"], first["reused"], more["sets"], more["reused"]) == (12, 0, 20, 12)
    assert first["out"] == more["out"]
    assert more["by"] == "sharpe"
    ratios = [row["metrics"]["sharpe"] for row in more["best"]]
    assert ratios == sorted(ratios, reverse=True)
    assert len(pd.read_parquet(more["out"])) == 20
    card.write_text(card.read_text().replace("max: 2000, step: 1", "max: 2001, step: 1"))
    assert synced.json(*arguments, "--trials", "12")["data"]["out"] != first["out"]
    card.write_text(card.read_text().replace("max: 2001, step: 1", "max: 2000, step: 1"))
    result = synced(*arguments, "--trials", "12", "--by", "max_drawdown_pct")
    assert "12 sets of a Bayesian search, 12 of them known before; the best by max drawdown" in result.stdout


@pytest.fixture
def own(trade, synced, tmp_path):
    """`trade` with a sweep ledger of its own, over a copy of the stored candles."""
    without = shutil.ignore_patterns("sweeps*")
    shutil.copytree(synced.environment["TRADE_DATA"], tmp_path / "data", ignore=without)
    return trade


def test_processes_write_what_threads_write_and_enter_the_same_trials(own, card, tmp_path):
    out = [str(tmp_path / name) for name in ("threads.parquet", "processes.parquet")]
    arguments = ("sweep", str(card), "-s", "BTCUSDT", "--search", "random", "--trials", "4")
    threads = own.json(*arguments, "--out", out[0])["data"]
    processes = own.json(*arguments, "--out", out[1], "--cluster", "local:2")["data"]
    assert Path(out[0]).read_bytes() == Path(out[1]).read_bytes()
    assert processes["best"] == threads["best"]
    assert (threads["new_trials"], processes["new_trials"], processes["reused"]) == (4, 0, 0)
    for wrong, told in (
        (("--cluster", "many"), "write local:4"),
        (("--cluster", "local:2", "--workers", "2"), "leave one of them out"),
    ):
        refused = own(*arguments, *wrong)
        assert refused.exit_code == 1
        assert told in " ".join(refused.stderr.split())


def test_an_agent_sends_work_to_no_address_of_its_own(own, card):
    context = ToolContext(TradeSettings.from_environment(own.environment), lambda: 0)
    arguments = {"card": "trend_pullback", "symbol": "BTCUSDT", "cluster": "tcp://192.0.2.1:8786"}
    error = own_registry().execute("backtest.sweep", arguments, context).error
    assert "may not send work to tcp://192.0.2.1:8786" in error.message


def test_a_winner_becomes_a_card(own, card):
    swept = own.json("sweep", str(card), "-s", "BTCUSDT")["data"]
    best = swept["best"][0]
    shown = own("sweeps", "adopt", str(card), "--trial", best["run_id"][:12])
    assert shown.exit_code == 0, shown.stderr
    assert "band_reversion_v1_1_0 1.1.0" in shown.stdout
    made = card.with_name("band_reversion_v1_1_0.yaml")
    alone = own.json("backtest", str(made), "-s", "BTCUSDT")["data"]
    assert {name: alone["metrics"][name] for name in best["metrics"]} == best["metrics"]
    told = own("cards", "show", str(made)).stdout
    assert f"from band_reversion 1.0.0, trial {best['run_id'][:12]} on BTCUSDT" in " ".join(told.split())
    again = own("sweeps", "adopt", str(card), "--trial", best["run_id"])
    assert again.exit_code == 1
    assert "band_reversion_v1_1_0 has these values already" in " ".join(again.stderr.split())
    for trial, told in (("123", "trade sweeps show"), ("0123456789ab", "no trial has a run id")):
        refused = own("sweeps", "adopt", str(card), "--trial", trial)
        assert refused.exit_code == 1
        assert told in " ".join(refused.stderr.split())


def test_every_trial_is_in_the_ledger_once(own, card):
    trade = own
    arguments = ("sweep", str(card), "-s", "BTCUSDT")
    drawn = trade.json(*arguments, "--search", "random", "--trials", "3")["data"]
    assert (drawn["new_trials"], drawn["family"]) == (3, "band_reversion")
    whole = trade.json(*arguments)["data"]
    assert (whole["sets"], whole["new_trials"]) == (8, 5)
    assert trade.json(*arguments)["data"]["new_trials"] == 0
    told = trade.json("sweeps", "list", str(card))["data"]
    assert told["trials"] == 8
    assert [(row["search"], row["trials"]) for row in told["sweeps"]] == [("grid", 5), ("random", 3)]
    assert {row["sweep_id"] for row in told["sweeps"]} == {drawn["sweep_id"], whole["sweep_id"]}
    shown = trade.json("sweeps", "show", str(card), "--by", "net_return_pct", "--best", "8")["data"]
    assert shown["counted"] == 8
    by_run = {row["run_id"]: row["metrics"] for row in whole["best"]}
    assert {row["run_id"]: row["metrics"] for row in shown["trials"]} == by_run
    returns = [row["metrics"]["net_return_pct"] for row in shown["trials"]]
    assert returns == sorted(returns, reverse=True)
    table = trade("sweeps", "show", str(card), "-s", "BTCUSDT")
    assert shown["trials"][0]["run_id"][:12] in table.stdout
    assert "8 sets were tried of band_reversion" in table.stdout
    assert "8 trials in all" in trade("sweeps", "list").stdout
    for wrong, told in (
        (("sweeps", "show", str(card), "--by", "luck"), "rank them by"),
        (("sweeps", "show", "trend_pullback"), "trade sweep trend_pullback"),
        (("sweeps", "show", "no_such"), "there is no card"),
    ):
        refused = trade(*wrong)
        assert refused.exit_code == 1
        assert told in " ".join(refused.stderr.split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--search", "bayesian", "--trials", "9"), "--objective sharpe"),
        (("--search", "bayesian", "--objective", "sharpe"), "--trials 200"),
        (("--search", "bayesian", "--objective", "sharp", "--trials", "9"), "did you mean sharpe"),
        (("--search", "bayesian", "--objective", "trades", "--trials", "9"), "neither higher nor lower"),
        (("--search", "bayesian", "--objective", "sharpe", "--trials", "5001"), "ask for fewer"),
        (("--search", "random", "--objective", "sharpe", "--trials", "9"), "rank them with --by sharpe"),
        (("--trials", "9"), "--search random or --search bayesian"),
        (("--search", "bayes"), "'grid', 'random' or 'bayesian'"),
    ],
)
def test_a_search_that_was_half_asked_for_is_refused_with_the_way_out(synced, card, options, told):
    result = synced("sweep", str(card), "-s", "BTCUSDT", *options)
    assert result.exit_code in (1, 2)
    assert told in " ".join(result.stderr.split())


def test_a_card_is_shown_with_what_is_free_in_it(synced, card):
    result = synced("cards", "show", str(card))
    assert "cooldown 3 (0 to 20), longest 96 (one of 48, 96)" in result.stdout
    parameters = synced.json("cards", "show", str(card))["data"]["parameters"]
    assert parameters["cooldown"] == {"default": 3, "range": "0 to 20", "values": 5}
    assert synced.json("cards", "show", "band_reversion")["data"]["parameters"] == {}

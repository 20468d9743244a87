import base64
import gzip
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_evidence import judged_run
from report_runs import candles_of_run, decision_on_run, metrics_of_run, sample_run
from upath import UPath

from engine.backtest.detail_report import DetailReport
from engine.gates.catalogue import PROMOTION_GATES
from engine.gates.validation import VALIDATION_GATES
from engine.metrics.catalogue import METRICS
from engine.reports.html import render_report, write_report
from engine.timeframes import Timeframe


def report_of(run, *, generated=True, decided=True) -> str:
    metrics = metrics_of_run(run)
    decision = decision_on_run(run, metrics) if decided else None
    return render_report(run, metrics, decision, candles_of_run(run), generated=generated)


def chart_data_in(page: str) -> dict:
    found = re.search(r'<script type="text/plain" id="data">([^<]+)</script>', page)
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def numbers(packed: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed), dtype=dtype)


class Outline(HTMLParser):
    """Collects attributes that would make a browser fetch something, and checks that tags close."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetches: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        self.fetches += [pair for pair in attrs if pair[0] in {"src", "href", "srcset", "action", "data"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_one_well_formed_file_that_fetches_nothing():
    page = report_of(sample_run())
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert outline.fetches == []
    assert "default-src &#x27;none&#x27;" in page
    assert "url(" not in page


def test_a_generated_market_is_announced_and_a_real_one_is_not():
    run = sample_run()
    words = "Generated market: this is the sandbox, not Bybit"
    assert words in report_of(run, generated=True)
    assert words not in report_of(run, generated=False)


def test_the_header_says_what_ran_and_by_which_hashes():
    run = sample_run()
    page = report_of(run)
    for text in (run.run_id, run.system_hash, run.data_fingerprint, "trend_pullback", "BTCUSDT 15m",
                 "2023-01-01 00:00:00 to 2023-01-21 20:00:00 UTC"):  # fmt: skip
        assert text in page


def test_every_gate_and_every_metric_is_shown():
    run = sample_run()
    metrics = metrics_of_run(run)
    page = report_of(run)
    assert "Not promoted to backtested: refused by min_trades" in page
    for gate in PROMOTION_GATES:
        assert f"<td>{gate.name}</td>" in page
    for spec in METRICS:
        assert f"<th>{spec.title}</th>" in page, spec.title
        assert spec.shown(getattr(metrics, spec.name)) in page
    assert "<th>below_min_notional</th>" in page


def test_a_run_nobody_decided_on_says_so():
    assert "No decision was asked for" in report_of(sample_run(), decided=False)


def test_a_run_that_stopped_early_says_why_and_when():
    page = report_of(sample_run(stopped_early="account_blown"))
    assert "The run stopped early</strong>account blown at 2023-01-21 20:00:00 UTC" in page
    assert "stopped early" not in report_of(sample_run())


def test_what_finer_bars_changed_is_said_where_there_were_any():
    detail = DetailReport(
        timeframe=Timeframe.M1,
        covered_bars=990,
        covered_pct=99.0,
        trades_without=40,
        trades_with=41,
        ambiguous_without=7,
        ambiguous_with=1,
        changed_trades=5,
        net_pnl_without_usdt=100.0,
        net_pnl_with_usdt=88.5,
    )
    run = sample_run()
    assert 'id="detail"' not in report_of(run)
    page = report_of(replace(run, detail=detail))
    assert "Filled on 1m bars in 99.0 % of the bars" in page
    assert "7 of 40 trades were ambiguous, with them 1 of 41; 5 trades ended otherwise" in page
    assert "changed by -11.50 USDT" in page


def test_text_from_a_card_cannot_become_markup():
    page = report_of(sample_run(card_id='<script>alert("x")</script>&'))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;" in page


def test_the_trade_table_is_limited_and_says_how_many_are_left_out():
    page = report_of(sample_run(5_000, trades=1_000))
    assert "The first 300 of 1,000 trades; 700 later ones are left out" in page
    assert "All 40 trades." in report_of(sample_run())
    assert "No trades." in report_of(sample_run(trades=0))


def test_trades_are_broken_down_by_the_tags_of_their_rules():
    run = sample_run()
    assert "Trades by tag" not in report_of(run)
    assert "Entered by" not in report_of(run)
    tags = {"entry_tag": ["pullback"] * 30 + ["breakout"] * 10, "exit_tag": ["tired"] * 5 + [""] * 35}
    reasons = ["signal"] * 5 + ["stop_loss"] * 35
    page = report_of(replace(run, trades=run.trades.assign(**tags, exit_reason=reasons)))
    assert "Trades by tag" in page
    assert '<tr><td>pullback</td><td class="number">30</td>' in page
    assert '<tr><td>stop_loss</td><td class="number">35</td>' in page
    assert "<td>signal: tired</td>" in page.replace(' <span class="muted">(ambiguous)</span>', "")
    assert page.count("<td>breakout</td>") == 11


def test_the_charts_get_every_bar_of_two_years_of_15m():
    run = sample_run(70_000, trades=1_600)
    data = chart_data_in(report_of(run))
    assert data["equity"]["at"] is None
    sent = numbers(data["equity"]["values"], "<f4")
    np.testing.assert_array_equal(sent, run.equity["equity_usdt"].to_numpy().astype(np.float32))
    assert (data["first_ms"], data["step_ms"]) == (int(run.equity["ts_close"][0]), Timeframe.M15.ms)
    seconds = numbers(data["trades"]["entry_s"][1], "<u4").astype(np.int64)
    entries = seconds * 1000 + data["first_ms"] - data["step_ms"]
    np.testing.assert_array_equal(entries, run.trades["ts_entry"])


def test_more_bars_than_a_chart_needs_are_thinned_to_their_extremes():
    run = sample_run(150_000, trades=10, timeframe=Timeframe.M1)
    data = chart_data_in(report_of(run))
    at = numbers(data["equity"]["at"], "<u4")
    equity = run.equity["equity_usdt"].to_numpy()
    assert len(at) <= 100_000
    np.testing.assert_array_equal(numbers(data["equity"]["values"], "<f4"), equity[at].astype(np.float32))
    assert {int(equity.argmin()), int(equity.argmax())} <= set(at.tolist())

    sent, given = data["candles"], candles_of_run(run)
    assert sent["size"] == 2
    for name, pair in (("open", "first"), ("high", "max"), ("low", "min"), ("close", "last")):
        together = given[name].groupby(np.arange(150_000) // 2).agg(pair)
        np.testing.assert_array_equal(numbers(sent[name], "<f4"), together.to_numpy().astype(np.float32))
    assert numbers(sent["at"], "<u4").tolist()[:3] == [1, 3, 5]


def test_candles_outside_the_run_are_left_out_and_missing_ones_are_missing():
    run = sample_run(200, trades=4)
    given = candles_of_run(run)
    before, after = given.iloc[[0]].copy(), given.iloc[[-1]].copy()
    before["ts_open"] -= Timeframe.M15.ms
    after["ts_open"] += Timeframe.M15.ms
    around = pd.concat([before, given.drop(index=[7, 8]), after])
    page = render_report(run, metrics_of_run(run), None, around, generated=False)
    sent = chart_data_in(page)["candles"]
    assert numbers(sent["at"], "<u4").tolist() == [bar for bar in range(200) if bar not in (7, 8)]
    np.testing.assert_array_equal(
        numbers(sent["high"], "<f4"), given["high"].drop(index=[7, 8]).to_numpy().astype(np.float32)
    )


def test_stops_and_targets_travel_with_their_trades():
    run = sample_run()
    trades = chart_data_in(report_of(run))["trades"]
    for name in ("stop_price", "target_price"):
        np.testing.assert_array_equal(
            numbers(trades[name][1], "<f4"), run.trades[name].to_numpy().astype(np.float32)
        )


def test_the_rolling_sharpe_ends_with_that_of_the_last_ninety_days():
    run = sample_run(200, trades=20, timeframe=Timeframe.D1)
    rolling = chart_data_in(report_of(run))["rolling"]
    assert len(rolling["days"]) == len(rolling["values"]) == 200 - 89
    assert (rolling["days"][0], rolling["days"][-1]) == ("2023-03-31", "2023-07-19")
    equity = run.equity["equity_usdt"].to_numpy()
    returns = (equity[1:] / equity[:-1] - 1)[-90:]
    by_hand = returns.mean() / returns.std(ddof=1) * math.sqrt(365.25)
    assert rolling["values"][-1] == pytest.approx(by_hand, abs=1e-3)


def test_costs_lead_from_the_result_before_them_to_the_net_result():
    run = sample_run()
    data = chart_data_in(report_of(run))
    costs = dict(zip(data["costs"]["labels"], data["costs"]["values"], strict=True))
    assert costs["Net"] == pytest.approx(run.trades["net_pnl_usdt"].sum(), abs=1e-3)
    assert costs["Net"] == pytest.approx(
        sum(value for name, value in costs.items() if name != "Net"), abs=1e-3
    )
    assert costs["Slippage"] == -48.0  # 80 fills of 0.60


def test_months_are_compounded_to_years():
    run = sample_run(400, trades=10, timeframe=Timeframe.D1)
    data = chart_data_in(report_of(run))
    assert data["months"]["years"] == [2023, 2024]
    first, second = data["months"]["cells"]
    assert None not in first
    assert second[2:12] == [None] * 10
    whole = (1 + first[12] / 100) * (1 + second[12] / 100) - 1
    assert whole * 100 == pytest.approx(metrics_of_run(run).net_return_pct, abs=1e-3)


def test_the_same_run_gives_the_same_bytes_in_another_process():
    code = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1]);"
        "from test_reports_html import report_of; from report_runs import sample_run;"
        "print(hashlib.sha256(report_of(sample_run()).encode()).hexdigest())"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        env={"PYTHONHASHSEED": "12345", "PATH": "/usr/bin:/bin", "PYTHONPATH": os.environ["PYTHONPATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == hashlib.sha256(report_of(sample_run()).encode()).hexdigest()


def test_the_file_appears_whole_in_a_folder_made_for_it(tmp_path):
    run = sample_run()
    metrics = metrics_of_run(run)
    path = tmp_path / "reports" / "run.html"
    for _ in range(2):
        write_report(run, metrics, None, candles_of_run(run), path, generated=False)
    assert [item.name for item in path.parent.iterdir()] == ["run.html"]
    assert path.read_text() == render_report(run, metrics, None, candles_of_run(run), generated=False)


def test_the_base_path_may_be_an_object_store():
    run = sample_run()
    metrics = metrics_of_run(run)
    path = UPath("memory://reports/run.html")
    write_report(run, metrics, None, candles_of_run(run), path, generated=False)
    assert path.read_text() == render_report(run, metrics, None, candles_of_run(run), generated=False)


def test_two_years_of_15m_stay_below_5_mb_and_3_seconds(tmp_path):
    run = sample_run(70_000, trades=1_600)
    metrics = metrics_of_run(run)
    path = tmp_path / "run.html"
    before = time.perf_counter()
    write_report(run, metrics, decision_on_run(run, metrics), candles_of_run(run), path, generated=True)
    seconds = time.perf_counter() - before
    print(f"report of 70,000 bars: {path.stat().st_size / 1e6:.2f} MB in {seconds:.2f} s")
    assert path.stat().st_size < 5_000_000
    assert seconds < 3.0


def test_the_evidence_is_told_with_every_gate_and_what_it_was_drawn_from():
    run, candles, found = judged_run()
    metrics = metrics_of_run(run)
    without = render_report(run, metrics, None, candles, generated=False)
    assert 'id="strips"' not in without
    assert chart_data_in(without)["evidence"] is None

    page = render_report(run, metrics, None, candles, generated=False, evidence=found)
    assert '<p class="verdict good">Validated</p>' in page
    for gate in found.gates:
        assert f"<td>{gate.gate}</td>" in page
    sent = chart_data_in(page)["evidence"]
    assert [strip["outside_pct"] for strip in sent["strips"]] == [
        round(window.outside.net_return_pct, 4) for window in found.walk_forward.windows
    ]
    assert sent["strips"][0]["outside"][0] == found.walk_forward.windows[0].split.outside_start_ms
    [heat] = sent["heat"]
    assert (heat["across"], heat["up"], heat["chosen"]) == ("fast", "slow", ["4", "20"])
    own = [result.metrics["sharpe"] for result in found.tried if result.binding == found.chosen]
    cell = heat["z"][heat["y"].index("20")][heat["x"].index("4")]
    assert cell == pytest.approx(own[0], abs=1e-4)
    assert sum(sent["paths"][0]["shares"]) == pytest.approx(100, abs=1e-2)
    assert sent["stress"]["values"][0] == sent["own_pct"] == round(metrics.net_return_pct, 4)

    lone = VALIDATION_GATES[0].run(replace(found.evidence, walk_forward_efficiency=-1.0))
    refused = replace(found, gates=(lone,))
    page = render_report(run, metrics, None, candles, generated=False, evidence=refused)
    assert f"Not validated: refused by {lone.gate}" in page
    assert lone.violations[0].remedy in page


def test_drawdowns_and_groups_of_trades_are_tables():
    run = sample_run(seed=11)
    page = report_of(run)
    rows = page.split('<table id="drawdowns">')[1].split("</table>")[0].count("<tr>") - 1
    equity = run.equity["equity_usdt"]
    below = equity < equity.cummax().clip(lower=run.starting_equity_usdt)
    falls = int((below & ~below.shift(fill_value=False)).sum())
    assert rows == min(falls, 10) > 1
    deepest = metrics_of_run(run).max_drawdown_pct
    assert f'<td class="number ">{deepest:.2f} %</td>' in page
    reasons = page.split('<table id="by-exit_reason">')[1].split("</table>")[0]
    for reason, trades in run.trades.groupby("exit_reason"):
        assert f'<tr><td>{reason}</td><td class="number ">{len(trades)}</td>' in reasons
    assert 'id="by-hour"' in page
    assert 'id="by-hour"' not in report_of(sample_run(trades=0))

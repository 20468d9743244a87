"""The tools on stored data, by their answers: files in, a look, a verdict, files out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.settings import TradeSettings
from engine.timeframes import HOUR_MS, Timeframe, parse_utc
from engine.tools.catalogue import own_registry
from engine.tools.data_files import imported_store
from engine.tools.registry import BAD_ARGUMENTS, ToolContext

START = parse_utc("2024-01-01")
NOW = START + 100 * HOUR_MS


def flat(bars, price=100.0):
    """Hourly candles at one price, in the layout of our files."""
    times = START + HOUR_MS * np.arange(bars)
    prices = dict.fromkeys(("open", "high", "low", "close"), np.full(bars, price))
    return pd.DataFrame({"ts_open": times, **prices, "volume": 1.0, "turnover": price})


@pytest.fixture
def context(tmp_path):
    settings = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path), "TRADE_EXCHANGE": "imported"})
    return ToolContext(settings, lambda: NOW)


@pytest.fixture
def run(context):
    registry = own_registry()

    def execute(tool, **arguments):
        return registry.execute(tool, arguments, context)

    return execute


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    flat(100).to_parquet(folder / "BTCUSDT_1h.parquet")
    flat(100).drop(index=range(50, 70)).to_parquet(folder / "ETHUSDT_1h.parquet")
    events = pd.DataFrame({"ts": [START, START + 8 * HOUR_MS], "funding_rate": [0.0001, 0.0002]})
    events.to_parquet(folder / "funding_BTCUSDT.parquet")
    return folder


def test_files_go_in_and_come_out_again_the_same(run, files, tmp_path):
    done = run("data.import", format="layout", files=[str(files)])
    assert done.ok, done.error
    assert done.data["market"] == {"kind": "imported", "identity": "import:files"}
    assert [(row["symbol"], row["kind"], row["new"]) for row in done.data["imported"]] == [
        ("BTCUSDT", "ohlcv", 100),
        ("ETHUSDT", "ohlcv", 80),
        ("BTCUSDT", "funding", 2),
    ]
    out = run("data.export", folder=str(tmp_path / "out"))
    assert out.ok, out.error
    for name in ("BTCUSDT_1h.parquet", "ETHUSDT_1h.parquet", "funding_BTCUSDT.parquet"):
        was, now = pd.read_parquet(files / name), pd.read_parquet(tmp_path / "out" / name)
        pd.testing.assert_frame_equal(was.reset_index(drop=True), now)


def test_an_export_can_be_cut_to_a_window_and_to_freqtrade(run, files, tmp_path):
    run("data.import", format="layout", files=[str(files)])
    out = run(
        "data.export",
        folder=str(tmp_path / "out"),
        format="freqtrade",
        symbols=["BTCUSDT"],
        start="2024-01-02",
    )
    assert [(row["kind"], row["rows"]) for row in out.data["exported"]] == [("ohlcv", 76)]
    assert [(row["kind"], row["rows"]) for row in out.data["left_out"]] == [("funding", 0)]
    assert out.data["loses_turnover"]
    back = run("data.import", format="freqtrade", files=[str(tmp_path / "out")])
    assert back.ok, back.error
    assert back.data["imported"][0]["new"] == 0


def test_the_status_says_what_there_is_and_how_far_behind(run, files):
    run("data.import", format="layout", files=[str(files)])
    rows = {(row["symbol"], row["kind"]): row for row in run("data.status").data["series"]}
    assert (rows["ETHUSDT", "ohlcv"]["rows"], rows["ETHUSDT", "ohlcv"]["gap_bars"]) == (80, 20)
    assert rows["BTCUSDT", "ohlcv"]["behind_bars"] == 0
    assert rows["BTCUSDT", "funding"]["behind_bars"] is None
    assert len(run("data.status", symbols=["ETHUSDT"]).data["series"]) == 1


def test_a_check_names_the_symbol_that_is_not_in_order(run, files):
    run("data.import", format="layout", files=[str(files)])
    checked = run("data.check").data
    assert {each["symbol"]: each["passed"] for each in checked["checked"]} == {
        "BTCUSDT": True,
        "ETHUSDT": False,
    }
    assert not checked["passed"]
    gates = {gate["gate"]: gate for gate in checked["checked"][1]["gates"]}
    assert gates["candle_holes"]["violations"][1]["where"] == "ETHUSDT 1h at 2024-01-03 02:00:00"
    refused = run("data.check", symbols=["WIFUSDT"])
    assert "nothing is stored of WIFUSDT" in refused.error.message


def test_what_was_done_and_what_was_put_aside_can_be_read(run, files):
    flat(3).assign(high=1.0).to_parquet(files / "SOLUSDT_1h.parquet")
    run("data.import", format="layout", files=[str(files)])
    aside = run("data.quarantine", symbols=["SOLUSDT"]).data["rows"]
    assert [row["reason"] for row in aside] == ["not so: high is not below open or close"] * 3
    assert run("data.quarantine", limit=1).data["rows"] == aside[-1:]
    entries = run("data.journal", symbols=["SOLUSDT"]).data["entries"]
    assert [entry["action"] for entry in entries] == ["quarantined", "imported"]
    assert entries[0]["at_ms"] == NOW
    assert len(run("data.journal", actions=["imported"]).data["entries"]) == 4
    assert "is no action" in run("data.journal", actions=["deleted"]).error.message


def test_a_plain_file_needs_a_whole_mapping(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("time,o,h,l,c,v\n2024-01-01,1,2,1,2,5\n")
    plain = {"format": "plain", "files": [str(path)], "symbol": "BTCUSDT", "kind": "ohlcv"}
    missing = run("data.import", **plain)
    assert "--time-unit, --time-zone" in missing.error.message
    columns = {"ts_open": "time", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    whole = {**plain, "time_unit": "iso", "time_zone": "UTC", "timeframes": ["1h"], "columns": columns}
    assert run("data.import", **whole).data["imported"][0]["new"] == 1
    assert "time_unit is 'days'" in run("data.import", **{**whole, "time_unit": "days"}).error.message


def test_what_would_be_ignored_is_refused(run, files):
    for stray in ({"symbol": "BTCUSDT"}, {"timeframes": ["1h"]}, {"utc_offset_hours": 1}):
        refused = run("data.import", format="layout", files=[str(files)], **stray)
        assert next(iter(stray)) in refused.error.message


def test_bad_arguments_and_missing_files_are_told(run, tmp_path):
    assert run("data.import", format="excel", files=["x"]).error.kind == BAD_ARGUMENTS
    assert "no file" in run("data.import", format="layout", files=[str(tmp_path / "none")]).error.message
    assert "no *.parquet" in run("data.import", format="layout", files=[str(tmp_path)]).error.message
    assert "any timeframe" in run("data.import", format="bybit-trades", files=[str(__file__)]).error.message


def test_a_bad_file_stores_nothing_of_the_others(run, files, context):
    (files / "SOLUSDT_1h.parquet").write_bytes(b"torn")
    refused = run("data.import", format="layout", files=[str(files)])
    assert "SOLUSDT_1h.parquet" in refused.error.message
    assert not context.settings.market_database.exists()


def test_imports_go_into_a_database_of_their_own_whatever_exchange_is_set(run, files, tmp_path):
    settings = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path)})
    assert settings.exchange.value == "sandbox"
    done = own_registry().execute(
        "data.import", {"format": "layout", "files": [str(files)]}, ToolContext(settings, lambda: NOW)
    )
    assert done.ok, done.error
    assert not settings.market_database.exists()
    assert len(imported_store(settings).read_ohlcv("BTCUSDT", Timeframe.H1)) == 100


def test_a_question_in_sql_is_answered_and_can_change_nothing(run, files, tmp_path):
    run("data.import", format="layout", files=[str(files)])
    answer = run("data.query", sql="SELECT symbol, count(*) AS n FROM ohlcv GROUP BY 1 ORDER BY 1").data
    assert (answer["columns"], answer["rows"]) == (["symbol", "n"], [["BTCUSDT", 100], ["ETHUSDT", 80]])
    cut = run("data.query", sql="FROM ohlcv", limit=5).data
    assert (len(cut["rows"]), cut["is_cut"]) == (5, True)
    target = tmp_path / "stolen.csv"
    for sql in ("DELETE FROM ohlcv", "SELECT 1; SELECT 2", f"COPY ohlcv TO '{target}'", "DROP TABLE ohlcv"):
        assert "one SELECT" in run("data.query", sql=sql).error.message
    assert not target.exists()
    assert "cannot be answered" in run("data.query", sql="SELECT nothing FROM ohlcv").error.message


def test_no_exchange_is_asked_for_imported_data(run):
    refused = run("data.sync", symbols=["BTCUSDT"], timeframes=["1h"])
    assert "no exchange" in refused.error.message

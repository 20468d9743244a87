"""The predecessor's mistakes with market data, by their numbers: 22, 23, 24 and 25."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_data_faults import FaultTrial, small_pages

from engine.errors import ExchangeError
from engine.exchange.client import BybitMarketClient
from engine.exchange.timing import Timing
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import MarketSync
from engine.sandbox.conditions import ConditionedMarket, FundingInterval
from engine.sandbox.faults import FaultPlan, MissingPage, RetCode, Scripted, UnfinishedCandle
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, parse_utc

SYMBOL, H1 = "ETHUSDT", Timeframe.H1
START = parse_utc("2024-03-01")
KLINES = "/v5/market/kline"


@pytest.fixture(scope="module")
def trial():
    faults = FaultTrial()
    with faults.server:
        yield faults


@pytest.fixture
def store(tmp_path):
    return HistoricalDataStore(connection_factory(tmp_path / "market.duckdb"))


def sync(trial, store, now_ms, timeframe=H1):
    trial.now_ms = now_ms
    client = BybitMarketClient(trial.server.url, timing=Timing(sleep=lambda seconds: None))
    return MarketSync(store, client).sync_partition(SYMBOL, timeframe, start_ms=START)


def truth(trial, now_ms, timeframe=H1):
    """The candles that are closed at `now_ms`."""
    window = RowWindow(START, timeframe.floor(now_ms) - 1, 10**9)
    return trial.market.klines(SYMBOL, timeframe, window, now_ms)


def funding_truth(trial, changes, now_ms):
    """The funding events settled by `now_ms`, under changes of the interval."""
    market = ConditionedMarket(trial.market, changes)
    return market.funding(SYMBOL, RowWindow(START, now_ms, 10**9), now_ms).reset_index(drop=True)


# --- 22: sync stored the forming candle and never fetched it again


@pytest.mark.parametrize("minute", [0, 1, 30, 59])
def test_pitfall_22_the_forming_candle_is_never_stored_and_fetched_when_it_is_closed(trial, store, minute):
    trial.server.put_in_force(FaultPlan())
    now = START + 50 * HOUR_MS + minute * MINUTE_MS
    assert sync(trial, store, now).last_ts_open == START + 49 * HOUR_MS
    sync(trial, store, now + HOUR_MS)
    pd.testing.assert_frame_equal(store.read_ohlcv(SYMBOL, H1), truth(trial, now + HOUR_MS))


def test_pitfall_22_a_closed_candle_that_was_served_unfinished_is_put_right_and_recorded(trial, store):
    now = START + 50 * HOUR_MS + MINUTE_MS
    trial.server.put_in_force(FaultPlan(scripted=(Scripted(UnfinishedCandle(), KLINES, tuple(range(1, 9))),)))
    sync(trial, store, now)
    wrong = store.read_ohlcv(SYMBOL, H1).iloc[-1]
    assert wrong["volume"] == 0
    trial.server.put_in_force(FaultPlan())
    assert sync(trial, store, now + HOUR_MS).revised_candles == 1
    pd.testing.assert_frame_equal(store.read_ohlcv(SYMBOL, H1), truth(trial, now + HOUR_MS))
    (revision,) = [each for each in store.revisions((SYMBOL,)) if each.kind == "ohlcv"]
    assert revision.ts == wrong["ts_open"]
    assert revision.old["volume"] == 0


# --- 23: an API error in the middle of paging stored part of the data as success


@pytest.mark.parametrize("nth", [1, 2, 5, 9, 13])
def test_pitfall_23_an_error_in_the_middle_stores_whole_stretches_only_and_is_said(trial, store, nth):
    # 13 pages of 40 candles in 4 chunks; from the nth request on the exchange only answers with an error
    now = START + 500 * HOUR_MS
    failing = Scripted(RetCode(10005), KLINES, tuple(range(nth, 200)))
    trial.server.put_in_force(FaultPlan(scripted=(failing,)))
    with small_pages():
        with pytest.raises(ExchangeError, match="asked for 1h klines of ETHUSDT") as failure:
            sync(trial, store, now)
        assert failure.value.ret_code == 10005
        kept = store.read_ohlcv(SYMBOL, H1)
        assert len(kept) % 130 == 0  # whole chunks
        assert len(kept) <= 40 * nth
        pd.testing.assert_frame_equal(kept, truth(trial, now).iloc[: len(kept)])
        trial.server.put_in_force(FaultPlan())
        report = sync(trial, store, now)
    assert report.new_candles == 500 - len(kept)
    pd.testing.assert_frame_equal(store.read_ohlcv(SYMBOL, H1), truth(trial, now))


@pytest.mark.parametrize("nth", [1, 2, 4, 13])
def test_pitfall_23_a_page_that_comes_empty_is_not_taken_for_the_end(trial, store, nth):
    now = START + 500 * HOUR_MS
    lying = (
        Scripted(MissingPage(), KLINES, (nth,)),
        Scripted(MissingPage(), "/v5/market/open-interest", (nth,)),
    )
    trial.server.put_in_force(FaultPlan(scripted=lying))
    with small_pages():
        assert sync(trial, store, now).gap_bars == 0
    pd.testing.assert_frame_equal(store.read_ohlcv(SYMBOL, H1), truth(trial, now))
    assert len(store.read_open_interest(SYMBOL)) == 501


# --- 24: funding was assumed to come every eight hours


def test_pitfall_24_funding_is_stored_at_its_own_times_whatever_the_interval(trial, store):
    changes = (
        FundingInterval(SYMBOL, START + 5 * DAY_MS, 60),
        FundingInterval(SYMBOL, START + 9 * DAY_MS, 240),
        FundingInterval(SYMBOL, START + 14 * DAY_MS, 480),
    )
    trial.server.put_in_force(FaultPlan(conditions=changes))
    now = START + 20 * DAY_MS + HOUR_MS
    with small_pages():  # twelve events to a page: the changes lie inside pages and between them
        sync(trial, store, START + 7 * DAY_MS)
        sync(trial, store, now)
    stored = store.read_funding(SYMBOL)
    pd.testing.assert_frame_equal(stored, funding_truth(trial, changes, now))
    hours = np.diff(stored["ts"]) // HOUR_MS
    assert sorted(set(hours.tolist())) == [1, 4, 8]


@pytest.mark.parametrize("nth", [1, 2, 3, 7, 12])
def test_pitfall_24_a_page_of_funding_that_is_lost_leaves_no_silent_hole(trial, store, nth):
    changes = (FundingInterval(SYMBOL, START + 5 * DAY_MS, 60),)
    lost = Scripted(MissingPage(), "/v5/market/funding/history", (nth,))
    trial.server.put_in_force(FaultPlan(scripted=(lost,), conditions=changes))
    now = START + 10 * DAY_MS
    with small_pages():
        sync(trial, store, now)
    pd.testing.assert_frame_equal(store.read_funding(SYMBOL), funding_truth(trial, changes, now))


# --- 25: an offline backtest opened a connection to the exchange

# What asks an exchange; every other tool works without a network.
ONLINE = {
    "account.fees", "account.prepare", "account.results", "account.show", "account.transactions",
    "data.heal", "data.sync", "demo.run", "live.run", "orders.amend", "orders.cancel", "orders.cancel_all",
    "orders.fills", "orders.find", "orders.history", "orders.list", "orders.place", "orders.rules",
    "pipeline.run", "positions.add_margin", "positions.close", "positions.list", "positions.set_bracket",
    "positions.set_leverage", "positions.show", "risk.panic", "risk.status", "universe.refresh",
}  # fmt: skip
# What is asked about something that is not there: it says so, and connects to nothing either.
ABSENT = {"live.evidence", "live.parity", "live.status", "live.stop", "sweeps.adopt"}
# What a tool is given for the arguments it cannot do without, by their names.
ARGUMENTS = {
    "at": "2025-02-01T12:00",
    "by": "day",
    "card": "band_reversion",
    "cards": ["band_reversion"],
    "confirmation": "resume trading",
    "files": ["exported"],
    "folder": "exported",
    "format": "layout",
    "name": "cards.list",
    "run": "none",
    "source": "sandbox",
    "sql": "SELECT count(*) FROM ohlcv",
    "starting_equity_usdt": 10_000.0,
    "symbol": "BTCUSDT",
    "timeframe": "1h",
    "trade": 1,
    "trial": "none",
}
# What it is given beside or instead.
MORE = {
    "backtest.compare": {"cards": ["band_reversion", "swept"]},
    "backtest.sweep": {"card": "swept", "workers": 1},
    "gates.project": {"cards": 1},
    "portfolio.run": {"symbols": ["BTCUSDT"]},
    "promotions.decide": {"stage": "retired", "by": "somebody", "reason": "no network"},
    "promotions.replay": {"cards": ["band_reversion"], "symbols": ["BTCUSDT"]},
}
# Every attempt to reach anything by a socket ends here, in this process for good.
PROGRAM = """
import json, os, sys

REACHING = {"connect", "bind", "getaddrinfo", "gethostbyname", "sendto", "sendmsg"}

def refuse(event, arguments):
    if event.startswith("socket.") and event.removeprefix("socket.") in REACHING:
        raise AssertionError(f"{event} {arguments[1:]}")

sys.addaudithook(refuse)
from engine.cli.main import app
from engine.settings import TradeSettings
from engine.tools.catalogue import full_registry
from engine.tools.file_access import FileAccess
from engine.tools.registry import ToolContext
from typer.testing import CliRunner

online, arguments, more, commands = json.loads(sys.argv[1])
registry = full_registry()
settings = TradeSettings.from_environment(os.environ)
context = ToolContext(settings, lambda: 1735689600000, files=FileAccess.ANYWHERE)
answers = {}
for spec in registry.list():
    if spec.name not in online:
        fields = spec.input_model.model_fields.items()
        given = {name: arguments.get(name) for name, field in fields if field.is_required()}
        result = registry.execute(spec.name, given | more.get(spec.name, {}), context)
        answers[spec.name] = None if result.error is None else f"{result.error.kind}: {result.error.message}"
for command in commands:
    result = CliRunner().invoke(app, command)
    said = f"{result.output} {result.exception}"
    answers["trade " + " ".join(command)] = None if result.exit_code == 0 else said
print(json.dumps(answers))
"""
COMMANDS = [
    ["--help"],
    ["init"],
    ["cards", "list"],
    ["cards", "validate"],
    ["strategies", "list"],
    ["backtest", "band_reversion", "--symbol", "BTCUSDT"],
    ["promotions"],
    ["universe", "list"],
]


@pytest.fixture(scope="module")
def stored_market(tmp_path_factory):
    """A data folder with two months of BTCUSDT, and a folder of cards."""
    folder = tmp_path_factory.mktemp("offline")
    shipped = Path(__file__).resolve().parents[3] / "idea_cards" / "band_reversion.yaml"
    (folder / "cards").mkdir()
    card = shipped.read_text()
    (folder / "cards" / "band_reversion.yaml").write_text(card)
    swept, places = re.subn(r"cooldown_bars: \d+", "cooldown_bars: {param: cooldown}", card)
    assert places == 1
    swept = (
        swept.replace("id: band_reversion", "id: swept")
        + "parameters:\n  cooldown: {default: 1, values: [1, 2]}\n"
    )
    (folder / "cards" / "swept.yaml").write_text(swept)
    now = parse_utc("2025-03-01")
    with SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(now)) as server:
        store = HistoricalDataStore(connection_factory(folder / "data" / "sandbox" / "market.duckdb"))
        for timeframe in (Timeframe.M15, Timeframe.H1):
            MarketSync(store, BybitMarketClient(server.url)).sync_partition(
                "BTCUSDT", timeframe, start_ms=parse_utc("2025-01-01")
            )
        store.read_ohlcv("BTCUSDT", Timeframe.H1).to_parquet(folder / "candles.parquet")
    return folder


@pytest.mark.timeout(900)
def test_pitfall_25_what_is_offline_opens_no_connection(stored_market):
    environment = {
        "TRADE_DATA": str(stored_market / "data"),
        "TRADE_CARDS": str(stored_market / "cards"),
        "TRADE_SANDBOX_URL": "http://127.0.0.1:9",
        "PATH": "/usr/bin",
        "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
        "HOME": str(stored_market),
        "MPLBACKEND": "Agg",
    }
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([sorted(ONLINE), ARGUMENTS, MORE, COMMANDS])],
        capture_output=True,
        text=True,
        timeout=800,
        env=environment,
        check=False,
        cwd=stored_market,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    answers = json.loads(finished.stdout.splitlines()[-1])
    refused = {name: said for name, said in answers.items() if said is not None}
    assert {refused.pop(name, "it answered").partition(":")[0] for name in ABSENT} <= {
        "ConfigurationError",
        "DataNotFound",
    }
    assert refused == {}

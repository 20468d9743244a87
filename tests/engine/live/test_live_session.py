"""Sessions with their threads: candles and fills by WebSocket, orders sent beside, ended when asked to."""

from __future__ import annotations

import threading
import time

import pytest
from live_case import AccountTrial, Trial, ping

from engine.exchange.stream import Outage
from engine.exchange.trading.connect import connect_stream
from engine.live.account_watch import AccountKeeper
from engine.live.journal import JournalKind, read_journal
from engine.live.session import Session
from engine.live.sessions import keep_going
from engine.live.status import read_status
from engine.sandbox.faults import DroppedStream, FaultPlan, Scripted
from engine.timeframes import MINUTE_MS, parse_utc


def entries(run, *kinds):
    return [entry for entry in read_journal(run.folder.journal_path).entries if entry.kind in kinds]


def wait_until(holds, seconds=15.0):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def test_a_shadow_session_hears_candles_loses_the_stream_and_ends_when_asked(tmp_path):
    with Trial(tmp_path, start="2025-03-01T00:00:50") as trial, trial.open([ping()]) as run:
        trial.server.put_in_force(FaultPlan(scripted=(Scripted(DroppedStream(), "/v5/public/linear", (4,)),)))
        ended = []
        thread = threading.Thread(
            target=lambda: ended.append(keep_going(run, trial.client, trial.server.stream_url))
        )
        thread.start()
        wait_until(lambda: read_status(run.folder.path) is not None)
        for minute in range(1, 4):
            trial.clock.set(parse_utc("2025-03-01T00:00:01") + minute * MINUTE_MS)
            wait_until(lambda: len(entries(run, JournalKind.DECISION)) >= minute)  # noqa: B023
        assert read_status(run.folder.path)["legs"][0]["symbol"] == "BTCUSDT"
        run.folder.request_stop()
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert ended[0]["outages"] >= 1
    states = [entry.data["session"] for entry in entries(run, JournalKind.STATE)]
    assert states == ["started", "stopped"]
    # in at the first close, which fills at the next open; out after two bars
    assert [entry.data["reason"] for entry in entries(run, JournalKind.FILL)] == ["entry"]


def test_an_account_session_books_what_the_private_stream_tells(tmp_path):
    with AccountTrial(tmp_path, start="2025-03-01T00:00:50") as trial, trial.trade([ping()]) as run:
        timing = trial.wall_timing()
        keeper = AccountKeeper(
            run.desk, run.runner.legs, connect_stream(trial.manager, timing=timing), trial.market
        )
        session = Session(run, trial.client, trial.server.stream_url, account=keeper, timing=timing)
        thread = threading.Thread(target=session.keep_going)
        thread.start()
        try:
            # at the opening, at the session's start, and when the private stream is there
            wait_until(lambda: len(entries(run, JournalKind.RECONCILED)) == 3)
            trial.server.advance_to(parse_utc("2025-03-01T00:01:01"))
            wait_until(lambda: len(entries(run, JournalKind.FILL)) == 1)
            wait_until(lambda: any(e.data["phase"] == "taken" for e in entries(run, JournalKind.ORDER)))
            [leg] = run.runner.legs
            wait_until(leg.is_in_step)  # the position is told beside the fill
        finally:
            session.stop()
            thread.join(timeout=10)
        assert not thread.is_alive()
        [fill] = entries(run, JournalKind.FILL)
        assert fill.data["reason"] == "entry"
        assert float(trial.manager.position("BTCUSDT").stop_loss) == leg.twin.position.stop_price


def test_while_the_private_stream_is_lost_nothing_opens(tmp_path):
    with AccountTrial(tmp_path, start="2025-03-01T00:00:02") as trial, trial.trade([ping()]) as run:
        run.keeper.take(Outage("it is gone", 1, 1.0), trial.clock())
        trial.clock.step(MINUTE_MS)
        run.keeper.read_prices()
        run.runner.catch_up(trial.clock())
        [refusal] = entries(run, JournalKind.REFUSAL)
        assert refusal.data["code"] == "not_reconciled"
        assert trial.manager.position("BTCUSDT").is_flat


@pytest.mark.parametrize("mode", ["demo", "live"])
def test_a_mode_is_refused_before_anything_is_asked(mode, tmp_path):
    from engine.errors import ConfigurationError
    from engine.exchange.client import BybitMarketClient
    from engine.live.run_folder import RunMode
    from engine.live.sessions import Asked, run_session
    from engine.settings import TradeSettings

    wrong = {"demo": "bybit", "live": "demo"}[mode]
    settings = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path), "TRADE_EXCHANGE": wrong})
    with pytest.raises(ConfigurationError, match="does not go with"):
        run_session(
            Asked(RunMode(mode), [ping()]),
            settings,
            BybitMarketClient("http://127.0.0.1:9"),
            standing_of=lambda *_: None,
            variables={},
        )

"""`data.heal` against the stand-in exchange: what it has comes, what it has not is remembered."""

import pytest
from market_data_frames import START
from market_data_trial import SYMBOL, record, running_trial

from engine.market_data.duckdb_file import connection_factory
from engine.market_data.journal import Action
from engine.settings import TradeSettings
from engine.timeframes import HOUR_MS
from engine.tools.catalogue import own_registry
from engine.tools.registry import ToolContext


def hour(n):
    return START + n * HOUR_MS


@pytest.fixture
def trial(tmp_path):
    recording = tmp_path / "recording"
    recording.mkdir()
    record(recording)
    database = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path)}).market_database
    with running_trial(recording, connection_factory(database)) as running:
        yield running


@pytest.fixture
def heal(trial, tmp_path):
    environment = {
        "TRADE_DATA": str(tmp_path),
        "TRADE_SANDBOX_URL": trial.url,
        "TRADE_HISTORY_START": "2024-01-01",
    }
    context = ToolContext(TradeSettings.from_environment(environment), lambda: trial.now_ms)

    def run(**arguments):
        result = own_registry().execute("data.heal", arguments, context)
        assert result.ok, result.error
        return result.data["healed"]

    return run


def lost(trial, *hours):
    """Rows that went missing past the store, and whose absence it has taken notice of."""
    for n in hours:
        trial.delete("ohlcv", f"ts_open = {hour(n)}")
    trial.delete("series_counts", "true")
    trial.store.create_tables()


def test_where_no_candle_is_missing_nothing_is_asked(trial, heal):
    trial.sync()
    assert trial.asked_since(heal) == {}
    assert heal() == []


def test_what_went_missing_is_fetched_and_what_the_exchange_has_not_is_remembered(trial, heal):
    trial.sync()
    lost(trial, 10, 11, 40)
    trial.market.hidden = {hour(40)}
    (told,) = heal(symbols=[SYMBOL])
    assert (told["missing_before"], told["absent_at_exchange"], told["still_open"]) == (3, 1, 0)
    actions = [(entry.action, entry.first_ts, entry.rows) for entry in trial.store.journal()]
    assert actions == [(Action.REFETCHED, hour(10), 2), (Action.ABSENT, hour(40), 1)]
    assert trial.asked_since(heal) == {}
    trial.market.hidden = set()
    (told,) = heal(again=True)
    assert (told["missing_before"], told["absent_at_exchange"], told["still_open"]) == (1, 0, 0)
    assert heal() == []

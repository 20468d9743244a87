"""Keys: from the environment, one for each kind of account, and never shown."""

import dataclasses
import logging
import pickle
import traceback

import pytest
from exchange_answers import START, Waits, envelope, exchange

from engine.errors import AuthenticationFailed, ConfigurationError, ExchangeError
from engine.exchange.trading.connect import connect_account, trading_folder
from engine.exchange.trading.environment import (
    SANDBOX_KEY,
    ApiCredentials,
    TradingEnvironment,
    private_stream_url,
    read_credentials,
)
from engine.exchange.trading.signed_session import SignedSession
from engine.settings import Exchange, TradeSettings

KEY, SECRET = "planted-key-1234", "planted-secret-5678"
LIVE = {"TRADE_LIVE_API_KEY": KEY, "TRADE_LIVE_API_SECRET": SECRET}


def test_each_environment_has_its_own_variables_and_only_the_sandbox_a_default():
    credentials = read_credentials(TradingEnvironment.LIVE, LIVE)
    assert (credentials.api_key, credentials.api_secret) == (KEY, SECRET)
    assert read_credentials(TradingEnvironment.SANDBOX, LIVE).api_key == SANDBOX_KEY
    with pytest.raises(ConfigurationError, match="TRADE_DEMO_API_KEY is not set"):
        read_credentials(TradingEnvironment.DEMO, LIVE)


@pytest.mark.parametrize("key", [f"{KEY}\n", f'"{KEY}"', "with space", "x!y"])
def test_a_key_of_no_such_form_is_refused_without_being_shown(key):
    with pytest.raises(ConfigurationError, match="TRADE_LIVE_API_KEY") as refused:
        read_credentials(TradingEnvironment.LIVE, {**LIVE, "TRADE_LIVE_API_KEY": key})
    assert key.strip() not in str(refused.value)


def test_demo_and_live_never_share_a_key():
    shared = {**LIVE, "TRADE_DEMO_API_KEY": KEY, "TRADE_DEMO_API_SECRET": "another-secret"}
    for environment in (TradingEnvironment.DEMO, TradingEnvironment.LIVE):
        with pytest.raises(ConfigurationError, match="are the same key") as refused:
            read_credentials(environment, shared)
        assert KEY not in str(refused.value)


def test_each_environment_has_its_own_address_and_folder():
    def settings(exchange):
        return TradeSettings.from_environment({"TRADE_EXCHANGE": exchange.value, "TRADE_DATA": "/data"})

    traded = (Exchange.SANDBOX, Exchange.DEMO, Exchange.BYBIT)
    urls = [TradingEnvironment.of(each).api_url(settings(each)) for each in traded]
    assert urls == ["http://127.0.0.1:8765", "https://api-demo.bybit.com", "https://api.bybit.com"]
    assert [private_stream_url(url) for url in urls] == [
        "ws://127.0.0.1:8765/v5/private",
        "wss://stream-demo.bybit.com/v5/private",
        "wss://stream.bybit.com/v5/private",
    ]
    assert len({trading_folder(settings(each)) for each in traded}) == 3
    with pytest.raises(ConfigurationError, match="imported"):
        TradingEnvironment.of(Exchange.IMPORTED)


def test_no_text_shows_a_key():
    credentials = ApiCredentials(KEY, SECRET)
    session = SignedSession("http://127.0.0.1:9", credentials)
    settings = TradeSettings.from_environment({"TRADE_EXCHANGE": "bybit", "TRADE_DATA": "/data"})
    for shown in (credentials, session, session._new_session(), connect_account(settings, LIVE)):
        assert KEY not in repr(shown)
        assert SECRET not in repr(shown)
    assert SECRET not in repr(vars(session._new_session()))
    assert not dataclasses.is_dataclass(credentials)
    with pytest.raises(TypeError, match="not to be stored"):
        pickle.dumps(credentials)


def test_neither_log_nor_traceback_of_a_refused_request_shows_the_secret(caplog):
    caplog.set_level(logging.DEBUG)
    refusals = [(200, envelope({}, 10004, "error sign!")), (500, "oops")]
    for refusal in refusals:
        with exchange(refusal) as (url, _):
            session = SignedSession(url, ApiCredentials(KEY, SECRET), timing=Waits().timing)
            with pytest.raises(ExchangeError) as failed:
                session.ask("get_account_info", dict)
        told = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
        assert SECRET not in "".join(told.format())
    assert SECRET not in caplog.text


@pytest.mark.parametrize("code", [10003, 10004, 10005, 10010, 33004])
def test_a_key_that_is_not_taken_is_said_at_once(code):
    with exchange((200, envelope({}, code, "no"))) as (url, paths):
        session = SignedSession(url, ApiCredentials(KEY, SECRET), timing=Waits().timing)
        with pytest.raises(AuthenticationFailed) as refused:
            session.ask("get_account_info", dict)
    assert (refused.value.ret_code, len(paths)) == (code, 1)
    assert "key" in refused.value.way_out


def test_a_redirection_does_not_take_the_signature_along():
    with exchange((200, envelope({}))) as (elsewhere, reached):
        with exchange((302, "", {"Location": f"{elsewhere}/v5/account/info"})) as (url, _):
            session = SignedSession(url, ApiCredentials(KEY, SECRET), timing=Waits().timing)
            with pytest.raises(ExchangeError, match="HTTP status 302"):
                session.ask("get_account_info", dict)
        assert reached == []


def test_requests_are_signed_by_the_exchanges_clock():
    ahead = START + 90_000
    measured = (200, envelope({"timeNano": f"{ahead}000000"}))
    with exchange(measured) as (url, _):
        session = SignedSession(url, ApiCredentials(KEY, SECRET), timing=Waits().timing)
        session._measure_clock()
        assert session.server_ms() == ahead
        assert session._new_session()._prepare_headers("", 5000)["X-BAPI-TIMESTAMP"] == str(ahead)

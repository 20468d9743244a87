import logging

import pytest

from engine.redaction import REDACTED, RedactingFormatter, Redactor

SECRET = "kQ7zT0pSecret/Value+9"
TELEGRAM = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"


def test_a_known_value_is_replaced_wherever_it_stands():
    redactor = Redactor([SECRET])
    assert redactor.text(f"a{SECRET}b, {SECRET}") == f"a{REDACTED}b, {REDACTED}"
    assert redactor.text("?q=kQ7zT0pSecret%2FValue%2B9") == f"?q={REDACTED}"
    assert SECRET not in repr(redactor)


def test_a_short_value_hides_no_words():
    assert Redactor(["Buy"]).text("Buy 1 BTCUSDT") == "Buy 1 BTCUSDT"


def test_of_two_values_the_longer_goes_first():
    assert Redactor(["abcdef", "abcdefgh"]).text("abcdefgh") == REDACTED


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("api_key=abc123, size=2", "size=2"),
        ("HTTP(api_key='abc123', api_secret='abc123', timeout=10)", "timeout=10"),
        ("{'X-BAPI-API-KEY': 'abc123', 'X-BAPI-SIGN': 'abc123', 'X-BAPI-TIMESTAMP': '17'}", "'17'"),
        ('{"secret": "abc123", "symbol": "BTCUSDT"}', "BTCUSDT"),
        ("Authorization: Bearer abc123456, next", "next"),
        ("bearer abc123456", "bearer"),
        ("https://name:abc123@host/path", "host/path"),
        ("https://discord.com/api/webhooks/99/abc123_-x", "/api/webhooks/99/"),
        ("TRADE_LIVE_API_SECRET=abc123", "TRADE_LIVE_API_SECRET="),
    ],
)
def test_what_looks_like_a_secret_is_replaced(text, left):
    redacted = Redactor().text(text)
    assert "abc123" not in redacted
    assert left in redacted
    assert Redactor().text(redacted) == redacted


def test_a_bot_token_is_replaced_inside_its_address():
    redacted = Redactor().text(f"POST https://api.telegram.org/bot{TELEGRAM}/sendMessage failed")
    assert redacted == f"POST https://api.telegram.org/{REDACTED}/sendMessage failed"


@pytest.mark.parametrize(
    "harmless",
    [
        "BTCUSDT Buy 0.5 at 64,000.1",
        "5f2b" * 16,
        "http://127.0.0.1:8765/v5/order",
        "tokens: none",
        "12:30:45",
    ],
)
def test_what_is_no_secret_stays(harmless):
    assert Redactor().text(harmless) == harmless


def test_plain_data_keep_their_shape():
    data = {"api_secret": SECRET, "nested": [{"note": f"got {SECRET}"}], "size": 2, "token": None}
    assert Redactor([SECRET]).plain(data) == {
        "api_secret": REDACTED,
        "nested": [{"note": f"got {REDACTED}"}],
        "size": 2,
        "token": None,
    }


def test_the_environment_says_what_is_secret():
    redactor = Redactor.from_environment(
        {"TRADE_LIVE_API_SECRET": SECRET, "TRADE_DISCORD_WEBHOOK_URL": "https://hook/xyz", "HOME": "/home/me"}
    )
    assert redactor.text(f"{SECRET} https://hook/xyz /home/me") == f"{REDACTED} {REDACTED} /home/me"


def test_tracebacks_in_logs_are_redacted():
    formatter = RedactingFormatter(logging.Formatter("%(levelname)s %(message)s"), Redactor([SECRET]))
    try:
        raise ValueError(f"refused: {SECRET}")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    record = logging.LogRecord("a", logging.ERROR, __file__, 1, "sent %s", (SECRET,), trace)
    shown = formatter.format(record)
    assert SECRET not in shown
    assert f"ERROR sent {REDACTED}" in shown
    assert "ValueError" in shown

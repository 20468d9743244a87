"""Notifications against a loopback HTTP server: what arrives, how often, and that nothing is held up."""

import json
import threading
import time
from decimal import Decimal

import pytest
from loopback_listener import listening
from risk_values import NOW, closed

from engine.errors import ConfigurationError, NotificationFailed
from engine.exchange.timing import Timing
from engine.live.journal import Journal, JournalEntry, JournalKind
from engine.live.notifications.channels import Discord, Telegram, Webhook, channels_of
from engine.live.notifications.following import Follower
from engine.live.notifications.message import Notification, Severity, notification_of
from engine.live.notifications.notifier import QUEUE, ChannelQueue, Notifier
from engine.live.risk.limits import RiskLimits
from engine.live.risk.manager import RESUME_CONFIRMATION, RiskManager
from engine.live.risk.memory import RiskMemory
from engine.redaction import Redactor
from engine.settings import TradeSettings
from engine.tools.catalogue import own_registry
from engine.tools.registry import ToolContext

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"


def note(text="bought", severity=Severity.NOTE, title="fill"):
    return Notification(NOW, severity, title, text, "card", "BTCUSDT")


def test_a_telegram_message_goes_to_its_chat():
    with listening() as (url, came):
        Telegram(TOKEN, "-1001", url).send((note(), note("<b>sold</b> @all")))
    [(path, body)] = came
    assert path == f"/bot{TOKEN}/sendMessage"
    assert body["chat_id"] == "-1001"
    assert body["text"].splitlines() == [
        "[note] 2026-01-07 12:00:00 UTC card BTCUSDT - fill: bought",
        "[note] 2026-01-07 12:00:00 UTC card BTCUSDT - fill: <b>sold</b> @all",
    ]
    assert "parse_mode" not in body


def test_a_discord_message_mentions_nobody_and_is_cut_to_its_length():
    with listening((204, "")) as (url, came):
        Discord(url).send((note("@everyone " + "x" * 3000),))
    [(_, body)] = came
    assert len(body["content"]) == 2000
    assert body["allowed_mentions"] == {"parse": []}


def test_a_webhook_gets_the_facts():
    with listening() as (url, came):
        Webhook(url).send((note(),))
    assert came[0][1] == {
        "notifications": [
            {
                "ts_ms": NOW,
                "severity": "note",
                "title": "fill",
                "text": "bought",
                "card_id": "card",
                "symbol": "BTCUSDT",
            }
        ]
    }


@pytest.mark.parametrize(
    ("answer", "retry_after_s", "is_final"),
    [
        ((429, '{"parameters": {"retry_after": 7}}'), 7, False),
        ((429, '{"retry_after": 1.5}'), 1.5, False),
        ((429, "busy", {"Retry-After": "9"}), 9, False),
        ((429, '{"retry_after": "soon"}'), None, False),
        ((500, ""), None, False),
        ((404, "no such bot"), None, True),
        ((302, "", {"Location": "http://127.0.0.1:9/elsewhere"}), None, True),
    ],
)
def test_a_refusal_is_told_without_the_address(answer, retry_after_s, is_final):
    with listening(answer) as (url, came), pytest.raises(NotificationFailed) as failed:
        Telegram(TOKEN, "1", url).send((note(),))
    assert (failed.value.retry_after_s, failed.value.is_final) == (retry_after_s, is_final)
    assert TOKEN not in str(failed.value)
    assert len(came) == 1


def test_nobody_there_is_told_without_the_address():
    with pytest.raises(NotificationFailed) as failed:
        Telegram(TOKEN, "1", "http://127.0.0.1:9").send((note(),))
    assert TOKEN not in str(failed.value)
    assert failed.value.__cause__ is None


def test_channels_come_from_the_environment():
    channels = channels_of(
        {
            "TRADE_TELEGRAM_TOKEN": TOKEN,
            "TRADE_TELEGRAM_CHAT": "@mine",
            "TRADE_DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/abc",
            "TRADE_WEBHOOK_URL": "http://127.0.0.1:1234/in",
        }
    )
    assert [channel.name for channel in channels] == ["telegram", "discord", "webhook"]
    assert TOKEN not in repr(channels)
    assert "abc" not in repr(channels)
    assert channels_of({}) == ()


@pytest.mark.parametrize(
    "variables",
    [
        {"TRADE_TELEGRAM_TOKEN": TOKEN},
        {"TRADE_TELEGRAM_TOKEN": "not-a-token-at-all", "TRADE_TELEGRAM_CHAT": "1"},
        {"TRADE_DISCORD_WEBHOOK_URL": "http://discord.com/plain-text"},
        {"TRADE_WEBHOOK_URL": "file:///etc/passwd-of-mine"},
    ],
)
def test_what_cannot_be_a_channel_is_refused_without_its_value(variables):
    with pytest.raises(ConfigurationError) as refused:
        channels_of(variables)
    assert not any(value in str(refused.value) for value in variables.values() if len(value) > 1)


class Clock:
    """Monotonic seconds that a test moves."""

    now_s = 0.0

    @property
    def timing(self):
        return Timing(monotonic_s=lambda: self.now_s)


def test_messages_keep_their_distance_and_gather_what_comes_meanwhile():
    with listening() as (url, came):
        queue = ChannelQueue(Webhook(url))
        queue.put(note("first"))
        queue.send_due(100.0)
        for text in ("second", "third", "third"):
            queue.put(note(text))
        queue.send_due(102.9)
        assert len(came) == 1
        queue.send_due(103.0)
    assert [each["text"] for each in came[1][1]["notifications"]] == ["second", "third (2 times)"]


def test_what_fails_is_tried_again_when_it_was_asked_for():
    with listening((429, '{"retry_after": 30}'), (200, "{}")) as (url, came):
        queue = ChannelQueue(Webhook(url))
        queue.put(note())
        queue.send_due(0.0)
        queue.send_due(29.9)
        assert len(came) == 1
        queue.send_due(30.0)
        assert (len(came), queue.is_empty) == (2, True)


def test_what_never_arrives_is_left_out_and_that_is_told():
    with listening(*[(500, "")] * 6, (200, "{}")) as (url, came):
        queue = ChannelQueue(Webhook(url))
        queue.put(note("lost"))
        for minute in range(6):
            queue.send_due(minute * 600.0)
        assert queue.is_empty
        queue.put(note("arrives"))
        queue.send_due(10_000.0)
    told = [(each["title"], each["text"]) for each in came[-1][1]["notifications"]]
    assert told == [("fill", "arrives"), ("left out", "1 notifications")]


def test_a_full_queue_keeps_alarms():
    with listening() as (url, came):
        queue = ChannelQueue(Webhook(url))
        queue.put(note("halted", Severity.ALARM))
        for number in range(QUEUE + 50):
            queue.put(note(f"note {number}"))
        queue.send_due(0.0)
    told = [each["text"] for each in came[0][1]["notifications"]]
    assert told[0] == "halted"
    assert told[1] == "note 51"
    assert told[-1] == "51 notifications"


def test_notifying_waits_for_nobody_and_raises_nothing():
    held = threading.Event()

    class Hanging:
        name = "hanging"

        def send(self, notifications):
            held.wait(10)

    notifier = Notifier([Hanging(), Webhook("http://127.0.0.1:9")], Redactor())
    began = time.perf_counter()
    for number in range(1000):
        notifier.notify(note(f"note {number}"))
    assert time.perf_counter() - began < 1
    notifier.close(patience_s=0.01)
    notifier.notify(note())
    held.set()


def test_no_secret_is_sent_and_closing_sends_what_waits():
    with listening() as (url, came):
        with Notifier([Webhook(url)], Redactor(["planted-secret"])) as notifier:
            notifier.notify(note("refused: planted-secret", title="planted-secret"))
        assert [each["text"] for each in came[0][1]["notifications"]] == ["refused: ***"]
        assert "planted-secret" not in json.dumps(came)


def test_without_channels_there_is_no_thread():
    before = threading.active_count()
    with Notifier([], Redactor()) as notifier:
        notifier.notify(note())
        assert threading.active_count() == before


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        (
            JournalKind.FILL,
            {"side": "buy", "size": 0.01, "price": 64000.5, "reason": "entry"},
            (Severity.NOTE, "fill", "buy 0.01 at 64000.5 (entry)"),
        ),
        (
            JournalKind.REFUSAL,
            {"code": "daily_loss", "message": "3 % were lost"},
            (Severity.WARNING, "refused (daily_loss)", "3 % were lost"),
        ),
        (JournalKind.ERROR, {"problem": "gone"}, (Severity.WARNING, "error", "gone")),
        (JournalKind.STATE, {"panic": "begins", "reason": "now"}, (Severity.ALARM, "panic", "now")),
        (JournalKind.STATE, {"panic": "ended", "is_flat": True}, (Severity.ALARM, "panic ended", "flat")),
        (JournalKind.STATE, {"leverage": "3"}, (Severity.NOTE, "state", "leverage 3")),
    ],
)
def test_lines_of_the_journal_are_told_in_words(kind, data, told):
    notification = notification_of(JournalEntry(NOW, kind, "card", "BTCUSDT", data))
    assert (notification.severity, notification.title, notification.text) == told
    assert notification_of(JournalEntry(NOW, JournalKind.CANDLE)) is None


def test_a_test_message_says_which_channels_took_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TRADE_TELEGRAM_TOKEN", "")
    context = ToolContext(TradeSettings.from_environment({"TRADE_DATA": str(tmp_path)}), lambda: NOW)
    assert own_registry().execute("notifications.test", {}, context).data == {"channels": []}
    with listening() as (url, came):
        monkeypatch.setenv("TRADE_WEBHOOK_URL", url)
        monkeypatch.setenv("TRADE_DISCORD_WEBHOOK_URL", "http://127.0.0.1:9/hook")
        told = own_registry().execute("notifications.test", {}, context).data["channels"]
    assert told == [
        {"name": "discord", "problem": "discord: ConnectionError"},
        {"name": "webhook", "problem": None},
    ]
    assert came[0][1]["notifications"][0]["text"] == "from TRADE, environment sandbox"


class Kept:
    """Takes notifications as a notifier does."""

    def __init__(self):
        self.told = []

    def notify(self, notification):
        self.told.append(f"{notification.title}: {notification.text}")


def test_a_run_is_followed_from_where_it_is(tmp_path):
    kept, risk = Kept(), RiskManager(RiskLimits(), RiskMemory(tmp_path / "risk.json"))
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append(JournalEntry(NOW, JournalKind.ERROR, data={"problem": "before"}))
        follower = Follower(path, risk, kept, NOW)
        follower.look(NOW)
        assert kept.told == []
        journal.append(JournalEntry(NOW, JournalKind.ERROR, data={"problem": "after"}))
        risk.seed([closed(-300)], Decimal(9_700), NOW)
        risk.halt("look", NOW)
        follower.look(NOW)
        follower.look(NOW)
    assert kept.told[0].startswith("trading is reducing: 3.00 % were lost today")
    assert kept.told[1:] == ["trading is halted: look, until somebody resumes", "error: after"]
    later = NOW + 86_400_000
    risk.resume(RESUME_CONFIRMATION, later)
    follower.look(later)
    assert kept.told[-1].startswith("trading is active again")

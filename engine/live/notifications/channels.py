"""Where notifications go: a Telegram chat, a Discord channel, a webhook. Each send is one HTTP POST."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from engine.errors import ConfigurationError, NotificationFailed
from engine.live.notifications.message import Notification

TELEGRAM_URL = "https://api.telegram.org"

_TELEGRAM_LETTERS = 4096
_DISCORD_LETTERS = 2000
_TIMEOUT_S = 10.0
_TOKEN = re.compile(r"\d{5,}:[\w-]{20,}")
_CHAT = re.compile(r"-?\d+|@\w+")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Channel(Protocol):
    """Somewhere to send notifications to."""

    @property
    def name(self) -> str:
        """What logs call it."""

    def send(self, notifications: tuple[Notification, ...]) -> None:
        """Send several as one message.

        Raises
        ------
        NotificationFailed
            If they did not arrive, for all we know.
        """


@dataclass(frozen=True)
class Telegram:
    """A chat on Telegram (Bot API, sendMessage); at most 4096 letters, as plain text."""

    token: str = field(repr=False)
    chat: str = field(repr=False)
    base_url: str = TELEGRAM_URL
    name: str = "telegram"

    def send(self, notifications: tuple[Notification, ...]) -> None:
        """Send several as one message. Raises NotificationFailed."""
        body = {"chat_id": self.chat, "text": _lines(notifications, _TELEGRAM_LETTERS)}
        _post(self.name, f"{self.base_url}/bot{self.token}/sendMessage", body)


@dataclass(frozen=True)
class Discord:
    """A channel on Discord (webhook); at most 2000 letters, nobody is mentioned by what a message says."""

    url: str = field(repr=False)
    name: str = "discord"

    def send(self, notifications: tuple[Notification, ...]) -> None:
        """Send several as one message. Raises NotificationFailed."""
        content = _lines(notifications, _DISCORD_LETTERS)
        _post(self.name, self.url, {"content": content, "allowed_mentions": {"parse": []}})


@dataclass(frozen=True)
class Webhook:
    """Any address that takes JSON: {"notifications": [{ts_ms, severity, title, text, card_id, symbol}]}."""

    url: str = field(repr=False)
    name: str = "webhook"

    def send(self, notifications: tuple[Notification, ...]) -> None:
        """Send several as one message. Raises NotificationFailed."""
        told = [
            {
                "ts_ms": each.ts_ms,
                "severity": each.severity.value,
                "title": each.title,
                "text": each.text,
                "card_id": each.card_id,
                "symbol": each.symbol,
            }
            for each in notifications
        ]
        _post(self.name, self.url, {"notifications": told})


def channels_of(variables: Mapping[str, str]) -> tuple[Channel, ...]:
    """Return the channels that environment variables name (usually `os.environ`); none if none does.

    TRADE_TELEGRAM_TOKEN with TRADE_TELEGRAM_CHAT, TRADE_DISCORD_WEBHOOK_URL, TRADE_WEBHOOK_URL.

    Raises
    ------
    ConfigurationError
        If one is not of its form. The message names the variable and never the value.
    """
    channels: list[Channel] = []
    token, chat = (variables.get(f"TRADE_TELEGRAM_{part}", "") for part in ("TOKEN", "CHAT"))
    if token or chat:
        _require("TRADE_TELEGRAM_TOKEN", bool(_TOKEN.fullmatch(token)), "the token BotFather gave out")
        _require("TRADE_TELEGRAM_CHAT", bool(_CHAT.fullmatch(chat)), "a chat's number or a channel's @name")
        channels.append(Telegram(token, chat))
    for variable, kind in (("TRADE_DISCORD_WEBHOOK_URL", Discord), ("TRADE_WEBHOOK_URL", Webhook)):
        if url := variables.get(variable, ""):
            _require(variable, _is_safe(url), "an https address (http on this machine only)")
            channels.append(kind(url))
    return tuple(channels)


def _require(variable: str, is_right: bool, wanted: str) -> None:
    if not is_right:
        raise ConfigurationError(
            f"{variable} cannot be used (it is not shown here)",
            way_out=f"set it to {wanted}, or unset it to be told nothing there",
        )


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _lines(notifications: tuple[Notification, ...], most: int) -> str:
    text = "\n".join(each.line() for each in notifications)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _post(name: str, url: str, body: dict[str, Any]) -> None:
    try:
        answer = requests.post(url, json=body, timeout=_TIMEOUT_S, allow_redirects=False)
    except (requests.RequestException, UnicodeError) as error:
        # its text has the address in it, and the address is the secret
        raise NotificationFailed(f"{name}: {type(error).__name__}") from None
    if not answer.ok or answer.is_redirect:
        raise NotificationFailed(
            f"{name} answered HTTP {answer.status_code}",
            retry_after_s=_retry_after_s(answer) if answer.status_code == 429 else None,
            is_final=answer.status_code in (400, 401, 403, 404) or answer.is_redirect,
        )


def _retry_after_s(answer: requests.Response) -> float | None:
    """Return how long the other side asks to be left alone: in its body (Telegram, Discord) or a header."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    told = body if isinstance(body, dict) else {}
    parameters = told.get("parameters")
    inside = parameters.get("retry_after") if isinstance(parameters, dict) else None
    for said in (told.get("retry_after"), inside, answer.headers.get("Retry-After")):
        try:
            seconds = float(said or "nan")
        except (ValueError, TypeError):
            continue
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    return None
